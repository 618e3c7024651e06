"""Order and gates hold whatever the command line selects, sorts or repeats."""

from __future__ import annotations

import json
import re

import pytest

from tests.canary.harness import READS, Harness

EXECUTION = "verification/test_3_execution.py"
FILES = ("1_link", "2_decision", "3_execution", "4_guardrails", "5_evidence")


def outcomes_in_order(harness: Harness) -> list[str]:
    """The criteria in the order in which the run decided them."""
    lines = (harness.bundle / "evidence.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [record["criterion"] for record in records if record["kind"] == "outcome"]


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param([EXECUTION], id="one-file"),
        pytest.param(["-k", "ticket"], id="keyword"),
        pytest.param([f"{EXECUTION}::test_order_is_sent_once_and_filled_with_a_ticket"], id="one-node"),
        pytest.param(["--deselect", "verification/test_1_link.py::test_address_is_remote"], id="deselected"),
        pytest.param(["--ignore", "verification/test_2_decision.py"], id="ignored"),
        pytest.param(["-k", "not hash"], id="all-but-one"),
    ],
)
def test_a_selection_without_its_earlier_stages_sends_nothing(harness: Harness, selection: list[str]) -> None:
    """Earlier criteria that were not run count as not proven: X7 is blocked, and the reason is said."""
    finished = harness.live(*selection)
    assert finished.status == 1
    assert finished.has_no_traceback()
    assert set(harness.actions()) <= READS
    assert harness.outcomes()["X7"] == "BLOCKED"
    assert re.search(r"stage '(link|decision)' proved \d+ of \d+ criteria in this run", harness.reason("X7"))
    assert "not run" in harness.reason("X7")
    assert harness.reason("X7")[:60] in finished.output
    assert harness.verdict["verdict"] != "PASS"
    assert harness.verdict["order"] is None


def test_last_failed_sends_nothing(harness: Harness) -> None:
    """``--lf`` after a failure runs that criterion alone, and the gate counts what this run has proven: too little."""
    record = "decision/admission.json"
    harness.change(record, '"GO"', '"NO-GO"')
    harness.live()
    harness.change(record, '"NO-GO"', '"GO"')
    finished = harness.live("--lf")
    assert finished.status == 1
    assert set(harness.actions()) <= READS
    assert harness.outcomes()["D3"] == "BLOCKED"
    assert harness.outcomes()["X7"] == "BLOCKED"


@pytest.mark.parametrize(
    "sorting",
    [
        pytest.param(["-p", "randomly"], id="randomly"),
        pytest.param(["-p", "no:randomly"], id="no-randomly"),
        pytest.param([f"verification/test_{name}.py" for name in reversed(FILES)], id="reversed-files"),
        pytest.param(["--ff", "--nf"], id="failed-and-new-first"),
    ],
)
def test_the_order_is_the_catalogues(harness: Harness, sorting: list[str]) -> None:
    """Whatever sorts the tests, the criteria are decided in the catalogue's order, and the order flies once."""
    record = "decision/admission.json"
    harness.change(record, '"GO"', '"NO-GO"')
    finished = harness.live(*sorting)
    names = outcomes_in_order(harness)
    assert names == [criterion["id"] for criterion in harness.verdict["criteria"]], finished.output
    assert harness.outcomes()["D3"] == "FAIL"
    assert set(harness.actions()) <= READS


def test_stage_order_holds_in_a_run_that_flies(harness: Harness) -> None:
    """With files reversed and random order asked for, the order is sent after the decision and closed at the end."""
    finished = harness.live("-p", "randomly", *[f"verification/test_{name}.py" for name in reversed(FILES)])
    assert "randomly-seed" in finished.output
    names = outcomes_in_order(harness)
    assert names == [criterion["id"] for criterion in harness.verdict["criteria"]]
    assert harness.filled() == 1
    assert harness.closed_after_the_fill()


@pytest.mark.parametrize("mode", ["live", "preflight"])
@pytest.mark.parametrize(
    ("repetition", "said"),
    [
        pytest.param(["-p", "xdist", "-n", "2"], "xdist", id="xdist"),
        pytest.param(["-p", "xdist", "--dist", "load", "--tx", "2*popen"], "distributed", id="xdist-dist"),
        pytest.param(["-p", "pytest_rerunfailures", "--reruns", "2"], "--reruns", id="reruns"),
        pytest.param(["-p", "rerunfailures", "--reruns", "2"], "--reruns", id="reruns-by-entry-point"),
    ],
)
def test_workers_and_repetition_are_refused(harness: Harness, mode: str, repetition: list[str], said: str) -> None:
    """A run is one process, in order, once: anything else is a usage error before anything starts."""
    finished = harness.pytest("-m", mode, *repetition)
    assert finished.status == 4, finished.output
    assert said in finished.output
    assert "refuses to start" in finished.output
    assert finished.has_no_traceback()
    assert not harness.bundles
