"""The proof of a fill: it holds on the books of a real simulated gateway, and breaks with each of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from mt5canary.link.clock import ServerZone
from mt5canary.link.connection import Route
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.measurement import Measurement, Outcome, worst
from mt5canary.order import proof
from mt5canary.order.canary import Canary, Snapshot, poll, prepare, take_snapshot
from mt5canary.order.journal import Journal
from mt5canary.order.placement import place
from mt5canary.order.proof import FillTimes
from mt5canary.order.reconciliation import is_active
from mt5canary.rehearsal import SimulatedGateway
from mt5canary.wire.replies import AccountReply, CheckReply, Deal, Order, SymbolSpecification, Tick
from tests.order.conftest import MAGIC

LAG = timedelta(seconds=5)
IN_TIME = FillTimes(after_request_ms=2.0, round_trip_ms=5.0, slack_ms=1.0)
LATE = FillTimes(after_request_ms=7.0, round_trip_ms=5.0, slack_ms=1.0)
EARLY = FillTimes(after_request_ms=-2.0, round_trip_ms=5.0, slack_ms=1.0)


@dataclass(frozen=True)
class Books:
    """A canary that flew, was seen, and was closed again, with everything that the broker's books say of it."""

    canary: Canary
    spec: SymbolSpecification
    check: CheckReply
    quotes: list[Tick]
    deals: list[Deal]
    orders: list[Order]
    after: Snapshot
    closed: Snapshot
    closed_deals: list[Deal]

    @property
    def opening(self) -> Deal:
        """The deal that opened the position."""
        (deal,) = proof.opening_deals(self.canary, self.deals)
        return deal


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """Fly once, and close."""
    folder = tmp_path_factory.mktemp("books")
    gateway = SimulatedGateway(folder / "gateway.log")
    signer = Signer(gateway.secret, "JustMarkets-Demo2", 1100212251)
    try:
        with TradingSession(Route(url=gateway.url), lambda kind, body: None, signer, lambda: None) as session:
            spec, before = session.symbol("EURUSD"), take_snapshot(session, "EURUSD")
            order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, sl=0.9, deviation=20, magic=MAGIC)
            check = session.check(order)
            canary = prepare(order, "a-run", before, ServerZone(offset_seconds=7200, residual_ms=0.0))
            place(canary, session, Journal(folder / "state"), lambda *_, **__: None, timedelta(seconds=5))
            quotes = [before.tick, session.tick("EURUSD")]
            deals = poll(
                lambda: session.deals(**canary.window), lambda found: bool(proof.opening_deals(canary, found)), LAG
            )
            orders, after = session.orders(**canary.window), take_snapshot(session, "EURUSD")
            session.close_position(canary.position_ticket or 0)
            closed_deals = poll(lambda: session.deals(**canary.window), lambda found: len(found) > len(deals), LAG)
            closed = take_snapshot(session, "EURUSD")
            yield Books(canary, spec, check, quotes, deals, orders, after, closed, closed_deals)
    finally:
        gateway.stop()


def outcome(measurements: list[Measurement]) -> Outcome:
    return worst([one.outcome for one in measurements])


def with_deal(books: Books, **changes: Any) -> list[Deal]:
    """The history with the opening deal changed."""
    return [msgspec.structs.replace(deal, **changes) if deal == books.opening else deal for deal in books.deals]


def with_account(books: Books, **changes: float) -> Snapshot:
    return replace(books.after, account=msgspec.structs.replace(books.after.account, **changes))


def with_position(books: Books, **changes: Any) -> Snapshot:
    (mine,) = books.after.of_magic(MAGIC)
    return replace(books.after, positions=(msgspec.structs.replace(mine, **changes),))


def test_true_books_prove_the_fill(books: Books) -> None:
    """On what a gateway really did everything holds."""
    canary = books.canary
    assert outcome(proof.was_filled(canary, (canary.filled_monotonic or 0) - 1, 300)) is Outcome.PASS
    assert outcome(proof.history_holds(canary, books.deals, books.orders, IN_TIME)) is Outcome.PASS
    assert outcome(proof.price_is_the_markets(canary, books.deals, books.quotes, books.spec, 20)) is Outcome.PASS
    assert outcome(proof.one_position(canary, books.after, books.deals)) is Outcome.PASS
    assert outcome(proof.account_moved(canary, books.after, books.deals, books.check, books.spec)) is Outcome.PASS
    assert outcome(proof.is_closed(canary, books.closed, books.closed_deals, [])) is Outcome.PASS


