"""What became of an order whose reply says nothing: asked of the gateway and of the broker's books, never sent again.

The gateway is asked by ``FIND_REQUEST``, then the books: positions, deals and orders over a window of server time
that covers the order whatever the broker's clock does. There are two looks, each over a connection of its own and
each polled to its deadline: the first until a request that was given up can no longer reach the terminal, the second
for as long as the history may lag after that. What both leave empty was not executed; what cannot be read, or what
contradicts itself, stays unknown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct

from mt5canary.errors import Finding, LinkFinding, Unproven
from mt5canary.link.exchange import Refused
from mt5canary.link.session import ReadSession
from mt5canary.money import exact
from mt5canary.order.canary import GHOST_SECONDS, NONCE, Adopted, Canary
from mt5canary.wire.replies import Deal, Order, Position

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5

UNFILLED = frozenset({"REJECTED", "CANCELED", "EXPIRED"})
"""States in which an order has ended; it was not executed where nothing of its volume was filled."""

T = TypeVar("T")


class Duplicated(Finding):
    """More orders than one carry an intent's nonce, although it was sent once."""


class Look(Struct, kw_only=True):
    """What one look showed of an intent; ``unread`` names the books that did not answer, with why."""

    positions: list[Position] = []
    opening: list[Deal] = []
    closing: list[Deal] = []
    orders: list[Order] = []
    suspects: list[str] = []
    """New entries of this magic, symbol and side under a comment that is no canary's: they may be this order."""
    said: str = "FIND_REQUEST was not answered"
    in_flight: bool = False
    said_ticket: int = 0
    unread: list[str] = []

    @property
    def was_executed(self) -> bool:
        """Whether a position or a deal of this intent was seen."""
        return bool(self.positions or self.opening)

    @property
    def is_settled(self) -> bool:
        """Whether no further look can add to it: the position is there, or its deals show that it is closed again."""
        opened = sum((exact(deal.volume) for deal in self.opening), Decimal(0))
        closed = sum((exact(deal.volume) for deal in self.closing), Decimal(0))
        return bool(self.positions) or (bool(self.opening) and closed >= opened)

    @property
    def shows_nothing(self) -> bool:
        """Whether every book was read and none holds anything that was, or may have been, executed."""
        pending = [order for order in self.orders if not _was_never_filled(order)]
        claimed = self.in_flight or self.said_ticket > 0
        return not (self.was_executed or pending or self.suspects or claimed or self.unread)

    @property
    def order_tickets(self) -> list[int]:
        """The tickets of the orders that carry this intent's nonce; more than one is one too many."""
        found = [deal.order for deal in self.opening]
        found += [order.ticket for order in self.orders if not _was_never_filled(order)]
        return sorted(set(found))

    @property
    def position_ticket(self) -> int:
        """The position's ticket, from the position list or else from the deal; 0 where nothing was executed."""
        if self.positions:
            return self.positions[0].ticket
        return self.opening[0].position_id if self.opening else 0

    @property
    def order_ticket(self) -> int:
        """The order's ticket as far as the books have it; a position is named after the order that opened it."""
        if self.order_tickets:
            return self.order_tickets[0]
        return (self.positions[0].identifier or self.positions[0].ticket) if self.positions else 0

    def describe(self) -> str:
        """One line for people."""
        parts = [self.said]
        parts += [f"{name} could not be read" for name in self.unread]
        parts += [f"{suspect} may be it" for suspect in self.suspects]
        parts += [f"order {order.ticket} is {order.state}" for order in self.orders]
        parts += [
            f"deal {deal.ticket} opened position {deal.position_id}, which is not listed and which no deal closed"
            for deal in self.opening
        ]
        return "; ".join(parts)


def _was_never_filled(order: Order) -> bool:
    return order.state in UNFILLED and order.volume_current == order.volume_initial


def resolve(canary: Canary, session: ReadSession, history_deadline: timedelta) -> Look:
    """Look twice; returns what is known when the order was found, or when nothing of it can appear any more."""
    ghost_gone = time.monotonic() + GHOST_SECONDS
    look = _look_until(canary, session, ghost_gone)
    if look.is_settled:
        return look
    return _look_until(canary, session, ghost_gone + history_deadline.total_seconds())


def _look_until(canary: Canary, session: ReadSession, deadline: float) -> Look:
    look, pause = Look(), FIRST_PAUSE_SECONDS
    session.close()  # the next request makes a connection of its own
    while True:
        look = look_for(canary, session)
        if look.is_settled or time.monotonic() >= deadline:
            return look
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def look_for(canary: Canary, session: ReadSession) -> Look:
    """Look once; never raises a finding. A gateway that does not answer at all is asked no further."""
    look = Look()
    with _noting(look, "everything after a reply that did not come"):
        _ask_the_gateway(canary, session, look)
        deals = _read(look, "deals", lambda: session.deals(**canary.window))
        orders = _read(look, "orders", lambda: session.orders(**canary.window))
        positions = _read(look, "positions", session.positions)
        _sort(canary, look, deals, orders, positions)
    return look


