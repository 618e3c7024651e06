"""Drift checks: what an event is, how many are too many, and that each can be worked out again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import numpy
import pytest

from mt5canary.guardian import drift
from mt5canary.guardian.baseline import Baseline
from mt5canary.guardian.drift import DriftCheck, DriftSampler, FeatureDrift
from mt5canary.guardian.judgement import drift_findings, drift_inside_limits
from mt5canary.guardian.latencies import Latencies
from mt5canary.guardian.market import Market
from mt5canary.guardian.record import WatchRecord
from mt5canary.measurement import Outcome, worst
from mt5canary.plan import Limits
from tests.guardian.sampled import POINT, baseline_of, market, numbers, window_of, with_drift, with_watch

HOUR = 3_600.0


@pytest.fixture(scope="session")
def baseline() -> Baseline:
    """Ten minutes of the simulator's market."""
    return baseline_of(window_of(market("baseline"), 6_000))


@pytest.fixture
def short(limits: Limits) -> Limits:
    """A watch of 10 minutes with a check every 30 s, of 300 rows."""
    return with_watch(with_drift(limits, every=timedelta(seconds=30)), timedelta(minutes=10))


def sampled(baseline: Baseline, limits: Limits, *markets: Any, rows: int = 300) -> list[DriftCheck]:
    """One check after another, each of so many rows of its market."""
    sampler, checks = DriftSampler(baseline, limits), []
    started = 0
    for number, quotes in enumerate(markets, 1):
        for place, (_, bid, ask, time_msc) in zip(range(rows + (number == 1)), quotes, strict=False):
            sampler.add(started + place * 100_000_000, bid, ask, time_msc)
        started += (rows + (number == 1)) * 100_000_000
        checks.append(sampler.check(number * limits.drift.every.total_seconds()))
    return checks


def outcome(checks: list[DriftCheck], limits: Limits) -> Outcome:
    """What G3 comes to on these checks alone."""
    watch = WatchRecord(1, 1, Latencies(100.0, 0.95), Market(0.0), drift_checks=checks)
    return worst([one.outcome for one in drift_inside_limits(watch, limits)])


def event(after_seconds: float, psi: float = 1.0, **changes: Any) -> DriftCheck:
    """A check in which the spread drifted."""
    feature = FeatureDrift(
        feature="spread", psi=psi, chance=0.2, rows=1_000, worth=900.0, constant=False, still=False, counts=[400, 600]
    )
    feature = msgspec.structs.replace(feature, **changes)
    return DriftCheck(after_seconds=after_seconds, rows=feature.rows, features=[feature])


def test_same_market_passes(baseline: Baseline, short: Limits) -> None:
    """Checks of the market that the baseline is of are no events, and G3 passes on them."""
    quotes = market("another day")
    checks = sampled(baseline, short, *[quotes] * 20)
    assert [check.rows for check in checks] == [300] * 20
    assert drift.count_events(checks, short) == 0
    assert outcome(checks, short) is Outcome.PASS


@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({"volatility": 10.0}, "log_return"),
        ({"spread_min": 12, "spread_max": 20}, "spread"),
        ({"interval_ms": 2_000}, "tick_rate"),
    ],
)
def test_shifted_market_is_an_event(baseline: Baseline, short: Limits, changes: dict[str, float], feature: str) -> None:
    """A market four times as fast, twice as wide or ten times as slow is an event in its own feature, and fails G3."""
    quotes, shifted = market("day"), market("shifted", **changes)
    checks = sampled(baseline, short, *[quotes] * 10, *[shifted] * 10)
    assert feature in {found.feature for check in checks[10:] for found in check.events(short.drift.max_psi)}
    assert drift.count_events(checks[:10], short) == 0
    assert outcome(checks, short) is Outcome.FAIL


def test_event_passes_both_limits() -> None:
    """An index over the fixed limit alone, or over chance alone, is none; nor is one of too few independent rows."""
    assert event(0, psi=0.25, chance=0.25).events(0.25)
    assert not event(0, psi=0.249, chance=0.1).events(0.25)
    assert not event(0, psi=0.5, chance=0.51).events(0.25)
    assert not event(0, worth=15.9).events(0.25)
    assert event(0, worth=16.0).events(0.25)


def test_index_over_the_warn_level_is_a_finding_alone(limits: Limits) -> None:
    """What passes the warn level without being an event is told, and fails nothing."""
    watch = WatchRecord(1, 1, Latencies(100.0, 0.95), Market(0.0), drift_checks=[event(25, psi=0.11)])
    assert drift_findings(watch, limits) == [
        "PSI of spread 0.110 passes the warn level 0.1; chance alone reaches 0.200 on these samples"
    ]
    assert drift.count_events(watch.drift_checks, limits) == 0


