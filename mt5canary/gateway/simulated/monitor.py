"""What happens at the broker while nobody asks, each thing at its own time.

Stop loss, take profit, pending orders, stop-out, and the swap at midnight.
The quotes since the last look are gone through in order of time. To stay quick over long absences, a stretch of
quotes whose extremes reach no level at all is passed over as a whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from decimal import Decimal

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.book import Book, Order, Position
from mt5canary.gateway.simulated.clock import DAY_MS, ServerClock
from mt5canary.gateway.simulated.execution import Execution, Intent
from mt5canary.gateway.simulated.market import Quote, QuoteSource
from mt5canary.gateway.simulated.pending import LIMITS, STOP_LIMITS, is_reached, side_of
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.valuation import BUY, Figures, NoPrice, Snapshot, Valuation

_STRETCH_MS = 60_000

Timed = tuple[int, str, Quote]


class Monitor:
    """Brings a book up to an instant."""

    def __init__(
        self,
        scenario: Scenario,
        market: Mapping[str, QuoteSource],
        valuation: Valuation,
        execution: Execution,
        clock: ServerClock,
    ) -> None:
        self._scenario = scenario
        self._market = market
        self._valuation = valuation
        self._execution = execution
        self._clock = clock
        self._stop_out_level = float(scenario.stop_out)

    def advance(self, book: Book, until_ms: int) -> None:
        """Execute everything that became due up to and including an instant."""
        while (book.positions or book.active) and book.processed_ms < until_ms:
            midnight_ms = self._next_midnight(book.processed_ms)
            end_ms = min(until_ms, book.processed_ms + _STRETCH_MS, midnight_ms)
            self._stretch(book, book.processed_ms, end_ms)
            book.processed_ms = end_ms
            if end_ms == midnight_ms:
                self._charge_swap(book, midnight_ms)
        book.processed_ms = max(book.processed_ms, until_ms)

    # -- quotes ---------------------------------------------------------------------------------------------

    def _stretch(self, book: Book, after_ms: int, until_ms: int) -> None:
        quotes = self._quotes(book, after_ms, until_ms)
        self._expire(book, until_ms)
        if not quotes or not self._may_reach(book, quotes, after_ms):
            return
        snapshot = Snapshot(self._market, after_ms)
        for utc_ms, name, quote in quotes:
            snapshot.utc_ms = utc_ms
            snapshot[name] = quote
            self._on_quote(book, name, quote, snapshot)

    def _quotes(self, book: Book, after_ms: int, until_ms: int) -> list[Timed]:
        streams = (
            [(quote.utc_ms, name, quote) for quote in self._market[name].between(after_ms, until_ms)]
            for name in self._watched(book)
        )
        return list(heapq.merge(*streams))

    def _watched(self, book: Book) -> list[str]:
        """The symbols with a position or order, and those that convert their profit into the account's currency."""
        own = self._scenario.currency
        names = {item.symbol for item in _items(book)}
        for name in tuple(names):
            profit = self._scenario.symbols[name].currency_profit
            names |= {pair for pair in (profit + own, own + profit) if pair in self._market}
        return sorted(names)

    def _may_reach(self, book: Book, quotes: list[Timed], after_ms: int) -> bool:
        """Whether anything can happen between the extremes of these quotes; True where that is not certain."""
        extremes: dict[str, tuple[int, int, int, int]] = {}
        for _, name, quote in quotes:
            low_bid, high_bid, low_ask, high_ask = extremes.get(name, (quote.bid, quote.bid, quote.ask, quote.ask))
            extremes[name] = (
                min(low_bid, quote.bid), max(high_bid, quote.bid), min(low_ask, quote.ask), max(high_ask, quote.ask)
            )  # fmt: skip
        corners = {
            name: (Quote(0, low_bid, low_ask, 0, 0.0), Quote(0, high_bid, high_ask, 0, 0.0))
            for name, (low_bid, high_bid, low_ask, high_ask) in extremes.items()
        }
        held = [item for item in _items(book) if item.symbol in corners]
        if any(self._is_due(item, corner) for item in held for corner in corners[item.symbol]):
            return True
        return self._may_stop_out(book, corners, after_ms)

    def _is_due(self, item: Position | Order, quote: Quote) -> bool:
        return is_reached(item, quote) if isinstance(item, Order) else bool(_reason(item, quote, self._scenario)[0])

    def _may_stop_out(self, book: Book, corners: Mapping[str, tuple[Quote, Quote]], after_ms: int) -> bool:
        """Whether the account could be below its stop-out level with every position at its worst price."""
        worst = Snapshot(self._market, after_ms)
        profit = 0
        for position in book.positions.values():
            if position.symbol in corners:
                worst[position.symbol] = corners[position.symbol][0 if position.side == BUY else 1]
            amount = self._valuation.floating(position, worst)
            profit += position.swap + amount + min(amount, 0) // 20  # 5 % for the conversion's own movement
        equity = book.balance + book.credit + profit
        margin = self._valuation.margin(book.positions.values(), self._valuation.leverage(equity))
        return margin > 0 and equity / margin * 100 <= self._stop_out_level

    # -- what a quote does ----------------------------------------------------------------------------------

    def _on_quote(self, book: Book, name: str, quote: Quote, snapshot: Snapshot) -> None:
        for position in self._reached(book.positions.values(), name, quote):
            self._close(book, position, snapshot, *_reason(position, quote, self._scenario))
        for order in [o for o in book.active.values() if o.symbol == name and is_reached(o, quote)]:
            self._activate(book, order, snapshot)
        self._stop_out(book, snapshot)

    def _reached(self, positions: Iterable[Position], name: str, quote: Quote) -> list[Position]:
        return [held for held in positions if held.symbol == name and _reason(held, quote, self._scenario)[0]]

    def _activate(self, book: Book, order: Order, snapshot: Snapshot) -> None:
        """A stop-limit becomes its limit; any other pending order trades, or is refused for want of money."""
        if order.type in STOP_LIMITS:
            order.type = LIMITS[side_of(order.type)]
            order.price = order.stoplimit
            book.add_order(order)
            return
        intent = Intent(
            symbol=order.symbol, side=side_of(order.type), steps=order.steps_current, magic=order.magic,
            comment=order.comment, filling=order.type_filling, sl=order.sl, tp=order.tp, order=order,
        )  # fmt: skip
        if self._affordable(book, order, intent, snapshot):
            self._execution.trade(book, intent, snapshot, snapshot.utc_ms)
        else:
            order.state, order.done_ms, order.comment = c.ORDER_STATE_REJECTED, snapshot.utc_ms, "no money"
            book.finish_order(order)

    def _affordable(self, book: Book, order: Order, intent: Intent, snapshot: Snapshot) -> bool:
        trial = book.trial()
        before = self._valuation.figures(trial, snapshot)
        trial_intent = Intent(
            symbol=intent.symbol, side=intent.side, steps=intent.steps, order=trial.active[order.ticket]
        )
        self._execution.trade(trial, trial_intent, snapshot, snapshot.utc_ms)
        after = self._valuation.figures(trial, snapshot)
        return after.free >= 0 or after.margin <= before.margin

    def _stop_out(self, book: Book, snapshot: Snapshot) -> None:
        while book.positions:
            try:
                figures = self._valuation.figures(book, snapshot)
            except NoPrice:
                return
            if not figures.margin or figures.level > self._stop_out_level:
                return
            self._close_worst(book, figures, snapshot)

    def _close_worst(self, book: Book, figures: Figures, snapshot: Snapshot) -> None:
        worst = min(
            book.positions.values(),
            key=lambda held: (self._valuation.floating(held, snapshot) + held.swap, held.ticket),
        )
        level = f"so: {figures.level:.2f}%/{self._valuation.major(figures.margin):.2f}"
        self._close(book, worst, snapshot, c.ORDER_REASON_SO, level)

    def _close(self, book: Book, position: Position, snapshot: Snapshot, reason: int, comment: str) -> None:
        intent = Intent(
            symbol=position.symbol, side=1 - position.side, steps=position.steps, position=position.ticket,
            magic=position.magic, comment=comment, reason=reason,
        )  # fmt: skip
        self._execution.trade(book, intent, snapshot, snapshot.utc_ms)

    # -- what time does -------------------------------------------------------------------------------------

    def _expire(self, book: Book, now_ms: int) -> None:
        server_ms = self._clock.to_server(now_ms)
        for order in list(book.active.values()):
            ends_ms = _expires_at(order, self._clock.to_server(order.setup_ms))
            if ends_ms is not None and server_ms >= ends_ms:
                order.state, order.done_ms = c.ORDER_STATE_EXPIRED, self._clock.to_utc(ends_ms)
                book.finish_order(order)

    def _next_midnight(self, utc_ms: int) -> int:
        server_ms = self._clock.to_server(utc_ms)
        return self._clock.to_utc(server_ms - server_ms % DAY_MS + DAY_MS)

    def _charge_swap(self, book: Book, midnight_ms: int) -> None:
        """Book a day's swap on every open position, three days' on the night after Wednesday."""
        weekday = (self._clock.to_server(midnight_ms) // DAY_MS + 2) % 7  # of the day that ended, Monday is 0
        nights = {5: 0, 6: 0, 2: 3}.get(weekday, 1)
        snapshot = Snapshot(self._market, midnight_ms)
        for position in book.positions.values():
            symbol = self._scenario.symbols[position.symbol]
            points = symbol.swap_long if position.side == BUY else symbol.swap_short
            if points and nights:
                amount = points * nights * position.steps * symbol.point_value
                rate = self._valuation.rate(symbol.currency_profit, snapshot, at_ask=amount < 0)
                position.swap += self._valuation.minor(amount * rate)
                book.put_position(position)


def _items(book: Book) -> list[Position | Order]:
    return [*book.positions.values(), *book.active.values()]


def _expires_at(order: Order, setup_server_ms: int) -> int | None:
    """The server time at which a pending order ends, in ms."""
    if order.type_time == c.ORDER_TIME_DAY:
        return setup_server_ms - setup_server_ms % DAY_MS + DAY_MS
    if order.type_time == c.ORDER_TIME_SPECIFIED:
        return order.expiration * 1000
    if order.type_time == c.ORDER_TIME_SPECIFIED_DAY:
        return order.expiration * 1000 - order.expiration * 1000 % DAY_MS + DAY_MS
    return None


def _reason(position: Position, quote: Quote, scenario: Scenario) -> tuple[int, str]:
    """Why a quote closes a position, with the comment that the broker writes; (0, "") where it does not."""
    close = quote.bid if position.side == BUY else quote.ask
    sign = 1 if position.side == BUY else -1
    symbol = scenario.symbols[position.symbol]
    if position.sl and (close - position.sl) * sign <= 0:
        return c.ORDER_REASON_SL, f"[sl {_written(position.sl, symbol.digits)}]"
    if position.tp and (close - position.tp) * sign >= 0:
        return c.ORDER_REASON_TP, f"[tp {_written(position.tp, symbol.digits)}]"
    return 0, ""


def _written(points: Decimal, digits: int) -> str:
    return f"{points.scaleb(-digits):.{digits}f}"
