"""What a watch saw, in a size that does not grow with its length: counts, extremes, the first and the latest look.

Everything else is in the chain.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from msgspec import Struct, field

from mt5canary.guardian.drift import DriftCheck
from mt5canary.guardian.guards import BURN_SECONDS, Reading
from mt5canary.guardian.latencies import Latencies
from mt5canary.guardian.market import Market


class Breach(Struct, frozen=True):
    """What ended a watch early: the guard, what it said, when (seconds since the watch began)."""

    guard: str
    text: str
    after_seconds: float


class Problem(NamedTuple):
    """Something that went wrong, and when (monotonic seconds)."""

    at: float
    text: str


class WatchRecord(Struct):
    """All that a watch saw; times in monotonic seconds."""

    planned_seconds: float
    every_seconds: float
    latencies: Latencies
    market: Market
    started: float = 0.0
    ended: float = 0.0
    first: Reading | None = None
    latest: Reading | None = None
    readings: int = 0
    tripped: Counter[str] = field(default_factory=Counter)
    warned: dict[str, str] = field(default_factory=dict)
    drift_checks: list[DriftCheck] = field(default_factory=list)
    drift_events: int = 0
    errors: list[Problem] = field(default_factory=list)
    largest_gap_seconds: float = 0.0
    largest_blind_seconds: float = 0.0
    largest_clock_offset_ms: float = 0.0
    lease_renewals: int = 0
    guards_run: int = 0
    breach: Breach | None = None

    @property
    def seconds(self) -> float:
        """How long it watched."""
        return self.ended - self.started

    @property
    def probes(self) -> int:
        """How many probes were made."""
        return self.latencies.count

    def recent_errors(self, now: float) -> int:
        """How many errors there were in the time that shows how fast the budget burns."""
        return sum(problem.at >= now - BURN_SECONDS for problem in self.errors)


def summary(watch: WatchRecord) -> dict[str, Any]:
    """The ``watch`` record: what no exchange shows of a watch; instants in monotonic seconds."""
    return {
        "started": watch.started,
        "ended": watch.ended,
        "largest_gap_seconds": watch.largest_gap_seconds,
        "largest_blind_seconds": watch.largest_blind_seconds,
        "largest_clock_offset_ms": watch.largest_clock_offset_ms,
        "closed_seconds": watch.market.closed_seconds,
        "probes": watch.probes,
        "readings": watch.readings,
        "guards_run": watch.guards_run,
        "lease_renewals": watch.lease_renewals,
        "warned": watch.warned,
        "errors": [problem.text for problem in watch.errors],
    }
