"""Bars and ticks of the past: copy_rates_* and copy_ticks_*, as the package gives them.

The package answers numpy arrays; so does this, where numpy is installed. Nothing else of the gateway needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import BookInfo
from mt5canary.gateway.simulated import arguments
from mt5canary.gateway.simulated.arguments import CallFailed
from mt5canary.gateway.simulated.clock import DAY_MS, HOUR_MS
from mt5canary.gateway.simulated.market import Quote
from mt5canary.gateway.simulated.pipe import Pipe, call
from mt5canary.gateway.simulated.selection import seconds
from mt5canary.gateway.simulated.symbols import Symbol

_RATES = [
    *(("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8")),
    *(("tick_volume", "<u8"), ("spread", "<i4"), ("real_volume", "<u8")),
]
_TICKS = [
    *(("time", "<i8"), ("bid", "<f8"), ("ask", "<f8"), ("last", "<f8"), ("volume", "<u8")),
    *(("time_msc", "<i8"), ("flags", "<u4"), ("volume_real", "<f8")),
]
_MINUTE_MS = 60_000
_LONGEST_MS = 40 * DAY_MS  # of bars made from ticks in one call

_PERIOD_MS = {
    **{getattr(c, f"TIMEFRAME_M{n}"): n * _MINUTE_MS for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{getattr(c, f"TIMEFRAME_H{n}"): n * HOUR_MS for n in (1, 2, 3, 4, 6, 8, 12)},
    c.TIMEFRAME_D1: DAY_MS,
}


class QuoteCopies(Pipe):
    """The calls that copy quotes."""

    def market_book_add(self, symbol: str, /) -> bool:
        """Subscribe to a symbol's depth of market; forex has none, so that this always fails."""
        return self._market_book_add(symbol) is not None

    @call
    def _market_book_add(self, symbol: str) -> None:
        self._symbol(symbol)
        raise CallFailed(c.RES_E_FAIL, "Terminal: Call failed")

    @call
    def market_book_get(self, symbol: str, /) -> tuple[BookInfo, ...]:
        """The depth of market, of which this broker shows none."""
        self._symbol(symbol)
        raise CallFailed(c.RES_E_NOT_FOUND, "Terminal: Not found")

    def market_book_release(self, symbol: str, /) -> bool:
        """Unsubscribe from a symbol's depth of market."""
        return self._market_book_release(symbol) is not None

    @call
    def _market_book_release(self, symbol: str) -> bool:
        self._symbol(symbol)
        return True

    @call
    def copy_ticks_from(self, symbol: str, date_from: Any, count: int, flags: int, /) -> Any:
        """At most ``count`` ticks from a server time on."""
        known, wanted = self._symbol(symbol), arguments.integer(count, "count", 32)
        start_ms = self._broker.clock.to_utc(seconds(date_from) * 1000)
        return self._ticks(known, self._quotes(known, start_ms, self._broker.now_ms(), wanted), flags)

    @call
    def copy_ticks_range(self, symbol: str, date_from: Any, date_to: Any, flags: int, /) -> Any:
        """The ticks between two server times."""
        known, to_utc = self._symbol(symbol), self._broker.clock.to_utc
        start_ms, end_ms = to_utc(seconds(date_from) * 1000), to_utc(seconds(date_to) * 1000)
        return self._ticks(known, self._quotes(known, start_ms, min(end_ms, self._broker.now_ms())), flags)

    def _quotes(self, symbol: Symbol, start_ms: int, end_ms: int, count: int | None = None) -> list[Quote]:
        quotes: list[Quote] = []
        if end_ms - start_ms > _LONGEST_MS and count is None:
            raise CallFailed(c.RES_E_NO_MEMORY, "Terminal: Out of memory")
        for quote in self._broker.market[symbol.name].between(start_ms - 1, end_ms):
            if count is not None and len(quotes) >= count:
                break
            quotes.append(quote)
        return quotes

    def _ticks(self, symbol: Symbol, quotes: Iterable[Quote], flags: int) -> Any:
        """Quotes change bid or ask; none of them is a trade."""
        if flags not in (c.COPY_TICKS_ALL, c.COPY_TICKS_INFO, c.COPY_TICKS_TRADE):
            raise arguments.invalid("flags")
        shown = () if flags == c.COPY_TICKS_TRADE else quotes
        rows = []
        for quote in shown:
            server_ms = self._broker.clock.to_server(quote.utc_ms)
            bid, ask = symbol.price(quote.bid), symbol.price(quote.ask)
            rows.append((server_ms // 1000, bid, ask, 0.0, 0, server_ms, quote.flags, 0.0))
        return _array(rows, _TICKS)

    @call
    def copy_rates_from_pos(self, symbol: str, timeframe: int, start_pos: int, count: int, /) -> Any:
        """``count`` bars that end ``start_pos`` bars before the present one."""
        known, period_ms = self._symbol(symbol), _period(timeframe)
        skipped, wanted = arguments.integer(start_pos, "start_pos", 32), arguments.integer(count, "count", 32)
        bars = self._bars_back(known, period_ms, self._broker.now_ms(), skipped + wanted)
        return _array(bars[: len(bars) - skipped][-wanted:] if wanted else [], _RATES)

    @call
    def copy_rates_from(self, symbol: str, timeframe: int, date_from: Any, count: int, /) -> Any:
        """``count`` bars of which the last opens at or before a server time."""
        known, period_ms = self._symbol(symbol), _period(timeframe)
        wanted = arguments.integer(count, "count", 32)
        end_ms = self._broker.clock.to_utc(seconds(date_from) * 1000)
        last_ms = min(end_ms - end_ms % period_ms + period_ms - 1, self._broker.now_ms())
        return _array(self._bars_back(known, period_ms, last_ms, wanted), _RATES)

    @call
    def copy_rates_range(self, symbol: str, timeframe: int, date_from: Any, date_to: Any, /) -> Any:
        """The bars that open between two server times."""
        known, period_ms, to_utc = self._symbol(symbol), _period(timeframe), self._broker.clock.to_utc
        start, end = seconds(date_from), seconds(date_to)
        end_ms = min(to_utc(end * 1000) + period_ms, self._broker.now_ms())
        bars = self._bars(known, period_ms, to_utc(start * 1000), end_ms)
        return _array([bar for bar in bars if start <= bar[0] <= end], _RATES)

    def _bars_back(self, symbol: Symbol, period_ms: int, end_ms: int, wanted: int) -> list[tuple[Any, ...]]:
        """The last bars up to an instant, searched ever further back until there are enough."""
        reach_ms = period_ms * wanted
        while True:
            reach_ms = min(reach_ms, _LONGEST_MS)
            bars = self._bars(symbol, period_ms, end_ms - reach_ms, end_ms)
            whole = bars if reach_ms == _LONGEST_MS else bars[1:]  # the first may have begun before
            if len(whole) >= wanted or reach_ms == _LONGEST_MS:
                return whole[len(whole) - min(wanted, len(whole)) :]
            reach_ms = reach_ms * 2 + period_ms

    def _bars(self, symbol: Symbol, period_ms: int, start_ms: int, end_ms: int) -> list[tuple[Any, ...]]:
        to_server = self._broker.clock.to_server

        def opening(quote: Quote) -> int:
            server_ms = to_server(quote.utc_ms)
            return server_ms - server_ms % period_ms

        quotes = self._quotes(symbol, start_ms, end_ms)
        return [_bar(symbol, opens // 1000, list(group)) for opens, group in groupby(quotes, key=opening)]


def _period(timeframe: Any) -> int:
    period_ms = _PERIOD_MS.get(arguments.integer(timeframe, "timeframe", 32))
    if period_ms is None:
        raise arguments.invalid("timeframe")
    return period_ms


def _bar(symbol: Symbol, opens: int, quotes: list[Quote]) -> tuple[Any, ...]:
    bids = [quote.bid for quote in quotes]
    prices = (symbol.price(points) for points in (bids[0], max(bids), min(bids), bids[-1]))
    return (opens, *prices, len(quotes), min(quote.ask - quote.bid for quote in quotes), 0)


def _array(rows: list[tuple[Any, ...]], fields: list[tuple[str, str]]) -> Any:
    import numpy

    return numpy.array(rows, dtype=fields)
