"""The watch: beside the open position for the plan's time, and out at once on a breach.

Two loops (``loops.py``): the probes, and everything that is read. Whichever sees a guard trip breaks the watch off
right there: the answer to the breach (the breaker, the way out) is begun in the same thread, before anything else.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mt5canary.guardian.batches import ProbeBook
from mt5canary.guardian.clock import Clock
from mt5canary.guardian.drift import DriftSampler
from mt5canary.guardian.guards import Reading, budget_breach
from mt5canary.guardian.heartbeat import Heartbeat
from mt5canary.guardian.latencies import Latencies
from mt5canary.guardian.loops import Drive, Loop, Task, in_threads
from mt5canary.guardian.market import Market
from mt5canary.guardian.probing import Probing, probe_timeout_ms
from mt5canary.guardian.readings import Booked, Compare, Readings, Watched, nothing_booked, nothing_compared
from mt5canary.guardian.record import Breach, WatchRecord
from mt5canary.guardian.status import Status, status_of
from mt5canary.guardian.telling import Teller
from mt5canary.link.session import ClosingSession, ReadSession
from mt5canary.plan import Limits

SET_SECONDS = 1.0
LEASE_RENEWAL_SECONDS = 10.0
CHECKPOINT_SECONDS = 60.0
HEALTH_SECONDS = 0.5
CLOSE_TIMEOUT_MS = 2_000

Answer = Callable[[Breach], object]
"""Called at once with the breach, in the thread that saw it."""


def nothing(*_: Any, **__: Any) -> None:
    """For callers that keep no evidence, or need no answer."""


class Watch:
    """A watch over one position, over two sessions: one that probes and one that reads."""

    def __init__(
        self,
        probing: ReadSession,
        reading: ClosingSession,
        watched: Watched,
        limits: Limits,
        tell: Teller,
        *,
        sampler: DriftSampler | None = None,
        lease: bool = False,
        booked: Booked = nothing_booked,
        compare: Compare = nothing_compared,
        write: Callable[..., object] = nothing,
        answer: Answer = nothing,
        latency_log: Path | None = None,
        show: Callable[[Status], object] = nothing,
        show_every: float = CHECKPOINT_SECONDS,
        clock: Clock | None = None,
        drive: Drive = in_threads,
    ) -> None:
        self._sessions = (probing, reading)
        self._watched = watched
        self._limits = limits
        self._tell = tell
        self._lease = lease
        self._write = write
        self._answer = answer
        self._show = show
        self._show_every = show_every
        self._clock = clock or Clock()
        self._drive = drive
        self._stop = threading.Event()
        self._breaking_off = threading.Lock()
        latency = limits.latency
        latencies = Latencies(latency.p99_ms, latency.confidence, latency_log, latency.warn_ms)
        watch = limits.watch
        self.record = WatchRecord(
            planned_seconds=watch.duration.total_seconds(),
            every_seconds=watch.every.total_seconds(),
            latencies=latencies,
            market=Market(self._clock.monotonic()),
        )
        self._heartbeat = Heartbeat(self._clock, limits.max_gap.total_seconds(), SET_SECONDS)
        self._book = ProbeBook(write, limits.latency.warn_ms)
        self._readings = Readings(
            reading, watched, limits, self.record, self._heartbeat, tell, write, sampler, booked, compare
        )

    def first_reading(self) -> Reading:
        """A reading before the watch begins; raises Finding where the gateway does not answer."""
        with self._sessions[1].recorded_by(self._write):
            return self._readings.look()

    def run(self) -> WatchRecord:
        """Watch for the plan's time; returns early on a breach, and never raises a finding."""
        probing, reading = self._sessions
        record, clock = self.record, self._clock
        with probing.recorded_by(self._book.record), reading.recorded_by(self._readings.recorder):
            try:
                record.started = record.ended = clock.monotonic()
                record.market = Market(record.started)
                record.latencies.write_interval(clock.wall_ns() / 1e9)
                self._read(record.started)
                self._drive(*self._loops(), self._stop, self._broke)
            finally:
                record.ended = clock.monotonic()
                self._finish()
        return record

    def _loops(self) -> tuple[Loop, Loop]:
        record, clock, limits = self.record, self._clock, self._limits
        self._heartbeat.restart()
        start = clock.monotonic()
        record.started = start
        end = start + record.planned_seconds
        self._probing = Probing(
            self._sessions[0],
            self._book,
            record.latencies,
            self._heartbeat,
            probe_timeout_ms(limits.latency.p99_ms),
            start,
        )
        max_gap = limits.max_gap.total_seconds()
        probes = Task(self._probe, record.every_seconds, start, catches_up=True)
        sample, check = limits.drift.sample.total_seconds(), limits.drift.every.total_seconds()
        reads = [
            Task(self._readings.sample, sample, start),
            Task(self._readings.check_drift, check, start + check, catches_up=True),
            Task(self._read, SET_SECONDS, start + SET_SECONDS),
            Task(self._readings.read_columns, SET_SECONDS, start + SET_SECONDS),
            Task(self._look_at_the_probes, HEALTH_SECONDS, start + HEALTH_SECONDS),
            Task(self._checkpoint, CHECKPOINT_SECONDS, start + CHECKPOINT_SECONDS),
        ]
        if self._show is not nothing:
            reads.append(Task(self._show_status, self._show_every, start))
        if self._lease:
            reads.append(Task(self._readings.renew_lease, LEASE_RENEWAL_SECONDS, start))
        return Loop(clock, end, [probes], ends_with=False, latest=end + max_gap), Loop(
            clock, end, reads, ends_with=True
        )

    def _probe(self, due: float) -> None:
        probing = self._probing
        probing.probe(due)
        if probing.failure is not None:
            self._tell.problem(self.record, "probe failed", probing.failure, self._clock.monotonic())
        self._look_at_errors()
        self._look_at_health()

    def _read(self, due: float) -> None:
        breach = self._readings.read(due)
        if breach is not None:
            self._break_off(*breach, close_over=self._sessions[1])
        self._look_at_errors()

    def _look_at_the_probes(self, due: float) -> None:
        self._look_at_health()

    def _look_at_errors(self) -> None:
        record = self.record
        if not record.errors:
            return
        recent = record.recent_errors(self._clock.monotonic())
        said = budget_breach(len(record.errors), recent, self._limits.errors.max_critical)
        if said is not None:
            self._break_off("errors", f"{said}; the last: {record.errors[-1].text}")

    def _look_at_health(self) -> None:
        said = self._heartbeat.what_stands_still()
        if said is not None:
            last = f"; {self.record.errors[-1].text}" if self.record.errors else ""
            self._break_off("heartbeat", f"{said}{last}")

    def what_stands_still(self) -> str | None:
        """Which loop stands still and nobody answered that yet; for whoever speaks to the watchdog."""
        return None if self.record.breach is not None else self._heartbeat.what_stands_still()

    def _broke(self, error: BaseException) -> None:
        self._tell("guardian failed", {"text": repr(error)})
        self._break_off("guardian", f"the guardian's readings broke: {error!r}")

    def _break_off(self, guard: str, text: str, close_over: ClosingSession | None = None) -> None:
        """End the watch and answer the breach, once, whoever saw it first.

        Where the session that saw it answers, the position's close goes over it at once; the way out, which looks for
        whatever is left over a fresh connection, needs some round trips before it can send one.
        """
        with self._breaking_off:
            if self.record.breach is not None:
                return
            self.record.breach = Breach(guard, text, self._clock.monotonic() - self.record.started)
        self._stop.set()
        if close_over is not None and self.record.latest is not None and self.record.latest.position is not None:
            with contextlib.suppress(Exception):
                close_over.close_position(self._watched.ticket, CLOSE_TIMEOUT_MS)
        self._answer(self.record.breach)
        self._tell("breach", {"guard": guard, "text": text})

    def _checkpoint(self, due: float) -> None:
        """Bring what was seen so far to the disk, once a minute."""
        record = self.record
        record.latencies.write_interval(self._clock.wall_ns() / 1e9)
        self._write("checkpoint", self.status(), durable=True)

    def _show_status(self, due: float) -> None:
        self._show(self.status())

    def status(self) -> Status:
        """How things stand."""
        return status_of(self.record, self._clock.monotonic(), self._limits, list(self._tell.latest))

    def _finish(self) -> None:
        record, heartbeat = self.record, self._heartbeat
        heartbeat.finish()
        record.largest_gap_seconds = heartbeat.worst_gap
        record.largest_blind_seconds = heartbeat.readings.largest_gap
        self._book.flush()
        self._readings.flush()
        record.latencies.write_interval(self._clock.wall_ns() / 1e9)
        record.latencies.close()
