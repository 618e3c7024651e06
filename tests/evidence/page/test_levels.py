"""The level of evidence of each criterion: never more than what the records answer."""

from __future__ import annotations

from pathlib import Path

from mt5canary.catalogue import load
from mt5canary.evidence.page.facts import gather
from mt5canary.evidence.page.levels import RESTS_ON, level
from mt5canary.evidence.verdict import CriterionResult
from mt5canary.measurement import at_level, below

ROOT = Path(__file__).parents[3]


def _reached(records, *results: CriterionResult) -> list[str | None]:  # type: ignore[no-untyped-def]
    facts = gather(records.all)
    return [level(result, facts) for result in results]


def _outcome(records, criterion: str) -> None:  # type: ignore[no-untyped-def]
    records.add("outcome", criterion=criterion, outcome="PASS", reason="")


def test_every_criterion_rests_on_something_named() -> None:
    """The table has the catalogue's criteria, no more and no less."""
    catalogue = load(ROOT / "verification" / "catalogue.yaml")

    assert list(RESTS_ON) == [criterion.id for criterion in catalogue.criteria]


def test_a_reply_alone_is_e1_and_history_asked_apart_is_e2(records, result) -> None:  # type: ignore[no-untyped-def]
    """X8 without an answered history is no better than our own word, whatever its outcome says."""
    x7, x8 = result("X7", "execution"), result("X8", "execution")
    records.exchange("OPEN", {}, {"status": "FILLED"})
    _outcome(records, "X7")
    records.exchange("GET_DEALS", {}, None, failure="no reply")
    _outcome(records, "X8")
    assert _reached(records, x7, x8) == ["E1", "E0"]

    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": []})
    assert _reached(records, x8) == ["E0"], "what was answered after the outcome cannot have proven it"
    _outcome(records, "X8")
    assert _reached(records, x8) == ["E2"]


def test_what_was_not_tried_reached_nothing(records, result) -> None:  # type: ignore[no-untyped-def]
    """A blocked criterion has an outcome and no evidence; one that was never reached has neither."""
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": []})
    _outcome(records, "X8")

    assert _reached(records, result("X8", "execution", "BLOCKED"), result("D1", "decision")) == [None, None]


def test_a_batch_of_probes_is_an_answered_ping(records, result) -> None:  # type: ignore[no-untyped-def]
    """The watch keeps its exchanges in batches."""
    records.add("probes", first=0, base=0, due=[0], sent=[0], received=[1], ended=[1], status=["ok"], raw=[])
    _outcome(records, "G2")

    assert _reached(records, result("G2", "guardrails")) == ["E1"]


def test_a_witness_is_e3_where_it_vouched(records, result) -> None:  # type: ignore[no-untyped-def]
    """Only for the criterion whose own measurement rests on the witness, and only where that one holds."""
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": []})
    for criterion in ("X8", "X10"):
        _outcome(records, criterion)
    vouched, denied = at_level("E3", [below("a", 1, 2)]), at_level("E3", [below("a", 3, 2)])

    assert _reached(records, result("X8", "execution", measurements=vouched)) == ["E3"]
    assert _reached(records, result("X8", "execution", "FAIL", measurements=denied)) == ["E2"]
    assert _reached(records, result("X10", "execution")) == ["E2"]
