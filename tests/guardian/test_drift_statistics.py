"""The drift limits' promises, by simulation: a day without drift alarms in under 5 % of days, a shift is seen.

What a simulation shows of a rate is a binomial bound, at 95 %: none in 60 days shows a rate under 5 %.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy
import pytest
from scipy import stats
from scipy.signal import lfilter

from mt5canary.guardian import drift, stability
from mt5canary.guardian.baseline import Baseline
from mt5canary.plan import Limits, Resolved, load
from mt5canary.plan.schema import Drift
from mt5canary.statistics import lower_bound, upper_bound
from tests.guardian.sampled import Column, baseline_of, market, numbers, window_of

Source = Callable[[numpy.random.Generator, int], Column]

CHECKS = 24
HOUR_ROWS = 36_000
SHARE = 1 - drift.FALSE_ALARMS_A_DAY / CHECKS / 3


def independent(random: numpy.random.Generator, rows: int) -> Column:
    """Rows that say nothing of each other."""
    return random.normal(size=rows)


def lattice(random: numpy.random.Generator, rows: int) -> Column:
    """Rows of a few values, as moves in points are."""
    return numpy.round(random.normal(size=rows) * 1.2)


def correlated(correlation: float) -> Source:
    """Rows of an autoregressive process with this correlation from row to row."""

    def source(random: numpy.random.Generator, rows: int) -> Column:
        column: Column = lfilter([1], [1, -correlation], random.normal(size=rows + 500))[500:]
        return column

    return source


def held(share: float) -> Source:
    """Rows that stay what they were until a new value comes, which each brings with this probability."""

    def source(random: numpy.random.Generator, rows: int) -> Column:
        return random.normal(size=rows + 1)[numpy.cumsum(random.random(rows) < share)]

    return source


def clustered(random: numpy.random.Generator, rows: int) -> Column:
    """Independent signs of a size that wanders, as a market's moves are: calm and lively stretches."""
    size: Column = lfilter([1], [1, -0.98], random.normal(size=rows + 500))[500:]
    return random.normal(size=rows) * numpy.exp(size / 15)


SOURCES = [
    pytest.param(independent, id="independent"),
    pytest.param(lattice, id="lattice"),
    pytest.param(correlated(0.5), id="correlated by a half"),
    pytest.param(held(0.5), id="held for two rows"),
    pytest.param(correlated(0.9), id="correlated by nine tenths"),
    pytest.param(held(0.3), id="held for three rows"),
    pytest.param(correlated(0.8), id="correlated by eight tenths"),
    pytest.param(clustered, id="in calm and lively stretches"),
]


def exceeded(source: Source, rows: int, times: int, share: float) -> int:
    """How often a sample that did not drift passes the chance point; a baseline of its own for each."""
    random, passed = numbers(1), 0
    for _ in range(times):
        baseline = baseline_of({"x": source(random, 6_000)})
        (found,) = drift.check_columns(baseline, {"x": source(random, rows)}, share).features
        passed += found.psi >= found.chance
    return passed


@pytest.mark.parametrize("source", SOURCES[:4])
@pytest.mark.parametrize("rows", [240, 1_000])
def test_chance_point_is_passed_as_seldom_as_it_says(source: Source, rows: int) -> None:
    """Of 250 samples that did not drift, not more than 5 % are shown to pass the point of 95 %."""
    assert lower_bound(exceeded(source, rows, 250, 0.95), 250, 0.99) <= 0.05


def test_simulation_would_see_a_point_that_is_too_low() -> None:
    """The same simulation rejects a limit that takes rows which repeat each other for independent ones."""
    random, passed = numbers(2), 0
    for _ in range(250):
        baseline = baseline_of({"x": held(0.3)(random, 6_000)})
        feature = baseline.features["x"]
        column = held(0.3)(random, 1_000)
        counts = numpy.bincount(numpy.searchsorted(feature.edges, column, side="right"), minlength=10)
        index = stability.stability_index(feature.counts, [int(one) for one in counts])
        passed += index >= stats.chi2.ppf(0.95, 9) * (1 / 6_000 + 1 / 1_000)
    assert lower_bound(passed, 250, 0.99) > 0.05


def test_index_without_drift_has_the_distribution_of_its_source() -> None:
    """Independent rows: the index over (1/N + 1/M) is chi-square with B - 1 degrees, as Yurdakul has it."""
    random, found, rows = numbers(3), [], 2_000
    for _ in range(500):
        column = random.normal(size=20_000)
        edges = stability.quantile_edges(column)
        counts = numpy.bincount(numpy.searchsorted(edges, random.normal(size=rows), side="right"), minlength=10)
        expected = stability.count(column, edges).counts
        index = stability.stability_index(expected, [int(one) for one in counts])
        found.append(index / (1 / 20_000 + 1 / rows))
    assert stats.kstest(found, stats.chi2(9).cdf).pvalue > 0.01
    assert stats.kstest(found, stats.chi2(8).cdf).pvalue < 0.01, "the test can tell the degrees apart"


