"""One whole day of watching, compressed: the real watch, its real sessions, a real chain; only the waiting is left out.

A clock runs on with the host's own and jumps wherever the watch would sleep, so that 24 hours are 864,000 probes and as
many quotes at ten a second, with a reading every second and a drift check every hour, one after the other in one
thread. Processor time and memory are this process's alone; the gateway is another process. It takes a quarter of an
hour, so ``make bench`` leaves it out: ``python -m benchmarks day``.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import psutil

from benchmarks.figure import Figure
from mt5canary.evidence.chain import Chain
from mt5canary.guardian.baseline import Baseline, read_baseline
from mt5canary.guardian.drift import DriftSampler
from mt5canary.guardian.loops import Loop
from mt5canary.guardian.readings import Watched
from mt5canary.guardian.record import WatchRecord
from mt5canary.guardian.telling import Teller
from mt5canary.guardian.watch import Watch
from mt5canary.link import session as sessions
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, ReadSession, Signer, TradingSession
from mt5canary.plan import Limits, load
from mt5canary.rehearsal import SimulatedGateway

HERE = Path(__file__).parents[1]
MAGIC = 1196
DAY_SECONDS = 86_400
PROBES_A_DAY = 10 * DAY_SECONDS
HOUR_SECONDS = 3_600
CHECK_SECONDS = 60
"""How long after each hour its figures are taken: its drift check is over then."""
MEGABYTE = 1e6


class JumpingClock:
    """The host's clocks, ahead by everything that nobody waited for."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def monotonic_ns(self) -> int:
        """As ``time.monotonic_ns``."""
        return time.monotonic_ns() + self.ahead_ns

    def monotonic(self) -> float:
        """As ``time.monotonic``."""
        return self.monotonic_ns() / 1e9

    def wall_ns(self) -> int:
        """As ``time.time_ns``."""
        return time.time_ns() + self.ahead_ns

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Be so much later."""
        self.ahead_ns += int(seconds * 1e9)


class Hour(NamedTuple):
    """How things stood after so many hours of the watch."""

    processor_seconds: float
    memory: int
    written: int


class Meter:
    """Drives both loops by the jumping clock, and takes the figures of each hour."""

    def __init__(self, clock: JumpingClock, evidence: Path) -> None:
        self._clock = clock
        self._evidence = evidence
        self.hours: list[Hour] = []

    def drive(self, first: Loop, second: Loop, stop: threading.Event, broke: Callable[[BaseException], None]) -> None:
        """Do whatever is due next, without waiting."""
        clock, process = self._clock, psutil.Process()
        started, before = clock.monotonic(), time.process_time()
        while not stop.is_set() and (live := [loop for loop in (first, second) if not loop.is_over]):
            loop = min(live, key=lambda one: one.due)
            wait = loop.due - clock.monotonic()
            if wait > 0:
                clock.wait(wait, stop)
            loop.act()
            if clock.monotonic() - started >= HOUR_SECONDS * (len(self.hours) + 1) + CHECK_SECONDS:
                size = self._evidence.stat().st_size
                self.hours.append(Hour(time.process_time() - before, process.memory_info().rss, size))
                print(f"hour {len(self.hours)}: {self.hours[-1]}", file=sys.stderr, flush=True)
        self.hours.append(Hour(time.process_time() - before, process.memory_info().rss, self._evidence.stat().st_size))


def measure() -> list[Figure]:
    """The rows of the day."""
    clock = JumpingClock()
    with tempfile.TemporaryDirectory() as folder:
        gateway = SimulatedGateway(Path(folder) / "gateway.log")
        chain = Chain(Path(folder) / "evidence.jsonl")
        real = sessions.time
        sessions.time = SimpleNamespace(  # type: ignore[assignment]
            monotonic_ns=clock.monotonic_ns, time_ns=time.time_ns, monotonic=clock.monotonic
        )
        try:
            meter = Meter(clock, chain.path)
            record = _watch(gateway, chain, clock, meter)
        finally:
            sessions.time = real
            chain.close()
            gateway.stop()
    if record.breach is not None:
        print(f"the watch was broken off: {record.breach}", file=sys.stderr)
    return _figures(record, meter.hours)


def _watch(gateway: SimulatedGateway, chain: Chain, clock: JumpingClock, meter: Meter) -> WatchRecord:
    plan = load(HERE / "canary.yaml", environment={})
    limits = _unhurried(plan.limits)
    signer = Signer(gateway.secret, "JustMarkets-Demo2", 1100212251)

    def record(kind: str, body: Any, *, durable: bool = False) -> None:
        chain.append_soon(kind, body)

    with (
        ReadSession(Route(url=gateway.url), record, chain.settle) as probing,
        TradingSession(Route(url=gateway.url), record, signer, lambda: None, chain.settle) as trading,
    ):
        probing.hello()
        trading.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=MAGIC), new_uuid())
        (position,) = trading.positions()
        watched = Watched(position.ticket, MAGIC, trading.symbol("EURUSD"))
        baseline: Baseline = read_baseline(
            HERE / "baseline" / "eurusd.json", "EURUSD", limits.drift.sample, limits.drift.features
        )[0]
        return Watch(
            probing,
            trading,
            watched,
            limits,
            Teller(lambda name, facts: record("event", {"name": name, **facts}) if name != "PSI" else None),
            sampler=DriftSampler(baseline, limits),
            lease=True,
            write=record,
            clock=clock,  # type: ignore[arg-type]
            drive=meter.drive,
        ).run()


def _unhurried(limits: Limits) -> Limits:
    """A day at ten probes a second; the market's clock does not jump, so that its features are not what they were."""
    change = msgspec.structs.replace
    return change(
        limits,
        watch=change(limits.watch, duration=timedelta(seconds=DAY_SECONDS), every=timedelta(seconds=0.1)),
        drift=change(limits.drift, every=timedelta(hours=1), sample=timedelta(seconds=0.1), max_psi=1_000.0),
        errors=change(limits.errors, max_critical=1_000),
        latency=change(limits.latency, p99_ms=4_999.0),
        max_gap=timedelta(seconds=60),
        loss=change(limits.loss, max_spread_points=10_000),
    )


def _figures(record: WatchRecord, hours: list[Hour]) -> list[Figure]:
    """Of the hours that were watched; a watch that was broken off fails its first row."""
    whole, first = hours[-1], hours[0]
    seconds = record.seconds
    growth = 100 * (max(hour.memory for hour in hours) / first.memory - 1)
    return [
        Figure("a compressed day: seconds of it not watched", (max(0.0, DAY_SECONDS - seconds),), "s", 1.0),
        Figure("a compressed day: probes not made", (max(0, PROBES_A_DAY - record.probes),), "probes", 10),
        Figure("a compressed day, processor time of one core", (100 * whole.processor_seconds / seconds,), "%", 3),
        Figure("a compressed day, its evidence", (whole.written / MEGABYTE,), "MB", 200),
        Figure("a compressed day, memory after the first hour", (growth,), "%", 5),
    ]
