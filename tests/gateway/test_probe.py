"""``mt5canary probe``: asks what cannot trade, and tells where a terminal differs from the simulation."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from mt5canary.errors import UsageProblem
from mt5canary.gateway import probe
from mt5canary.gateway.probe import PROBES


def probed(out: Path, *options: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    probe.configure(parser)
    assert probe.run(parser.parse_args(["--out", str(out), *options])) == 0
    content: dict[str, Any] = json.loads(out.read_text())
    return content


def verdicts(content: dict[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["verdict"] for finding in content["findings"]}


def test_simulation_is_as_it_assumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the simulation itself every assumption holds, or cannot be asked without a trade; nothing is traded."""
    scenario = tmp_path / "deadly.yaml"
    scenario.write_text("faults: [{kind: exit_before, call: order_send}]")  # an order would end this process
    content = probed(tmp_path / "probe.json", "--terminal", "simulated", "--scenario", str(scenario))
    found = verdicts(content)
    assert len(found) == len(PROBES)
    assert {name for name, verdict in found.items() if verdict == "skipped"} == {
        "history_deals_get(ticket=)", "positions_get(symbol=, ticket=)",
    }  # fmt: skip
    assert set(found.values()) == {"as is", "skipped"}
    assert "as is" in capsys.readouterr().out


def test_differences_are_told(tmp_path: Path) -> None:
    """Another margin rate, a closed market and a switched-off button each show as a difference or a reason."""
    scenario = tmp_path / "other.yaml"
    scenario.write_text("symbols: {EURUSD: {margin_rate: 0.33}, GBPUSD: {sessions: never}}\n")
    options = ("--terminal", "simulated", "--scenario", str(scenario))
    assert verdicts(probed(tmp_path / "a.json", *options))["margin of an order"] == "DIFFERS"
    closed = verdicts(probed(tmp_path / "b.json", *options, "--symbol", "GBPUSD"))
    assert closed["order_check accepts"] == "DIFFERS"
    assert closed["margin of an order"] == "skipped"
    scenario.write_text("outages: [{switch: trade_expert}]")
    assert verdicts(probed(tmp_path / "c.json", *options))["switches"] == "DIFFERS"


def test_findings_name_no_account(tmp_path: Path) -> None:
    """The file can be sent in: no login, no owner, no balance."""
    text = json.dumps(probed(tmp_path / "probe.json", "--terminal", "simulated"))
    for private in ("1100212251", "Canary Demo", "200.0", "JustMarkets"):
        assert private not in text


def test_no_terminal_is_said(tmp_path: Path) -> None:
    """Without the package, or with a terminal that refuses, it says so and writes nothing."""
    scenario = tmp_path / "refusing.yaml"
    scenario.write_text("outages: [{switch: login}]")
    for options, part in (
        (("--terminal", "metatrader5"), "pip install MetaTrader5"),
        (("--terminal", "simulated", "--scenario", str(scenario)), "Authorization failed"),
    ):
        with pytest.raises(UsageProblem, match=part):
            probed(tmp_path / "probe.json", *options)
    assert not (tmp_path / "probe.json").exists()