def test_fill_after_the_deadline_fails(books: Books) -> None:
    """The deadline runs from the run's start."""
    started = (books.canary.filled_monotonic or 0) - 301
    assert outcome(proof.was_filled(books.canary, started, 300)) is Outcome.FAIL


@pytest.mark.parametrize(
    "changes", [{"ticket": 0}, {"ticket": -1}, {"volume": 0.01}, {"symbol": "GBPUSD"}, {"status": "ok"}]
)
def test_reply_of_another_fill_fails(books: Books, changes: dict[str, Any]) -> None:
    """A ticket of zero, another volume or another symbol is not the fill that was ordered."""
    assert books.canary.reply is not None
    reply = msgspec.structs.replace(books.canary.reply, **changes)
    canary = replace(books.canary, reply=reply)
    assert outcome(proof.was_filled(canary, canary.filled_monotonic or 0, 300)) is Outcome.FAIL


def test_no_reply_proves_no_fill(books: Books) -> None:
    """Without a reply the fill is UNPROVEN, whatever else there is."""
    assert outcome(proof.was_filled(replace(books.canary, reply=None), 0.0, 300)) is Outcome.UNPROVEN


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "GBPUSD"},
        {"type": "SELL"},
        {"volume": 0.002},
        {"magic": 7},
        {"comment": "ABCDEFGHIJKLMN23"},
        {"ticket": 0},
        {"position_id": 5},
    ],
)
def test_deal_that_is_not_this_runs_fails(books: Books, changes: dict[str, Any]) -> None:
    """Each part of the deal counts: symbol, side, volume, magic, nonce, ticket, order, entry, position."""
    measured = proof.history_holds(books.canary, with_deal(books, **changes), books.orders, IN_TIME)
    assert outcome(measured) is Outcome.FAIL


def test_each_part_of_the_history_is_told_by_its_own_name(books: Books) -> None:
    """A deal without a number, two orders behind it, and another deal than the reply's each fail by themselves."""
    assert books.canary.reply is not None
    unnumbered = replace(books.canary, reply=msgspec.structs.replace(books.canary.reply, deal=0))
    other = replace(books.canary, reply=msgspec.structs.replace(books.canary.reply, deal=99))
    shown = {
        "deal ticket": proof.history_holds(unnumbered, with_deal(books, ticket=0), books.orders, IN_TIME),
        "orders behind the deal": proof.history_holds(
            books.canary, books.deals, [*books.orders, *books.orders], IN_TIME
        ),
        "deal in the reply": proof.history_holds(other, books.deals, books.orders, IN_TIME),
    }
    for name, measured in shown.items():
        assert [each.name for each in measured if each.outcome is Outcome.FAIL] == [name]


def test_comment_that_was_cut_still_carries_the_nonce(books: Books) -> None:
    """Sixteen characters are what the shortest servers keep, and they are the nonce."""
    deals = with_deal(books, comment=books.canary.intent.nonce)
    assert outcome(proof.history_holds(books.canary, deals, books.orders, None)) is Outcome.PASS


@pytest.mark.parametrize("comment", ["", "by the broker", "[sl 1.08]"])
@pytest.mark.parametrize(
    ("times", "expected"),
    [(IN_TIME, Outcome.PASS), (LATE, Outcome.FAIL), (EARLY, Outcome.FAIL), (None, Outcome.UNPROVEN)],
)
def test_comment_of_the_brokers_own_leaves_the_time(
    books: Books, comment: str, times: FillTimes | None, expected: Outcome
) -> None:
    """Beside ticket, magic and volume the deal must then have come in its own exchange."""
    deals = with_deal(books, comment=comment)
    assert proof.comment_is_the_brokers(books.canary, books.opening) is False
    assert proof.comment_is_the_brokers(books.canary, proof.opening_deals(books.canary, deals)[0]) is True
    assert outcome(proof.history_holds(books.canary, deals, books.orders, times)) is expected