@contextmanager
def _noting(look: Look, what: str) -> Iterator[None]:
    try:
        yield
    except LinkFinding as finding:
        look.unread.append(f"{what} ({finding})")


def _read(look: Look, book: str, ask: Callable[[], list[T]]) -> list[T]:
    try:
        return ask()
    except (Refused, Unproven) as trouble:
        look.unread.append(f"{book} ({trouble})")
        return []


def _ask_the_gateway(canary: Canary, session: ReadSession, look: Look) -> None:
    try:
        found = session.find_request(canary.intent.uuid)
    except (Refused, Unproven) as trouble:
        look.said = f"the gateway does not answer FIND_REQUEST ({trouble})"
        return
    if not found.known:
        look.said = "FIND_REQUEST: the gateway never had this request"
        return
    look.in_flight = found.state == "in_flight"
    reply: dict[str, Any] = found.reply or {}
    ticket = reply.get("ticket")
    filled = reply.get("status") == "FILLED" and type(ticket) is int
    look.said_ticket = ticket if filled and ticket is not None else 0
    told = " ".join(str(reply[name]) for name in ("status", "error_code", "ticket", "error_msg") if reply.get(name))
    look.said = f"FIND_REQUEST: {found.state}{f', {told}' if told else ''}"


def _sort(canary: Canary, look: Look, deals: list[Deal], orders: list[Order], positions: list[Position]) -> None:
    """Tell this intent's entries from others': by magic and nonce, or by the ticket that the gateway named."""
    ticket = look.said_ticket

    def is_mine(magic: int | None, comment: str | None, order: int) -> bool:
        return canary.is_mine(magic, comment) or (order == ticket > 0 and magic == canary.intent.magic)

    known = {position.ticket for position in canary.before.positions}
    for position in positions:
        identifier = position.identifier or position.ticket
        if is_mine(position.magic, position.comment, identifier):
            look.positions.append(position)
        elif position.ticket not in known and _may_be_mine(canary, position):
            look.suspects.append(f"position {position.ticket} with comment {position.comment!r}")
    look.opening = [
        deal for deal in deals if deal.entry in ("in", "inout") and is_mine(deal.magic, deal.comment, deal.order)
    ]
    opened = {deal.position_id for deal in look.opening}
    look.closing = [deal for deal in deals if deal.position_id in opened and deal.entry in ("out", "out_by")]
    look.orders = [order for order in orders if is_mine(order.magic, order.comment, order.ticket)]
    ours = {deal.ticket for deal in look.opening}
    look.suspects += [
        f"deal {deal.ticket} with comment {deal.comment!r}"
        for deal in deals
        if deal.ticket not in ours | canary.deals_before and deal.entry == "in" and _may_be_mine(canary, deal)
    ]


def _may_be_mine(canary: Canary, entry: Position | Deal) -> bool:
    """Whether an entry is this order's but for its comment, and the comment is not another canary's."""
    intent = canary.intent
    alike = (entry.magic, entry.symbol, entry.type) == (intent.magic, intent.symbol, intent.side)
    return alike and NONCE.match(entry.comment or "") is None


def where_to_look(canary: Canary) -> str:
    """What a person must look for in the terminal, the times as the terminal shows them: in server time."""
    sent = canary.before.wall if canary.exchange is None else canary.exchange.sent_wall
    first, last = (_server_time(canary.zone.msc(wall)) for wall in (sent, time.time_ns()))
    intent = canary.intent
    return (
        f"Look in the terminal, in the tabs Trade and History, for {intent.side} {intent.volume} {intent.symbol} with "
        f"magic {intent.magic} and the comment {intent.nonce}, opened between {first} and {last} server time (or "
        "shortly after). Close it by hand if it is there; then run mt5canary reset --reason TEXT --by NAME"
    )


def _server_time(msc: int) -> str:
    return datetime.fromtimestamp(msc / 1000, UTC).strftime("%Y.%m.%d %H:%M:%S")


def settle(canary: Canary, look: Look, lost: str) -> Finding | Unproven:
    """What a look comes to, as the error that the criterion ends with; ``canary.adopted`` is set where it was found."""
    if look.is_settled:
        canary.adopted = Adopted(look.order_ticket, look.position_ticket)
        gone = "" if look.positions else ", which is not open any more"
        found = (
            f"the order's reply was no fill ({lost}), but the books hold position {look.position_ticket} of magic "
            f"{canary.intent.magic}{gone}: it is adopted so that it can be closed"
        )
        tickets = look.order_tickets
        if len(tickets) > 1:
            return Duplicated(f"{found}; {len(tickets)} orders carry this one intent's nonce: {tickets}")
        return Finding(found)
    if look.shows_nothing:
        return Finding(
            f"the order's reply was no fill ({lost}); {look.describe()}; positions, orders and history, asked twice, "
            "show that it was not executed"
        )
    return Unproven(
        f"the outcome of order {canary.intent.uuid} is unknown ({lost}; {look.describe()}). {where_to_look(canary)}"
    )
