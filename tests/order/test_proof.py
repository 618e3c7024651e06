"""The proof of a fill: it holds on the books of a real simulated gateway, and breaks with each of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from mt5canary.link.clock import ServerZone
from mt5canary.link.connection import Route
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.measurement import Measurement, Outcome, worst
from mt5canary.money import cents
from mt5canary.order import proof
from mt5canary.order.canary import Canary, Snapshot, poll, prepare, take_snapshot
from mt5canary.order.journal import Journal
from mt5canary.order.placement import place
from mt5canary.order.proof import FillTimes
from mt5canary.order.reconciliation import is_active
from mt5canary.rehearsal import SimulatedGateway
from mt5canary.wire.replies import AccountReply, Deal, FindReply, Order, SymbolSpecification, Tick
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
    projected: Decimal
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
            projected = cents(session.check(order).margin) - cents(before.account.margin)
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
            yield Books(canary, spec, projected, quotes, deals, orders, after, closed, closed_deals)
    finally:
        gateway.stop()


def outcome(measurements: list[Measurement]) -> Outcome:
    return worst([one.outcome for one in measurements])


def failed(measurements: list[Measurement]) -> set[str]:
    """The names of the measurements that fail."""
    return {one.name for one in measurements if one.outcome is Outcome.FAIL}


def with_deal(books: Books, **changes: Any) -> list[Deal]:
    """The history with the opening deal changed."""
    return [replace(deal, **changes) if deal == books.opening else deal for deal in books.deals]


def with_account(books: Books, **changes: float) -> Snapshot:
    return replace(books.after, account=replace(books.after.account, **changes))


def with_position(books: Books, **changes: Any) -> Snapshot:
    (mine,) = books.after.of_magic(MAGIC)
    return replace(books.after, positions=(replace(mine, **changes),))


def test_true_books_prove_the_fill(books: Books) -> None:
    """On what a gateway really did everything holds."""
    canary = books.canary
    assert outcome(proof.was_filled(canary, (canary.filled_monotonic or 0) - 1, 300)) is Outcome.PASS
    assert outcome(proof.history_holds(canary, books.deals, books.orders, IN_TIME)) is Outcome.PASS
    assert outcome(proof.price_is_the_markets(canary, books.deals, books.quotes, books.spec, 20)) is Outcome.PASS
    assert outcome(proof.one_position(canary, books.after, books.deals)) is Outcome.PASS
    assert outcome(proof.account_moved(canary, books.after, books.deals, books.projected, books.spec)) is Outcome.PASS
    assert outcome(proof.is_closed(canary, books.closed, books.closed_deals, [])) is Outcome.PASS


def test_fill_after_the_deadline_fails(books: Books) -> None:
    """The deadline runs from the run's start."""
    started = (books.canary.filled_monotonic or 0) - 301
    assert failed(proof.was_filled(books.canary, started, 300)) == {"start of run to fill"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ticket": 0}, "ticket"),
        ({"ticket": -1}, "ticket"),
        ({"volume": 0.01}, "volume filled"),
        ({"symbol": "GBPUSD"}, "symbol filled"),
        ({"status": "ok"}, "status of OPEN"),
    ],
    ids=str,
)
def test_reply_of_another_fill_fails(books: Books, changes: dict[str, Any], name: str) -> None:
    """A ticket of zero, another volume or another symbol is not the fill that was ordered."""
    assert books.canary.reply is not None
    reply = replace(books.canary.reply, **changes)
    canary = replace(books.canary, reply=reply)
    assert failed(proof.was_filled(canary, canary.filled_monotonic or 0, 300)) == {name}


def test_no_reply_proves_no_fill(books: Books) -> None:
    """Without a reply the fill is UNPROVEN, whatever else there is."""
    assert outcome(proof.was_filled(replace(books.canary, reply=None), 0.0, 300)) is Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"symbol": "GBPUSD"}, {"deal's symbol"}),
        ({"type": "SELL"}, {"deal's side"}),
        ({"volume": 0.002}, {"deal's volume"}),
        ({"magic": 7}, {"deal's magic"}),
        ({"comment": "ABCDEFGHIJKLMN23"}, {"deal carries this order's nonce"}),
        ({"ticket": 0}, {"deal ticket", "deal in the reply"}),
        ({"position_id": 5}, {"order's position is the deal's"}),
    ],
    ids=str,
)
def test_deal_that_is_not_this_runs_fails(books: Books, changes: dict[str, Any], names: set[str]) -> None:
    """Each part of the deal counts: symbol, side, volume, magic, nonce, ticket, order, entry, position."""
    measured = proof.history_holds(books.canary, with_deal(books, **changes), books.orders, IN_TIME)
    assert failed(measured) == names


