"""The figures of the last hours of watching."""

from __future__ import annotations

from decimal import Decimal

import numpy
import pytest
from scipy import stats

from mt5canary.measurement import Outcome
from mt5canary.plan import Limits, Resolved
from mt5canary.promotion.period import covered, figures, results
from tests.guardian.sampled import numbers
from tests.promotion.conftest import Flown
from tests.promotion.made import Clock


@pytest.fixture
def real_limits(real_plan: Resolved) -> Limits:
    return real_plan.limits


def test_period_ends_with_the_last_watch_and_reaches_back_over_gaps(
    clock: Clock, flown: Flown, real_limits: Limits
) -> None:
    """24 hours of watching in three runs with days between them: the oldest counts in part."""
    runs = []
    for hours in (10, 10, 10):
        runs.append(flown(hours))
        clock.seconds += 86_400
    day = figures(runs, 24, real_limits, "USD")
    assert day is not None
    assert day.covered_hours == 24
    assert len(day.runs) == 3
    assert day.latency.samples == 24 * 120
    assert len(day.latency_by_hour) == pytest.approx(24, abs=3)
    assert sum(hour.samples for hour in day.latency_by_hour) == day.latency.samples


def test_time_watched_twice_counts_once(clock: Clock, flown: Flown, real_limits: Limits) -> None:
    """Two runs over the same hours cover them once."""
    first = flown(5)
    clock.seconds -= 4 * 3_600
    second = flown(5)
    assert sum((ended - began) / 3.6e12 for began, ended in covered([first, second])) == pytest.approx(6, abs=0.1)
    day = figures([first, second], 24, real_limits, "USD")
    assert day is not None
    assert day.covered_hours == pytest.approx(6, abs=0.1)


def test_nothing_watched_has_no_figures(real_limits: Limits) -> None:
    """No run, no figures: not zeros."""
    assert figures([], 24, real_limits, "USD") is None


def test_hours_are_told_apart(flown: Flown, real_limits: Limits) -> None:
    """One slow hour fails in its own row, whatever the whole says, with scipy's bounds beside it."""
    slow = range(480, 600)  # the fifth hour's probes, two a minute
    one = flown(24, latency_ms=lambda number: 150.0 if number in slow and number % 10 == 0 else 10.0)
    day = figures([one], 24, real_limits, "USD")
    assert day is not None
    failed = [hour for hour in day.latency_by_hour if hour.outcome is Outcome.FAIL]
    assert [hour.since for hour in failed] == ["2026-01-19T04:00:00.000000Z"]
    assert (failed[0].samples, failed[0].over) == (120, 12)
    assert failed[0].lower == pytest.approx(stats.beta.ppf(0.05, 12, 109), rel=1e-6)
    assert failed[0].upper == pytest.approx(stats.beta.ppf(0.95, 13, 108), rel=1e-6)
    assert day.latency.outcome is Outcome.PASS


def test_drift_is_counted_by_any_24_hours(flown: Flown, real_limits: Limits) -> None:
    """Events of several runs fall into one day where they lie within one."""
    runs = [flown(12, drifted=(10, 11)), flown(12, drifted=(1, 2))]
    whole = figures(runs, 72, real_limits, "USD")
    assert whole is not None
    assert (whole.drift_events, whole.drift_events_in_24h) == (4, 4)


def test_mean_result_has_student_s_interval() -> None:
    """The interval is scipy's, and there is none of one run or none."""
    amounts = [Decimal(str(round(value, 2))) for value in numbers(1).normal(-0.02, 0.05, size=9)]
    found = results(amounts, "USD")
    plain = [float(amount) for amount in amounts]
    low, high = stats.t.interval(0.95, 8, loc=numpy.mean(plain), scale=stats.sem(plain))
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-6), pytest.approx(high, rel=1e-6))
    assert found.total == pytest.approx(sum(plain))
    assert results(amounts[:1], "USD").low is None
    assert results([], "USD").mean is None
