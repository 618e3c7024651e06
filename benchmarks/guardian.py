"""A watch's own cost: one latency, one probe, a day of them compressed, and the evidence that it leaves.

Processor time is this process's alone, all its threads; the gateway is another process. A day is 864,000 probes and as
many quotes at ten a second, with a reading every second.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.alternating import Ratio, alternate
from benchmarks.figure import Figure
from mt5canary.evidence.chain import Chain
from mt5canary.guardian.batches import ProbeBook, QuoteBook
from mt5canary.guardian.clock import Clock
from mt5canary.guardian.heartbeat import Heartbeat
from mt5canary.guardian.latencies import DIGITS, HIGHEST_US, Latencies, Series
from mt5canary.guardian.probing import Probing
from mt5canary.link.connection import Route
from mt5canary.link.session import ReadSession
from mt5canary.rehearsal import SimulatedGateway

ROUNDS = 9
MINUTE = 600
PROBES = 3_000
DAY = 864_000
HOUR = 36_000
MEGABYTE = 1e6


def measure() -> list[Ratio | Figure]:
    """The rows of the guardian."""
    return [_recording(), *_probing()]


def _recording() -> Ratio:
    """A minute's latencies into our series, the pouring into the histogram included, beside the library alone."""
    from hdrh.histogram import HdrHistogram

    drawn = random.Random(1)
    values = [int(drawn.lognormvariate(9.9, 0.3)) for _ in range(MINUTE)]
    series, histogram = Series(), HdrHistogram(1, HIGHEST_US, DIGITS)

    def ours() -> float:
        started = time.perf_counter()
        for value in values:
            series.record(value)
        series.at(0.99)
        return (time.perf_counter() - started) / MINUTE * 1e6

    def theirs() -> float:
        started = time.perf_counter()
        for value in values:
            histogram.record_value(value)
        return (time.perf_counter() - started) / MINUTE * 1e6

    name = "recording one latency, a minute's at a time / hdrhistogram alone"
    return alternate(name, ours, theirs, ROUNDS, "us", 1.5)


def _probing() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        gateway = SimulatedGateway(Path(folder) / "gateway.log")
        chain = Chain(Path(folder) / "evidence.jsonl")
        try:
            with ReadSession(Route(url=gateway.url), chain.append_soon, chain.settle) as session:
                session.hello()
                return _figures(session, chain)
        finally:
            chain.close()
            gateway.stop()


def _figures(session: ReadSession, chain: Chain) -> list[Figure]:
    def record(kind: str, body: Any) -> None:
        chain.append(kind, body)

    book, quotes, latencies = ProbeBook(record, 50.0), QuoteBook(record), Latencies(100.0, 0.95, None, 50.0)
    probing = Probing(session, book, latencies, Heartbeat(Clock(), 5.0, 1.0), 1_000, time.monotonic())
    size = chain.path.stat().st_size
    with session.recorded_by(book.record):
        probe = _costs(lambda: probing.probe(time.monotonic()), PROBES)
        book.flush()
        probes_written = chain.path.stat().st_size - size

        def sample() -> None:
            tick = session.tick("EURUSD")
            assert session.last is not None
            quotes.add(session.last, tick)

        sampled = _costs(sample, PROBES)
        quotes.flush()
        quotes_written = chain.path.stat().st_size - size - probes_written
        reading = _costs(lambda: (session.hello(), session.account(), session.positions(), sample()), 500)
    rounds = zip(probe, sampled, reading, strict=True)
    share = tuple(100 * (10 * one + 10 * other + third) / 1e6 for one, other, third in rounds)
    written = (probes_written + quotes_written) / PROBES * DAY / MEGABYTE
    return [
        Figure("one probe with its record, processor time", probe, "us", 200),
        Figure("a watch at ten probes a second, of one core", share, "%", 3),
        Figure("evidence of a day's probes and quotes", (written,), "MB", 200),
        Figure("memory of a day's probes after the first hour", (_growth(),), "%", 5),
    ]


def _costs(act: Any, times: int) -> tuple[float, ...]:
    """Processor time of this process for one, in microseconds, in each of several rounds of so many in all."""
    for _ in range(50):
        act()
    costs = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(times // ROUNDS):
            act()
        costs.append((time.process_time() - started) / (times // ROUNDS) * 1e6)
    return tuple(costs)


def _growth() -> float:
    """By how much this process grows from the first hour's 36,000 probes to a day's, counted and batched."""
    latencies = Latencies(100.0, 0.95, None, 50.0)
    drawn, process, after_an_hour = random.Random(2), psutil.Process(), 0
    for number in range(DAY):
        took = int(drawn.lognormvariate(16.8, 0.3))
        latencies.probe(number // HOUR, took + 100_000, took)
        if number % MINUTE == 0:
            for series in latencies.series.values():
                series.take_interval()
        if number == HOUR:
            after_an_hour = process.memory_info().rss
    return 100 * (process.memory_info().rss / after_an_hour - 1)
