"""A measurement: a named value with a unit, a limit, its samples and an outcome.

A value without samples, a missing value and NaN are ``UNPROVEN`` whatever the limit: absence is not success. A
value that breaks its limit is ``FAIL``. Nothing here has a default that looks like a value.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

Value = str | int | float | bool | None


class Outcome(StrEnum):
    """The outcome of a measurement or a criterion; of a measurement never BLOCKED."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNPROVEN = "UNPROVEN"
    BLOCKED = "BLOCKED"


class Measurement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value held against one limit; ``limit`` is its text for people.

    ``level`` is what the value rests on, where that is said: E1 the gateway's reply, E2 its history and account asked
    separately, E3 a second witness.
    """

    name: str
    value: Value
    unit: str
    limit: str
    samples: int
    outcome: Outcome
    level: str | None = None


def at_level(level: str, measurements: Iterable[Measurement]) -> list[Measurement]:
    """The same measurements, with the level of evidence that they rest on."""
    return [replace(measurement, level=level) for measurement in measurements]


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome of a whole: FAIL if any failed, else UNPROVEN if any is not a PASS or there is none, else PASS."""
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    if not outcomes or any(outcome is not Outcome.PASS for outcome in outcomes):
        return Outcome.UNPROVEN
    return Outcome.PASS


def are_samples(samples: object) -> bool:
    """Whether a number of samples is one: a whole number of one or more. None, NaN and an infinity are no samples."""
    return isinstance(samples, int) and samples >= 1


def settled(measurement: Measurement) -> Outcome:
    """What a measurement comes to, whoever made it: one without a value or without samples never passes."""
    value = measurement.value
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    if measurement.outcome is Outcome.PASS and (missing or not are_samples(measurement.samples)):
        return Outcome.UNPROVEN
    return measurement.outcome


def _measured(
    name: str, value: object, holds: bool, limit: str, unit: str, samples: int, unproven: bool = False
) -> Measurement:
    plain: Value = float(value) if isinstance(value, Decimal) else value  # type: ignore[assignment]
    missing = plain is None or not are_samples(samples) or (isinstance(plain, float) and math.isnan(plain))
    decided = Outcome.PASS if holds else Outcome.FAIL
    outcome = Outcome.UNPROVEN if missing or unproven else decided
    if isinstance(plain, float) and not math.isfinite(plain):
        plain = str(plain)
    return Measurement(
        name=name,
        value=plain if are_samples(samples) else None,
        unit=unit,
        limit=limit,
        samples=samples if isinstance(samples, int) else 0,
        outcome=outcome,
    )


Number = int | float | Decimal | None
Limit = int | float | Decimal


def _holds(compare: Callable[[Any, Any], bool], value: Number, limit: Limit) -> bool:
    """Compare as written: the float 0.1 is one tenth, also beside a Decimal; a missing value and NaN hold nothing."""
    if value is None or math.isnan(value):
        return False
    return compare(_as_written(value), _as_written(limit))


def _as_written(number: int | float | Decimal) -> int | Decimal:
    return Decimal(repr(number)) if isinstance(number, float) else number


def below(name: str, value: Number, limit: Limit, unit: str = "", samples: int = 1) -> Measurement:
    """The value must lie under the limit."""
    return _measured(name, value, _holds(operator.lt, value, limit), f"< {limit}", unit, samples)


def at_most(name: str, value: Number, limit: Limit, unit: str = "", samples: int = 1) -> Measurement:
    """The value must not pass the limit."""
    return _measured(name, value, _holds(operator.le, value, limit), f"<= {limit}", unit, samples)


def above(name: str, value: Number, limit: Limit, unit: str = "", samples: int = 1) -> Measurement:
    """The value must lie over the limit."""
    return _measured(name, value, _holds(operator.gt, value, limit), f"> {limit}", unit, samples)


def at_least(name: str, value: Number, limit: Limit, unit: str = "", samples: int = 1) -> Measurement:
    """The value must reach the limit."""
    return _measured(name, value, _holds(operator.ge, value, limit), f">= {limit}", unit, samples)


def within(name: str, value: Number, low: Limit, high: Limit, unit: str = "", samples: int = 1) -> Measurement:
    """The value must lie between two limits, both included."""
    holds = _holds(operator.ge, value, low) and _holds(operator.le, value, high)
    return _measured(name, value, holds, f"in [{low}, {high}]", unit, samples)


def equal(name: str, value: object, expected: object, unit: str = "", samples: int = 1) -> Measurement:
    """The value must be the expected one."""
    shown = str(value) if isinstance(value, StrEnum) else value
    return _measured(name, shown, value == expected, f"= {expected}", unit, samples)


def one_of(name: str, value: object, expected: tuple[object, ...], unit: str = "", samples: int = 1) -> Measurement:
    """The value must be one of those expected."""
    return _measured(name, value, value in expected, "one of " + ", ".join(map(str, expected)), unit, samples)


def unproven(name: str, missing: str, unit: str = "") -> Measurement:
    """A value that is not there; ``missing`` says what would show it."""
    return Measurement(name=name, value=None, unit=unit, limit=missing, samples=0, outcome=Outcome.UNPROVEN)


def by_rule(name: str, value: object, outcome: Outcome, limit: str, unit: str = "", samples: int = 1) -> Measurement:
    """A value whose limit is a rule of its own, such as a confidence bound; no samples is UNPROVEN all the same."""
    return _measured(name, value, outcome is Outcome.PASS, limit, unit, samples, outcome is Outcome.UNPROVEN)


def describe(measurement: Measurement) -> str:
    """One line for people; a figure without samples reads ``unproven (n=0)``, never as a number."""
    level = f", {measurement.level}" if measurement.level else ""
    if not are_samples(measurement.samples) or measurement.value is None:
        return f"{measurement.name}: unproven (n={measurement.samples}{level}), limit {measurement.limit}"
    value = f"{measurement.value:.6g}" if isinstance(measurement.value, float) else str(measurement.value)
    unit = f" {measurement.unit}" if measurement.unit else ""
    return (
        f"{measurement.name}: {value}{unit} (limit {measurement.limit}, n={measurement.samples}{level}) "
        f"{measurement.outcome}"
    )
