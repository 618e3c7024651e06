"""The self-test (criterion G4): every guard shown to trip on seeded input, beside the real position.

Nothing here touches the position, the run's breaker or its chain: a seeded reading is a copy, a seeded latency series
is counted by a book of its own, a seeded heartbeat is killed by a clock of its own, a seeded breaker lies in a scratch
folder. What each one said is the measurement's value, so that the evidence shows what tripped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from mt5canary.guardian.baseline import Baseline
from mt5canary.guardian.breaker import Breaker, BreakerOpen
from mt5canary.guardian.clock import Clock
from mt5canary.guardian.guards import GUARDS, Reading, seeded, tripped
from mt5canary.guardian.heartbeat import Heartbeat
from mt5canary.guardian.stability import stability_index
from mt5canary.measurement import Measurement, Outcome, at_least, below, by_rule, equal
from mt5canary.plan import Limits


def every_guard_trips(reading: Reading, limits: Limits, baseline: Baseline | None, scratch: Path) -> list[Measurement]:
    """The whole self-test, on a true reading of the gateway."""
    return [
        *guards_trip(reading, limits),
        *heartbeat_trips(limits),
        *([] if baseline is None else drift_trips(baseline, limits)),
        *breaker_latches(scratch, Breaker.require_closed),
    ]


def guards_trip(reading: Reading, limits: Limits) -> list[Measurement]:
    """Every guard stays quiet on a true reading and trips on a seeded one."""
    quiet = tripped(reading, reading, limits)
    measurements = []
    for name, bad in seeded(reading, limits).items():
        measurements += [
            equal(f"guard {name} on a true reading", quiet.get(name, "quiet"), "quiet"),
            must_trip(f"guard {name} on seeded input", GUARDS[name](reading, bad, limits)),
        ]
    measurements.append(equal("guards seeded", len(seeded(reading, limits)), len(GUARDS)))
    return measurements


def must_trip(name: str, said: str | None) -> Measurement:
    """What a guard said to seeded input; nothing is a failure."""
    return by_rule(name, said or "quiet", Outcome.PASS if said else Outcome.FAIL, "trips")


class SeededClock(Clock):
    """A clock that only moves when it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Its own time."""
        return self.now

    def monotonic_ns(self) -> int:
        """Its own time in nanoseconds."""
        return int(self.now * 1e9)

    def wall_ns(self) -> int:
        """Its own time."""
        return self.monotonic_ns()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Move on."""
        self.now += seconds


def heartbeat_trips(limits: Limits) -> list[Measurement]:
    """Either half of the guardian, killed, is missed by the other; both alive are quiet."""
    gap, every = limits.max_gap.total_seconds(), limits.watch.every.total_seconds()
    measurements = []
    for killed in ("none", "probes", "readings"):
        clock = SeededClock()
        heartbeat = Heartbeat(clock, gap, every)
        for _ in range(int((gap + 2 * every) / every) + 2):
            clock.now += every
            for name, beats in (("probes", heartbeat.probes), ("readings", heartbeat.readings)):
                if name != killed:
                    beats.beat()
        said = heartbeat.what_stands_still()
        if killed == "none":
            measurements.append(equal("heartbeat of both loops", said or "quiet", "quiet"))
        else:
            measurements.append(must_trip(f"heartbeat, the loop of the {killed} killed", said))
    return measurements


def drift_trips(baseline: Baseline, limits: Limits) -> list[Measurement]:
    """The index stays quiet on the baseline's own distribution and trips on a shifted one."""
    measurements = []
    for name in limits.drift.features:
        feature = baseline.features[name]
        shifted = [0] * (len(feature.counts) - 1) + [limits.drift.min_rows]
        same = stability_index(feature.counts, feature.counts)
        moved = stability_index(feature.counts, shifted)
        measurements += [
            below(f"PSI of {name} against itself", same, limits.drift.max_psi, samples=baseline.rows),
            at_least(f"PSI of {name}, seeded with a shift", moved, limits.drift.max_psi, samples=limits.drift.min_rows),
        ]
    return measurements


def breaker_latches(scratch: Path, attempt: Callable[[Breaker], None]) -> list[Measurement]:
    """A breaker opened on scratch state stays open for another reader and stops an order there."""
    Breaker(scratch).trip("seeded by the self-test")
    other = Breaker(scratch)
    try:
        attempt(other)
        stopped = False
    except BreakerOpen:
        stopped = True
    return [
        equal("seeded breaker read back open", other.why_open(), "seeded by the self-test"),
        equal("an order is stopped by the seeded breaker", stopped, True),
    ]
