"""The stability index, its bins, and what chance explains."""

from __future__ import annotations

import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.errors import Finding
from mt5canary.guardian import stability
from tests.guardian.sampled import numbers

values = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=300)
counts = st.lists(st.integers(0, 50), min_size=2, max_size=12)


def test_index_of_known_counts() -> None:
    """The index is the sum of (p - q) ln(p / q) over shares with half a count added, worked out by hand."""
    p, q = (30.5 / 101, 70.5 / 101), (50.5 / 101, 50.5 / 101)
    by_hand = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert stability.stability_index([30, 70], [50, 50]) == pytest.approx(by_hand, rel=1e-12)


@given(counts, st.data())
def test_index_is_a_distance(expected: list[int], data: st.DataObject) -> None:
    """The index is never negative, the same both ways, and 0 for the same counts."""
    found = data.draw(st.lists(st.integers(0, 50), min_size=len(expected), max_size=len(expected)))
    index = stability.stability_index(expected, found)
    assert index >= 0
    assert stability.stability_index(found, expected) == pytest.approx(index, rel=1e-9, abs=1e-12)
    assert stability.stability_index(expected, expected) == 0


def test_bins_that_neither_sample_uses_say_nothing() -> None:
    """A bin that is empty in both adds nothing to the index, whatever the samples' sizes."""
    assert stability.stability_index([600, 0, 400], [6, 0, 4]) == stability.stability_index([600, 400], [6, 4])


@given(values, values)
def test_every_row_falls_in_the_bin_of_its_value(baseline: list[float], sample: list[float]) -> None:
    """Bins have open ends and begin at their edge: no row is lost, and a value on an edge goes up."""
    edges = stability.quantile_edges(numpy.array(baseline))
    found = stability.count(numpy.array(sample), edges).counts
    expected = [0] * (len(edges) + 1)
    for value in sample:
        expected[sum(value >= edge for edge in edges)] += 1
    assert found == expected
    assert edges == sorted(set(edges))


@given(st.integers(1, 40), st.integers(41, 400))
def test_common_value_has_a_bin_of_its_own(rare: int, common: int) -> None:
    """Rows that leave a value that most rows share, to either side, leave its bin."""
    edges = stability.quantile_edges(numpy.array([0.0] * common + [1.0] * rare))
    alone = stability.count(numpy.array([0.0] * 10), edges).counts
    above = stability.count(numpy.array([1.0] * 10), edges).counts
    below = stability.count(numpy.array([-1.0] * 10), edges).counts
    assert len({tuple(alone), tuple(above), tuple(below)}) == 3


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_an_error(wrong: float) -> None:
    """NaN and infinite values are refused with their row, in baseline and sample."""
    column = numpy.array([1.0, 2.0, wrong, 3.0])
    with pytest.raises(Finding, match=r"row 2 of 4 holds -?(nan|inf)"):
        stability.quantile_edges(column)
    with pytest.raises(Finding, match=r"row 2 of 4 holds -?(nan|inf)"):
        stability.count(column, [2.0])


def test_nothing_sampled_is_an_error() -> None:
    """An empty sample has no index."""
    with pytest.raises(Finding, match="no row was sampled"):
        stability.count(numpy.array([]), [2.0])


def test_independent_rows_are_worth_themselves() -> None:
    """Of independent rows nearly every one counts."""
    column = numbers(1).normal(size=6_000)
    counted = stability.count(column, stability.quantile_edges(column))
    assert counted.effective_rows > 0.8 * 6_000
    assert counted.evenness > 0.6


@pytest.mark.parametrize("times", [3, 10])
def test_rows_that_repeat_each_other_are_worth_less(times: int) -> None:
    """A sample in which every row stands so many times is worth about the rows that differ."""
    column = numpy.repeat(numbers(2).normal(size=6_000), times)
    counted = stability.count(column, stability.quantile_edges(column))
    assert counted.effective_rows == pytest.approx(6_000, rel=0.25)


def test_chance_shrinks_with_the_samples() -> None:
    """The more rows both samples have, the less chance explains; more degrees or surety, the more."""
    column = numbers(3).normal(size=20_000)
    edges = stability.quantile_edges(column)
    expected = stability.count(column, edges)
    points = [stability.chance_point(expected, stability.count(column[:rows], edges), 0.99) for rows in (100, 1_000)]
    assert points[0] > 5 * points[1] > 0
    surer = stability.chance_point(expected, stability.count(column[:100], edges), 0.999)
    assert surer > points[0]


def test_short_sample_is_never_worth_more_than_the_baseline_says() -> None:
    """A stretch that repeats itself from end to end shows nothing of that by itself: the baseline does."""
    values = numbers(4).normal(size=200)
    edges = stability.quantile_edges(numpy.repeat(values, 100))
    expected, found = stability.count(numpy.repeat(values, 100), edges), stability.count(numpy.full(90, 0.5), edges)
    assert found.effective_rows == 90
    assert stability.worth(expected, found) < 3
