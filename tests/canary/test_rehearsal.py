"""A whole rehearsal: one order through all five stages, and what a person finds afterwards."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.canary.harness import READS, Harness, eventually

GREPS = {
    'grep -E "LAUNCH_APPROVED|DECISION_HASH|ORDER_FILLED|Ticket:" VERIFY_LOG.log': (
        r"LAUNCH_APPROVED",
        r"DECISION_HASH: 1ac7db5b277d4dd1",
        r"ORDER_FILLED Ticket: {ticket} deal {deal} position {position} BUY 0\.001 EURUSD",
    ),
    'grep "Ticket:" VERIFY_LOG.log': (r"Ticket: {ticket}",),
    'grep "Balance:" VERIFY_LOG.log': (r"Balance: 200\.00 USD at the start", r"Balance: \d+\.\d\d USD at the end"),
    r'grep "P99\|Latency" VERIFY_LOG.log': (r"Latency.*P99 \d+\.\d+ ms \(n=[1-9]\d*\)",),
    r'grep "ERROR\|ERROR_CODE" VERIFY_LOG.log': (r"ERROR_CODE: HALTED \(expected refusal\)",),
    "grep StateReconciler VERIFY_LOG.log": (r"\[StateReconciler\] journal: .* they agree",),
}
"""The commands of the plan, verbatim, with what each must show."""


def shell(command: str, folder: Path) -> str:
    """Type a command into a shell in a folder."""
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: status {done.returncode}, {done.stderr}"
    return done.stdout


def test_a_whole_rehearsal(harness: Harness) -> None:
    """The plan's own watch: filled and flat again, no criterion fails, every document is there, says REHEARSAL."""
    process = harness.start("-m", "live")
    link = harness.folder / "VERIFY_LOG.log"
    eventually(link.is_symlink)
    assert link.resolve() == harness.bundle.resolve() / "VERIFY_LOG.log"
    finished = harness.ended(process)

    assert finished.has_no_traceback(), finished.output
    outcomes, verdict = harness.outcomes(), harness.verdict
    assert not [name for name, outcome in outcomes.items() if outcome == "FAIL"], finished.output
    assert "BLOCKED" not in outcomes.values(), finished.output
    assert len(outcomes) == 33
    assert finished.status == (0 if verdict["verdict"] == "PASS" else 1)
    assert verdict["flat"] is True
    assert verdict["rehearsal"] is True
    assert verdict["evidence_level"] == "E2"
    assert harness.filled() == 1
    assert harness.closed_after_the_fill()
    _documents_are_there(harness)
    _commands_of_the_plan_work(harness)


def _documents_are_there(harness: Harness) -> None:
    bundle = harness.bundle
    assert (harness.folder / "reports" / "latest").resolve() == bundle.resolve()
    for name in ("COMPLETION_REPORT.md", "EXECUTION_PLAN.md", "report.html", "junit.xml", "VERIFY_LOG.log"):
        assert "REHEARSAL" in (bundle / name).read_text(), f"{name} does not say that it is a rehearsal"
    for name in ("verdict.json", "evidence.jsonl", "manifest.json", "plan.yaml", "LIVE_EXECUTION_LOG.log"):
        assert (bundle / name).stat().st_size > 0
    assert list((bundle / "allure-results").glob("*-result.json"))
    assert harness.verdict["verdict"] in harness.report().splitlines()[0]


def _commands_of_the_plan_work(harness: Harness) -> None:
    order = harness.verdict["order"]
    working = harness.folder / "VERIFY_LOG.log"
    assert not working.is_symlink()
    assert working.read_bytes() == (harness.bundle / "VERIFY_LOG.log").read_bytes()
    for folder in (harness.folder, harness.bundle):
        for command, wanted in GREPS.items():
            shown = shell(command, folder)
            for pattern in wanted:
                assert re.search(pattern.format(**order), shown), f"{command} does not show {pattern}:\n{shown}"
    _deal_is_the_gateways(harness)


