"""The broker's book of one account: money, positions, orders, deals.

Money is whole minor units (cents) of the account's currency, prices are points, volumes are whole steps, instants
are UTC ms. A book knows what changed since it was last saved; saving is storage.py's.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from random import Random

from msgspec import Struct
from msgspec.structs import replace


class Position(Struct, kw_only=True):
    """An open position. ``unit_value`` is what a unit of the base was worth, in account currency, at opening."""

    ticket: int
    identifier: int
    symbol: str
    side: int
    steps: int
    open_points: Decimal
    unit_value: Decimal
    time_ms: int
    update_ms: int
    sl: Decimal = Decimal(0)
    tp: Decimal = Decimal(0)
    swap: int = 0
    magic: int = 0
    reason: int = 0
    comment: str = ""


class Order(Struct, kw_only=True):
    """An order, active or historical; ``expiration`` in server seconds, 0 for none."""

    ticket: int
    symbol: str
    type: int
    state: int
    steps_initial: int
    steps_current: int
    setup_ms: int
    done_ms: int = 0
    expiration: int = 0
    type_time: int = 0
    type_filling: int = 0
    magic: int = 0
    position_id: int = 0
    position_by_id: int = 0
    reason: int = 0
    price: Decimal = Decimal(0)
    stoplimit: Decimal = Decimal(0)
    sl: Decimal = Decimal(0)
    tp: Decimal = Decimal(0)
    current: Decimal = Decimal(0)
    comment: str = ""


class Deal(Struct, kw_only=True):
    """An execution, or a movement of the balance; commission, swap, profit and fee in minor units."""

    ticket: int
    order: int
    time_ms: int
    type: int
    entry: int
    magic: int = 0
    position_id: int = 0
    reason: int = 0
    steps: int = 0
    price: Decimal = Decimal(0)
    commission: int = 0
    swap: int = 0
    profit: int = 0
    fee: int = 0
    symbol: str = ""
    comment: str = ""

    @property
    def amount(self) -> int:
        """What this deal moved the balance by."""
        return self.commission + self.swap + self.profit + self.fee


class Sequence(Struct):
    """A server-wide ticket sequence: other participants' orders leave gaps between ours."""

    latest: int

    def next(self, random: Random) -> int:
        """Draw the next ticket."""
        self.latest += 1 + int(random.expovariate(1 / 40))
        return self.latest


class Book:
    """One account at the broker.

    ``balance`` changes by a deal only, so that it is always the sum of all deals.
    """

    def __init__(self, order_tickets: Sequence, deal_tickets: Sequence, processed_ms: int) -> None:
        self.balance = 0
        self.credit = 0
        self.order_tickets = order_tickets
        self.deal_tickets = deal_tickets
        self.processed_ms = processed_ms
        self.positions: dict[int, Position] = {}
        self.active: dict[int, Order] = {}
        self.history: dict[int, Order] = {}
        self.deals: dict[int, Deal] = {}
        self.by_position: dict[int, list[Deal]] = defaultdict(list)
        self.by_order: dict[int, list[Deal]] = defaultdict(list)
        self.unsaved: set[tuple[str, int]] = set()

    def add_deal(self, deal: Deal) -> None:
        """Enter a deal and move the balance by it."""
        self.remember_deal(deal)
        self.balance += deal.amount
        self.unsaved.add(("deals", deal.ticket))

    def remember_deal(self, deal: Deal) -> None:
        """Put a deal where it is found by its ticket, order and position."""
        self.deals[deal.ticket] = deal
        self.by_position[deal.position_id].append(deal)
        self.by_order[deal.order].append(deal)

    def add_order(self, order: Order) -> None:
        """Enter or change an active order."""
        self.active[order.ticket] = order
        self.unsaved.add(("active", order.ticket))

    def finish_order(self, order: Order) -> None:
        """Move an order to the history."""
        if self.active.pop(order.ticket, None) is not None:
            self.unsaved.add(("active", order.ticket))
        self.history[order.ticket] = order
        self.unsaved.add(("history", order.ticket))

    def put_position(self, position: Position) -> None:
        """Enter or change an open position."""
        self.positions[position.ticket] = position
        self.unsaved.add(("positions", position.ticket))

    def remove_position(self, ticket: int) -> None:
        """Take away a position that is closed."""
        del self.positions[ticket]
        self.unsaved.add(("positions", ticket))

    def trial(self) -> Book:
        """A copy to try a trade on: same money and positions, no history, never saved."""
        copy = Book(Sequence(self.order_tickets.latest), Sequence(self.deal_tickets.latest), self.processed_ms)
        copy.balance, copy.credit = self.balance, self.credit
        copy.positions = {ticket: replace(position) for ticket, position in self.positions.items()}
        copy.active = {ticket: replace(order) for ticket, order in self.active.items()}
        return copy
