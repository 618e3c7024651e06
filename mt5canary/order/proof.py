"""The proof of a fill: what the broker's books must show for the order that was sent (criteria X6 to X11).

The reply is only the gateway's word (E1). Deal, order, position, account and quotes are asked separately (E2),
and each must fit the others, by the identities of the MQL5 reference ("Deal Properties", "Account Properties").
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from mt5canary.measurement import Measurement, above, at_least, at_most, equal, unproven, within
from mt5canary.money import CENT, booked, cents, exact, whole_steps
from mt5canary.order.canary import COMMENT_LENGTH, NONCE, Canary, Snapshot
from mt5canary.wire.replies import Deal, FindReply, Order, Position, SymbolSpecification, Tick


class FillTimes(NamedTuple):
    """By how much a deal came after its request, how long that exchange took, and how sure that is, all in ms."""

    after_request_ms: float
    round_trip_ms: float
    slack_ms: float


MARGIN_TOLERANCE = Decimal("0.01")
"""The share by which margin may differ from CHECK_ORDER's projection: the price moves in between."""


def was_filled(canary: Canary, started: float, deadline_seconds: float) -> list[Measurement]:
    """The one order came back FILLED with a ticket, inside the plan's deadline (X7)."""
    reply, exchange = canary.reply, canary.exchange
    if reply is None or exchange is None or canary.filled_monotonic is None:
        return [unproven("fill", "a reply that says FILLED")]
    return [
        equal("status of OPEN", reply.status, "FILLED"),
        above("ticket", reply.ticket, 0),
        equal("volume filled", str(exact(reply.volume)), str(exact(canary.order.volume)), "lot"),
        equal("symbol filled", reply.symbol, canary.order.symbol),
        at_most("start of run to fill", canary.filled_monotonic - started, deadline_seconds, "s"),
    ]


def opening_deals(canary: Canary, deals: list[Deal]) -> list[Deal]:
    """The deals that opened this order's position."""
    return [deal for deal in deals if deal.order == canary.order_ticket and deal.entry in ("in", "inout")]


def orders_behind(canary: Canary, orders: list[Order]) -> list[Order]:
    """The entries of the order history that are this order."""
    return [entry for entry in orders if entry.ticket == canary.order_ticket]


def history_holds(canary: Canary, deals: list[Deal], orders: list[Order], times: FillTimes | None) -> list[Measurement]:
    """The history holds this run's deal and the order behind it (X8); one that holds nothing shows nothing."""
    opened, behind = opening_deals(canary, deals), orders_behind(canary, orders)
    if not opened or canary.reply is None:
        return [unproven("opening deals of the order in the history", "= 1, before the history may no longer lag")]
    if len(opened) > 1:
        return [equal("opening deals of the order in the history", len(opened), 1, samples=len(deals))]
    deal, order = opened[0], canary.order
    measurements = [
        above("deal ticket", deal.ticket, 0),
        equal("deal's symbol", deal.symbol, order.symbol),
        equal("deal's side", deal.type, order.type),
        equal("deal's volume", str(exact(deal.volume)), str(exact(order.volume)), "lot"),
        equal("deal's magic", deal.magic, order.magic),
        *_carries_the_label(canary, deal, times),
        equal("orders behind the deal", len(behind), 1)
        if behind
        else unproven("orders behind the deal", "= 1, before the history may no longer lag"),
    ]
    if canary.reply.deal:
        measurements.append(equal("deal in the reply", canary.reply.deal, deal.ticket))
    for entry in behind:
        measurements += [
            equal("order's position is the deal's", entry.position_id, deal.position_id),
            equal("order's state", entry.state, "FILLED"),
            equal("order's unfilled rest", entry.volume_current, 0.0, "lot"),
            equal("order's magic", entry.magic, order.magic),
        ]
    return measurements


def comment_is_the_brokers(canary: Canary, deal: Deal) -> bool:
    """Whether the broker wrote a comment of its own in the place of the order's, so that no nonce is in it."""
    return not deal.comment.startswith(canary.intent.nonce) and NONCE.match(deal.comment) is None


def _carries_the_label(canary: Canary, deal: Deal, times: FillTimes | None) -> list[Measurement]:
    """The nonce; where the broker wrote over it, the time has to stand in, beside ticket, magic and volume."""
    if not comment_is_the_brokers(canary, deal):
        return [equal("deal carries this order's nonce", deal.comment[:COMMENT_LENGTH], canary.intent.nonce)]
    name = "deal after its request, its comment being the broker's"
    if times is None:
        return [unproven(name, "the deal's time and the order's round trip")]
    return [within(name, times.after_request_ms, -times.slack_ms, times.round_trip_ms + times.slack_ms, "ms")]


