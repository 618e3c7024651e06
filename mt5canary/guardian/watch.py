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
from decimal import Decimal
from typing import Any

from mt5canary.errors import Finding
from mt5canary.guardian import drift
from mt5canary.guardian.batches import OK, ProbeBook, QuoteBook, ReadingBook
from mt5canary.guardian.drift import DriftCheck, DriftSampler
from mt5canary.guardian.guards import GUARDS, Reading, first_breach
from mt5canary.link.exchange import Recorder
from mt5canary.link.session import ClosingSession
from mt5canary.money import cents
from mt5canary.plan import Limits
from mt5canary.wire.replies import AccountReply, SymbolSpecification

PROBE_TIMEOUT_MS = 1_000
SET_SECONDS = 1.0
LEASE_SECONDS = 60
LEASE_RENEWAL_SECONDS = 10.0
PROGRESS_SECONDS = 10.0
MONEY_ATTEMPTS = 5


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
    drift_checks: list[DriftCheck] = field(default_factory=list)
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


def summary(watch: WatchRecord) -> dict[str, Any]:
    """The ``watch`` record: what no exchange shows of a watch, in monotonic seconds."""
    return {
        "started": watch.started,
        "ended": watch.ended,
        "largest_gap_seconds": watch.largest_gap_seconds,
        "probes": len(watch.probes),
        "readings": len(watch.readings),
        "guards_run": watch.guards_run,
        "errors": watch.errors,
    }


class _Due:
    """When each thing that the watch does is due next, in monotonic seconds."""

    def __init__(self, start: float, every: float, limits: Limits) -> None:
        self.probe = self.quote = self.lease = start
        self.reading = start + SET_SECONDS
        self.check = start + limits.drift.every.total_seconds()
        self.progress = start + PROGRESS_SECONDS


def _no_record(kind: str, body: Any) -> None:
    """For callers that keep no evidence."""


