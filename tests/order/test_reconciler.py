"""The three books read from a real simulated gateway, and what the journal is told of them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.errors import Finding
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, TradingSession
from mt5canary.order.journal import Intent, Journal
from mt5canary.order.reconciler import StateReconciler
from mt5canary.order.reconciliation import Kind
from mt5canary.order.server_time import window
from tests.link.between import Answer, Between, PassOn, answer
from tests.order.conftest import MAGIC, reconciler

NONCE = "ABCDEFGHIJKLMNOP"


@pytest.fixture
def opened(trading: TradingSession, journal: Journal) -> int:
    """The ticket of a position whose run died before it could read the reply."""
    journal.begin(Intent(uuid="u-1", nonce=NONCE, run="dead", symbol="EURUSD", side="BUY", volume="0.001", magic=MAGIC))
    journal.step("u-1", "SENT")
    order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=MAGIC, comment=NONCE)
    return int(json.loads(trading.open(order, new_uuid()).reply or b"{}")["position"])


def silent(*_: Any, **__: Any) -> None:
    """Nobody reads this log."""


def test_orphan_is_found_with_its_intent(trading: TradingSession, journal: Journal, opened: int) -> None:
    """The position carries the nonce of an intent that never learned its ticket; the log and the chain say so."""
    said: list[str] = []
    kept: list[Any] = []

    def log(source: str, text: str, *, level: str = "INFO") -> None:
        said.append(f"[{source}] {level} {text}")

    found = reconciler(trading, journal, log, record=lambda kind, body: kept.append((kind, body))).reconcile("start")
    (orphan,) = found.blocking
    assert (orphan.kind, orphan.ticket, orphan.uuid) == (Kind.ORPHAN, opened, "u-1")
    assert said[0].startswith("[StateReconciler] INFO journal: 1 intents open or kept; positions of this magic: 1;")
    assert said[0].endswith("they DO NOT AGREE (start)")
    assert f"orphan: position {opened} of 0.001 EURUSD" in said[1]
    assert kept == [("reconciliation", found)]


@pytest.mark.parametrize("writes", [True, False])
def test_closed_meanwhile_is_told_to_the_journal(
    trading: TradingSession, journal: Journal, opened: int, writes: bool
) -> None:
    """The history shows the closing by position, whoever closed it; a preflight leaves the journal alone."""
    trading.close_position(opened)
    (found,) = reconciler(trading, journal, silent, writes=writes).reconcile("start").discrepancies
    assert (found.kind, found.blocks) == (Kind.BY_PROGRAM, False)
    (recorded,) = journal.intents()
    assert recorded.step == ("FLAT" if writes else "SENT")


def test_kept_position_that_was_closed_is_found_by_its_ticket(
    trading: TradingSession, journal: Journal, opened: int
) -> None:
    """However long ago it was opened: its deals are asked for by the position, not by time."""
    journal.step("u-1", "KEPT", position=opened)
    (kept,) = reconciler(trading, journal, silent).reconcile("start").discrepancies
    assert kept.kind is Kind.KEPT
    trading.close_position(opened)
    (closed,) = reconciler(trading, journal, silent, writes=True).reconcile("start").discrepancies
    assert closed.kind is Kind.BY_PROGRAM
    assert [entry.step for entry in journal.intents()] == ["FLAT"]


def test_intent_is_settled_only_when_it_can_no_longer_arrive(trading: TradingSession, journal: Journal) -> None:
    """Young, it is in doubt; once order and history had their time, it came to nothing."""
    intent = Intent(uuid="u", nonce=NONCE, run="dead", symbol="EURUSD", side="BUY", volume="0.001", magic=MAGIC)
    journal.begin(intent)
    (young,) = reconciler(trading, journal, silent, writes=True).reconcile("start").discrepancies
    assert (young.kind, young.blocks) == (Kind.IN_DOUBT, True)
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    journal.path.write_text("".join(json.dumps({**line, "at": line["at"] - 60_000_000_000}) + "\n" for line in lines))
    (settled,) = reconciler(trading, journal, silent, writes=True).reconcile("start").discrepancies
    assert (settled.kind, settled.blocks) == (Kind.NOTHING, False)
    assert [entry.step for entry in journal.intents()] == ["NOT_EXECUTED"]


def watched(trading: TradingSession, journal: Journal, opened: int, **more: Any) -> StateReconciler:
    """The reconciler of a run whose own position this is."""
    journal.step("u-1", "FILLED", position=opened, volume=0.001)
    return reconciler(trading, journal, silent, run="dead", **more)


UNMOVED = {"balance": (200.0, 200.0), "booked_since": Decimal(0)}


def test_reading_of_the_watch_is_compared_and_nothing_is_asked(
    trading: TradingSession, journal: Journal, opened: int
) -> None:
    """The books agree on what the reading shows; the comparison is recorded once and costs no round trip."""
    kept: list[Any] = []
    books = watched(trading, journal, opened, record=lambda kind, body: kept.append(body))
    positions, before = trading.positions(), trading.exchange_count
    for _ in range(3):
        assert books.at_a_reading(trading, positions, **UNMOVED) == ()
    assert trading.exchange_count == before
    assert [(each.phase, each.positions) for each in kept] == [("watch", (opened,))]


def test_reading_shows_a_stranger_of_our_magic_and_a_changed_volume(
    trading: TradingSession, journal: Journal, opened: int
) -> None:
    """A position that no intent accounts for is an orphan while the watch goes on, and one that grew has its name."""
    books = watched(trading, journal, opened)
    (mine,) = trading.positions()
    stranger = msgspec.structs.replace(mine, ticket=mine.ticket + 1, identifier=mine.ticket + 1, comment="by hand")
    foreign = msgspec.structs.replace(stranger, ticket=mine.ticket + 2, magic=7)
    grown = msgspec.structs.replace(mine, volume=0.002)
    orphan, other = books.at_a_reading(trading, [mine, stranger, foreign], **UNMOVED)
    assert (orphan.kind, orphan.ticket, orphan.blocks) == (Kind.ORPHAN, stranger.ticket, True)
    assert (other.kind, other.blocks) == (Kind.FOREIGN, False)
    assert [one.kind for one in books.at_a_reading(trading, [grown], **UNMOVED)] == [Kind.CHANGED]


@pytest.mark.parametrize(("booked", "names"), [("0", ["unexplained balance"]), ("-1.50", [])])
def test_reading_whose_balance_no_deal_explains(
    trading: TradingSession, journal: Journal, opened: int, booked: str, names: list[str]
) -> None:
    """A balance that moved by other than the deals in between is named with both sums, and ends the watch."""
    found = watched(trading, journal, opened).at_a_reading(
        trading, trading.positions(), (200.0, 198.5), Decimal(booked)
    )
    assert [str(one.kind) for one in found] == names
    assert all(one.blocks and "moved by -1.50" in one.text for one in found)


def test_reading_without_the_position_says_how_it_was_closed(
    trading: TradingSession, journal: Journal, opened: int
) -> None:
    """Its deals are asked for, over the session of the reading; the journal is left to the run's end."""
    books = watched(trading, journal, opened, writes=True)
    trading.close_position(opened)
    (closed,) = books.at_a_reading(trading, trading.positions(), **UNMOVED)
    assert (closed.kind, closed.ticket, closed.blocks) == (Kind.BY_PROGRAM, opened, True)
    assert [entry.step for entry in journal.intents()] == ["FILLED"]