def price_is_the_markets(
    canary: Canary, deals: list[Deal], quotes: list[Tick], spec: SymbolSpecification, deviation_points: int
) -> list[Measurement]:
    """The price lies within the quotes sampled around the fill, give or take the deviation, on the grid (X9)."""
    opened = opening_deals(canary, deals)
    if not opened or len(quotes) < 2:
        return [unproven("deal's price", "an opening deal, and quotes before and after it")]
    price, slack = exact(opened[0].price), deviation_points * exact(spec.point)
    sides = [exact(tick.ask if canary.order.type == "BUY" else tick.bid) for tick in quotes]
    return [
        within("deal's price", price, min(sides) - slack, max(sides) + slack, spec.currency_profit, len(quotes)),
        equal("price on the tick grid", whole_steps(price, spec.tick_size) is not None, True),
    ]


def new_positions(canary: Canary, after: Snapshot) -> list[Position]:
    """The positions of this magic number that were not there before the order."""
    known = {position.ticket for position in canary.before.positions}
    return [position for position in after.of_magic(canary.order.magic) if position.ticket not in known]


def one_position(canary: Canary, after: Snapshot, deals: list[Deal]) -> list[Measurement]:
    """Exactly one new position and one opening deal belong to the order (X10)."""
    new = new_positions(canary, after)
    opened = opening_deals(canary, deals)
    of_magic = [deal for deal in deals if deal.magic == canary.order.magic and deal.entry == "in"]
    measurements = [
        equal("new positions of this magic", len(new), 1),
        *(
            [
                equal("opening deals of this magic since the order", len(of_magic), 1),
                equal("opening deals of the order", len(opened), 1),
            ]
            if of_magic or opened
            else [unproven("opening deals of the order", "= 1, before the history may no longer lag")]
        ),
    ]
    for position in new[:1]:
        identifier = position.identifier or position.ticket
        measurements += [
            equal("position's symbol", position.symbol, canary.order.symbol),
            equal("position's side", position.type, canary.order.type),
            equal("position's volume", str(exact(position.volume)), str(exact(canary.order.volume)), "lot"),
            equal("position's stop", position.sl, canary.order.sl),
            *(
                measurement
                for deal in opened[:1]
                for measurement in (
                    equal("position's identifier is the deal's", identifier, deal.position_id),
                    equal("position's price is the deal's", position.open_price, deal.price),
                )
            ),
        ]
    return measurements


def is_remembered(canary: Canary, found: FindReply | None) -> Measurement:
    """The gateway knows the order's uuid and what it answered: the same uuid again would be no second order (X10).

    ``found`` is its answer to ``FIND_REQUEST``, None where it has none. A gateway that forgets is safe only for as long
    as nothing on the way repeats a frame.
    """
    name = "ticket that the gateway remembers for the order's uuid"
    if found is None or canary.reply is None:
        return unproven(name, "the order's ticket, by FIND_REQUEST")
    ticket = (found.reply or {}).get("ticket") if found.known else None
    return equal(name, "none" if ticket is None else ticket, canary.reply.ticket)


def account_moved(
    canary: Canary, after: Snapshot, deals: list[Deal], projected: Decimal, spec: SymbolSpecification
) -> list[Measurement]:
    """Margin rose as projected, the balance moved by the deals alone, equity marks the market (X11).

    ``projected`` is the order's own margin, from ``CHECK_ORDER`` and the account as it was then: what others did before
    the order left is in neither.
    ``deals`` are all since the order: on an account that others use too, theirs are set apart by what they book.
    """
    before, account = canary.before.account, after.account
    if account.profit is None or account.credit is None:
        return [unproven("equity is balance, credit and profit", "profit and credit in GET_ACCOUNT")]
    floating = cents(account.profit) + cents(account.credit)
    measurements = [
        _margin_taken(canary, after, projected),
        above("margin of the account", cents(account.margin), 0, account.currency),
        equal(
            "balance moved by",
            str(cents(account.balance) - cents(before.balance)),
            str(booked(deals)),
            account.currency,
        ),
        equal(
            "equity is balance, credit and profit",
            str(cents(account.equity)),
            str(cents(account.balance) + floating),
        ),
        equal(
            "free margin is equity less margin",
            str(cents(account.free_margin)),
            str(cents(account.equity) - cents(account.margin)),
        ),
    ]
    if account.margin > 0:
        level = 100 * account.equity / account.margin
        measurements.append(
            within("margin level", account.margin_level, level * 0.9999 - 0.01, level * 1.0001 + 0.01, "%")
        )
    mine = [position for position in after.of_magic(canary.order.magic) if position.ticket == canary.position_ticket]
    for position in mine:
        marked = _marked_profit(position.open_price, position.current_price, canary, spec)
        measurements.append(
            within(
                "position's profit marks the market",
                cents(position.profit),
                marked - CENT,
                marked + CENT,
                account.currency,
            )
        )
    measurements.append(at_least("positions seen of the order", len(mine), 1))
    return measurements


