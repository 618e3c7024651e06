"""The trade server's clock: wall time in the broker's zone, written as if it were UTC (mt5-facts section 6).

Instants inside the simulation are UTC milliseconds since 1970. Everything that leaves it through the MT5 call
surface is server milliseconds: ahead of UTC by the broker's zone, which moves twice a year.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

DaylightRule = Literal["us", "eu", "none"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def utc_milliseconds() -> int:
    """Read the host's clock."""
    return time.time_ns() // 1_000_000


class ServerClock:
    """Turns UTC into server time and back, and never runs backwards.

    ``standard_hours`` is the winter offset; with a daylight rule the summer's is one hour more, on the dates of
    the United States or of the European Union.
    """

    def __init__(self, rule: DaylightRule, standard_hours: int, now: Callable[[], int] = utc_milliseconds) -> None:
        self._rule = rule
        self._standard_ms = standard_hours * HOUR_MS
        self._now = now
        self._latest = 0
        self._offset, self._offset_from, self._offset_until = self._standard_ms, 0, 0

    def now(self) -> int:
        """The present in UTC milliseconds; where the host's clock was set back, the latest that it showed."""
        self._latest = max(self._latest, self._now())
        return self._latest

    def offset_ms(self, utc_ms: int) -> int:
        """How far the server is ahead of UTC at an instant."""
        if not self._offset_from <= utc_ms < self._offset_until:
            self._look_up(utc_ms)
        return self._offset

    def _look_up(self, utc_ms: int) -> None:
        """Find the offset at an instant, and the stretch of that year in which it holds."""
        year = datetime.fromtimestamp(utc_ms / 1000, UTC).year
        begins, ends = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) * 1000 for y in (year, year + 1))
        start, end = (ends, ends) if self._rule == "none" else _summer(year, self._rule)
        for first, last, summer in ((begins, start, False), (start, end, True), (end, ends, False)):
            if first <= utc_ms < last:
                self._offset = self._standard_ms + (HOUR_MS if summer else 0)
                self._offset_from, self._offset_until = first, last

    def to_server(self, utc_ms: int) -> int:
        """Server milliseconds of an instant."""
        return utc_ms + self.offset_ms(utc_ms)

    def to_utc(self, server_ms: int) -> int:
        """The instant that a server time names; of an hour that comes twice, the first."""
        early = server_ms - self._standard_ms - HOUR_MS
        return early if early + self.offset_ms(early) == server_ms else server_ms - self._standard_ms


@lru_cache(maxsize=64)
def _summer(year: int, rule: DaylightRule) -> tuple[int, int]:
    if rule == "us":  # 02:00 in New York: second Sunday of March to first Sunday of November
        return _sunday(year, 3, 8, 7), _sunday(year, 11, 1, 6)
    return _sunday(year, 3, 25, 1), _sunday(year, 10, 25, 1)  # the last Sundays, 01:00 UTC


def _sunday(year: int, month: int, first_day: int, hour: int) -> int:
    """The first Sunday on or after a day of a month, at an hour UTC, in ms."""
    day = datetime(year, month, first_day, hour, tzinfo=UTC)
    return int((day + timedelta(days=(6 - day.weekday()) % 7)).timestamp()) * 1000
