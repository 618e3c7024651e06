"""Durations as a plan writes them: one number and one unit, ``30s``, ``20ms``, ``24h``, ``5m``."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

UNITS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
"""Each unit in microseconds, the longest first."""

LONGEST = timedelta(days=3650)
"""No duration of a plan is longer; the bound keeps a slip of the finger from overflowing a clock."""

_WRITTEN = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?(us|ms|s|m|h)")
_MICROSECOND = timedelta(microseconds=1)


def parse_duration(text: str) -> timedelta:
    """Read ``30s`` or ``1.5h``; a number without a unit is refused, because nothing says what it counts."""
    written = _WRITTEN.fullmatch(text.strip())
    if not written:
        raise ValueError("a duration is a number with a unit, such as 30s, 20ms, 5m or 24h")
    microseconds = Decimal(written[1]) * UNITS[written[2]]
    if microseconds != int(microseconds):
        raise ValueError("a duration has no part shorter than a microsecond")
    if microseconds > LONGEST // _MICROSECOND:
        raise ValueError("a duration is at most ten years")
    return timedelta(microseconds=int(microseconds))


def format_duration(duration: timedelta) -> str:
    """Write a duration in the longest unit that leaves a whole number: ``90s``, ``24h``, ``1500ms``."""
    microseconds = duration // _MICROSECOND
    if microseconds == 0:
        return "0s"
    unit = next(unit for unit, length in UNITS.items() if microseconds % length == 0)
    return f"{microseconds // UNITS[unit]}{unit}"
