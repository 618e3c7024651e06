"""The watch: beside the open position for the plan's time, and out at once on a breach.

Probes are paced: each ``PING`` has the instant at which it was due, and its latency runs from there, so that a
stall counts for every probe that it delayed and not only for one (no coordinated omission). A probe that was
never answered counts as at least its time-out. Everything else that the watch asks is asked at most once a second
and counted apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mt5canary.errors import Finding
from mt5canary.guardian.guards import GUARDS, Reading, first_breach
from mt5canary.link.session import ClosingSession
from mt5canary.plan import Limits
from mt5canary.wire.replies import SymbolSpecification

PROBE_TIMEOUT_MS = 1_000
SET_SECONDS = 1.0
LEASE_SECONDS = 60
LEASE_RENEWAL_SECONDS = 10.0
PROGRESS_SECONDS = 10.0


@dataclass(frozen=True)
class Probe:
    """One paced round trip, in monotonic nanoseconds; ``received`` is None where no reply came."""

    due: int
    sent: int
    received: int | None
    ended: int

    @property
    def latency_ms(self) -> float:
        """From when it was due to its reply; at least the time-out where there was none."""
        if self.received is None:
            return max((self.ended - self.due) / 1e6, float(PROBE_TIMEOUT_MS))
        return (self.received - self.due) / 1e6

    @property
    def naive_ms(self) -> float | None:
        """From when it was sent, as most tools would count it."""
        return None if self.received is None else (self.received - self.sent) / 1e6


@dataclass(frozen=True)
class Breach:
    """What ended a watch early: the guard, what it said, when (monotonic seconds since the watch began)."""

    guard: str
    text: str
    after_seconds: float


@dataclass
class WatchRecord:
    """All that a watch saw."""

    planned_seconds: float
    every_seconds: float
    started: float = 0.0
    ended: float = 0.0
    probes: list[Probe] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    largest_gap_seconds: float = 0.0
    lease_renewals: int = 0
    guards_run: int = 0
    breach: Breach | None = None

    @property
    def seconds(self) -> float:
        """How long it watched."""
        return self.ended - self.started

    @property
    def latencies_ms(self) -> list[float]:
        """Every probe's latency, those without a reply at no less than their time-out."""
        return [probe.latency_ms for probe in self.probes]


class Watch:
    """A watch over one position."""

    def __init__(
        self,
        session: ClosingSession,
        spec: SymbolSpecification,
        ticket: int,
        magic: int,
        limits: Limits,
        tell: Callable[[str, dict[str, Any]], None],
        *,
        lease: bool,
    ) -> None:
        self._session = session
        self._spec = spec
        self._ticket = ticket
        self._magic = magic
        self._limits = limits
        self._tell = tell
        self._lease = lease

    def run(self, seconds: float, every: float) -> WatchRecord:
        """Watch for a time, a probe every so often; returns early on a breach, and never raises a finding."""
        record = WatchRecord(planned_seconds=seconds, every_seconds=every, started=time.monotonic())
        first = self._read(record)
        last_sign = record.started
        next_probe, next_set, next_lease = record.started, record.started + SET_SECONDS, record.started
        next_progress = record.started + PROGRESS_SECONDS
        end = record.started + seconds
        while record.breach is None and time.monotonic() < end:
            now = time.monotonic()
            if now < next_probe:
                time.sleep(min(next_probe - now, max(0.0, end - now)))
                continue
            self._probe(record, next_probe)
            next_probe += every
            now = time.monotonic()
            record.largest_gap_seconds = max(record.largest_gap_seconds, now - last_sign)
            last_sign = now
            if self._lease and now >= next_lease:
                next_lease = now + LEASE_RENEWAL_SECONDS
                self._renew(record)
            if now >= next_set or len(record.errors) > self._limits.errors.max_critical:
                next_set = now + SET_SECONDS
                self._judge(record, first, self._read(record))
            if now >= next_progress:
                next_progress += PROGRESS_SECONDS
                self._tell("progress", {"watched": round(now - record.started, 1), "probes": len(record.probes)})
        record.ended = time.monotonic()
        record.largest_gap_seconds = max(record.largest_gap_seconds, record.ended - last_sign)
        return record

    def _probe(self, record: WatchRecord, due: float) -> None:
        received = None
        sent = time.monotonic_ns()
        try:
            self._session.ping(PROBE_TIMEOUT_MS)
            exchange = self._session.last
            assert exchange is not None
            sent, received = exchange.sent, exchange.received
        except Finding as finding:
            record.errors.append(str(finding))
            self._tell("probe failed", {"text": str(finding)})
        record.probes.append(Probe(int(due * 1e9), sent, received, time.monotonic_ns()))

    def _renew(self, record: WatchRecord) -> None:
        try:
            self._session.lease(self._magic, LEASE_SECONDS)
            record.lease_renewals += 1
        except Finding as finding:
            record.errors.append(str(finding))
            self._tell("lease not renewed", {"text": str(finding)})

    def _read(self, record: WatchRecord) -> Reading | None:
        try:
            hello = self._session.hello()
            account = self._session.account()
            mine = [position for position in self._session.positions() if position.ticket == self._ticket]
            reading = Reading(
                hello=hello,
                account=account,
                position=mine[0] if mine else None,
                tick=self._session.tick(self._spec.symbol),
                spec=self._spec,
                errors=len(record.errors),
                gap_seconds=record.largest_gap_seconds,
                latencies_ms=record.latencies_ms,
            )
        except Finding as finding:
            record.errors.append(str(finding))
            self._tell("reading failed", {"text": str(finding)})
            return None
        record.readings.append(reading)
        return reading

    def _judge(self, record: WatchRecord, first: Reading | None, now: Reading | None) -> None:
        if now is None or first is None:
            budget = self._limits.errors.max_critical
            if len(record.errors) > budget:
                text = f"{len(record.errors)} errors, at most {budget}; the last: {record.errors[-1]}"
                self._break_off(record, "errors", text)
            return
        record.guards_run += len(GUARDS)
        breach = first_breach(first, now, self._limits)
        if breach is not None:
            self._break_off(record, *breach)

    def _break_off(self, record: WatchRecord, guard: str, text: str) -> None:
        record.breach = Breach(guard, text, time.monotonic() - record.started)
        self._tell("breach", {"guard": guard, "text": text})
