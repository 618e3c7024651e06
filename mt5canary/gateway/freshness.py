"""Whether a symbol's market is open, as far as the package lets one see.

It names no sessions and no server time (mt5-facts section 6), so both are learned from quotes: one whose time moved
on while it was watched is fresh, and its distance from the host's clock, to the quarter hour, is the server's zone.
A quote that is minutes old in that zone is from a closed market.
"""

from __future__ import annotations

import time

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import SymbolInfo
from mt5canary.gateway.terminal import TradingInterface

QUARTER_MS = 900_000
OPEN_MS = 300_000
"""How old a symbol's latest quote may be for its market to count as open."""

CLOSE_WATCH_SECONDS = 5.0  # between two looks, for a quote that came in between to count as fresh
WATCHED_AT_MOST = 8  # symbols, those asked about last
FIRST_LOOK_SECONDS = 2.5  # how long the first question waits for a quote; below a client's patience
_LOOK_SECONDS = 0.02


class Freshness:
    """Watches the quotes of the symbols that it was asked about; called by the terminal's worker alone."""

    def __init__(self, terminal: TradingInterface) -> None:
        self._terminal = terminal
        self._seen: dict[str, tuple[int, float]] = {}
        self._zone_ms: int | None = None

    def look(self) -> None:
        """Look at every watched symbol's quote."""
        for symbol in tuple(self._seen):
            self._look_at(symbol)

    def _look_at(self, symbol: str) -> int | None:
        """Note a symbol's quote time, and learn the server's zone where the quote is fresh."""
        tick = self._terminal.symbol_info_tick(symbol)
        if tick is None:
            return None
        now = time.monotonic()
        before = self._seen.pop(symbol, None)
        self._seen[symbol] = (tick.time_msc, now)
        if len(self._seen) > WATCHED_AT_MOST:
            del self._seen[next(iter(self._seen))]
        if before is not None and tick.time_msc > before[0] and now - before[1] < CLOSE_WATCH_SECONDS:
            ahead_ms = tick.time_msc - time.time_ns() // 1_000_000
            self._zone_ms = round(ahead_ms / QUARTER_MS) * QUARTER_MS
        return tick.time_msc

    def is_open(self, symbol: SymbolInfo) -> bool:
        """Whether a symbol trades now; where the server's zone is not known yet, a new quote is waited for."""
        if symbol.trade_mode == c.SYMBOL_TRADE_MODE_DISABLED:
            return False
        deadline = time.monotonic() + FIRST_LOOK_SECONDS
        while (quoted_ms := self._look_at(symbol.name)) is not None:
            if self._zone_ms is not None:
                return time.time_ns() // 1_000_000 + self._zone_ms - quoted_ms < OPEN_MS
            if time.monotonic() > deadline:
                break
            time.sleep(_LOOK_SECONDS)
        return False