def test_empty_history_is_unproven(books: Books) -> None:
    """A history that holds nothing yet may lag: it shows no fill, and no lie either."""
    for deals, orders in (([], []), ([], books.orders), (books.deals, [])):
        assert outcome(proof.history_holds(books.canary, deals, orders, IN_TIME)) is Outcome.UNPROVEN


def test_double_history_fails(books: Books) -> None:
    """Two opening deals of the one order are one too many."""
    deals = [*books.deals, msgspec.structs.replace(books.opening, ticket=1)]
    assert outcome(proof.history_holds(books.canary, deals, books.orders, IN_TIME)) is Outcome.FAIL


def test_order_behind_the_deal_must_be_the_orders(books: Books) -> None:
    """A deal with an order behind it that is not whole, or another's, fails."""
    (behind,) = proof.orders_behind(books.canary, books.orders)
    for changes in ({"state": "CANCELED"}, {"volume_current": 0.001}, {"position_id": 1}, {"magic": 7}):
        orders = [msgspec.structs.replace(behind, **changes)]
        assert outcome(proof.history_holds(books.canary, books.deals, orders, IN_TIME)) is Outcome.FAIL


@pytest.mark.parametrize("price", [0.5, 2.0, 1.0])
def test_price_outside_the_quotes_fails(books: Books, price: float) -> None:
    """A price that the market around it never had is no execution."""
    deals = with_deal(books, price=price)
    assert outcome(proof.price_is_the_markets(books.canary, deals, books.quotes, books.spec, 20)) is Outcome.FAIL


def test_price_off_the_grid_fails(books: Books) -> None:
    """A price between two ticks cannot come from a broker."""
    deals = with_deal(books, price=books.opening.price + books.spec.tick_size / 3)
    assert outcome(proof.price_is_the_markets(books.canary, deals, books.quotes, books.spec, 20)) is Outcome.FAIL


@pytest.mark.parametrize("quotes", [0, 1])
def test_price_without_quotes_around_it_is_unproven(books: Books, quotes: int) -> None:
    """One quote is not a market."""
    measured = proof.price_is_the_markets(books.canary, books.deals, books.quotes[:quotes], books.spec, 20)
    assert outcome(measured) is Outcome.UNPROVEN


@pytest.mark.parametrize(
    "changes",
    [{"symbol": "GBPUSD"}, {"type": "SELL"}, {"volume": 0.002}, {"sl": 0.0}, {"identifier": 5}, {"open_price": 1.0},
     {"magic": 7}],
)  # fmt: skip
def test_position_that_is_not_the_orders_fails(books: Books, changes: dict[str, Any]) -> None:
    """Each part of the position counts."""
    assert outcome(proof.one_position(books.canary, with_position(books, **changes), books.deals)) is Outcome.FAIL


def test_two_positions_or_none_fail(books: Books) -> None:
    """Exactly one is new."""
    (mine,) = books.after.of_magic(MAGIC)
    for positions in ((), (mine, msgspec.structs.replace(mine, ticket=1))):
        after = replace(books.after, positions=positions)
        assert outcome(proof.one_position(books.canary, after, books.deals)) is Outcome.FAIL


@pytest.mark.parametrize(
    ("field", "by"),
    [("margin", 0.05), ("margin", -0.04), ("balance", 0.01), ("equity", 0.01), ("free_margin", 0.01),
     ("margin_level", 1000.0)],
)  # fmt: skip
def test_account_that_does_not_add_up_fails(books: Books, field: str, by: float) -> None:
    """A cent out of place breaks an identity."""
    after = with_account(books, **{field: getattr(books.after.account, field) + by})
    assert outcome(proof.account_moved(books.canary, after, books.deals, books.check, books.spec)) is Outcome.FAIL


def test_account_that_did_not_move_at_all_fails(books: Books) -> None:
    """The account of before, margin zero, is what a stub would show."""
    after = replace(books.after, account=books.canary.before.account)
    assert outcome(proof.account_moved(books.canary, after, books.deals, books.check, books.spec)) is Outcome.FAIL


