"""The simulated market: quotes as a pure function of seed, symbol and instant.

A price is a Brownian path that can be read anywhere: anchors every 36 hours, midpoints between them down to
four seconds, and inside each four seconds quotes at random instants. Nothing is stored and no thread runs; after
a restart, or asked for last week, the same seed gives the same quotes. Prices are whole points, instants UTC ms.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple, Protocol

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.symbols import Symbol, Walk

BLOCK_MS = 4_000
_LEVELS = 15  # an anchor every 2**15 blocks: 36.4 hours


class Quote(NamedTuple):
    """A quote in whole points; ``middle`` is the path's own value before spread and rounding."""

    utc_ms: int
    bid: int
    ask: int
    flags: int
    middle: float


class QuoteSource(Protocol):
    """Where a symbol's quotes come from."""

    def latest(self, utc_ms: int) -> Quote | None:
        """The last quote at or before an instant."""

    def between(self, after_ms: int, until_ms: int) -> Iterator[Quote]:
        """The quotes after one instant up to and including another, in order of time."""


class Path:
    """A Brownian path in points, readable at every fourth second."""

    def __init__(self, seed: str, start_points: float, volatility: float) -> None:
        self._seed = seed
        self._start = start_points
        self._sigma = volatility
        self._node = lru_cache(maxsize=4096)(self._evaluate)

    def at_block(self, index: int) -> float:
        """The path's value at the start of a block."""
        return self._node(index)

    def _evaluate(self, index: int) -> float:
        span = 1 << _LEVELS
        if index % span == 0:
            reach = self._sigma * math.sqrt(span * BLOCK_MS / 1000)
            return self._start + 0.7 * reach * _normal(f"{self._seed}:anchor:{index}")
        half = index & -index  # the index is the midpoint of [index - half, index + half]
        spread = self._sigma * math.sqrt(half * BLOCK_MS / 2000)
        middle = (self._node(index - half) + self._node(index + half)) / 2
        return middle + spread * _normal(f"{self._seed}:{index}")


def _normal(key: str) -> float:
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    first = (int.from_bytes(digest[:8], "big") + 1) / 2**64
    second = int.from_bytes(digest[8:], "big") / 2**64
    return math.sqrt(-2 * math.log(first)) * math.cos(2 * math.pi * second)


class RandomWalk:
    """Quotes of a symbol with its own path."""

    def __init__(self, seed: str, symbol: Symbol, walk: Walk) -> None:
        self._seed = f"{seed}:{symbol.name}"
        self._walk = walk
        self._path = Path(self._seed, float(walk.start / symbol.point), walk.volatility)
        self.block = lru_cache(maxsize=512)(self._make_block)

    def _make_block(self, index: int) -> tuple[Quote, ...]:
        random = Random(f"{self._seed}:block:{index}")
        walk, start_ms = self._walk, index * BLOCK_MS
        value, end = self._path.at_block(index), self._path.at_block(index + 1)
        quotes: list[Quote] = []
        elapsed, bid, ask = 0, -1, -1
        while True:
            step = 20 + int(random.expovariate(1 / max(1.0, walk.interval_ms - 20)))
            left = BLOCK_MS - elapsed
            if step >= left:
                return tuple(quotes)
            noise = walk.volatility * math.sqrt(step / 1000 * (left - step) / left)
            value += (end - value) * step / left + noise * random.gauss(0.0, 1.0)
            elapsed += step
            spread = _spread(random, walk.spread_min, walk.spread_max)
            previous_bid, previous_ask = bid, ask
            bid = round(value - spread / 2)
            ask = bid + spread
            flags = changed(previous_bid, previous_ask, bid, ask)
            if flags:
                quotes.append(Quote(start_ms + elapsed, bid, ask, flags, value))


def _spread(random: Random, low: int, high: int) -> int:
    return min(high, low + int(abs(random.gauss(0.0, (high - low) / 3))))


