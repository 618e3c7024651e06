"""How far a value is from its limit, and which measurement is looked at first."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.evidence.page.margin import Margin, foremost, margin, nearest
from mt5canary.measurement import (
    Measurement,
    Outcome,
    above,
    at_least,
    at_most,
    below,
    by_rule,
    equal,
    one_of,
    unproven,
    within,
)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (below("a", 25.0, 100), Margin(75.0, 0.25)),
        (at_most("a", 100, 100), Margin(0.0, 1.0)),
        (below("a", 150.0, 100), Margin(-50.0, 1.5)),
        (below("a", -1.0, 100), Margin(101.0, None)),
        (at_least("a", 400, 100), Margin(300.0, 0.25)),
        (at_least("a", 50, 100), Margin(-50.0, 2.0)),
        (at_least("a", -5.0, 0), Margin(-5.0, None)),
        (within("a", 3.0, 1.0, 10.0), Margin(2.0, None)),
        (within("a", 12.0, 1.0, 10.0), Margin(-2.0, None)),
        (by_rule("a", 1.5, Outcome.PASS, "< 100 ms at 95% confidence"), Margin(98.5, 0.015)),
        (below("a", 1e-05, 1e-4), Margin(9e-05, 0.1)),
    ],
)
def test_distance_and_share_of_the_limit(measured: Measurement, expected: Margin) -> None:
    """Positive inside the limit, negative beyond it; the share is 1 at the limit."""
    found = margin(measured)

    assert found is not None
    assert found.distance == pytest.approx(expected.distance)
    assert found.used == (None if expected.used is None else pytest.approx(expected.used))


@pytest.mark.parametrize(
    "measured",
    [
        equal("a", 1, 1),
        equal("a", True, True),
        above("a", 5.0, 0),
        at_least("a", 0, 0),
        one_of("a", "x", ("x", "y")),
        unproven("a", "< 100 ms"),
        below("a", 1.0, 100, samples=0),
        below("a", math.inf, 100),
        by_rule("a", "answered at once", Outcome.PASS, "< 5 somethings"),
        by_rule("a", 1.0, Outcome.PASS, "version <= 1.2.3"),
    ],
)
def test_what_is_only_right_or_wrong_has_no_margin(measured: Measurement) -> None:
    """Words, equalities, and whatever was not measured."""
    assert margin(measured) is None


@given(st.floats(0.001, 1e6), st.floats(0.001, 1e6))
def test_the_margin_agrees_with_the_outcome(value: float, limit: float) -> None:
    """A negative distance is a limit broken, and a share over one too."""
    for measured in (at_most("a", value, limit), at_least("a", value, limit)):
        found = margin(measured)
        assert found is not None
        assert (found.distance >= 0) == (measured.outcome is Outcome.PASS)


def test_what_failed_is_looked_at_first() -> None:
    """A failure before a missing proof, that before anything that holds; else the first."""
    passed, failed, missing = below("a", 1, 2), below("b", 3, 2), unproven("c", "< 2")

    assert foremost([passed, missing, failed]) is failed
    assert foremost([passed, missing]) is missing
    assert foremost([passed, below("d", 1, 2)]) is passed
    assert foremost([]) is None


def test_the_nearest_uses_up_most_of_its_limit() -> None:
    """A count that must reach a number is no closeness: one of one is all there is."""
    far, close = below("far", 10.0, 100), at_least("close", 100.5, 100.0)

    assert nearest([far, at_least("count", 1, 1), close, equal("same", 3, 3)]) is close
    assert nearest([equal("same", 3, 3), at_least("count", 1, 1)]) is None