@pytest.mark.parametrize("action", ["GET_POSITIONS", "GET_ORDERS"])
def test_book_that_cannot_be_read_is_no_empty_book(
    trading: TradingSession, between: Between, journal: Journal, action: str
) -> None:
    """Where the gateway does not show one of the books, nothing is concluded."""

    def refuses(request: dict[str, Any], pass_on: PassOn) -> Answer:
        if request["action"] == action:
            return answer(request, status="error", error_code="ACCOUNT_ERROR", error_msg="not now")
        return pass_on()

    between.rule = refuses
    with pytest.raises(Finding, match="not now"):
        reconciler(trading, journal, silent).reconcile("start")


def test_journal_that_cannot_be_read_is_no_empty_journal(trading: TradingSession, tmp_path: Path) -> None:
    """A journal of lines that are none of its own stops everything."""
    journal = Journal(tmp_path / "broken")
    journal.path.write_text("[]\n")
    with pytest.raises(Finding, match="none of its entries"):
        reconciler(trading, journal, silent).reconcile("start")


@given(
    st.integers(0, 2_000_000_000_000_000_000),
    st.integers(0, 86_400_000_000_000),
    st.integers(-12 * 4, 14 * 4),
    st.integers(-59_000, 59_000),
)
def test_window_covers_every_server_zone(since: int, lasted: int, quarters: int, off_ms: int) -> None:
    """An instant between the two is inside, whatever zone the server's clock runs in, and a minute off besides."""
    asked = window(since, since + lasted)
    in_server_time = (since + lasted // 2) // 1_000_000 + quarters * 900_000 + off_ms
    assert asked["from_msc"] <= max(1, in_server_time) <= asked["to_msc"]
