"""The latencies of a watch: what decides is counted exactly, and the histograms are anybody's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5canary.guardian.latencies import DIGITS, HIGHEST_US, NEAR, PROBES, Latencies, Series, Share

VALUES = st.lists(st.integers(-5, 2 * HIGHEST_US) | st.integers(0, 5_000_000), min_size=1, max_size=60)


def reference(values: list[int]) -> HdrHistogram:
    """The same values, recorded by the library's own way."""
    histogram = HdrHistogram(1, HIGHEST_US, DIGITS)
    for value in values:
        histogram.record_value(min(max(value, 1), HIGHEST_US))
    return histogram


@settings(max_examples=25, deadline=None)
@given(VALUES)
def test_histogram_is_the_librarys_own(values: list[int]) -> None:
    """Recorded our way or the library's, the histogram is the same to the byte, and so is every quantile."""
    series = Series()
    for value in values:
        series.record(value)
    own = reference(values)
    taken = series.take_interval()

    assert taken is not None
    assert taken[1] == own.encode()
    for share in (0.01, 0.5, 0.99, 1.0):
        assert series.at(share) == own.get_value_at_percentile(100 * share) / 1000


def test_series_without_values_has_no_figure() -> None:
    """P99 = 0.0 ms of nothing cannot be written."""
    assert Series().at(0.99) is None
    assert Series().take_interval() is None


def test_published_library_reads_the_log(tmp_path: Path) -> None:
    """Intervals by tag, which add up to the whole: the same percentiles as the watch had."""
    path = tmp_path / "latency.hlog"
    latencies = Latencies(100.0, 0.95, path)
    latencies.write_interval(1_000.0)
    for minute in range(3):
        for number in range(600):
            took = (20_000 + number * 37 + minute * 1_000) * 1_000
            latencies.probe(0, took, took - 5_000_000)
        latencies.write_interval(1_060.0 + 60 * minute)
    latencies.close()

    added: dict[str, HdrHistogram] = {}
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_US, DIGITS))
    while (interval := reader.get_next_interval_histogram()) is not None:
        assert interval.get_end_time_stamp() - interval.get_start_time_stamp() == pytest.approx(60_000)
        added.setdefault(interval.get_tag(), HdrHistogram(1, HIGHEST_US, DIGITS)).add(interval)
    reader.input_file.close()
    assert set(added) == {"gateway-round-trip", "gateway-round-trip-from-sending"}
    whole = added["gateway-round-trip"]
    assert whole.get_total_count() == 1_800
    for share in (0.5, 0.99, 0.999):
        assert whole.get_value_at_percentile(100 * share) / 1000 == latencies.series[PROBES].at(share)


def test_counts_decide_and_not_the_histogram() -> None:
    """A round trip a nanosecond under the limit is under it; one that got no reply is over it, whatever it waited."""
    latencies = Latencies(100.0, 0.95, warn_ms=50.0)
    latencies.probe(0, 99_999_999, 1)
    latencies.probe(0, 100_000_000, 1)
    latencies.probe(0, 1_000, None)
    assert latencies.shares() == (Share(2, 3),)
    assert latencies.shares(NEAR) == (Share(3, 3),)
    assert latencies.lost == 1


def test_hours_are_counted_apart_and_a_short_one_joins_its_neighbour() -> None:
    """Three hours with enough probes, and a rest with too few to claim anything."""
    latencies = Latencies(100.0, 0.95)
    for hour, count, slow in ((0, 400, 0), (1, 400, 40), (2, 400, 0), (3, 10, 1)):
        for number in range(count):
            latencies.probe(hour, 200_000_000 if number < slow else 1_000_000, 1_000_000)
    whole, *hours = latencies.shares()
    assert whole == Share(41, 1_210)
    assert hours == [Share(0, 400, "hour 1"), Share(40, 400, "hour 2"), Share(1, 410, "hours 3 to 4")]
    assert latencies.shares(ended_only=True) == (whole, *hours[:2], Share(0, 400, "hour 3"))