def test_each_part_of_the_history_is_told_by_its_own_name(books: Books) -> None:
    """A deal without a number, two orders behind it, and another deal than the reply's each fail by themselves."""
    assert books.canary.reply is not None
    unnumbered = replace(books.canary, reply=replace(books.canary.reply, deal=0))
    other = replace(books.canary, reply=replace(books.canary.reply, deal=99))
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
    deals = [*books.deals, replace(books.opening, ticket=1)]
    assert outcome(proof.history_holds(books.canary, deals, books.orders, IN_TIME)) is Outcome.FAIL


def test_order_behind_the_deal_must_be_the_orders(books: Books) -> None:
    """A deal with an order behind it that is not whole, or another's, fails."""
    (behind,) = proof.orders_behind(books.canary, books.orders)
    other: dict[str, dict[str, Any]] = {
        "order's state": {"state": "CANCELED"},
        "order's unfilled rest": {"volume_current": 0.001},
        "order's position is the deal's": {"position_id": 1},
        "order's magic": {"magic": 7},
    }
    for name, changes in other.items():
        orders = [replace(behind, **changes)]
        assert failed(proof.history_holds(books.canary, books.deals, orders, IN_TIME)) == {name}


@pytest.mark.parametrize("price", [0.5, 2.0, 1.0])
def test_price_outside_the_quotes_fails(books: Books, price: float) -> None:
    """A price that the market around it never had is no execution."""
    deals = with_deal(books, price=price)
    assert failed(proof.price_is_the_markets(books.canary, deals, books.quotes, books.spec, 20)) == {"deal's price"}


def test_price_is_on_its_own_side_of_the_quotes(books: Books) -> None:
    """What is sold is sold at the bid: the ask of a wide market is no price for it."""
    sold = replace(books.canary, order=replace(books.canary.order, type="SELL"))
    bid, ask = books.opening.price, books.opening.price + 100 * books.spec.point
    wide = [replace(tick, bid=bid, ask=ask) for tick in books.quotes]
    assert failed(proof.price_is_the_markets(sold, books.deals, wide, books.spec, 20)) == set()
    assert failed(proof.price_is_the_markets(books.canary, books.deals, wide, books.spec, 20)) == {"deal's price"}


def test_price_off_the_grid_fails(books: Books) -> None:
    """A price between two ticks cannot come from a broker."""
    deals = with_deal(books, price=books.opening.price + books.spec.tick_size / 3)
    measured = proof.price_is_the_markets(books.canary, deals, books.quotes, books.spec, 20)
    assert failed(measured) == {"price on the tick grid"}


@pytest.mark.parametrize("quotes", [0, 1])
def test_price_without_quotes_around_it_is_unproven(books: Books, quotes: int) -> None:
    """One quote is not a market."""
    measured = proof.price_is_the_markets(books.canary, books.deals, books.quotes[:quotes], books.spec, 20)
    assert outcome(measured) is Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"symbol": "GBPUSD"}, "position's symbol"),
        ({"type": "SELL"}, "position's side"),
        ({"volume": 0.002}, "position's volume"),
        ({"sl": 0.0}, "position's stop"),
        ({"identifier": 5}, "position's identifier is the deal's"),
        ({"open_price": 1.0}, "position's price is the deal's"),
        ({"magic": 7}, "new positions of this magic"),
    ],
    ids=str,
)
def test_position_that_is_not_the_orders_fails(books: Books, changes: dict[str, Any], name: str) -> None:
    """Each part of the position counts."""
    assert failed(proof.one_position(books.canary, with_position(books, **changes), books.deals)) == {name}


def test_two_positions_or_none_fail(books: Books) -> None:
    """Exactly one is new."""
    (mine,) = books.after.of_magic(MAGIC)
    for positions in ((), (mine, replace(mine, ticket=1))):
        after = replace(books.after, positions=positions)
        assert failed(proof.one_position(books.canary, after, books.deals)) == {"new positions of this magic"}


def test_position_that_was_there_before_is_not_new(books: Books) -> None:
    """One position more than before is the order's; one that was there already is not."""
    before = replace(books.canary.before, positions=books.after.positions)
    known = replace(books.canary, before=before)
    assert failed(proof.one_position(known, books.after, books.deals)) == {"new positions of this magic"}