def test_profit_that_does_not_mark_the_market_fails(books: Books) -> None:
    """A position's profit follows from its two prices."""
    after = with_position(books, profit=3.0)
    assert outcome(proof.account_moved(books.canary, after, books.deals, books.check, books.spec)) is Outcome.FAIL


def test_position_that_is_still_open_is_not_closed(books: Books) -> None:
    """The list of before the closing, the deals of before the closing, a pending order, half a closing: each fails."""
    canary = books.canary
    half = [
        msgspec.structs.replace(deal, volume=0.0005) if deal.entry == "out" else deal for deal in books.closed_deals
    ]
    assert outcome(proof.is_closed(canary, books.after, books.closed_deals, [])) is Outcome.FAIL
    assert outcome(proof.is_closed(canary, books.closed, books.deals, [])) is Outcome.FAIL
    assert outcome(proof.is_closed(canary, books.closed, books.closed_deals, books.orders[:1])) is Outcome.FAIL
    assert outcome(proof.is_closed(canary, books.closed, half, [])) is Outcome.FAIL


@pytest.mark.parametrize(("moved", "expected"), [(0.0, Outcome.PASS), (0.01, Outcome.FAIL), (-0.01, Outcome.FAIL)])
def test_ledger_balances_to_the_cent(books: Books, moved: float, expected: Outcome) -> None:
    """The balance is the one of before plus every deal, and a cent more or less fails."""
    deals = [deal for deal in books.closed_deals if deal.position_id == books.canary.position_ticket]
    after = books.closed.account.balance + moved
    before = books.canary.before.account.balance
    assert outcome(proof.ledger_balances(before, after, deals, "USD")) is expected


def test_ledger_without_deals_proves_nothing() -> None:
    """A balance that stood still over no deals is no ledger."""
    assert outcome(proof.ledger_balances(200.0, 200.0, [], "USD")) is Outcome.UNPROVEN
    assert outcome(proof.ledger_balances(200.0, 199.99, [], "USD")) is Outcome.FAIL


def test_order_that_came_to_nothing_leaves_nothing(books: Books) -> None:
    """Refused, or shown to be absent: no position, no pending order and no deal of it, and that is all there is."""
    refused = replace(books.canary, state="REFUSED", reply=None)
    others = [deal for deal in books.closed_deals if deal.comment != books.canary.intent.nonce]
    assert outcome(proof.is_closed(refused, books.closed, others, [])) is Outcome.PASS
    assert outcome(proof.is_closed(refused, books.closed, books.closed_deals, [])) is Outcome.FAIL
    assert outcome(proof.is_closed(refused, books.after, others, [])) is Outcome.FAIL


def test_history_without_the_opening_shows_no_closing(books: Books) -> None:
    """A position list that is empty beside an empty history is not the whole proof."""
    assert outcome(proof.is_closed(books.canary, books.closed, [], [])) is Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("state", "done", "active"),
    [("PLACED", 0, True), ("PARTIAL", 0, True), ("PARTIAL", 1, False), ("FILLED", 1, False)],
)
def test_partly_filled_order_that_has_ended_is_not_active(books: Books, state: str, done: int, active: bool) -> None:
    """What an IOC order could not fill is cancelled, and its state stays PARTIAL."""
    assert is_active(msgspec.structs.replace(books.orders[0], state=state, time_done_msc=done)) is active


def test_account_without_profit_and_credit_proves_nothing() -> None:
    """A gateway that leaves them out is not taken to have said zero."""
    bare = AccountReply(
        uuid="u", status="ok", balance=200, equity=200, margin=0.04, free_margin=199.96, margin_level=1, currency="USD"
    )
    seen: Any = SimpleNamespace(account=bare, of_magic=lambda magic: ())
    canary: Any = SimpleNamespace(before=seen, reply=None)
    check: Any = SimpleNamespace(margin=0.08)
    spec: Any = None
    assert [m.outcome for m in proof.account_moved(canary, seen, [], check, spec)] == [Outcome.UNPROVEN]
