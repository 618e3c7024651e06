"""How a trade changes the book: orders, deals and positions, on hedging and netting accounts (mt5-facts section 5).

Nothing here judges whether a trade is allowed; judgement.py did that before.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random

from msgspec import Struct

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.book import Book, Deal, Order, Position
from mt5canary.gateway.simulated.market import Quote
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.valuation import BUY, Snapshot, Valuation


class Intent(Struct, frozen=True):
    """What is to be traded: ``side`` is the order's own, ``position`` the ticket that it closes or 0."""

    symbol: str
    side: int
    steps: int
    position: int = 0
    magic: int = 0
    comment: str = ""
    reason: int = c.ORDER_REASON_EXPERT
    filling: int = c.ORDER_FILLING_FOK
    sl: Decimal = Decimal(0)
    tp: Decimal = Decimal(0)
    unfilled: int = 0
    """Steps that were asked for beside those that fill; they are cancelled."""
    order: Order | None = None
    """The pending order that this trade activates; None for a market order, which gets a new one."""


class Fill(Struct, frozen=True):
    """What a trade left: the order, the deal and the price in points."""

    order: int
    deal: int
    position: int
    steps: int
    price: Decimal
    quote: Quote
    symbol: str = ""


class Execution:
    """Carries out trades on a book; the ticket gaps come from the given source of chance."""

    def __init__(self, scenario: Scenario, valuation: Valuation, random: Random) -> None:
        self._scenario = scenario
        self._valuation = valuation
        self._random = random

    def trade(self, book: Book, intent: Intent, snapshot: Snapshot, at_ms: int, price: Decimal | None = None) -> Fill:
        """Fill an intent at a price in points; without one, at the snapshot's ask (buy) or bid (sell)."""
        quote = snapshot.quote(intent.symbol)
        if price is None:
            price = Decimal(quote.ask if intent.side == BUY else quote.bid)
        order = self._order(book, intent, at_ms, price)
        position = self._position_for(book, intent)
        if position is None:
            deal = self._open(book, intent, order, at_ms, price, snapshot)
        elif position.side == intent.side:
            deal = self._add(book, position, intent, order, at_ms, price, snapshot)
        elif intent.steps <= position.steps:
            deal = self._close(book, position, intent, order, at_ms, price, snapshot)
        else:
            deal = self._reverse(book, position, intent, order, at_ms, price, snapshot)
        order.position_id = deal.position_id
        book.finish_order(order)
        book.add_deal(deal)
        return Fill(order.ticket, deal.ticket, deal.position_id, intent.steps, price, quote, intent.symbol)

    def _position_for(self, book: Book, intent: Intent) -> Position | None:
        if intent.position:
            return book.positions[intent.position]
        if self._scenario.hedging:
            return None
        return next((held for held in book.positions.values() if held.symbol == intent.symbol), None)

    def _order(self, book: Book, intent: Intent, at_ms: int, price: Decimal) -> Order:
        order = intent.order or Order(
            ticket=book.order_tickets.next(self._random), symbol=intent.symbol, type=intent.side,
            state=c.ORDER_STATE_STARTED, steps_initial=intent.steps + intent.unfilled,
            steps_current=intent.steps, setup_ms=at_ms,
            type_filling=intent.filling, magic=intent.magic, reason=intent.reason, comment=intent.comment,
            sl=intent.sl, tp=intent.tp,
        )  # fmt: skip
        order.state = c.ORDER_STATE_PARTIAL if intent.unfilled else c.ORDER_STATE_FILLED
        order.steps_current, order.done_ms, order.current = intent.unfilled, at_ms, price
        return order

    def _deal(self, book: Book, intent: Intent, order: Order, at_ms: int, price: Decimal, entry: int,
              position_id: int, profit: int = 0, swap: int = 0) -> Deal:  # fmt: skip
        return Deal(
            ticket=book.deal_tickets.next(self._random), order=order.ticket, time_ms=at_ms, type=intent.side,
            entry=entry, magic=intent.magic, position_id=position_id, reason=intent.reason, steps=intent.steps,
            price=price, commission=self._commission(intent, entry), swap=swap, profit=profit,
            symbol=intent.symbol, comment=intent.comment,
        )  # fmt: skip

    def _commission(self, intent: Intent, entry: int) -> int:
        commission = self._scenario.commission
        lots = intent.steps * self._scenario.symbols[intent.symbol].volume_step
        sides = {"none": 0, "half": 1, "in": 2 if entry in (c.DEAL_ENTRY_IN, c.DEAL_ENTRY_INOUT) else 0}
        return -self._valuation.minor(sides[commission.policy] * lots * commission.per_lot)

    def _open(self, book: Book, intent: Intent, order: Order, at_ms: int, price: Decimal, snapshot: Snapshot) -> Deal:
        self._put_new(book, intent, order.ticket, order.ticket, intent.steps, at_ms, price, snapshot)
        return self._deal(book, intent, order, at_ms, price, c.DEAL_ENTRY_IN, order.ticket)

    def _put_new(self, book: Book, intent: Intent, ticket: int, identifier: int, steps: int, at_ms: int,
                 price: Decimal, snapshot: Snapshot) -> None:  # fmt: skip
        book.put_position(
            Position(
                ticket=ticket, identifier=identifier, symbol=intent.symbol, side=intent.side, steps=steps,
                open_points=price,
                unit_value=self._valuation.unit_value(intent.symbol, intent.side, price, snapshot),
                time_ms=at_ms, update_ms=at_ms, sl=intent.sl, tp=intent.tp, magic=intent.magic,
                reason=intent.reason, comment=intent.comment,
            )
        )  # fmt: skip

    def _add(self, book: Book, position: Position, intent: Intent, order: Order, at_ms: int, price: Decimal,
             snapshot: Snapshot) -> Deal:  # fmt: skip
        added_value = self._valuation.unit_value(intent.symbol, intent.side, price, snapshot)
        total = position.steps + intent.steps
        position.open_points = (position.open_points * position.steps + price * intent.steps) / total
        position.unit_value = (position.unit_value * position.steps + added_value * intent.steps) / total
        position.steps = total
        self._take_labels(position, intent, at_ms)
        book.put_position(position)
        return self._deal(book, intent, order, at_ms, price, c.DEAL_ENTRY_IN, position.identifier)

    def _take_labels(self, position: Position, intent: Intent, at_ms: int) -> None:
        position.update_ms, position.magic = at_ms, intent.magic
        position.sl, position.tp = intent.sl or position.sl, intent.tp or position.tp

    def _close(self, book: Book, position: Position, intent: Intent, order: Order, at_ms: int, price: Decimal,
               snapshot: Snapshot) -> Deal:  # fmt: skip
        profit, swap = self._realise(position, intent.steps, price, snapshot)
        if intent.steps == position.steps:
            book.remove_position(position.ticket)
        else:
            position.steps -= intent.steps
            position.swap -= swap
            position.update_ms = at_ms
            book.put_position(position)
        return self._deal(book, intent, order, at_ms, price, c.DEAL_ENTRY_OUT, position.identifier, profit, swap)

    def _realise(self, position: Position, steps: int, price: Decimal, snapshot: Snapshot) -> tuple[int, int]:
        profit = self._valuation.profit(position.symbol, position.side, steps, position.open_points, price, snapshot)
        return profit, round(position.swap * steps / position.steps)

    def _reverse(self, book: Book, position: Position, intent: Intent, order: Order, at_ms: int, price: Decimal,
                 snapshot: Snapshot) -> Deal:  # fmt: skip
        profit, swap = self._realise(position, position.steps, price, snapshot)
        left = intent.steps - position.steps
        book.remove_position(position.ticket)
        self._put_new(book, intent, order.ticket, position.identifier, left, at_ms, price, snapshot)
        return self._deal(book, intent, order, at_ms, price, c.DEAL_ENTRY_INOUT, position.identifier, profit, swap)