def test_second_opening_deal_is_found(books: Books) -> None:
    """One more of the same magic behind another order, or of another magic behind the same order."""
    another = replace(books.opening, ticket=1, order=1)
    found = proof.one_position(books.canary, books.after, [*books.deals, another])
    assert failed(found) == {"opening deals of this magic since the order"}
    again = replace(books.opening, ticket=1, magic=7)
    found = proof.one_position(books.canary, books.after, [*books.deals, again])
    assert failed(found) == {"opening deals of the order"}
    closing = replace(books.opening, ticket=1, order=1, entry="out")
    assert failed(proof.one_position(books.canary, books.after, [*books.deals, closing])) == set()


def test_history_without_the_opening_shows_no_position(books: Books) -> None:
    """The list alone shows the position, not the deal behind it."""
    assert outcome(proof.one_position(books.canary, books.after, [])) is Outcome.UNPROVEN


def test_order_that_the_gateway_remembers(books: Books) -> None:
    """It knows the uuid and answers with the ticket; another, or none, fails; no answer is unproven."""
    assert books.canary.reply is not None

    def found(known: bool, reply: dict[str, Any] | None) -> Outcome:
        return proof.is_remembered(books.canary, FindReply(uuid="u", status="ok", known=known, reply=reply)).outcome

    ticket = {"ticket": books.canary.reply.ticket}
    assert found(True, ticket) is Outcome.PASS
    assert found(True, {"ticket": 1}) is found(True, None) is found(False, ticket) is Outcome.FAIL
    assert proof.is_remembered(books.canary, None).outcome is Outcome.UNPROVEN
    unanswered = replace(books.canary, reply=None)
    assert proof.is_remembered(unanswered, FindReply(uuid="u", status="ok", known=True)).outcome is Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("field", "by", "names"),
    [
        ("margin", 0.05, {"margin taken", "free margin is equity less margin", "margin level"}),
        ("margin", -0.03, {"margin taken", "free margin is equity less margin", "margin level"}),
        ("balance", 0.01, {"balance moved by", "equity is balance, credit and profit"}),
        ("equity", 0.01, {"equity is balance, credit and profit", "free margin is equity less margin"}),
        ("free_margin", 0.01, {"free margin is equity less margin"}),
        ("margin_level", 1000.0, {"margin level"}),
    ],
)
def test_account_that_does_not_add_up_fails(books: Books, field: str, by: float, names: set[str]) -> None:
    """A cent out of place breaks an identity; the level of so small a margin shows no cent of the equity."""
    after = with_account(books, **{field: getattr(books.after.account, field) + by})
    assert failed(proof.account_moved(books.canary, after, books.deals, books.projected, books.spec)) == names


def test_order_that_is_not_among_the_positions(books: Books) -> None:
    """Figures of an account in which the position is not seen are not the order's."""
    after = replace(books.after, positions=())
    found = failed(proof.account_moved(books.canary, after, books.deals, books.projected, books.spec))
    assert found == {"positions seen of the order"}


def test_account_that_did_not_move_at_all_fails(books: Books) -> None:
    """The account of before, margin zero, is what a stub would show."""
    after = replace(books.after, account=books.canary.before.account)
    found = failed(proof.account_moved(books.canary, after, books.deals, books.projected, books.spec))
    assert found >= {"margin taken", "margin of the account"}
    assert "margin level" not in found


def test_margin_that_others_took_is_set_apart(books: Books) -> None:
    """Another's position of the same symbol takes as much for each lot; of another symbol nobody can say how much."""
    (mine,) = books.after.of_magic(MAGIC)
    taken = books.after.account.margin - books.canary.before.account.margin

    def found(others: int, margin: float, **changes: Any) -> Outcome:
        theirs = [replace(mine, ticket=10 + n, magic=5, **changes) for n in range(others)]
        account = replace(books.after.account, margin=books.after.account.margin + margin)
        after = replace(books.after, account=account, positions=(mine, *theirs))
        measured = proof.account_moved(books.canary, after, books.deals, books.projected, books.spec)
        return next(one.outcome for one in measured if one.name == "margin taken")

    assert found(1, taken) is Outcome.PASS
    assert found(5, 0.0) is Outcome.FAIL
    assert found(1, taken, symbol="GBPUSD") is Outcome.UNPROVEN


def test_what_others_opened_before_the_order_left_is_in_no_projection(books: Books) -> None:
    """Opened after the check and before the order: the account held it already when the order's margin came on top."""
    (mine,) = books.after.of_magic(MAGIC)
    theirs = replace(mine, ticket=10, magic=5)
    account = books.canary.before.account
    held = replace(books.canary.before, account=replace(account, margin=account.margin + 5), positions=(theirs,))
    canary = replace(books.canary, before=held)
    after = replace(
        with_account(books, margin=books.after.account.margin + 5), positions=(*books.after.positions, theirs)
    )
    measured = proof.account_moved(canary, after, books.deals, books.projected, books.spec)
    assert next(one.outcome for one in measured if one.name == "margin taken") is Outcome.PASS


