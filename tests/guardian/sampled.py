"""Samples for tests of drift: the simulator's own market read at a fixed interval, and baselines made of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec
import numpy
import numpy.typing
from msgspec.structs import replace

from mt5canary.gateway.simulated.market import BLOCK_MS, RandomWalk
from mt5canary.gateway.simulated.symbols import catalogue
from mt5canary.guardian.baseline import SCHEMA, Baseline, describe
from mt5canary.guardian.features import QuoteWindow
from mt5canary.plan import Limits

Column = numpy.typing.NDArray[numpy.float64]

POINT = 0.00001
SAMPLE_MS = 100


def market(seed: str, **changes: float) -> Iterator[tuple[int, float, float, int]]:
    """The simulator's EURUSD for ever, read every 100 ms: sent in nanoseconds, bid, ask, time_msc."""
    symbol = catalogue()["EURUSD"]
    assert symbol.walk is not None
    walk = RandomWalk(seed, symbol, replace(symbol.walk, **changes))
    block, waiting = 1_000_000, iter(())
    latest = walk.block(block - 1)[-1]
    following = None
    now = block * BLOCK_MS
    while True:
        while following is None or following.utc_ms <= now:
            latest = following or latest
            following = next(waiting, None)
            if following is None:
                waiting = iter(walk.block(block))
                block += 1
        yield now * 1_000_000, latest.bid * POINT, latest.ask * POINT, latest.utc_ms
        now += SAMPLE_MS


def window_of(quotes: Iterator[tuple[int, float, float, int]], rows: int) -> Mapping[str, Column]:
    """The next rows of a market as the columns of its features."""
    window = QuoteWindow(SAMPLE_MS / 1000, POINT)
    for _, quote in zip(range(rows + 1), quotes, strict=False):
        window.add(*quote)
    return window.take()


def baseline_of(columns: Mapping[str, Column]) -> Baseline:
    """A baseline of some columns."""
    return Baseline(
        schema=SCHEMA,
        symbol="EURUSD",
        point=POINT,
        sample_ms=SAMPLE_MS,
        recorded_at="2026-11-22T12:00:00Z",
        seconds=600.0,
        source={},
        features=describe(columns),
    ).sealed()


def with_drift(limits: Limits, **changes: object) -> Limits:
    """Limits with other limits of drift."""
    return msgspec.structs.replace(limits, drift=msgspec.structs.replace(limits.drift, **changes))


def numbers(seed: int) -> numpy.random.Generator:
    """Random numbers that are the same in every run."""
    return numpy.random.default_rng(seed)


def with_watch(limits: Limits, duration: timedelta) -> Limits:
    """Limits with another time to watch."""
    return msgspec.structs.replace(limits, watch=msgspec.structs.replace(limits.watch, duration=duration))
