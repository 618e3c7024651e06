"""The latencies of a watch: how many were over the limit in each hour, and histograms of five series.

What decides is counted from the raw times: a probe is over the limit or it is not, hour by hour, and only these
counts are held against the exact binomial bounds. The histograms are for people and tools: HdrHistogram (G. Tene) in
microseconds with three significant digits, so that a figure read from one may be 0.1 % high. They are written, an
interval a minute, into a log that any HdrHistogram tool reads (log format 1.3: tag, start, length, maximum, and the
compressed histogram); intervals of one tag add up to the whole.

Recording is one addition into a dictionary whose keys are the histogram's own places; the library's histogram gets the
sums, a minute's at a time, for its own way of counting one value takes longer than all the rest of a probe's book.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from msgspec import Struct

from mt5canary.statistics import samples_for_p99

PROBES = "gateway round trip"
PROBES_FROM_SENT = "gateway round trip from sending"
ORDERS = "order round trip"
TERMINAL = "terminal ping"
CLOCK = "clock offset"
SERIES = (PROBES, PROBES_FROM_SENT, ORDERS, TERMINAL, CLOCK)

LOG_NAME = "latency.hlog"
HIGHEST_US = 3_600_000_000
DIGITS = 3
PRECISION_BITS = 11
HALF_BITS = PRECISION_BITS - 1
"""A histogram of three digits tells 2048 values apart up to 2048, and 1024 in each power of two above."""

OVER, NEAR, COUNT = range(3)
"""What is counted for each hour: the probes at or over the limit, over the warning level, and all."""

RECENT = 600
"""So many of the latest round trips are kept as they were, for a look at their shape."""


class Share(Struct, frozen=True):
    """So many of so many were at or over the limit; ``of`` names the hours."""

    over: int
    count: int
    of: str = "the whole watch"


class Series:
    """One series of latencies in microseconds."""

    def __init__(self) -> None:
        from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

        self._new: dict[int, int] = {}
        self._interval: Any = HdrHistogram(1, HIGHEST_US, DIGITS)
        self._whole: Any = HdrHistogram(1, HIGHEST_US, DIGITS)
        self._lock = threading.Lock()

    def record(self, microseconds: int) -> None:
        """Count one value; less than 1 counts as 1, more than an hour as an hour."""
        value = 1 if microseconds < 1 else min(microseconds, HIGHEST_US)
        power = max(0, value.bit_length() - PRECISION_BITS)
        place = (power << HALF_BITS) + (value >> power)
        with self._lock:
            self._new[place] = self._new.get(place, 0) + 1

    def _pour(self) -> None:
        with self._lock:
            new, self._new = self._new, {}
        if new:
            _add(self._interval, new)
            _add(self._whole, new)

    @property
    def count(self) -> int:
        """How many values there are."""
        self._pour()
        return int(self._whole.get_total_count())

    def at(self, share: float) -> float | None:
        """A quantile in milliseconds, at most 0.1 % high, as the library counts them; None without values."""
        self._pour()
        whole = self._whole
        if not whole.total_count:
            return None
        rank = whole.get_target_count_at_percentile(100 * share)
        last = whole.get_counts_array_index(whole.max_value) + 1
        place = bisect_left(list(accumulate(whole.counts[:last])), rank)
        return float(whole.get_highest_equivalent_value(whole.get_value_from_index(place))) / 1000

    def at_most(self, milliseconds: Sequence[float]) -> list[int]:
        """How many values are at most each of these, which must rise."""
        self._pour()
        found = [0] * len(milliseconds)
        for item in self._whole.get_recorded_iterator():
            for place, bound in enumerate(milliseconds):
                if item.value_iterated_to <= bound * 1000:
                    found[place] += item.count_at_value_iterated_to
        return found

    def take_interval(self) -> tuple[float, bytes] | None:
        """The maximum in milliseconds and the encoded histogram since the last call; None where there is nothing."""
        self._pour()
        if not self._interval.get_total_count():
            return None
        taken = self._interval.get_max_value() / 1000, bytes(self._interval.encode())
        self._interval.reset()
        return taken


def _add(histogram: Any, places: dict[int, int]) -> None:
    """Add counts at their places; the test of this module holds it against the library's own recording."""
    for place, count in places.items():
        histogram.counts[place] += count
    histogram.total_count += sum(places.values())
    histogram.min_value = min(histogram.min_value, histogram.get_value_from_index(min(places)))
    highest = histogram.get_highest_equivalent_value(histogram.get_value_from_index(max(places)))
    histogram.max_value = max(histogram.max_value, highest)


