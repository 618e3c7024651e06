"""The guardian: the watch over the canary's position, the breaker, and what both prove."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from mt5canary.errors import Finding, Unproven
from mt5canary.guardian import judgement, self_test
from mt5canary.guardian.baseline import Baseline, read_baseline
from mt5canary.guardian.breaker import Breaker
from mt5canary.guardian.column_file import ColumnFile
from mt5canary.guardian.drift import DriftSampler, load_numbers
from mt5canary.guardian.latencies import LOG_NAME, ORDERS, PROBES
from mt5canary.guardian.readings import Watched
from mt5canary.guardian.record import Breach, WatchRecord, summary
from mt5canary.guardian.status import Status
from mt5canary.guardian.telling import Teller, describe
from mt5canary.guardian.watch import Watch
from mt5canary.link.session import ReadSession, TradingSession
from mt5canary.measurement import Measurement, unproven
from mt5canary.order.flight import CanaryFlight
from mt5canary.plan import Limits
from mt5canary.plan.schema import BUILT_IN_FEATURES
from mt5canary.wire.replies import HelloReply, SymbolSpecification

QUIET = frozenset({"PSI", "market", "watching"})
"""Events that are no trouble."""


class Display(Protocol):
    """What shows a watch to a person while it lasts."""

    every: float
    """How often it wants to know, in seconds."""

    def show(self, status: Status) -> None:
        """Show how things stand."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Surroundings(Protocol):
    """What the guardian needs of the run that it is part of."""

    @property
    def breaker(self) -> Breaker:
        """The run's breaker."""

    @property
    def folder(self) -> Path:
        """Where the run's documents are."""

    def record(self, kind: str, body: Any, *, durable: bool = False) -> None:
        """Append one record to the chain."""

    def log(self, source: str, text: str, *, level: str = "INFO", books: tuple[str, ...] = ("verify",)) -> None:
        """Write one line to the plan's logs."""

    def finding(self, criterion: str, text: str) -> None:
        """Record a remark that does not decide."""

    def bind(self, name: str) -> None:
        """Bind a document that was written bit by bit into the chain."""

    def break_off(self, reason: str) -> None:
        """Answer a breach: open the breaker, flatten at once, and halt the gateway too."""

    def answers_to(self, why_silent: Callable[[], str | None] | None) -> None:
        """Let the watch say why the run counts as silent, or None while it lives."""