def changed(previous_bid: int, previous_ask: int, bid: int, ask: int) -> int:
    """The flags of a quote that follows another; 0 where nothing changed."""
    return (c.TICK_FLAG_BID if bid != previous_bid else 0) | (c.TICK_FLAG_ASK if ask != previous_ask else 0)


class Cross:
    """Quotes of a symbol whose price is one symbol's divided by another's, so that the triangle holds."""

    def __init__(self, seed: str, symbol: Symbol, numerator: Walking, denominator: Walking) -> None:
        self._seed = f"{seed}:{symbol.name}"
        self._scale = 10**symbol.digits
        self._numerator, self._denominator = numerator, denominator
        self.block = lru_cache(maxsize=512)(self._make_block)

    def _make_block(self, index: int) -> tuple[Quote, ...]:
        random = Random(f"{self._seed}:block:{index}")
        quotes: list[Quote] = []
        bid, ask = -1, -1
        for over in self._numerator.block(index):
            under = _last_in_block(self._denominator, index, over.utc_ms)
            value = over.middle / under.middle * self._scale
            spread = _spread(random, 8, 20)
            previous_bid, previous_ask = bid, ask
            bid = round(value - spread / 2)
            ask = bid + spread
            flags = changed(previous_bid, previous_ask, bid, ask)
            if flags:
                quotes.append(Quote(over.utc_ms, bid, ask, flags, value))
        return tuple(quotes)


class Walking(Protocol):
    """What makes its quotes four seconds at a time."""

    def block(self, index: int, /) -> tuple[Quote, ...]:
        """The quotes of one block."""


def _last_in_block(source: Walking, index: int, utc_ms: int) -> Quote:
    while True:
        quotes = source.block(index)
        position = bisect_right(quotes, utc_ms, key=lambda quote: quote.utc_ms)
        if position:
            return quotes[position - 1]
        index -= 1


class Sessioned:
    """A walking market cut to its sessions: no quote while the symbol is closed, a gap where it opens again."""

    def __init__(self, source: Walking, symbol: Symbol, clock: ServerClock) -> None:
        self._source, self._sessions, self._clock = source, symbol.sessions, clock

    def latest(self, utc_ms: int) -> Quote | None:
        """The last quote at or before an instant; over a closed session, the last before it."""
        server_ms = self._clock.to_server(utc_ms)
        last_open = self._sessions.last_open(server_ms)
        if last_open is None:
            return None
        closed_for = server_ms - last_open
        return _last_in_block(self._source, (utc_ms - closed_for) // BLOCK_MS, utc_ms - closed_for)

    def between(self, after_ms: int, until_ms: int) -> Iterator[Quote]:
        """The quotes after one instant up to and including another, in order of time."""
        for index in range(after_ms // BLOCK_MS, until_ms // BLOCK_MS + 1):
            if not self._is_open(index):
                continue
            for quote in self._source.block(index):
                if after_ms < quote.utc_ms <= until_ms:
                    yield quote

    def _is_open(self, index: int) -> bool:
        """Whether a block lies in a session; sessions change at whole minutes, which no block straddles."""
        return not self._sessions.windows or self._sessions.is_open(self._clock.to_server(index * BLOCK_MS))


def open_market(seed: str, symbols: dict[str, Symbol], clock: ServerClock, started_ms: int) -> dict[str, QuoteSource]:
    """A quote source for each symbol, all from one seed; replays begin at an instant."""
    walks = {name: RandomWalk(seed, symbol, symbol.walk) for name, symbol in symbols.items() if symbol.walk}
    market: dict[str, QuoteSource] = {}
    for name, symbol in symbols.items():
        if symbol.replay is not None:
            from mt5canary.gateway.simulated.replay import Replay

            market[name] = Replay(symbol.replay, symbol, started_ms)
            continue
        if symbol.cross is None:
            source: Walking = walks[name]
        else:
            source = Cross(seed, symbol, walks[symbol.cross[0]], walks[symbol.cross[1]])
        market[name] = Sessioned(source, symbol, clock)
    return market
