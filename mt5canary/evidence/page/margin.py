"""How far a measured value lies from its limit, read from the measurement itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mt5canary.measurement import Measurement, Outcome

_NUMBER = r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_ONE_SIDED = re.compile(rf"(<=|>=|<|>) {_NUMBER}(?![\d.])")
_RANGE = re.compile(rf"in \[{_NUMBER}, {_NUMBER}\]")


@dataclass(frozen=True)
class Margin:
    """``distance`` in the measurement's unit, negative where the limit is broken.

    ``used`` is the share of the limit that the value takes up: 1 at the limit; None where the limit is no scale.
    """

    distance: float
    used: float | None


def margin(measurement: Measurement) -> Margin | None:
    """The margin; None where the value is no number, was not measured, or its limit is a word or an equality."""
    value = measurement.value
    if isinstance(value, bool) or not isinstance(value, int | float) or measurement.samples < 1:
        return None
    if found := _ONE_SIDED.match(measurement.limit):
        limit = float(found[2])
        if found[1] in ("<", "<="):
            return Margin(limit - value, value / limit if limit > 0 and value >= 0 else None)
        return Margin(value - limit, limit / value if value > 0 and limit >= 0 else None)
    if found := _RANGE.match(measurement.limit):
        return Margin(min(value - float(found[1]), float(found[2]) - value), None)
    return None


_URGENCY = {Outcome.FAIL: 0, Outcome.UNPROVEN: 1, Outcome.BLOCKED: 2, Outcome.PASS: 3}


def tightest(measurements: Sequence[Measurement]) -> Measurement | None:
    """The measurement to look at first: one that failed, else one unproven, else the one nearest to its limit."""
    return min(measurements, key=_distance, default=None)


def _distance(measurement: Measurement) -> tuple[int, float]:
    found = margin(measurement)
    used = found.used if found is not None and found.used is not None else -1.0
    return _URGENCY[measurement.outcome], -used
