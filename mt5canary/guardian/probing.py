"""The paced probes of a watch: a ``PING`` at each of its times, whatever became of the one before.

A latency runs from the instant at which its probe was due, so that a stall counts for every probe that it delayed and
not for one alone (no coordinated omission). A probe that was never answered is over the limit and counts for at least
its time-out, which is longer than the limit itself.
"""

from __future__ import annotations

from typing import NamedTuple

from mt5canary.errors import Finding
from mt5canary.guardian.batches import OK, ProbeBook
from mt5canary.guardian.heartbeat import Heartbeat
from mt5canary.guardian.latencies import Latencies
from mt5canary.link.session import READ_TIMEOUT_MS, ReadSession

LEAST_TIMEOUT_MS = 1_000
HOUR_NS = 3_600 * 1_000_000_000


class Probe(NamedTuple):
    """One paced round trip, in monotonic nanoseconds; ``received`` is None where no reply counts."""

    due: int
    sent: int
    received: int | None
    ended: int

    @property
    def latency_ms(self) -> float:
        """From when it was due to its reply; where there was none, at least the shortest time-out."""
        if self.received is None:
            return max((self.ended - self.due) / 1e6, float(LEAST_TIMEOUT_MS))
        return (self.received - self.due) / 1e6


def count(latencies: Latencies, probe: Probe, started: int, timeout_ms: int) -> None:
    """Count one probe of a watch that began at ``started``; one without a reply for at least its time-out."""
    if probe.received is None:
        from_due, from_sent = max(probe.ended - probe.due, timeout_ms * 1_000_000), None
    else:
        from_due, from_sent = probe.received - probe.due, probe.received - probe.sent
    latencies.probe((probe.due - started) // HOUR_NS, from_due, from_sent)


def probe_timeout_ms(limit_ms: float) -> int:
    """How long a probe waits: a second, and always longer than the limit that it is held against."""
    return min(READ_TIMEOUT_MS, max(LEAST_TIMEOUT_MS, int(2 * limit_ms)))


class Probing:
    """One probe after the other over a session of its own."""

    def __init__(
        self,
        session: ReadSession,
        book: ProbeBook,
        latencies: Latencies,
        heartbeat: Heartbeat,
        timeout_ms: int,
        started: float,
    ) -> None:
        self._session = session
        self._book = book
        self._latencies = latencies
        self._heartbeat = heartbeat
        self._timeout_ms = timeout_ms
        self._started = int(started * 1e9)
        self.failure: Finding | None = None

    def probe(self, due: float) -> None:
        """Make the probe that was due then; what went wrong is in ``failure``."""
        session, clock = self._session, self._heartbeat.clock
        before, status, self.failure = session.last, OK, None
        try:
            session.ping(self._timeout_ms)
        except Finding as finding:
            status, self.failure = type(finding).__name__, finding
        ended, due_ns = clock.monotonic_ns(), int(due * 1e9)
        exchange = None if session.last is before else session.last
        received = exchange.received if exchange is not None and status == OK else None
        sent = due_ns if exchange is None else exchange.sent
        count(self._latencies, Probe(due_ns, sent, received, ended), self._started, self._timeout_ms)
        self._book.add(exchange, due_ns, ended, status)
        self._heartbeat.probes.beat()