def test_margin_that_others_gave_back_is_set_apart(books: Books) -> None:
    """A position that somebody closed in between took its margin with it."""
    (mine,) = books.after.of_magic(MAGIC)
    gone = tuple(replace(mine, ticket=10 + n, magic=5) for n in range(5))
    taken = books.after.account.margin - books.canary.before.account.margin
    canary = replace(books.canary, before=replace(books.canary.before, positions=gone))
    freed = with_account(books, margin=books.after.account.margin - 5 * taken)
    for after, expected in ((freed, Outcome.PASS), (books.after, Outcome.FAIL)):
        measured = proof.account_moved(canary, after, books.deals, books.projected, books.spec)
        assert next(one.outcome for one in measured if one.name == "margin taken") is expected


def test_profit_that_does_not_mark_the_market_fails(books: Books) -> None:
    """A position's profit follows from its two prices."""
    after = with_position(books, profit=3.0)
    found = failed(proof.account_moved(books.canary, after, books.deals, books.projected, books.spec))
    assert found == {"position's profit marks the market"}


@pytest.mark.parametrize(("side", "profit"), [("BUY", 0.1), ("SELL", -0.1)])
def test_profit_follows_from_side_and_prices(books: Books, side: str, profit: float) -> None:
    """A hundred points up are ten cents of 0.001 lot for who bought, and as much lost for who sold."""
    canary = replace(books.canary, order=replace(books.canary.order, type=side))
    after = with_position(books, open_price=1.08, current_price=1.081, profit=profit)
    assert failed(proof.account_moved(canary, after, books.deals, books.projected, books.spec)) == set()


def test_position_that_is_still_open_is_not_closed(books: Books) -> None:
    """The list of before the closing, the deals of before the closing, a pending order, half a closing: each fails."""
    canary = books.canary
    half = [replace(deal, volume=0.0005) if deal.entry == "out" else deal for deal in books.closed_deals]
    assert failed(proof.is_closed(canary, books.after, books.closed_deals, [])) == {"positions of this magic"}
    unclosed = {"closing deals of the position", "volume closed"}
    assert failed(proof.is_closed(canary, books.closed, books.deals, [])) == unclosed
    pending = proof.is_closed(canary, books.closed, books.closed_deals, books.orders[:1])
    assert failed(pending) == {"pending orders of this magic"}
    assert failed(proof.is_closed(canary, books.closed, half, [])) == {"volume closed"}
    away = [replace(deal, position_id=1) if deal.entry == "out" else deal for deal in half]
    assert failed(proof.is_closed(canary, books.closed, away, [])) == unclosed


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
    executed = proof.is_closed(refused, books.closed, books.closed_deals, [])
    assert failed(executed) == {"deals of an order that was not executed"}
    assert failed(proof.is_closed(refused, books.after, others, [])) == {"positions of this magic"}


def test_history_without_the_opening_shows_no_closing(books: Books) -> None:
    """A position list that is empty beside an empty history is not the whole proof."""
    assert outcome(proof.is_closed(books.canary, books.closed, [], [])) is Outcome.UNPROVEN


@pytest.mark.parametrize(
    ("state", "done", "active"),
    [("PLACED", 0, True), ("PLACED", 1, True), ("PARTIAL", 0, True), ("PARTIAL", 1, False), ("FILLED", 1, False)],
)
def test_partly_filled_order_that_has_ended_is_not_active(books: Books, state: str, done: int, active: bool) -> None:
    """What an IOC order could not fill is cancelled, and its state stays PARTIAL; PLACED is PLACED at any time."""
    assert is_active(replace(books.orders[0], state=state, time_done_msc=done)) is active


def test_account_without_profit_and_credit_proves_nothing() -> None:
    """A gateway that leaves them out is not taken to have said zero."""
    bare = AccountReply(
        uuid="u", status="ok", balance=200, equity=200, margin=0.04, free_margin=199.96, margin_level=1, currency="USD"
    )
    seen: Any = SimpleNamespace(account=bare, of_magic=lambda magic: ())
    canary: Any = SimpleNamespace(before=seen, reply=None)
    spec: Any = None
    assert [m.outcome for m in proof.account_moved(canary, seen, [], Decimal("0.08"), spec)] == [Outcome.UNPROVEN]
