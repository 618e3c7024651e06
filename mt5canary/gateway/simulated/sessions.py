"""When a symbol trades, in server time; the package does not tell (mt5-facts section 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_INSTANT = re.compile(r"(\w{3}) ([0-2]?\d):([0-5]\d)")


def _minute_of_week(server_ms: int) -> int:
    return (server_ms // 60_000 - 4 * _DAY_MINUTES) % _WEEK_MINUTES  # 1970-01-05 was a Monday


class Sessions(Struct, frozen=True):
    """Windows in minutes since Monday 00:00 server time, from (inclusive) to (exclusive); none at all: always open."""

    windows: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, given: Iterable[tuple[str, str]]) -> Sessions:
        """Sessions from pairs such as ``("Mon 00:05", "Fri 23:55")``. Raises ValueError."""
        return cls(tuple((_minute(start), _minute(end)) for start, end in given))

    def is_open(self, server_ms: int) -> bool:
        """Whether the symbol trades at a server time."""
        minute = _minute_of_week(server_ms)
        return not self.windows or any(start <= minute < end for start, end in self.windows)

    def last_open(self, server_ms: int) -> int | None:
        """The latest server time at or before this one at which the symbol traded, in ms; None if it never does."""
        if self.is_open(server_ms):
            return server_ms
        minute = _minute_of_week(server_ms)
        ends = [end for start, end in self.windows if start < end]
        if not ends:
            return None
        since_close = min((minute - end) % _WEEK_MINUTES for end in ends)
        return server_ms - server_ms % 60_000 - since_close * 60_000 - 1


def _minute(text: str) -> int:
    match = _INSTANT.fullmatch(text)
    if match is None or match.group(1) not in DAYS or int(match.group(2)) > 24:
        raise ValueError(f"{text!r} is not of the form 'Mon 00:05'")
    return DAYS.index(match.group(1)) * _DAY_MINUTES + int(match.group(2)) * 60 + int(match.group(3))


ALWAYS_OPEN = Sessions()

FOREX_SESSIONS = Sessions(tuple((day * _DAY_MINUTES + 5, (day + 1) * _DAY_MINUTES - 5) for day in range(5)))
"""Monday 00:05 to Friday 23:55, with a break from 23:55 to 00:05 every night."""
