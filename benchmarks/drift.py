"""A drift check of 1,000,000 rows and 50 features, from columns to verdict, beside numpy's sort of the same data."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy

from benchmarks.alternating import Ratio, alternate
from mt5canary.guardian import drift
from mt5canary.guardian.baseline import SCHEMA, Baseline, describe

ROWS, FEATURES = 1_000_000, 50
BASELINE_ROWS = 100_000
ROUNDS = 5


def measure() -> list[Ratio]:
    """The ratio of times: a whole check, from columns to indices and their chance points, over sorting each column."""
    random = numpy.random.default_rng(1)
    columns = {f"feature_{number}": random.normal(size=ROWS) for number in range(FEATURES)}
    baseline = Baseline(
        schema=SCHEMA,
        symbol="EURUSD",
        point=0.00001,
        sample_ms=100,
        recorded_at="2026-01-01T00:00:00Z",
        seconds=BASELINE_ROWS / 10,
        source={},
        features=describe({name: column[:BASELINE_ROWS] for name, column in columns.items()}),
    )
    share = 1 - drift.FALSE_ALARMS_A_DAY / drift.CHECKS_A_DAY / FEATURES

    def check() -> None:
        found = drift.check_columns(baseline, columns, share)
        assert len(found.features) == FEATURES
        assert found.problem is None

    ratio = alternate(
        f"drift check of {ROWS:,} rows and {FEATURES} features / numpy's sort of the same data",
        lambda: _seconds(check),
        lambda: _seconds(lambda: [numpy.sort(column) for column in columns.values()]),
        ROUNDS,
        "s",
        1.5,
    )
    return [ratio]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