def _margin_taken(canary: Canary, after: Snapshot, projected: Decimal) -> Measurement:
    """The margin rose by what CHECK_ORDER projected, and by as much for each lot that others opened in between."""
    before, account = canary.before.account, after.account
    foreign = _others(canary, after)
    if any(symbol != canary.order.symbol for symbol, _ in foreign):
        return unproven("margin taken", "the order's alone; others opened or closed another symbol in between")
    lots = sum((volume for _, volume in foreign), Decimal(0))
    expected = projected + projected * lots / exact(canary.order.volume)
    steps = CENT * (1 + len(foreign) + int(abs(lots) / exact(canary.order.volume)))
    tolerance = (abs(expected) * MARGIN_TOLERANCE).quantize(CENT) + steps
    moved = cents(account.margin) - cents(before.margin)
    return within("margin taken", moved, expected - tolerance, expected + tolerance, account.currency)


def _others(canary: Canary, after: Snapshot) -> list[tuple[str, Decimal]]:
    """Symbol and lots of what others opened since the order was decided, and, negative, of what they closed."""
    was = {each.ticket: each for each in canary.before.positions}
    now = {each.ticket: each for each in after.positions if each.ticket != canary.position_ticket}
    opened = [(each.symbol, exact(each.volume)) for ticket, each in now.items() if ticket not in was]
    closed = [(each.symbol, -exact(each.volume)) for ticket, each in was.items() if ticket not in now]
    return opened + closed


def _marked_profit(opened: float, current: float, canary: Canary, spec: SymbolSpecification) -> Decimal:
    moved = exact(current) - exact(opened) if canary.order.type == "BUY" else exact(opened) - exact(current)
    return cents(moved / exact(spec.tick_size) * exact(spec.tick_value) * exact(canary.order.volume))


def ledger_balances(balance_before: float, balance_after: float, deals: list[Deal], currency: str) -> list[Measurement]:
    """The balance moved by exactly the sum of all deals in between, to the cent (E2)."""
    moved = cents(balance_after) - cents(balance_before)
    return [
        equal(
            "balance moved by the sum of the deals",
            str(moved),
            str(booked(deals)),
            currency,
            max(1, len(deals)),
        ),
        at_least("deals in the ledger", len(deals), 1)
        if deals
        else unproven("deals in the ledger", ">= 1; a balance that stood still over no deals shows nothing"),
    ]


def is_closed(canary: Canary, after: Snapshot, deals: list[Deal], active_orders: list[Order]) -> list[Measurement]:
    """Nothing of this magic is open or pending, and the history shows the position closed whole (E1)."""
    nothing_left = [
        equal("positions of this magic", len(after.of_magic(canary.order.magic)), 0),
        equal("pending orders of this magic", len(active_orders), 0),
    ]
    if canary.came_to_nothing:
        mine = [deal for deal in deals if canary.is_mine(deal.magic, deal.comment)]
        return [*nothing_left, equal("deals of an order that was not executed", len(mine), 0)]
    if not opening_deals(canary, deals):
        return [*nothing_left, unproven("closing deals of the position", "its opening and closing in the history")]
    return [
        *nothing_left,
        at_least("closing deals of the position", len(closing_deals(canary, deals)), 1),
        equal("volume closed", str(volume_closed(canary, deals)), str(volume_opened(canary, deals)), "lot"),
    ]


def closing_deals(canary: Canary, deals: list[Deal]) -> list[Deal]:
    """The deals that closed this order's position, or a part of it."""
    opened = opening_deals(canary, deals)
    position = opened[0].position_id if opened else canary.position_ticket
    return [deal for deal in deals if deal.position_id == position and deal.entry in ("out", "out_by")]


def volume_opened(canary: Canary, deals: list[Deal]) -> Decimal:
    """The lots that the order opened."""
    return sum((exact(deal.volume) for deal in opening_deals(canary, deals)), Decimal(0))


def volume_closed(canary: Canary, deals: list[Deal]) -> Decimal:
    """The lots of the position that were closed."""
    return sum((exact(deal.volume) for deal in closing_deals(canary, deals)), Decimal(0))
