"""A recorded measurement, judged again by its own limit: a value outside it cannot have passed."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from mt5canary import measurement
from mt5canary.measurement import Measurement, Outcome

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOUND = re.compile(rf"(<=|>=|<|>) ({_NUMBER})")
_RANGE = re.compile(rf"in \[({_NUMBER}), ({_NUMBER})\]")
_COMPARE = {
    "<": measurement.below,
    "<=": measurement.at_most,
    ">": measurement.above,
    ">=": measurement.at_least,
}


def why_wrong(found: Measurement) -> str | None:
    """Why a measurement's outcome cannot be its value's; None where it can, or where its limit is a rule in words."""
    if found.samples < 1 or found.value is None:
        if found.outcome is Outcome.UNPROVEN:
            return None
        return f"it has no samples, and says {found.outcome}"
    again = _again(found)
    if again is None or again.outcome is found.outcome or found.outcome is not Outcome.PASS:
        return None
    return f"{found.value} is not {found.limit}, and it says {found.outcome}"


def _again(found: Measurement) -> Measurement | None:
    bound = _BOUND.fullmatch(found.limit)
    number = _number(found.value)
    if bound is not None and number is not None:
        return _COMPARE[bound[1]](found.name, number, Decimal(bound[2]), found.unit, found.samples)
    between = _RANGE.fullmatch(found.limit)
    if between is not None and number is not None:
        return measurement.within(found.name, number, Decimal(between[1]), Decimal(between[2]), "", found.samples)
    if found.limit.startswith("= ") and ";" not in found.limit:
        return measurement.equal(found.name, str(found.value), found.limit[2:], "", found.samples)
    return None


def _number(value: measurement.Value) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Decimal(repr(value))
    except InvalidOperation:
        return None