@pytest.mark.parametrize(("events", "expected"), [(4, False), (5, True)])
def test_day_may_have_fewer_events_than_the_plan_says(limits: Limits, events: int, expected: bool) -> None:
    """A watch of 24 checks fails at the plan's five events, not at four."""
    day = with_watch(with_drift(limits, every=timedelta(hours=1)), timedelta(hours=24))
    checks = [event(number * HOUR, psi=1.0 if number <= events else 0.01) for number in range(1, 25)]
    assert (drift.count_events(checks, day) >= drift.events_allowed(day)) is expected


def test_short_watch_may_have_no_event(short: Limits) -> None:
    """A watch with time for fewer checks than the plan's events fails at one; so does a plan that allows none."""
    assert drift.events_allowed(with_watch(short, timedelta(minutes=2))) == 1
    assert drift.events_allowed(with_drift(short, max_events_24h=0)) == 1
    assert drift.events_allowed(short) == 5


def test_events_of_three_days_count_by_any_24_hours(limits: Limits) -> None:
    """Four events in one day and four in the next are never five in 24 hours; moved together they are."""
    days = with_watch(with_drift(limits, every=timedelta(hours=1)), timedelta(hours=72))
    spread_out = [event(hour * HOUR) for hour in (1, 2, 3, 4, 30, 31, 32, 33)]
    together = [event(hour * HOUR) for hour in (20, 21, 22, 23, 26, 27, 43.9)]
    assert drift.count_events(spread_out, days) == 4
    assert drift.count_events(together, days) == 7
    assert drift.count_events([event(HOUR), event(25 * HOUR)], days) == 1, "24 hours apart is not within 24 hours"


def test_constant_in_both_is_zero_and_a_finding(limits: Limits) -> None:
    """A feature with one value in baseline and sample has no drift, and the reader is told that it shows none."""
    columns = {"spread": numpy.full(500, 7.0)}
    check = drift.check_columns(baseline_of(columns), columns, 0.999)
    assert (check.features[0].psi, check.features[0].constant, check.features[0].still) == (0.0, True, False)
    watch = WatchRecord(1, 1, Latencies(100.0, 0.95), Market(0.0), drift_checks=[check])
    assert "can show no drift" in drift_findings(watch, limits)[0]


@pytest.mark.parametrize("value", [6.0, 7.5, 8.0])
def test_constant_that_moved_is_an_event(value: float) -> None:
    """A feature that had one value always and has another now drifted, however near the other one is."""
    before, now = {"spread": numpy.full(500, 7.0)}, {"spread": numpy.full(500, value)}
    check = drift.check_columns(baseline_of(before), now, 0.999)
    assert check.events(0.25)
    assert not check.features[0].constant


def test_feed_that_stands_still_is_an_event_and_a_finding(baseline: Baseline, short: Limits) -> None:
    """A quote that is the same for a whole check drifts in every feature, and is named."""
    frozen = iter([(0, 1.0845, 1.08457, 1_000)] * 400)
    (check,) = sampled(baseline, short, frozen)
    assert {found.feature for found in check.events(short.drift.max_psi)} == {"log_return", "spread", "tick_rate"}
    watch = WatchRecord(1, 1, Latencies(100.0, 0.95), Market(0.0), drift_checks=[check])
    assert sum("a feed that stands still" in text for text in drift_findings(watch, short)) == 3


def test_too_few_rows_are_unproven(baseline: Baseline, short: Limits) -> None:
    """A check on fewer rows than the plan's least is UNPROVEN, however well they fit."""
    quotes = market("few")
    assert outcome(sampled(baseline, short, *[quotes] * 20, rows=239), short) is Outcome.UNPROVEN
    assert outcome(sampled(baseline, short, *[quotes] * 20, rows=240), short) is Outcome.PASS


def test_rows_that_repeat_each_other_are_unproven(limits: Limits) -> None:
    """Rows enough by number that are worth too few independent ones prove nothing."""
    column = numpy.repeat(numbers(5).normal(size=400), 60)
    made = baseline_of({"spread": column})
    check = drift.check_columns(made, {"spread": column[:1_200]}, 0.999, after_seconds=25.0)
    only = with_drift(limits, features=("spread",))
    watch = WatchRecord(1, 1, Latencies(100.0, 0.95), Market(0.0), drift_checks=[check])
    measured = {one.name: one for one in drift_inside_limits(watch, only)}
    assert measured["independent rows of spread"].outcome is Outcome.UNPROVEN
    assert measured["independent rows of spread"].value < 80


def test_quotes_that_are_no_numbers_fail(baseline: Baseline, short: Limits) -> None:
    """A price of which no logarithm can be taken makes the check an error, never a quiet pass."""
    quotes = [(0, 1.0845, 1.08457, number) for number in range(400)]
    quotes[100] = (0, -1.0845, -1.0845, 100)
    checks = sampled(baseline, short, *[market("fine")] * 19, iter(quotes))
    assert "log_return: row 100 of 300 holds nan" in str(checks[-1].problem)
    assert outcome(checks, short) is Outcome.FAIL


