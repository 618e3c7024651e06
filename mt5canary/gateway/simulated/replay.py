"""A market from a file: real quotes that the user names, one line each: server time, bid, ask.

The first line of the file names the columns ``time_msc,bid,ask`` (server time in ms; others are ignored). The quotes
are replayed from the instant at which the account was created, at their own pace, and start again at their end.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

from mt5canary.errors import UsageProblem
from mt5canary.gateway.simulated.market import Quote, changed
from mt5canary.gateway.simulated.symbols import Symbol


class Replay:
    """Quotes of a file, repeated without end from an instant on."""

    def __init__(self, path: Path, symbol: Symbol, started_ms: int) -> None:
        self._quotes = _read(path, symbol)
        self._times = [quote.utc_ms for quote in self._quotes]
        self._span = self._times[-1] + 1
        self._started_ms = started_ms

    def latest(self, utc_ms: int) -> Quote | None:
        """The last quote at or before an instant; before the start, the file's first."""
        elapsed = max(0, utc_ms - self._started_ms)
        round_, offset = divmod(elapsed, self._span)
        quote = self._quotes[bisect_right(self._times, offset) - 1]
        return quote._replace(utc_ms=self._started_ms + round_ * self._span + quote.utc_ms)

    def between(self, after_ms: int, until_ms: int) -> Iterator[Quote]:
        """The quotes after one instant up to and including another, in order of time."""
        first = max(0, (after_ms - self._started_ms) // self._span)
        for round_ in range(first, max(0, until_ms - self._started_ms) // self._span + 1):
            base = self._started_ms + round_ * self._span
            start, end = (bisect_right(self._times, instant - base) for instant in (after_ms, until_ms))
            for quote in self._quotes[start:end]:
                yield quote._replace(utc_ms=base + quote.utc_ms)


def _read(path: Path, symbol: Symbol) -> list[Quote]:
    """The file's quotes with their distance from the first in ms."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        times = [int(row["time_msc"]) for row in rows]
        prices = [(_points(row["bid"], symbol), _points(row["ask"], symbol)) for row in rows]
    except OSError as error:
        raise UsageProblem(f"quotes {path}: {error}") from None
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise UsageProblem(f"quotes {path}: needs the columns time_msc,bid,ask on the grid: {error!r}") from None
    if not rows or times != sorted(times) or any(bid > ask or bid <= 0 for bid, ask in prices):
        raise UsageProblem(f"quotes {path}: needs quotes in order of time, with 0 < bid <= ask")
    quotes, before = [], (-1, -1)
    for time_msc, (bid, ask) in zip(times, prices, strict=True):
        flags = changed(*before, bid, ask) or 6
        quotes.append(Quote(time_msc - times[0], bid, ask, flags, (bid + ask) / 2))
        before = (bid, ask)
    return quotes


def _points(text: str, symbol: Symbol) -> int:
    points = Decimal(text) / symbol.point
    if points != points.to_integral_value():
        raise ValueError(f"{text} is not a multiple of {symbol.point}")
    return int(points)
