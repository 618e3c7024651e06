"""The guardian: the watch over the canary's position, the breaker, and what both prove."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from mt5canary.errors import Finding, Unproven
from mt5canary.guardian import judgement
from mt5canary.guardian.baseline import Baseline, read_baseline
from mt5canary.guardian.breaker import Breaker
from mt5canary.guardian.column_file import ColumnFile
from mt5canary.guardian.drift import DriftSampler, load_numbers
from mt5canary.guardian.guards import Reading
from mt5canary.guardian.watch import Watch, WatchRecord, summary
from mt5canary.link.latency import RoundTrips
from mt5canary.link.session import TradingSession
from mt5canary.measurement import Measurement, unproven
from mt5canary.order.flight import CanaryFlight
from mt5canary.plan import Limits
from mt5canary.plan.schema import BUILT_IN_FEATURES
from mt5canary.wire.replies import HelloReply, SymbolSpecification


class Guardian:
    """Watches once, when it is first asked, and answers every later question from what it saw."""

    def __init__(
        self,
        session: TradingSession,
        flight: CanaryFlight,
        hello: HelloReply,
        spec: SymbolSpecification,
        magic: int,
        limits: Limits,
        breaker: Breaker,
        on_breach: Callable[[str], object],
        baseline_file: Path,
        column_path: Path | None,
        finding: Callable[[str, str], object],
        log: Callable[..., object],
        *,
        keep: bool,
        record: Callable[[str, Any], object],
    ) -> None:
        self._session = session
        self._flight = flight
        self._hello = hello
        self._spec = spec
        self._magic = magic
        self._limits = limits
        self._breaker = breaker
        self._on_breach = on_breach
        self._keep = keep
        self._record = record
        self._baseline_file = baseline_file
        self._column_path = column_path
        self._no_drift = ""
        self._finding = finding
        self._log = log

    @cached_property
    def _baseline(self) -> Baseline | None:
        drift = self._limits.drift
        try:
            baseline, text = read_baseline(self._baseline_file, self._spec.symbol, drift.sample, drift.features)
            self._record("baseline", {"file": self._baseline_file.name, "text": text})
            load_numbers()  # now, because importing them in the watch would hold up its probes
            return baseline
        except (Finding, Unproven) as error:
            self._no_drift = str(error)
            return None

    @cached_property
    def _sampler(self) -> DriftSampler | None:
        """What samples and checks; None where baseline or column file cannot serve, and ``_no_drift`` says why."""
        own = [name for name in self._limits.drift.features if name not in BUILT_IN_FEATURES]
        if self._baseline is None:
            return None
        try:
            column_file = None if self._column_path is None else ColumnFile(self._column_path, own)
        except (Finding, Unproven) as error:
            self._no_drift = str(error)
            return None
        return DriftSampler(self._baseline, self._limits, column_file)

    @cached_property
    def watched(self) -> WatchRecord:
        """The watch, whole or broken off by a breach; a breach opens the breaker and flattens at once."""
        watch = Watch(
            self._session,
            self._spec,
            self._flight.position_ticket,
            self._magic,
            self._limits,
            self._tell,
            sampler=self._sampler,
            lease=self._flight.has_lease,
            booked=self._flight.booked_since,
            record=self._record,
        )
        plan = self._limits.watch
        self._log("guardian", f"watching for {plan.duration.total_seconds():g} s", books=("verify", "live"))
        record = watch.run(plan.duration.total_seconds(), plan.every.total_seconds())
        self._record("watch", summary(record))
        if record.breach is not None:
            reason = f"guard {record.breach.guard}: {record.breach.text}"
            self._on_breach(reason)
        elif self._keep:
            self._session.lease(self._magic, 0)
        p99 = RoundTrips(milliseconds=tuple(record.latencies_ms)).at(0.99)
        shown = "unproven (n=0)" if p99 is None else f"{p99:.3f} ms (n={len(record.probes)})"
        self._log("guardian", f"watched {record.seconds:.1f} s, Latency P99 {shown}, from when each probe was due")
        return record

    def watch(self) -> WatchRecord:
        """Watch now, unless that was done already."""
        return self.watched

    def _tell(self, name: str, facts: dict[str, Any]) -> None:
        if name != "PSI":  # it has a record of its own
            self._record("event", {"name": name, **facts})
        text = ", ".join(f"{key} {value}" for key, value in facts.items())
        level = "INFO" if name in ("progress", "PSI") else "ERROR"
        self._log("guardian", f"{name}: {text}", level=level, books=("verify", "live"))

    @property
    def _first_reading(self) -> Reading:
        if not self.watched.readings:
            raise Unproven("the watch read nothing, so no guard can be shown to trip")
        return self.watched.readings[0]

    def was_healthy(self) -> list[Measurement]:
        """G1: the guardian was healthy throughout."""
        return judgement.guardian_was_healthy(self.watched, self._limits)

    def latency_is_inside_limit(self) -> list[Measurement]:
        """G2: P99 latency is under the hard limit at the plan's confidence."""
        for text in judgement.latency_findings(self.watched, self._limits.latency.warn_ms):
            self._finding("G2", text)
        return judgement.latency_inside_limit(self.watched, self._limits)

    def drift_is_inside_limits(self) -> list[Measurement]:
        """G3: the drift checks ran on time, on enough data, within limits."""
        if self._sampler is None:
            return [unproven("PSI", self._no_drift)]
        for text in judgement.drift_findings(self.watched, self._limits):
            self._finding("G3", text)
        return judgement.drift_inside_limits(self.watched, self._limits)

    def every_guard_trips(self) -> list[Measurement]:
        """G4: every guard trips on seeded input, the breaker latches, and nothing tripped in earnest."""
        with tempfile.TemporaryDirectory(prefix="mt5canary-self-test-") as scratch:
            latched = judgement.breaker_latches(Path(scratch), Breaker.require_closed)
        if self._baseline is None:
            drift_trips = [unproven("PSI trips on seeded input", self._no_drift)]
        else:
            drift_trips = judgement.drift_trips(self._baseline, self._limits)
        return [
            *judgement.guards_trip(self._first_reading, self._limits),
            *drift_trips,
            *latched,
            *judgement.nothing_tripped(self.watched, self._breaker),
        ]

    def nothing_changed(self) -> list[Measurement]:
        """G5: no unexplained change of position, account, gateway or permissions."""
        return judgement.nothing_changed(self.watched, self._limits, self._hello)

    def covered_its_time(self) -> list[Measurement]:
        """G6: the watch covered its whole time."""
        return judgement.covered_its_time(self.watched, self._limits)