class Latencies:
    """All series of one watch, and the counts that decide."""

    def __init__(self, limit_ms: float, confidence: float, log: Path | None = None, warn_ms: float = 0.0) -> None:
        self._limit_ns = limit_ms * 1e6
        self._warn_ns = warn_ms * 1e6
        self._least = samples_for_p99(confidence)
        self.series = {name: Series() for name in SERIES}
        self._probes, self._from_sent = self.series[PROBES], self.series[PROBES_FROM_SENT]
        self.hours: list[list[int]] = []
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.lost = 0
        self._log = None if log is None else log.open("x", encoding="ascii")
        self._interval_from: float | None = None

    @property
    def count(self) -> int:
        """How many probes there are."""
        return sum(hour[COUNT] for hour in self.hours)

    def probe(self, hour: int, from_due: int, from_sent: int | None) -> None:
        """Count one probe of an hour of the watch, in nanoseconds; ``from_sent`` is None where no reply came.

        Such a one is over the limit, whatever it was waited for.
        """
        while len(self.hours) <= hour:
            self.hours.append([0, 0, 0])
        counts = self.hours[hour]
        counts[COUNT] += 1
        lost = from_sent is None
        counts[OVER] += lost or from_due >= self._limit_ns
        counts[NEAR] += lost or from_due >= self._warn_ns
        self._probes.record(from_due // 1000)
        if from_sent is None:
            self.lost += 1
        else:
            self._from_sent.record(from_sent // 1000)
            self.recent.append(from_sent / 1e6)

    def shares(self, over: int = OVER, *, ended_only: bool = False) -> tuple[Share, ...]:
        """The whole, and each hour where there are several; one with too few to claim anything joins its neighbour.

        ``over`` is what is counted: at or above the limit (``OVER``) or the warning level (``NEAR``). ``ended_only``
        leaves out the hour that still goes on: its first minutes are not an hour.
        """
        whole = Share(sum(hour[over] for hour in self.hours), self.count)
        joined: list[tuple[int, int, int, int]] = []
        for number, hour in enumerate(self.hours[:-1] if ended_only else self.hours):
            new = (hour[over], hour[COUNT], number, number)
            if joined and (new[1] < self._least or joined[-1][1] < self._least):
                before = joined.pop()
                new = (before[0] + new[0], before[1] + new[1], before[2], number)
            joined.append(new)
        if len(self.hours) < 2:
            return (whole,)
        named = [
            Share(slow, count, f"hour {first + 1}" if first == last else f"hours {first + 1} to {last + 1}")
            for slow, count, first, last in joined
        ]
        return (whole, *named)

    def write_interval(self, wall_seconds: float) -> None:
        """End an interval of the log here (seconds since 1970) and bring it to the kernel."""
        if self._log is None:
            return
        if self._interval_from is None:
            self._log.write("#[Histogram log format version 1.3]\n")
            self._log.write(f"#[StartTime: {wall_seconds:.3f} (seconds since epoch)]\n")
            self._log.write('"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n')
        else:
            length = wall_seconds - self._interval_from
            for name, series in self.series.items():
                taken = series.take_interval()
                if taken is not None:
                    tag = name.replace(" ", "-")
                    line = f"Tag={tag},{self._interval_from:.3f},{length:.3f},{taken[0]:.3f},{taken[1].decode()}\n"
                    self._log.write(line)
        self._log.flush()
        self._interval_from = wall_seconds

    def close(self) -> None:
        """Close the log; a second call does nothing."""
        if self._log is not None:
            self._log.close()
            self._log = None
