"""Latency from the records: batches and single exchanges, intervals, bounds, histogram."""

from __future__ import annotations

import random
from array import array

import pytest

from mt5canary.evidence.page.facts import Facts, RoundTrips, gather
from mt5canary.evidence.page.latency import MOST_INTERVALS, percentile_bound, work_out
from mt5canary.evidence.page.static import static_part
from mt5canary.statistics import binomial_tail

MS = 1_000_000


def _batch(records, milliseconds, *, lost=(), first=0, every=100) -> None:  # type: ignore[no-untyped-def]
    due = [number * every * MS for number in range(len(milliseconds))]
    received = [
        None if n in lost else d + int(ms * MS) for n, (d, ms) in enumerate(zip(due, milliseconds, strict=True))
    ]
    ended = [d + int(ms * MS) for d, ms in zip(due, milliseconds, strict=True)]
    records.add(
        "probes", first=first, base=5_000 * MS, due=due, sent=due, received=received, ended=ended,
        status=["ok"] * len(due), reply_sha256=[""] * len(due), raw=[],
    )  # fmt: skip


def _settings(records) -> None:  # type: ignore[no-untyped-def]
    values = {"limits.latency.p99_ms": {"value": 100}, "limits.latency.confidence": {"value": 0.95}}
    records.add("settings", values=values)


def test_probes_count_from_when_they_were_due(records) -> None:  # type: ignore[no-untyped-def]
    """A batch's columns become one figure a probe; a lost one is no less than its time-out, a late one what it took."""
    _settings(records)
    _batch(records, [2.0, 4.0, 300.0, 2500.0], lost=(2, 3))
    records.exchange("PING", {}, {"status": "ok"})

    latency = work_out(gather(records.all))

    assert latency is not None
    assert (latency.paced, latency.samples, latency.lost, latency.above) == (True, 4, 2, 2)
    assert latency.percentiles["least"] == 2.0
    assert latency.percentiles["largest"] == 2500.0
    assert [interval.largest for interval in latency.intervals] == [2500.0]
    assert 1000.0 in gather(records.all).probes.milliseconds


def test_without_probes_every_ping_counts(records) -> None:  # type: ignore[no-untyped-def]
    """A preflight has no watch: its round trips are shown as what they are."""
    for _ in range(3):
        records.exchange("PING", {}, {"status": "ok"})

    latency = work_out(gather(records.all))

    assert latency is not None
    assert (latency.paced, latency.samples, latency.percentiles["p50"]) == (False, 3, 0.4)
    assert work_out(gather([])) is None


def test_the_histogram_holds_every_sample(records) -> None:  # type: ignore[no-untyped-def]
    """Nothing falls between two bars or off an end, whatever the figures."""
    draw = random.Random(1)
    milliseconds = [draw.lognormvariate(0, 2) for _ in range(500)] + [1e-9, 1.0, 10.0, 100.0]
    _batch(records, milliseconds)

    latency = work_out(gather(records.all))

    assert latency is not None
    assert sum(count for _, _, count in latency.bars) == 504
    assert [left for left, _, _ in latency.bars[1:]] == [right for _, right, _ in latency.bars[:-1]]


def test_a_bound_of_the_percentile_needs_299_samples() -> None:
    """With 298 even the largest says nothing at 95 %; with 299 it is the bound."""
    ordered = [float(number) for number in range(299)]

    assert percentile_bound(ordered[:298], 0.95) is None
    assert percentile_bound(ordered, 0.95) == 298.0
    assert percentile_bound([], 0.95) is None


@pytest.mark.parametrize("count", [299, 500, 5_000, 100_000])
def test_the_bound_is_the_tightest_that_holds(count: int) -> None:
    """So many samples above it would be seen with less than 5 %, and one more would not."""
    ordered = [float(number) for number in range(count)]
    bound = percentile_bound(ordered, 0.95)

    assert bound is not None
    above = count - 1 - int(bound)
    assert binomial_tail(above, count, 0.01) <= 0.05
    assert binomial_tail(above + 1, count, 0.01) > 0.05


def test_the_bound_covers_the_true_percentile() -> None:
    """Of many series of a known distribution, 95 % or more have their bound at or over the true figure."""
    draw = random.Random(7)
    covered = 0
    for _ in range(400):
        bound = percentile_bound(sorted(draw.random() for _ in range(400)), 0.95)
        assert bound is not None
        covered += bound >= 0.99
    assert covered >= 400 * 0.95 - 2 * (400 * 0.95 * 0.05) ** 0.5


def test_a_long_series_has_a_bounded_number_of_intervals() -> None:
    """Three days are drawn with no more points than one."""
    trips = RoundTrips(array("q", range(0, 72 * 3600 * 1000 * MS, 1000 * MS)), array("d", [1.0]) * (72 * 3600))
    latency = work_out(Facts(probes=trips))

    assert latency is not None
    assert latency.interval_seconds == 300
    assert len(latency.intervals) == 72 * 12 < MOST_INTERVALS
    assert sum(interval.samples for interval in latency.intervals) == 72 * 3600


def test_the_chart_draws_every_interval(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """A line has as many points as there are intervals, however long its text."""
    _settings(records)
    _batch(records, [1.0] * 12_000)

    part = static_part(records.all, verdict())
    line = part.split('class="median"')[0].rpartition('points="')[2].partition('"')[0]

    assert len(line.split()) == 1200


def test_figures_say_what_they_claim(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The sentence has samples, losses, the share above the limit with its bound, and the percentile's own bound."""
    _settings(records)
    _batch(records, [1.0] * 298 + [150.0])

    part = static_part(records.all, verdict())

    assert "99th percentile 1 ms from 299 round trips, 0 of them without a reply." in part
    assert "1 were at or over the limit of 100 ms: at 95% confidence, at most 1.6 % of all would be." in part
    assert "The 99th percentile itself lies at or below 150 ms at 95% confidence." in part
