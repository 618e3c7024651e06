"""A gateway without the evidence profile: valid, insufficient, and never sent a dangerous word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mt5canary.errors import Unproven
from mt5canary.link.dialect import Dialect
from mt5canary.measurement import Outcome
from tests.canary.harness import Harness
from tests.link.base_gateway import BaseGateway
from tests.link.situation import ON_LOOPBACK, diagnose, inspect, plan_of, resolved_for

HARMLESS = {"HELLO", "PING", "GET_ACCOUNT", "GET_POSITIONS"}
DANGEROUS = (b"trade", b"execution", b"magic")
BEFORE_THE_ORDER = ["L3", "L4", "L5", "X1", "X2", "X3", "X4", "X5"]


@pytest.fixture
def gateway() -> Iterator[BaseGateway]:
    """The honest base gateway."""
    with BaseGateway() as made:
        yield made


def only_harmless(gateway: BaseGateway) -> bool:
    """Whether HELLO came first and alone, and nothing came that some expert advisors take for an order."""
    return (
        gateway.actions[0] == "HELLO"
        and set(gateway.actions) <= HARMLESS
        and not any(word in frame.lower() for frame in gateway.frames for word in DANGEROUS)
    )


def test_what_it_shows_counts_and_what_it_cannot_is_unproven(gateway: BaseGateway, tmp_path: Path) -> None:
    """PING, GET_ACCOUNT and GET_POSITIONS prove what they can; each other item names the action that would show it."""
    seen = inspect(resolved_for(tmp_path, f"tcp://127.0.0.1:{gateway.port}"))
    assert seen.outcomes == {
        "L1": Outcome.PASS,
        "L2": Outcome.PASS,
        "L3": Outcome.UNPROVEN,
        "L4": Outcome.UNPROVEN,
        "L5": Outcome.UNPROVEN,
        "L6": Outcome.PASS,
    }
    items = {one.name: one for one in seen.measurements["L4"]}
    assert items["account currency"].outcome is Outcome.PASS
    assert items["account balance"].outcome is Outcome.PASS
    for item, action in (
        ("account login", "HELLO"),
        ("terminal connected", "HELLO"),
        ("distinct quote times", "GET_TICK"),
    ):
        assert items[item].outcome is Outcome.UNPROVEN
        assert action in items[item].limit
    assert next(one for one in seen.measurements["L5"] if "gateway clock" in one.name).outcome is Outcome.PASS
    assert only_harmless(gateway)


def test_what_it_shows_wrongly_fails(tmp_path: Path) -> None:
    """Another currency is a failure, with or without the profile."""
    with BaseGateway(currency="EUR") as gateway:
        seen = inspect(resolved_for(tmp_path, f"tcp://127.0.0.1:{gateway.port}"))
    assert seen.outcomes["L4"] is Outcome.FAIL
    assert "EUR" in seen.reasons["L4"]


def test_diagnosis_names_it(gateway: BaseGateway, tmp_path: Path) -> None:
    """The diagnosis says what the gateway does answer and what to run instead."""
    found = diagnose(resolved_for(tmp_path, f"tcp://127.0.0.1:{gateway.port}"))
    assert found.trouble == "base-protocol"
    assert "200.00 USD" in found.steps[-1].observed
    assert "mt5canary serve" in found.next_steps[0][1]
    assert only_harmless(gateway)


def run(folder: Path, gateway: BaseGateway, mode: str, waive: list[str]) -> Harness:
    """A run against the gateway, to its end."""
    folder.mkdir()
    harness = Harness(folder)
    plan = plan_of(folder, ON_LOOPBACK | {"port": str(gateway.port), "risk_secret": "s" * 40}, waive=waive)
    finished = harness.pytest("-m", mode, f"--plan={plan}")
    assert finished.status == 1
    assert finished.has_no_traceback(), finished.output
    return harness


def test_unwaived_it_blocks_the_run(gateway: BaseGateway, tmp_path: Path) -> None:
    """Without a waiver the run stops after the link."""
    harness = run(tmp_path / "run", gateway, "preflight", [])
    assert harness.outcomes()["D1"] == "BLOCKED"
    assert harness.verdict["verdict"] == "UNPROVEN"
    assert only_harmless(gateway)


@pytest.mark.parametrize("mode", ["preflight", "live"])
def test_waived_the_run_goes_on_to_unproven_at_best(gateway: BaseGateway, tmp_path: Path, mode: str) -> None:
    """Waived criteria open the gates, the verdict is UNPROVEN, and no order can leave: its fill could not be shown."""
    harness = run(tmp_path / "run", gateway, mode, [*BEFORE_THE_ORDER, "X6"])
    outcomes = harness.outcomes()
    assert {outcomes[name] for name in ("L1", "L2", "L6", "D1", "D2", "D3", "D4")} == {"PASS"}
    assert {outcomes[name] for name in BEFORE_THE_ORDER} == {"UNPROVEN"}
    assert harness.verdict["verdict"] == "UNPROVEN"
    assert harness.verdict["order"] is None
    assert outcomes.get("X7", "UNPROVEN") != "PASS"
    assert only_harmless(gateway)


@pytest.mark.parametrize("frame", [b'{"symbol": "TRADEX"}', b'{"x": "Execution"}', b'{"magic": 1}'])
def test_dangerous_words_stay_here_wherever_they_stand(frame: bytes) -> None:
    """Even a question that is allowed is not sent where a value in it spells one of the words."""
    dialect = Dialect("4.3")
    dialect.require("HELLO", b"{}")
    dialect.refused("HELLO", "UNKNOWN_ACTION")
    dialect.require("GET_POSITIONS", b'{"symbol": "EURUSD"}')
    with pytest.raises(Unproven, match="take for an order"):
        dialect.require("GET_POSITIONS", frame)
    with pytest.raises(Unproven, match="UNKNOWN_ACTION"):
        dialect.require("GET_TICK", b"{}")


def test_hello_goes_first() -> None:
    """Nothing else is said before it was answered, and nothing at all where no protocol is declared."""
    with pytest.raises(Unproven, match="HELLO goes first"):
        Dialect("4.3").require("PING", b"{}")
    with pytest.raises(Unproven, match="not one byte"):
        Dialect(None).require("HELLO", b"{}")
