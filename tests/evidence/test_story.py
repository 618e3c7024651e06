"""The order's story, from raw exchanges."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5canary.evidence.exchanges import as_attachment, told
from mt5canary.evidence.story import story
from mt5canary.evidence.verdict import Verdict
from mt5canary.measurement import Outcome
from tests.evidence.made import Records

TREE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
MEMBERS = st.sampled_from(["status", "ticket", "order", "position", "deals", "positions", "tick", "more", "closed"])


def test_a_filled_order_is_told_from_quote_to_close(records, verdict, order) -> None:  # type: ignore[no-untyped-def]
    """Quote, intent, fill, quote, history, position list, close, each once and in order."""
    records.canary()

    steps = story(records.all, verdict(order=order, flat=True))

    assert [step.what for step in steps] == [
        "quote before",
        "journal: INTENT",
        "OPEN",
        "journal: FILLED",
        "quote after",
        "history: deal in",
        "position list: open",
        "CLOSE_ALL",
        "position list: gone",
        "history: deal out",
    ]
    assert "reply FILLED after 0.400 ms: ticket 7" in steps[2].detail
    assert "profit -0.01" in steps[-1].detail
    assert not any("99" in step.detail for step in steps)


def test_no_order_has_no_story(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """Reads alone tell nothing of an order."""
    records.exchange("GET_TICK", {}, {"status": "ok", "tick": {"bid": 1, "ask": 2}})

    assert story(records.all, verdict()) == []


def test_a_lost_reply_is_told_as_lost(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """A time-out stands in the story with what the session said of it."""
    records.exchange("OPEN", {"symbol": "EURUSD"}, None, failure="no reply within 15 s")

    assert story(records.all, verdict())[0].detail.endswith("no reply that counts: no reply within 15 s")


def test_a_page_of_positions_does_not_show_an_absence(records, verdict, order) -> None:  # type: ignore[no-untyped-def]
    """A list that says there is more cannot show that the position is gone."""
    records.exchange("OPEN", {}, {"status": "FILLED", "ticket": 7, "order": 7, "position": 7})
    records.exchange("GET_POSITIONS", {}, {"status": "ok", "positions": [{"ticket": 7}]})
    records.exchange("GET_POSITIONS", {}, {"status": "ok", "positions": [{"ticket": 1}], "more": True, "after": 1})

    assert [step.what for step in story(records.all, verdict(order=order))] == ["OPEN", "position list: open"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["OPEN", "GET_TICK", "GET_DEALS", "GET_POSITIONS", "CLOSE_ALL"]), TREE)))
def test_no_reply_can_break_the_story(exchanges) -> None:  # type: ignore[no-untyped-def]
    """Whatever shape a reply has, the report is written."""
    made = Records()
    for action, reply in exchanges:
        made.exchange(action, {}, reply if reply is not None else {})

    assert isinstance(story(made.all, _bare()), list)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["OPEN", "GET_DEALS", "GET_POSITIONS"]), st.dictionaries(MEMBERS, TREE))))
def test_no_member_can_break_the_story(exchanges) -> None:  # type: ignore[no-untyped-def]
    """The members that the story reads may hold anything."""
    made = Records()
    for action, reply in exchanges:
        made.exchange(action, {}, reply)

    assert isinstance(story(made.all, _bare()), list)


def _bare() -> Verdict:
    return Verdict(
        schema=1, run="r", task="t", mode="live", target="x", rehearsal=True, verdict=Outcome.UNPROVEN,
        decided_by=None, evidence_level="E0", started_at="", ended_at="", criteria=[], order=None, flat=None,
    )  # fmt: skip


def test_an_unreadable_reply_is_shown_as_it_was(records) -> None:  # type: ignore[no-untyped-def]
    """Bytes that are no frame stay visible, with why they are none."""
    records.exchange("OPEN", {}, b"\xff<b>not json")

    exchange = told(records.all[0])

    assert exchange.reply is None
    assert exchange.failure == "unreadable reply of 12 bytes: not UTF-8 at byte 0; \\xff<b>not json"


def test_many_exchanges_are_cut_in_the_middle(records) -> None:  # type: ignore[no-untyped-def]
    """An attachment keeps the first and the last, and says how many are left out and where they are."""
    for number in range(10):
        records.exchange("PING", {"nonce": str(number)}, {"status": "ok"})
    records.add("log", text='not an exchange, although it holds ,"kind":"exchange"')

    attachment = as_attachment(map(msgspec.json.encode, records.all), at_most=4)

    assert (attachment["exchanges"], attachment["left_out"]) == (10, 6)
    assert [each["request"]["nonce"] for each in attachment["shown"]] == ["0", "1", "8", "9"]