class Guardian:
    """Watches once, when it is first asked, and answers every later question from what it saw."""

    def __init__(
        self,
        sessions: tuple[ReadSession, TradingSession],
        flight: CanaryFlight,
        hello: HelloReply,
        spec: SymbolSpecification,
        magic: int,
        limits: Limits,
        run: Surroundings,
        baseline_file: Path,
        column_path: Path | None,
        *,
        keep: bool,
        display: Display | None = None,
        alert: Callable[[str, dict[str, Any]], object] | None = None,
        metrics: Callable[[Callable[[], Status]], Callable[[], None]] | None = None,
    ) -> None:
        self._sessions = sessions
        self._flight = flight
        self._hello = hello
        self._spec = spec
        self._magic = magic
        self._limits = limits
        self._run = run
        self._keep = keep
        self._baseline_file = baseline_file
        self._column_path = column_path
        self._no_drift = ""
        self._display = display
        self._tell = Teller(self._note, *(() if alert is None else (alert,)))
        self._metrics = metrics

    @cached_property
    def _baseline(self) -> Baseline | None:
        drift = self._limits.drift
        try:
            baseline, text = read_baseline(self._baseline_file, self._spec.symbol, drift.sample, drift.features)
            self._run.record("baseline", {"file": self._baseline_file.name, "text": text})
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
    def _self_test(self) -> list[Measurement]:
        """The self-test, made before the watch begins, while nothing has tripped in earnest."""
        try:
            reading = self._watch.first_reading()
        except (Finding, Unproven) as error:
            return [unproven("guards trip on seeded input", f"a first reading: {error}")]
        with tempfile.TemporaryDirectory(prefix="mt5canary-self-test-") as scratch:
            measured = self_test.every_guard_trips(reading, self._limits, self._baseline, Path(scratch))
        if self._baseline is None:
            measured.append(unproven("PSI trips on seeded input", self._no_drift))
        self._run.record("self_test", {"tripped": [{"guard": m.name, "said": m.value} for m in measured]})
        return measured

    @cached_property
    def _watch(self) -> Watch:
        display = self._display
        shown: dict[str, Any] = {} if display is None else {"show": display.show, "show_every": display.every}
        watched = Watched(
            self._flight.position_ticket, self._magic, self._spec, self._flight.slippage_points(self._spec)
        )
        return Watch(
            *self._sessions,
            watched,
            self._limits,
            self._tell,
            sampler=self._sampler,
            lease=self._flight.has_lease,
            booked=self._flight.booked_since,
            compare=self._flight.compare_books,
            write=self._run.record,
            answer=self._answer,
            latency_log=self._run.folder / LOG_NAME,
            **shown,
        )

    @cached_property
    def watched(self) -> WatchRecord:
        """The watch, whole or broken off by a breach; a breach opens the breaker and flattens at once."""
        watch = self._watch
        self._self_test  # noqa: B018 -- at the start, so that a guard that cannot trip is known before it is needed
        order = self._flight.round_trip_ms
        if order is not None:
            watch.record.latencies.series[ORDERS].record(int(order * 1000))
        self._tell("watching", {"for": f"{self._limits.watch.duration.total_seconds():g} s"})
        stop_metrics = self._serve_metrics(watch)
        self._run.answers_to(watch.what_stands_still)
        try:
            record = watch.run()
        finally:
            self._run.answers_to(None)
            if stop_metrics is not None:
                stop_metrics()
            if self._display is not None:
                self._display.close()
        self._run.record("watch", summary(record))
        self._run.bind(LOG_NAME)
        if record.breach is None and self._keep:
            self._sessions[1].lease(self._magic, 0)
        p99 = record.latencies.series[PROBES].at(0.99)
        shown = "unproven (n=0)" if p99 is None else f"{p99:.3f} ms (n={record.probes})"
        text = f"watched {record.seconds:.1f} s, Latency P99 {shown}, from when each probe was due"
        self._run.log("guardian", text)
        return record

    def _serve_metrics(self, watch: Watch) -> Callable[[], None] | None:
        """Serve the figures where that is asked for; an address that is taken is a finding and no more."""
        if self._metrics is None:
            return None
        try:
            return self._metrics(watch.status)
        except OSError as error:
            self._run.finding("G1", f"the metrics are not served: {error}")
            return None

    def watch(self) -> WatchRecord:
        """Watch now, unless that was done already."""
        return self.watched

    def _answer(self, breach: Breach) -> None:
        self._run.break_off(f"guard {breach.guard}: {breach.text}")

    def _note(self, name: str, facts: dict[str, Any]) -> None:
        """Write an event into chain and logs; a drift check has a record of its own."""
        if name != "PSI":
            self._run.record("event", {"name": name, **facts})
        level = "INFO" if name in QUIET else "WARNING" if name == "warning" else "ERROR"
        self._run.log("guardian", describe(name, facts), level=level, books=("verify", "live"))

    def was_healthy(self) -> list[Measurement]:
        """G1: the guardian was healthy throughout."""
        for text in judgement.health_findings(self.watched):
            self._run.finding("G1", text)
        return judgement.guardian_was_healthy(self.watched, self._limits)

    def latency_is_inside_limit(self) -> list[Measurement]:
        """G2: P99 latency is under the hard limit at the plan's confidence."""
        for text in judgement.latency_findings(self.watched, self._limits.latency.warn_ms):
            self._run.finding("G2", text)
        return judgement.latency_inside_limit(self.watched, self._limits)

    def drift_is_inside_limits(self) -> list[Measurement]:
        """G3: the drift checks ran on time, on enough data, within limits."""
        if self._sampler is None:
            return [unproven("PSI", self._no_drift)]
        for text in judgement.drift_findings(self.watched, self._limits):
            self._run.finding("G3", text)
        return judgement.drift_inside_limits(self.watched, self._limits)

    def every_guard_trips(self) -> list[Measurement]:
        """G4: every guard trips on seeded input, the breaker latches, and nothing tripped in earnest."""
        watched = self.watched
        return [*self._self_test, *judgement.nothing_tripped(watched, self._run.breaker)]

    def nothing_changed(self) -> list[Measurement]:
        """G5: no unexplained change of position, account, gateway or permissions."""
        changed = judgement.nothing_changed(self.watched, self._limits, self._hello)
        return [*changed, *self._flight.books_agree()]

    def covered_its_time(self) -> list[Measurement]:
        """G6: the watch covered its whole time."""
        return judgement.covered_its_time(self.watched, self._limits)
