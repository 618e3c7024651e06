"""How far a measured value lies from its limit, read from the measurement itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from mt5canary.measurement import Measurement, Outcome

_NUMBER = r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_ONE_SIDED = re.compile(rf"(<=|>=|<|>) {_NUMBER}(?![\d.])")
_RANGE = re.compile(rf"in \[{_NUMBER}, {_NUMBER}\]")


class Margin(Struct, frozen=True):
    """``distance`` in the measurement's unit, negative where the limit is broken.

    ``used`` is the share of the limit that the value takes up: 1 at the limit; None where the limit is no scale.
    """

    distance: float
    used: float | None


def margin(measurement: Measurement) -> Margin | None:
    """The margin; None where the value is no number, was not measured, or its limit is a word or an equality.

    None too where a value only had to be positive: a ticket over zero is a ticket, and not far from a limit.
    """
    value = measurement.value
    if isinstance(value, bool) or not isinstance(value, int | float) or measurement.samples < 1:
        return None
    if found := _ONE_SIDED.match(measurement.limit):
        limit = float(found[2])
        if found[1] in ("<", "<="):
            return Margin(limit - value, value / limit if limit > 0 and value >= 0 else None)
        if limit == 0 and value >= 0:
            return None
        return Margin(value - limit, limit / value if value > 0 and limit >= 0 else None)
    if found := _RANGE.match(measurement.limit):
        return Margin(min(value - float(found[1]), float(found[2]) - value), None)
    return None


_URGENCY = {Outcome.FAIL: 0, Outcome.UNPROVEN: 1, Outcome.BLOCKED: 2, Outcome.PASS: 3}


def foremost(measurements: Sequence[Measurement]) -> Measurement | None:
    """The measurement to look at first: one that failed, else one unproven, else the first."""
    return min(measurements, key=lambda each: _URGENCY[each.outcome], default=None)


def nearest(measurements: Sequence[Measurement]) -> Measurement | None:
    """The measurement that uses up most of its limit; None where none has a scale.

    A count that must reach a number is left out: one of one is all there is, and not close to anything.
    """
    scaled = [(found.used, each) for each in measurements if (found := margin(each)) and found.used is not None]
    scaled = [(used, each) for used, each in scaled if not (isinstance(each.value, int) and each.limit.startswith(">"))]
    return max(scaled, key=lambda pair: pair[0])[1] if scaled else None