def test_days_of_small_checks_alarm_in_under_5_percent() -> None:
    """30 days of 24 checks of 250 rows, as a rehearsal's: chance's point is passed on as few days as it says."""
    passed = 0
    for day in range(30):
        if day % 5 == 0:
            quotes = market(f"small {day}")
            baseline = baseline_of(window_of(quotes, 6_000))
        checks = [drift.check_columns(baseline, window_of(quotes, 250), SHARE) for _ in range(CHECKS)]
        passed += any(found.psi >= found.chance for check in checks for found in check.features)
    assert lower_bound(passed, 30, 0.95) <= 0.05


def test_hours_of_the_default_settings_are_quiet() -> None:
    """Four checks of the defaults, an hour's 36,000 rows each: no event, and no index near the warn level."""
    quotes = market("default day")
    baseline = baseline_of(window_of(quotes, 6_000))
    for _ in range(4):
        check = drift.check_columns(baseline, window_of(quotes, HOUR_ROWS), SHARE)
        assert not check.events(Drift().max_psi)
        assert max(found.psi for found in check.features) < Drift().warn_psi / 2


@pytest.mark.nightly
def test_days_of_the_default_settings_alarm_in_under_5_percent() -> None:
    """60 days of the defaults on the simulator's market, without an event: the rate is under 5 % at 95 %."""
    events = 0
    for day in range(60):
        quotes = market(f"night {day}")
        baseline = baseline_of(window_of(quotes, 6_000))
        checks = [drift.check_columns(baseline, window_of(quotes, HOUR_ROWS), SHARE) for _ in range(CHECKS)]
        events += any(check.events(Drift().max_psi) for check in checks)
    assert upper_bound(events, 60, 0.95) < 0.05


def alarmed(source: Source) -> int:
    """On how many of 600 days of 24 checks of 240 rows, one feature, the fixed limit and chance's point were passed."""
    random, alarms = numbers(4), 0
    share = 1 - drift.FALSE_ALARMS_A_DAY / CHECKS
    for _ in range(600):
        baseline = baseline_of({"x": source(random, 6_000)})
        checks = [drift.check_columns(baseline, {"x": source(random, 240)}, share) for _ in range(CHECKS)]
        alarms += any(check.events(Drift().max_psi) for check in checks)
    return alarms


@pytest.mark.nightly
@pytest.mark.parametrize("source", SOURCES)
def test_days_of_any_rows_alarm_in_under_5_percent(source: Source) -> None:
    """24 checks a day of 240 rows, one feature: under 5 % of 600 days pass the fixed limit and chance's point."""
    assert upper_bound(alarmed(source), 600, 0.95) < 0.05


@pytest.mark.parametrize(
    ("feature", "changes"),
    [
        ("log_return", {"volatility": 2.5 * 4}),
        ("spread", {"spread_min": 9, "spread_max": 15}),
        ("tick_rate", {"interval_ms": 800}),
    ],
)
def test_shift_that_matters_is_seen_at_once(feature: str, changes: dict[str, float]) -> None:
    """A market four times as fast, wider by three points, or slower by far is an event in every check of 250 rows."""
    baseline: Baseline = baseline_of(window_of(market("before"), 6_000))
    shifted, seen = market("after", **changes), 0
    for _ in range(40):
        check = drift.check_columns(baseline, window_of(shifted, 250), SHARE)
        seen += feature in {found.feature for found in check.events(Drift().max_psi)}
    assert lower_bound(seen, 40, 0.95) > 0.9


@pytest.mark.parametrize(("deviations", "least"), [(0.6, 0.8), (0.75, 0.99)])
def test_moved_mean_is_seen(deviations: float, least: float) -> None:
    """The defaults' 36,000 rows an hour show a mean moved by 0.6 standard deviations and more in nearly every check."""
    random, seen = numbers(6), 0
    baseline = baseline_of({"x": random.normal(size=6_000)})
    for _ in range(60):
        (found,) = drift.check_columns(baseline, {"x": random.normal(deviations, 1, size=HOUR_ROWS)}, SHARE).features
        seen += found.is_event(Drift().max_psi)
    assert seen >= least * 60


def test_defaults_are_what_is_simulated(plan: Resolved, limits: Limits) -> None:
    """The plan's defaults are those that this page's figures are of."""
    defaults = load(plan.file, environment={}, overrides={"targets.simulator.limits.watch.for": "24h"}).limits
    assert (Drift().max_psi, Drift().warn_psi, Drift().min_rows) == (0.25, 0.10, 240)
    assert Drift().every / Drift().sample == HOUR_ROWS
    assert drift.share_of_a_check(limits) == pytest.approx(SHARE)
    assert defaults.drift.features == Drift().features
