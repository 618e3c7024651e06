"""Changing and cancelling out open positions: new stops, and closing one by its opposite."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import TradeRequest
from mt5canary.gateway.simulated.book import Book, Deal, Order, Position
from mt5canary.gateway.simulated.execution import Fill
from mt5canary.gateway.simulated.judgement import Judgement, Refused
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.valuation import Snapshot, Valuation

Change = Callable[[Book], Fill]


class PositionChanges:
    """Judges the actions on open positions; each gives back what to do to the book. All raise Refused."""

    def __init__(self, scenario: Scenario, judgement: Judgement, valuation: Valuation, random: Random) -> None:
        self._scenario = scenario
        self._judgement = judgement
        self._valuation = valuation
        self._random = random

    def stops(self, request: TradeRequest, book: Book, snapshot: Snapshot) -> Change:
        """TRADE_ACTION_SLTP."""
        held = self._position(request, book)
        symbol = self._scenario.symbols[held.symbol]
        self._judgement.session(symbol, snapshot)
        sl, tp = symbol.points(request.sl), symbol.points(request.tp)
        if (sl, tp) == (held.sl, held.tp):
            raise Refused(c.TRADE_RETCODE_NO_CHANGES)
        self._judgement.frozen(symbol, held, snapshot)
        self._judgement.stops(symbol, held.side, sl, tp, snapshot)

        def apply(target: Book) -> Fill:
            position = target.positions[held.ticket]
            position.sl, position.tp, position.update_ms = sl, tp, snapshot.utc_ms
            target.put_position(position)
            return Fill(0, 0, held.identifier, 0, Decimal(0), snapshot.quote(symbol.name))

        return apply

    def _position(self, request: TradeRequest, book: Book) -> Position:
        held = book.positions.get(request.position)
        if held is None and not request.position and not self._scenario.hedging:
            held = next((p for p in book.positions.values() if p.symbol == request.symbol), None)
        if held is None:
            raise Refused(c.TRADE_RETCODE_POSITION_CLOSED if request.position else c.TRADE_RETCODE_INVALID)
        return held

    def close_by(self, request: TradeRequest, book: Book, snapshot: Snapshot) -> Change:
        """TRADE_ACTION_CLOSE_BY: the smaller volume of the two goes, at the other position's opening price."""
        if not self._scenario.hedging:
            raise Refused(c.TRADE_RETCODE_INVALID_ORDER)
        held, opposite = book.positions.get(request.position), book.positions.get(request.position_by)
        if held is None or opposite is None:
            raise Refused(c.TRADE_RETCODE_POSITION_CLOSED)
        if held.symbol != opposite.symbol or held.side == opposite.side:
            raise Refused(c.TRADE_RETCODE_INVALID)
        self._judgement.session(self._scenario.symbols[held.symbol], snapshot)

        def apply(target: Book) -> Fill:
            return self._cancel_out(
                target, target.positions[held.ticket], target.positions[opposite.ticket], request, snapshot
            )

        return apply

    def _cancel_out(
        self, book: Book, held: Position, opposite: Position, request: TradeRequest, snapshot: Snapshot
    ) -> Fill:
        steps, now_ms, price = min(held.steps, opposite.steps), snapshot.utc_ms, opposite.open_points
        profit = self._valuation.profit(held.symbol, held.side, steps, held.open_points, price, snapshot)
        order = Order(
            ticket=book.order_tickets.next(self._random), symbol=held.symbol, type=c.ORDER_TYPE_CLOSE_BY,
            state=c.ORDER_STATE_FILLED, steps_initial=steps, steps_current=0, setup_ms=now_ms, done_ms=now_ms,
            magic=request.magic, position_id=held.identifier, position_by_id=opposite.identifier,
            reason=c.ORDER_REASON_EXPERT, current=price, comment=request.comment,
        )  # fmt: skip
        deals = [
            Deal(
                ticket=book.deal_tickets.next(self._random), order=order.ticket, time_ms=now_ms,
                type=1 - closed.side, entry=c.DEAL_ENTRY_OUT_BY, magic=request.magic,
                position_id=closed.identifier, reason=c.DEAL_REASON_EXPERT, steps=steps, price=other.open_points,
                profit=gained, swap=round(closed.swap * steps / closed.steps), symbol=held.symbol,
                comment=request.comment,
            )
            for closed, other, gained in ((held, opposite, profit), (opposite, held, 0))
        ]  # fmt: skip
        for closed, deal in zip((held, opposite), deals, strict=True):
            closed.swap -= deal.swap
            closed.steps -= steps
            closed.update_ms = now_ms
            book.put_position(closed)
            if not closed.steps:
                book.remove_position(closed.ticket)
            book.add_deal(deal)
        book.finish_order(order)
        return Fill(
            order.ticket, deals[0].ticket, held.identifier, steps, price, snapshot.quote(held.symbol), held.symbol
        )