def test_no_quotes_are_an_error(baseline: Baseline, short: Limits) -> None:
    """A check for which nothing was sampled says so."""
    check = DriftSampler(baseline, short).check(30.0)
    assert "no row was sampled" in str(check.problem)
    assert check.rows == 0


def test_day_shares_its_false_alarms(limits: Limits) -> None:
    """The 5 % of a day are shared by its checks and features; a longer watch does not thin a day's share."""
    day = with_watch(with_drift(limits, every=timedelta(hours=1)), timedelta(hours=24))
    assert drift.share_of_a_check(day) == pytest.approx(1 - 0.05 / 72)
    assert drift.share_of_a_check(with_watch(day, timedelta(hours=72))) == drift.share_of_a_check(day)
    assert drift.share_of_a_check(with_drift(day, every=timedelta(minutes=1))) == pytest.approx(1 - 0.05 / 1_440 / 3)
    assert drift.share_of_a_check(with_watch(day, timedelta(hours=2))) == drift.share_of_a_check(day)


@pytest.fixture
def records(baseline: Baseline, short: Limits) -> list[dict[str, Any]]:
    """The chain's records of two checks: quotes in batches, each check after its quotes."""
    quotes, written, sampler, first = market("recorded"), [], DriftSampler(baseline, short), 0
    for number in (1, 2):
        for _ in range(3):
            batch = [quote for _, quote in zip(range(100 + (first == 0)), quotes, strict=False)]
            base = batch[0][0]
            for quote in batch:
                sampler.add(*quote)
            sent, bid, ask, time_msc = ([quote[place] for quote in batch] for place in range(4))
            written.append(
                {"kind": "quotes", "first": first, "base": base, "sent": [one - base for one in sent],
                 "bid": bid, "ask": ask, "time_msc": time_msc}
            )  # fmt: skip
            first += len(batch)
        check: dict[str, Any] = msgspec.to_builtins(sampler.check(number * 30.0))
        written += [{"kind": "log", "text": "between"}, {"kind": "drift", **check}]
    return [{"seq": number, **record} for number, record in enumerate(json.loads(json.dumps(written)))]


def test_checks_agree_with_their_quotes(baseline: Baseline, records: list[dict[str, Any]]) -> None:
    """Checks worked out again from the chain's quotes are the same."""
    assert list(drift.recheck(baseline, records)) == []


def check(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The features of the first check."""
    features: list[dict[str, Any]] = records[4]["features"]
    return features


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda r: check(r)[0].update(psi=0.0), "says PSI 0.000000, its counts give", id="index"),
        pytest.param(lambda r: check(r)[0].update(chance=9.0), "says chance 9.000000, its quotes give", id="chance"),
        pytest.param(lambda r: check(r)[1]["counts"].reverse(), "its quotes give", id="counts"),
        pytest.param(lambda r: check(r)[1]["counts"].pop(), "has 5 bins, the baseline 6", id="bins"),
        pytest.param(lambda r: check(r)[1].update(constant=True, psi=0.0), "said to be constant", id="constant"),
        pytest.param(lambda r: check(r)[1].update(feature="made_up"), "the baseline does not know", id="feature"),
        pytest.param(lambda r: r[4].pop("share"), "says chance", id="share"),
        pytest.param(lambda r: check(r)[0].pop("psi"), "holds no drift", id="shape"),
        pytest.param(lambda r: r.pop(2), "its quotes give", id="batch left out"),
        pytest.param(lambda r: r[2]["bid"].pop(), "holds no quotes", id="quote left out"),
        pytest.param(lambda r: r[2].update(bid=[1.0] * 100), "its quotes give", id="other quotes"),
        pytest.param(lambda r: [r.pop(0) for _ in range(3)], "no row was sampled", id="no quotes"),
    ],
)
def test_check_that_its_quotes_do_not_bear_out_is_named(
    baseline: Baseline, records: list[dict[str, Any]], spoil: Any, said: str
) -> None:
    """Whatever of a check or its quotes is another than it was, the check is named that no longer follows."""
    spoil(records)
    found = list(drift.recheck(baseline, records))
    assert found
    assert any(said in text for text in found), found


def test_prices_are_compared_in_points(baseline: Baseline, short: Limits) -> None:
    """The same market at another price level is no drift: returns are moves in points, on the price's own lattice."""
    quotes = ((sent, bid + 10_000 * POINT, ask + 10_000 * POINT, msc) for sent, bid, ask, msc in market("higher"))
    checks = sampled(baseline, short, *[quotes] * 20)
    assert outcome(checks, short) is Outcome.PASS
