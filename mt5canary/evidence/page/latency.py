"""Latency over time and as a distribution, with the limit, and with what so many samples allow to be claimed.

A day at ten probes a second is 864,000 figures: they are drawn as the median, the 99th percentile and the largest of
each interval, at most 1,500 intervals, and as a histogram on a logarithmic scale.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

from mt5canary.evidence.page.facts import Facts, RoundTrips
from mt5canary.statistics import binomial_tail, quantile, upper_bound

INTERVALS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
"""The lengths of an interval in seconds, the shortest that suffices is taken."""

MOST_INTERVALS = 1_500
BARS_A_DECADE = 12
LEAST_MS = 1e-3


class Interval(Struct, frozen=True):
    """One interval: how far it begins into the series (seconds), its samples and what they came to (ms)."""

    start: float
    samples: int
    median: float
    p99: float
    largest: float


class Latency(Struct, frozen=True):
    """A series of round trips, worked out; times in ms, ``seconds`` is how long it lasted.

    ``bound`` is the upper confidence bound of the 99th percentile itself, None where so few samples give none;
    ``share_bound`` that of the share of round trips above the limit.
    """

    paced: bool
    samples: int
    lost: int
    seconds: float
    interval_seconds: int
    intervals: list[Interval]
    bars: list[tuple[float, float, int]]
    percentiles: dict[str, float]
    bound: float | None
    limit: float | None
    confidence: float
    above: int
    share_bound: float | None


SHARES = {"least": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "largest": 1.0}


def work_out(facts: Facts) -> Latency | None:
    """The watch's paced probes, or where there are none every ``PING`` of the run; None without any."""
    trips = facts.probes or facts.pings
    if not trips:
        return None
    ordered = sorted(trips.milliseconds)
    limit = facts.number("limits.latency.p99_ms")
    confidence = facts.number("limits.latency.confidence") or 0.95
    above = 0 if limit is None else len(ordered) - bisect_left(ordered, limit)
    start = trips.due[0]
    seconds = (trips.due[-1] - start) / 1e9
    interval = next((each for each in INTERVALS if seconds / each < MOST_INTERVALS), INTERVALS[-1])
    return Latency(
        paced=bool(facts.probes),
        samples=len(ordered),
        lost=trips.lost,
        seconds=seconds,
        interval_seconds=interval,
        intervals=_intervals(trips, start, interval),
        bars=_bars(ordered),
        percentiles={name: _at(ordered, share) for name, share in SHARES.items()},
        bound=percentile_bound(ordered, confidence),
        limit=limit,
        confidence=confidence,
        above=above,
        share_bound=None if limit is None else upper_bound(above, len(ordered), confidence),
    )


def percentile_bound(ordered: Sequence[float], confidence: float) -> float | None:
    """The upper confidence bound of the 99th percentile, from the order of the samples alone.

    The k-th smallest of n samples lies at or over the percentile unless fewer than n - k + 1 of them do, and how many
    do is binomial (H. A. David, H. N. Nagaraja, "Order Statistics", 3rd ed., section 7.1). None where even the largest
    sample gives no such bound: below 299 samples at 95 %.
    """
    count = len(ordered)
    low, high = -1, max(1, math.ceil(count * 0.01))
    if count == 0 or binomial_tail(0, count, 0.01) > 1 - confidence:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if binomial_tail(middle, count, 0.01) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return ordered[count - 1 - low]


def _at(ordered: Sequence[float], share: float) -> float:
    found = quantile(ordered, share)
    assert found is not None
    return found


def _intervals(trips: RoundTrips, start: int, length: int) -> list[Interval]:
    """The round trips by when they were due; they stand in that order, as they were made one after another."""
    unit, place, intervals = length * 1_000_000_000, 0, list[Interval]()
    while place < len(trips):
        number = (trips.due[place] - start) // unit
        end = bisect_left(trips.due, start + (number + 1) * unit, place)
        values = sorted(trips.milliseconds[place:end])
        figures = (_at(values, 0.5), _at(values, 0.99), values[-1])
        intervals.append(Interval(float(number * length), len(values), *figures))
        place = end
    return intervals


def _bars(ordered: Sequence[float]) -> list[tuple[float, float, int]]:
    """The histogram: each bar's ends in ms and its samples, from the first that has any to the last."""
    first, last = (math.floor(math.log10(max(value, LEAST_MS)) * BARS_A_DECADE) for value in (ordered[0], ordered[-1]))
    edges = [10 ** (number / BARS_A_DECADE) for number in range(first, last + 2)]
    counts = [0] + [bisect_left(ordered, edge) for edge in edges[1:-1]] + [len(ordered)]
    return [(edges[n], edges[n + 1], counts[n + 1] - counts[n]) for n in range(len(edges) - 1)]
