"""The level of evidence of each criterion: never more than what the records answer."""

from __future__ import annotations

from pathlib import Path

from mt5canary.catalogue import load
from mt5canary.evidence.page.facts import gather
from mt5canary.evidence.page.levels import RESTS_ON, level

ROOT = Path(__file__).parents[3]


def _outcome(records, criterion: str) -> None:  # type: ignore[no-untyped-def]
    records.add("outcome", criterion=criterion, outcome="PASS", reason="")


def test_every_criterion_rests_on_something_named() -> None:
    """The table has the catalogue's criteria, no more and no less."""
    catalogue = load(ROOT / "verification" / "catalogue.yaml")

    assert list(RESTS_ON) == [criterion.id for criterion in catalogue.criteria]


def test_a_reply_alone_is_e1_and_history_asked_apart_is_e2(records) -> None:  # type: ignore[no-untyped-def]
    """X8 without an answered history is no better than our own word, whatever its outcome says."""
    records.exchange("OPEN", {}, {"status": "FILLED"})
    _outcome(records, "X7")
    records.exchange("GET_DEALS", {}, None, failure="no reply")
    _outcome(records, "X8")

    facts = gather(records.all)
    assert (level("X7", facts), level("X8", facts), level("D1", facts)) == ("E1", "E0", None)

    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": []})
    assert level("X8", gather(records.all)) == "E0", "what was answered after the outcome cannot have proven it"
    _outcome(records, "X8")
    assert level("X8", gather(records.all)) == "E2"


def test_a_batch_of_probes_is_an_answered_ping(records) -> None:  # type: ignore[no-untyped-def]
    """The watch keeps its exchanges in batches."""
    records.add("probes", first=0, base=0, due=[0], sent=[0], received=[1], ended=[1], status=["ok"], raw=[])
    _outcome(records, "G2")

    assert level("G2", gather(records.all)) == "E1"


def test_a_witness_is_e3_for_what_it_can_see(records) -> None:  # type: ignore[no-untyped-def]
    """A second terminal shows the deal, and not what this account's own ledger comes to."""
    records.exchange("GET_ACCOUNT", {}, {"status": "ok"})
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": []})
    records.add("order", level="E3", ticket=7)
    _outcome(records, "X8")
    _outcome(records, "E2")
    facts = gather(records.all)

    assert (level("X8", facts), level("E2", facts)) == ("E3", "E2")
