"""Pending orders: whether they may be placed, changed or removed, and which quote activates them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import TradeRequest
from mt5canary.gateway.simulated.book import Book, Order
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.execution import Fill
from mt5canary.gateway.simulated.judgement import Judgement, Refused
from mt5canary.gateway.simulated.market import Quote
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.symbols import Symbol
from mt5canary.gateway.simulated.valuation import BUY, SELL, Snapshot

LIMITS = (c.ORDER_TYPE_BUY_LIMIT, c.ORDER_TYPE_SELL_LIMIT)
STOPS = (c.ORDER_TYPE_BUY_STOP, c.ORDER_TYPE_SELL_STOP)
STOP_LIMITS = (c.ORDER_TYPE_BUY_STOP_LIMIT, c.ORDER_TYPE_SELL_STOP_LIMIT)

Change = Callable[[Book], Fill]


def side_of(order_type: int) -> int:
    """Whether an order of a type buys or sells."""
    return BUY if order_type % 2 == 0 else SELL


class PendingOrders:
    """Judges the actions on pending orders; each gives back what to do to the book. All raise Refused."""

    def __init__(self, scenario: Scenario, judgement: Judgement, clock: ServerClock, random: Random) -> None:
        self._scenario = scenario
        self._judgement = judgement
        self._clock = clock
        self._random = random

    def place(self, request: TradeRequest, book: Book, snapshot: Snapshot) -> Change:
        """TRADE_ACTION_PENDING."""
        symbol = self._judgement.symbol(request.symbol)
        if request.type not in (*LIMITS, *STOPS, *STOP_LIMITS):
            raise Refused(c.TRADE_RETCODE_INVALID_ORDER)
        steps = self._judgement.steps(symbol, request.volume)
        self._judgement.pending_filling(symbol, request.type, request.type_filling)
        side = side_of(request.type)
        self._judgement.rights(symbol, side, closes=False)
        self._judgement.volume_limit(symbol, side, steps, book)
        self._judgement.session(symbol, snapshot)
        if self._scenario.limit_orders and len(book.active) >= self._scenario.limit_orders:
            raise Refused(c.TRADE_RETCODE_LIMIT_ORDERS)
        expiration = self._expiration(request, snapshot)
        price, stoplimit, sl, tp = self._prices(symbol, request.type, request, snapshot)

        def apply(target: Book) -> Fill:
            order = Order(
                ticket=target.order_tickets.next(self._random), symbol=symbol.name, type=request.type,
                state=c.ORDER_STATE_PLACED, steps_initial=steps, steps_current=steps, setup_ms=snapshot.utc_ms,
                expiration=expiration, type_time=request.type_time, type_filling=request.type_filling,
                magic=request.magic, reason=c.ORDER_REASON_EXPERT, price=price, stoplimit=stoplimit, sl=sl, tp=tp,
                comment=request.comment,
            )  # fmt: skip
            target.add_order(order)
            return Fill(order.ticket, 0, 0, steps, Decimal(0), snapshot.quote(symbol.name))

        return apply

    def modify(self, request: TradeRequest, book: Book, snapshot: Snapshot) -> Change:
        """TRADE_ACTION_MODIFY."""
        order = self._active(request, book)
        symbol = self._scenario.symbols[order.symbol]
        self._judgement.session(symbol, snapshot)
        self._frozen(symbol, order, snapshot)
        expiration = self._expiration(request, snapshot)
        price, stoplimit, sl, tp = self._prices(symbol, order.type, request, snapshot)
        wanted = (price, stoplimit, sl, tp, request.type_time, expiration)
        if wanted == (order.price, order.stoplimit, order.sl, order.tp, order.type_time, order.expiration):
            raise Refused(c.TRADE_RETCODE_NO_CHANGES)

        def apply(target: Book) -> Fill:
            changed = target.active[order.ticket]
            changed.price, changed.stoplimit, changed.sl, changed.tp = price, stoplimit, sl, tp
            changed.type_time, changed.expiration = request.type_time, expiration
            target.add_order(changed)
            return Fill(changed.ticket, 0, 0, 0, Decimal(0), snapshot.quote(symbol.name))

        return apply

    def remove(self, request: TradeRequest, book: Book, snapshot: Snapshot) -> Change:
        """TRADE_ACTION_REMOVE."""
        order = self._active(request, book)
        symbol = self._scenario.symbols[order.symbol]
        self._judgement.session(symbol, snapshot)
        self._frozen(symbol, order, snapshot)

        def apply(target: Book) -> Fill:
            removed = target.active[order.ticket]
            removed.state, removed.done_ms = c.ORDER_STATE_CANCELED, snapshot.utc_ms
            target.finish_order(removed)
            return Fill(removed.ticket, 0, 0, 0, Decimal(0), snapshot.quote(symbol.name))

        return apply

    def _active(self, request: TradeRequest, book: Book) -> Order:
        order = book.active.get(request.order)
        if order is None:
            raise Refused(c.TRADE_RETCODE_INVALID)
        return order

    def _frozen(self, symbol: Symbol, order: Order, snapshot: Snapshot) -> None:
        quote = snapshot.quote(symbol.name)
        distance = abs(order.price - (quote.ask if side_of(order.type) == BUY else quote.bid))
        if symbol.freeze_level and distance <= symbol.freeze_level:
            raise Refused(c.TRADE_RETCODE_FROZEN)

    def _expiration(self, request: TradeRequest, snapshot: Snapshot) -> int:
        if request.type_time not in (c.ORDER_TIME_SPECIFIED, c.ORDER_TIME_SPECIFIED_DAY):
            return 0
        if request.expiration <= self._clock.to_server(snapshot.utc_ms) // 1000:
            raise Refused(c.TRADE_RETCODE_INVALID_EXPIRATION)
        return request.expiration

    def _prices(
        self, symbol: Symbol, order_type: int, request: TradeRequest, snapshot: Snapshot
    ) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Price, stop-limit price, stop loss and take profit in points, each on its right side and far enough."""
        price, stoplimit = symbol.points(request.price), symbol.points(request.stoplimit)
        sl, tp = symbol.points(request.sl), symbol.points(request.tp)
        quote, side = snapshot.quote(symbol.name), side_of(order_type)
        market = quote.ask if side == BUY else quote.bid
        above = (order_type in LIMITS) != (side == BUY)  # sell limits and buy stops wait above the market
        distance = price - market if above else market - price
        if price <= 0 or price % 1 or distance < max(1, symbol.stops_level):
            raise Refused(c.TRADE_RETCODE_INVALID_PRICE)
        entry = price
        if order_type in STOP_LIMITS:
            entry = stoplimit
            if stoplimit <= 0 or stoplimit % 1 or (stoplimit - price) * (1 if side == BUY else -1) >= 0:
                raise Refused(c.TRADE_RETCODE_INVALID_PRICE)
        self._judgement.stops_from(symbol, side, sl, tp, entry)
        return price, stoplimit if order_type in STOP_LIMITS else Decimal(0), sl, tp


def is_reached(order: Order, quote: Quote) -> bool:
    """Whether a quote activates a pending order; a stop-limit's limit once its stop was reached has type LIMIT."""
    if side_of(order.type) == BUY:
        return quote.ask <= order.price if order.type in LIMITS else quote.ask >= order.price
    return quote.bid >= order.price if order.type in LIMITS else quote.bid <= order.price