def _deal_is_the_gateways(harness: Harness) -> None:
    opens = [entry for entry in harness.requests() if entry["action"] == "OPEN" and entry["status"] == "FILLED"]
    assert harness.verdict["order"]["uuid"] == opens[0]["uuid"]


def test_a_figure_without_samples_is_unproven_and_never_zero(harness: Harness) -> None:
    """Where the gateway is gone before the watch, latency reads unproven (n=0) and not 0.0 in every log."""
    finished = harness.live("-p", "intruder", "--intrude", "before-G1:kill-gateway")
    assert "verify: VERIFIED" in finished.output, finished.output
    bundle = harness.bundle
    for name in ("VERIFY_LOG.log", "COMPLETION_REPORT.md", "PHYSICAL_EVIDENCE.log"):
        text = (bundle / name).read_text().partition("## Appendix")[0]
        assert not re.search(r"P99[^\n]{0,40}(?<![\d.])0(\.0+)? ms", text), name
        assert not re.search(r"\(n=0\)", re.sub(r"unproven \(n=0\)", "", text)), name


def test_preflight_only_reads(harness: Harness) -> None:
    """The dry check sends nothing that could change anything, and does not fail."""
    finished = harness.pytest("-m", "preflight")
    assert finished.has_no_traceback()
    assert finished.status == (0 if harness.verdict["verdict"] == "PASS" else 1)
    assert harness.verdict["mode"] == "preflight"
    assert "FAIL" not in harness.outcomes().values(), finished.output
    assert len(harness.outcomes()) == 19
    assert harness.actions()
    assert set(harness.actions()) <= READS
    assert "OPEN" not in {entry["action"] for entry in harness.requests()}
    assert harness.verdict["order"] is None


@pytest.mark.parametrize("arguments", [[], ["-m", ""], ["-m", "live or preflight"], ["-m", "not live"], ["-k", "L1"]])
def test_bare_pytest_selects_no_criterion(harness: Harness, arguments: list[str]) -> None:
    """Anything but the two runs, exactly so written, selects nothing, starts nothing and names both commands."""
    finished = harness.pytest(*arguments)
    assert finished.status == 5
    assert "pytest -m preflight" in finished.output
    assert "pytest -m live" in finished.output
    assert not harness.bundles


def test_collecting_only_starts_nothing(harness: Harness) -> None:
    """Listing the criteria makes no run and no gateway, in the order in which they would run."""
    finished = harness.pytest("-m", "live", "--collect-only", "-q")
    assert finished.status == 0
    assert not harness.bundles
    listed = re.findall(r"test_(\d)_\w+\.py::", finished.output)
    assert listed == sorted(listed)
    assert len(listed) == 33


def test_what_a_person_appends_to_the_working_log_stays_out_of_the_bundle(harness: Harness) -> None:
    """The working directory keeps a copy, and a second run starts over with a link of its own."""
    harness.pytest("-m", "preflight")
    first = harness.bundle
    with (harness.folder / "VERIFY_LOG.log").open("a") as file:
        file.write("a remark of mine\n")
    assert "a remark of mine" not in (first / "VERIFY_LOG.log").read_text()
    harness.pytest("-m", "preflight")
    assert "a remark of mine" not in (harness.bundle / "VERIFY_LOG.log").read_text()
    assert harness.bundle != first
    assert json.loads((first / "verdict.json").read_text())["run"] in (harness.bundles[0].name,)


@pytest.mark.nightly
def test_position_is_kept_where_the_plan_says_so(harness: Harness) -> None:
    """With ``hold: keep`` and everything passed nothing is closed, and the report says that it is open by plan."""
    finished = harness.pytest("-m", "live", "--set", "order.hold=keep")
    assert harness.filled() == 1
    assert not {"CLOSE", "CLOSE_ALL"} & set(harness.actions()), finished.output
    assert harness.verdict["flat"] is False
    assert harness.outcomes()["E1"] == "PASS"
    assert "as the plan wants it" in harness.report()
    assert not (harness.bundle / "watchdog.log").exists()
