"""What happens at the broker while nobody asks: stop loss, take profit and stop-out, at their own times.

The quotes since the last look are gone through in order of time. To stay quick over long absences, a stretch of
quotes in which no level can have been reached, shown by its extremes, is passed over as a whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.book import Book, Position
from mt5canary.gateway.simulated.execution import Execution, Intent
from mt5canary.gateway.simulated.market import Quote, QuoteSource
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.valuation import BUY, Snapshot, Valuation

_STRETCH_MS = 60_000


class Monitor:
    """Brings a book up to an instant."""

    def __init__(
        self, scenario: Scenario, market: Mapping[str, QuoteSource], valuation: Valuation, execution: Execution
    ) -> None:
        self._scenario = scenario
        self._market = market
        self._valuation = valuation
        self._execution = execution

    def advance(self, book: Book, until_ms: int) -> None:
        """Execute everything that became due up to and including an instant."""
        while book.positions and book.processed_ms < until_ms:
            end_ms = min(until_ms, book.processed_ms + _STRETCH_MS)
            self._stretch(book, book.processed_ms, end_ms)
            book.processed_ms = end_ms
        book.processed_ms = max(book.processed_ms, until_ms)

    def _stretch(self, book: Book, after_ms: int, until_ms: int) -> None:
        snapshot = Snapshot(self._market, after_ms)
        for name, quote in self._quotes(book, after_ms, until_ms):
            snapshot.utc_ms = quote.utc_ms
            snapshot[name] = quote
            if not book.positions:
                return
            for position in self._reached(book.positions.values(), name, quote):
                self._close(book, position, snapshot, *_reason(position, quote, self._scenario))
            self._stop_out(book, snapshot)

    def _quotes(self, book: Book, after_ms: int, until_ms: int) -> Iterator[tuple[str, Quote]]:
        names = self._watched(book)
        streams = [
            ((quote.utc_ms, name, quote) for quote in self._market[name].between(after_ms, until_ms)) for name in names
        ]
        return ((name, quote) for _, name, quote in heapq.merge(*streams))

    def _watched(self, book: Book) -> list[str]:
        """The symbols with a position, and those that convert their profit into the account's currency."""
        own = self._scenario.currency
        names = {position.symbol for position in book.positions.values()}
        for name in tuple(names):
            profit = self._scenario.symbols[name].currency_profit
            names |= {pair for pair in (profit + own, own + profit) if pair in self._market}
        return sorted(names)

    def _reached(self, positions: Iterable[Position], name: str, quote: Quote) -> list[Position]:
        return [held for held in positions if held.symbol == name and _reason(held, quote, self._scenario)[0]]

    def _stop_out(self, book: Book, snapshot: Snapshot) -> None:
        while book.positions:
            figures = self._valuation.figures(book, snapshot)
            if not figures.margin or figures.level > float(self._scenario.stop_out):
                return
            worst = min(
                book.positions.values(),
                key=lambda held: self._valuation.floating(held, snapshot) + held.swap,
            )
            level = f"so: {figures.level:.2f}%/{self._valuation.major(figures.margin):.2f}"
            self._close(book, worst, snapshot, c.ORDER_REASON_SO, level)

    def _close(self, book: Book, position: Position, snapshot: Snapshot, reason: int, comment: str) -> None:
        intent = Intent(
            symbol=position.symbol, side=1 - position.side, steps=position.steps, position=position.ticket,
            magic=position.magic, comment=comment, reason=reason,
        )  # fmt: skip
        self._execution.trade(book, intent, snapshot, snapshot.utc_ms)


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
