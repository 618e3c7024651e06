"""Measurements: absence is not success, and a broken limit is a failure."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.measurement import (
    Measurement,
    Outcome,
    above,
    at_least,
    at_most,
    below,
    by_rule,
    describe,
    equal,
    one_of,
    settled,
    unproven,
    within,
    worst,
)

LIMITED: dict[str, Callable[..., Measurement]] = {
    "below": lambda value, **rest: below("x", value, 10, **rest),
    "at_most": lambda value, **rest: at_most("x", value, 10, **rest),
    "above": lambda value, **rest: above("x", value, 10, **rest),
    "at_least": lambda value, **rest: at_least("x", value, 10, **rest),
    "within": lambda value, **rest: within("x", value, 10, 20, **rest),
    "equal": lambda value, **rest: equal("x", value, 10, **rest),
    "one_of": lambda value, **rest: one_of("x", value, (10, 11), **rest),
    "by_rule": lambda value, **rest: by_rule("x", value, Outcome.PASS, "a rule", **rest),
}
numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e3, 1e3), st.decimals(-1000, 1000, places=3))


@pytest.mark.parametrize("kind", LIMITED)
@pytest.mark.parametrize("value", [None, math.nan, Decimal("NaN")])
def test_a_missing_value_is_unproven(kind: str, value: Any) -> None:
    """None and NaN are UNPROVEN under every limit, never a PASS and never an exception."""
    assert LIMITED[kind](value).outcome is Outcome.UNPROVEN


@pytest.mark.parametrize("kind", LIMITED)
@pytest.mark.parametrize("samples", [0, -1])
@given(value=numbers)
def test_no_samples_are_unproven_and_show_no_value(kind: str, samples: int, value: Any) -> None:
    """Without samples there is no value and no verdict, whatever number is passed in."""
    made = LIMITED[kind](value, samples=samples)
    assert made.outcome is Outcome.UNPROVEN
    assert made.value is None
    assert describe(made).startswith("x: unproven (n=")


@given(value=numbers, limit=st.integers(-1000, 1000))
def test_a_limit_is_a_comparison(value: Any, limit: int) -> None:
    """PASS or FAIL is what comparing the value with the limit says."""
    for made, holds in (
        (below("x", value, limit), value < limit),
        (at_most("x", value, limit), value <= limit),
        (above("x", value, limit), value > limit),
        (at_least("x", value, limit), value >= limit),
        (within("x", value, limit, limit + 5), limit <= value <= limit + 5),
        (equal("x", value, limit), value == limit),
    ):
        assert made.outcome is (Outcome.PASS if holds else Outcome.FAIL)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity_is_written_as_a_word(value: float) -> None:
    """A value that JSON cannot hold is judged and then written as text."""
    made = below("x", value, 10)
    assert made.outcome is (Outcome.PASS if value < 0 else Outcome.FAIL)
    assert isinstance(made.value, str)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Measurement) == made


def test_unproven_says_what_is_missing() -> None:
    """A proof that is not there names what would show it."""
    made = unproven("PSI", "a recorded baseline")
    assert made.outcome is Outcome.UNPROVEN
    assert describe(made) == "PSI: unproven (n=0), limit a recorded baseline"


def test_description_shows_value_limit_and_samples() -> None:
    """One line says what was measured, against what, how often and what it came to."""
    assert describe(below("latency", 0.25, 100, "ms", 300)) == "latency: 0.25 ms (limit < 100, n=300) PASS"


@given(st.lists(st.sampled_from(list(Outcome))))
def test_the_worst_outcome_decides(outcomes: list[Outcome]) -> None:
    """FAIL before UNPROVEN before PASS; nothing at all is UNPROVEN."""
    expected = Outcome.PASS if outcomes else Outcome.UNPROVEN
    if any(outcome is not Outcome.PASS for outcome in outcomes):
        expected = Outcome.UNPROVEN
    if Outcome.FAIL in outcomes:
        expected = Outcome.FAIL
    assert worst(outcomes) is expected


def test_a_rule_that_is_open_stays_open() -> None:
    """A rule of its own may leave a value with samples unproven."""
    assert by_rule("P99", 3.0, Outcome.UNPROVEN, "a bound", samples=10).outcome is Outcome.UNPROVEN
    assert by_rule("P99", 3.0, Outcome.FAIL, "a bound", samples=10).outcome is Outcome.FAIL


@pytest.mark.parametrize(("value", "expected"), [(10, Outcome.PASS), (11, Outcome.PASS), (12, Outcome.FAIL)])
def test_one_of_several(value: int, expected: Outcome) -> None:
    """Any of those expected, and nothing else."""
    assert one_of("x", value, (10, 11)).outcome is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Outcome.PASS),
        ({"value": None}, Outcome.UNPROVEN),
        ({"value": math.nan}, Outcome.UNPROVEN),
        ({"samples": 0}, Outcome.UNPROVEN),
        ({"value": None, "outcome": Outcome.FAIL}, Outcome.FAIL),
        ({"samples": 0, "outcome": Outcome.UNPROVEN}, Outcome.UNPROVEN),
        ({"value": 3.0}, Outcome.PASS),
    ],
    ids=str,
)
def test_whoever_made_it_a_pass_needs_value_and_samples(changes: dict[str, Any], expected: Outcome) -> None:
    """A measurement that was not made by this module is held to the same; a failure stays one."""
    fields: dict[str, Any] = {
        "name": "x", "value": "word", "unit": "", "limit": "= word", "samples": 1, "outcome": Outcome.PASS,
    }  # fmt: skip
    assert settled(Measurement(**(fields | changes))) is expected
