"""What must stop the order: a bad decision, and any criterion before it that does not pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.canary.harness import ORDERS, READS, Harness

RECORD = "decision/admission.json"


def by_stage(harness: Harness) -> dict[str, set[str]]:
    """What the criteria of each stage came to."""
    found: dict[str, set[str]] = {}
    for criterion in harness.verdict["criteria"]:
        found.setdefault(criterion["stage"], set()).add(criterion["outcome"])
    return found


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        pytest.param("2026-01-16T18:17:13.285050Z", "2026-01-16T18:17:13.285051Z", "D2", id="one-digit"),
        pytest.param('"GO"', '"NO-GO"', "D3", id="no-go"),
        pytest.param('"p99_latency_ms": 0,', '"p99_latency_ms": 0.0,', "D2", id="as-written"),
        pytest.param("0.8662", "0.7999", "D4", id="too-little-confidence"),
        pytest.param('"decision":', '"decision": "NO-GO", "decision":', "D1", id="key-twice"),
        pytest.param("{", "", "D1", id="not-json"),
    ],
)
def test_a_bad_decision_sends_nothing(harness: Harness, old: str, new: str, failed: str) -> None:
    """The decision stage fails, execution and guardrails are blocked, no order left, and the report is written."""
    harness.change(RECORD, old, new)
    finished = harness.live()
    assert finished.status == 1
    assert finished.has_no_traceback()
    assert harness.outcomes()[failed] == "FAIL"
    stages = by_stage(harness)
    assert stages["execution"] == {"BLOCKED"}
    assert stages["guardrails"] == {"BLOCKED"}
    assert "BLOCKED" not in stages["evidence"]
    assert set(harness.actions()) <= READS
    assert harness.verdict["verdict"] == "FAIL"
    assert harness.verdict["decided_by"] == failed
    assert harness.verdict["order"] is None
    assert failed in harness.report().splitlines()[0]
    assert "BLOCKED" in finished.output
    assert "No order was sent in this run" in finished.output


def test_a_missing_decision_record_sends_nothing(harness: Harness) -> None:
    """A decision record that is not there fails the decision stage by name, with no traceback."""
    (harness.folder / RECORD).unlink()
    finished = harness.live()
    assert finished.status == 1
    assert finished.has_no_traceback()
    assert harness.outcomes()["D1"] == "FAIL"
    assert "admission.json" in harness.reason("D1")
    assert set(harness.actions()) <= READS


def retail(harness: Harness) -> list[str]:
    return ["--set", "targets.simulator.scenario=retail"]


def tiny_loss(harness: Harness) -> list[str]:
    return ["--set", "limits.loss.max_money=0.01"]


def failing(name: str) -> Any:
    return lambda harness: ["-p", "intruder", "--intrude", f"{name}:fail"]


def skipping(name: str) -> Any:
    return lambda harness: ["-p", "intruder", "--intrude", f"{name}:skip"]


@pytest.mark.parametrize(
    ("broken", "criterion", "outcome"),
    [
        pytest.param(failing("X1"), "X1", "FAIL", id="X1"),
        pytest.param(retail, "X2", "FAIL", id="X2"),
        pytest.param(tiny_loss, "X3", "FAIL", id="X3"),
        pytest.param(failing("X4"), "X4", "FAIL", id="X4"),
        pytest.param(failing("X5"), "X5", "FAIL", id="X5"),
        pytest.param(skipping("X3"), "X3", "UNPROVEN", id="X3-skipped"),
        pytest.param(failing("before-X5"), "X5", "FAIL", id="X5-in-setup"),
        pytest.param(failing("L6"), "L6", "FAIL", id="L6"),
    ],
)
def test_no_order_leaves_where_a_criterion_before_it_did_not_pass(
    harness: Harness, broken: Any, criterion: str, outcome: str
) -> None:
    """Not one OPEN reaches the gateway, not even the drill's, and X6 and X7 say why they are blocked."""
    finished = harness.live(*broken(harness))
    assert finished.status == 1
    assert harness.outcomes()[criterion] == outcome, finished.output
    assert not ORDERS & set(harness.actions())
    assert harness.outcomes()["X6"] == "BLOCKED"
    assert harness.outcomes()["X7"] == "BLOCKED"
    assert f"{criterion} {outcome}" in harness.reason("X7")
    assert harness.verdict["flat"] is None
    assert harness.verdict["order"] is None


def test_a_volume_below_the_minimum_says_what_a_person_can_do(harness: Harness) -> None:
    """The usual minimum of 0.01 lot refuses the plan's 0.001 already in the preflight, and nothing is rounded up."""
    finished = harness.pytest("-m", "preflight", "--set", "targets.simulator.scenario=retail")
    assert finished.status == 1
    assert harness.outcomes()["X2"] == "FAIL"
    assert "0.001 lot (limit >= 0.01; nothing is rounded up: choose another symbol" in harness.reason("X2")
    assert "order.volume: 0.01 in the plan" in finished.output
    assert "nothing is rounded up" in harness.report()
    assert set(harness.actions()) <= READS


@pytest.mark.parametrize("waived", ["[X3]", "[L1, X3]"])
def test_a_waived_criterion_that_is_unproven_lets_the_next_stage_go_on(harness: Harness, waived: str) -> None:
    """A waiver opens the gate for an UNPROVEN criterion; the verdict is then UNPROVEN at best."""
    harness.change("canary.yaml", "waive: []", f"waive: {waived}")
    harness.live("-p", "intruder", "--intrude", "X3:skip", "--intrude", "G1:fail")
    assert harness.outcomes()["X3"] == "UNPROVEN"
    assert harness.outcomes()["X7"] == "PASS"
    assert harness.verdict["verdict"] != "PASS"
    assert harness.closed_after_the_fill()


def test_a_waiver_does_not_cover_a_failure(harness: Harness) -> None:
    """A failed criterion blocks although the plan waives it."""
    harness.change("canary.yaml", "waive: []", "waive: [X3]")
    harness.live(*tiny_loss(harness))
    assert harness.outcomes()["X3"] == "FAIL"
    assert harness.outcomes()["X6"] == "BLOCKED"
    assert not ORDERS & set(harness.actions())


def test_outcomes_are_words_in_every_report(harness: Harness) -> None:
    """FAIL, BLOCKED and UNPROVEN stand as such in the terminal, HTML, JUnit, Allure and the verdict."""
    finished = harness.live("-p", "intruder", "--intrude", "D5:skip", "--intrude", "D3:fail")
    assert harness.outcomes()["D5"] == "UNPROVEN"
    texts = {
        "terminal": finished.output,
        "HTML": (harness.bundle / "report.html").read_text(),
        "JUnit": (harness.bundle / "junit.xml").read_text(),
        "Allure": "".join(path.read_text() for path in (harness.bundle / "allure-results").glob("*-result.json")),
        "verdict": (harness.bundle / "verdict.json").read_text(),
        "report": harness.report(),
    }
    for where, text in texts.items():
        for word in ("FAIL", "UNPROVEN", "BLOCKED"):
            assert word in text, f"{where} does not say {word}"
    statuses = [
        json.loads(path.read_text())["status"] for path in (harness.bundle / "allure-results").glob("*-result.json")
    ]
    passed = sum(outcome == "PASS" for outcome in harness.outcomes().values())
    assert statuses.count("passed") == passed
    assert "skipped" not in statuses