class Watch:
    """A watch over one position; ``booked`` says what the deals since the order come to."""

    def __init__(
        self,
        session: ClosingSession,
        spec: SymbolSpecification,
        ticket: int,
        magic: int,
        limits: Limits,
        tell: Callable[[str, dict[str, Any]], None],
        *,
        sampler: DriftSampler | None,
        lease: bool,
        booked: Callable[[], Decimal] = Decimal,
        record: Recorder = _no_record,
    ) -> None:
        self._session = session
        self._spec = spec
        self._ticket = ticket
        self._magic = magic
        self._limits = limits
        self._tell = tell
        self._sampler = sampler
        self._lease = lease
        self._write = record
        self._booked = booked
        self._quote_book = QuoteBook(record)
        self._reading_book = ReadingBook(record)
        self._probe_book = ProbeBook(record, limits.latency.warn_ms, self._reading_book.flush)

    def run(self, seconds: float, every: float) -> WatchRecord:
        """Watch for a time, a probe every so often; returns early on a breach, and never raises a finding."""
        with self._session.recorded_by(self._reading_book.record):
            try:
                return self._run(seconds, every)
            finally:
                self._reading_book.flush()
                self._probe_book.flush()
                self._quote_book.flush()

    def _run(self, seconds: float, every: float) -> WatchRecord:
        record = WatchRecord(planned_seconds=seconds, every_seconds=every, started=time.monotonic())
        self._read(record)
        last_sign = record.started
        due = _Due(record.started, every, self._limits)
        end = record.started + seconds
        latest = end + self._limits.max_gap.total_seconds()
        # a probe that was due inside the watch is made, though it be late: a stall at the end counts like any other
        while record.breach is None and due.probe < end and (now := time.monotonic()) < latest:
            wait = due.probe - now
            if wait > 0:
                time.sleep(wait)
                continue
            self._probe(record, due.probe)
            due.probe += every
            now = time.monotonic()
            record.largest_gap_seconds = max(record.largest_gap_seconds, now - last_sign)
            last_sign = now
            self._judge_blind(record)
            if record.breach is not None:
                break
            if now >= due.quote:
                due.quote += self._limits.drift.sample.total_seconds()
                self._sample(record)
            if now >= due.check:
                due.check += self._limits.drift.every.total_seconds()
                self._check_drift(record, now - record.started)
            if self._lease and now >= due.lease:
                due.lease = now + LEASE_RENEWAL_SECONDS
                self._renew(record)
            if now >= due.reading:
                due.reading = now + SET_SECONDS
                self._judge(record, self._read(record))
                if self._sampler is not None:
                    self._sampler.read_columns()
            if now >= due.progress:
                due.progress += PROGRESS_SECONDS
                self._tell("progress", {"watched": round(now - record.started, 1), "probes": len(record.probes)})
        if record.breach is None:
            time.sleep(max(0.0, end - time.monotonic()))
        record.ended = time.monotonic()
        record.largest_gap_seconds = max(record.largest_gap_seconds, record.ended - last_sign)
        return record

    def _sample(self, record: WatchRecord) -> None:
        try:
            tick = self._session.tick(self._spec.symbol)
        except Finding as finding:
            self._went_wrong(record, "quote not sampled", finding)
            return
        self._reading_book.take_last()
        exchange = self._session.last
        assert exchange is not None
        self._quote_book.add(exchange, tick)
        if self._sampler is not None:
            self._sampler.add(exchange.sent, tick.bid, tick.ask, tick.time_msc)

    def _check_drift(self, record: WatchRecord, after_seconds: float) -> None:
        if self._sampler is None:
            return
        check = self._sampler.check(after_seconds)
        record.drift_checks.append(check)
        self._quote_book.flush()
        self._write("drift", check)
        figures = {feature.feature: f"{feature.psi:.4f} (chance {feature.chance:.4f})" for feature in check.features}
        self._tell("PSI", {**figures, "rows": check.rows, **({"problem": check.problem} if check.problem else {})})

    def _probe(self, record: WatchRecord, due: float) -> None:
        status, sent, before = OK, time.monotonic_ns(), self._session.last
        try:
            with self._session.recorded_by(self._probe_book.record):
                self._session.ping(PROBE_TIMEOUT_MS)
        except Finding as finding:
            status = type(finding).__name__
            self._went_wrong(record, "probe failed", finding)
        ended = time.monotonic_ns()
        exchange = None if self._session.last is before else self._session.last
        self._probe_book.add(exchange, int(due * 1e9), ended, status)
        received = None
        if exchange is not None:
            sent, received = exchange.sent, exchange.received if status == OK else None
        record.probes.append(Probe(int(due * 1e9), sent, received, ended))

    def _went_wrong(self, record: WatchRecord, what: str, finding: Finding) -> None:
        record.errors.append(str(finding))
        self._tell(what, {"text": str(finding)})

    def _renew(self, record: WatchRecord) -> None:
        try:
            self._session.lease(self._magic, LEASE_SECONDS)
            record.lease_renewals += 1
        except Finding as finding:
            self._went_wrong(record, "lease not renewed", finding)

    def _read(self, record: WatchRecord) -> Reading | None:
        try:
            hello = self._session.hello()
            account, booked = self._money(record)
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
                drift_events=drift.count_events(record.drift_checks, self._limits),
                peer=self._session.peer,
                booked=booked,
            )
        except Finding as finding:
            self._went_wrong(record, "reading failed", finding)
            return None
        record.readings.append(reading)
        breach = first_breach(record.readings[0], reading, self._limits)
        figures = {
            "balance": reading.account.balance,
            "equity": reading.account.equity,
            "margin": reading.account.margin,
            "profit": reading.account.profit,
            "bid": reading.tick.bid,
            "ask": reading.tick.ask,
            "positions": int(reading.position is not None),
        }
        self._reading_book.add(time.monotonic() - record.started, figures, raw=breach is not None)
        return reading

    def _money(self, record: WatchRecord) -> tuple[AccountReply, Decimal]:
        """The account, and what the deals since the order come to, which is asked only where the balance moved.

        Others may trade between the two questions, so figures that disagree are asked for again.
        """
        if not record.readings:
            return self._first_money()
        first = record.readings[0]
        for _ in range(MONEY_ATTEMPTS):
            account, total = self._session.account(), first.booked
            moved = cents(account.balance) - cents(first.account.balance)
            if moved:
                total = self._booked()
            if total - first.booked == moved:
                break
        return account, total

    def _first_money(self) -> tuple[AccountReply, Decimal]:
        total = self._booked()
        for _ in range(MONEY_ATTEMPTS):
            account, before, total = self._session.account(), total, self._booked()
            if before == total:
                break
        return account, total

    def _judge(self, record: WatchRecord, now: Reading | None) -> None:
        if now is None:
            return
        record.guards_run += len(GUARDS)
        breach = first_breach(record.readings[0], now, self._limits)
        if breach is not None:
            self._break_off(record, *breach)

    def _judge_blind(self, record: WatchRecord) -> None:
        """Judge what needs no reading: the errors, and how long the watch stood still."""
        budget, gap = self._limits.errors.max_critical, self._limits.max_gap.total_seconds()
        if len(record.errors) > budget:
            text = f"{len(record.errors)} errors, at most {budget}; the last: {record.errors[-1]}"
            self._break_off(record, "errors", text)
        elif record.largest_gap_seconds > gap:
            last = f"; {record.errors[-1]}" if record.errors else ""
            text = f"a gap of {record.largest_gap_seconds:.1f} s in the watch, at most {gap:g} s{last}"
            self._break_off(record, "heartbeat", text)

    def _break_off(self, record: WatchRecord, guard: str, text: str) -> None:
        record.breach = Breach(guard, text, time.monotonic() - record.started)
        self._tell("breach", {"guard": guard, "text": text})
