"""What a watch proves (criteria G1 to G6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mt5canary.guardian import drift
from mt5canary.guardian.baseline import Baseline
from mt5canary.guardian.breaker import Breaker, BreakerOpen
from mt5canary.guardian.guards import GUARDS, Reading, seeded
from mt5canary.guardian.stability import stability_index
from mt5canary.guardian.watch import WatchRecord
from mt5canary.link.latency import RoundTrips, within_limit
from mt5canary.measurement import Measurement, Outcome, at_least, at_most, below, by_rule, equal, unproven
from mt5canary.plan import Limits
from mt5canary.wire.replies import HelloReply

LATEST_CHECK_SECONDS = 5.0
"""How far a drift check may run behind its time."""

DUE_SHARE = 0.99
"""The share of probes due in the watch that must have been made."""


def guardian_was_healthy(watch: WatchRecord, limits: Limits) -> list[Measurement]:
    """The guardian worked throughout: no gap, probes on schedule, every guard run at every reading (G1)."""
    due = min(watch.seconds, watch.planned_seconds) / watch.every_seconds
    return [
        at_most(
            "largest gap of the watch",
            watch.largest_gap_seconds,
            limits.max_gap.total_seconds(),
            "s",
            len(watch.probes),
        ),
        at_least(
            "probes made over probes due",
            len(watch.probes) / due if due else None,
            DUE_SHARE,
            samples=int(due),
        ),
        at_least(
            "readings of position, account, gateway and quote",
            len(watch.readings),
            2,
            samples=len(watch.readings),
        ),
        at_least("guards run", watch.guards_run, len(GUARDS), samples=watch.guards_run),
        at_most(
            "errors", len(watch.errors), limits.errors.max_critical, samples=len(watch.probes) + len(watch.readings)
        ),
    ]


def latency_inside_limit(watch: WatchRecord, limits: Limits) -> list[Measurement]:
    """The probes' 99th percentile at the plan's confidence (G2)."""
    trips = RoundTrips(milliseconds=tuple(watch.latencies_ms))
    return within_limit(trips, limits.latency.p99_ms, limits.latency.confidence, "probe latency")


def latency_findings(watch: WatchRecord, warn_ms: float) -> list[str]:
    """Remarks on the latency: above the warn level, or far from what a naive count would say."""
    trips = RoundTrips(milliseconds=tuple(watch.latencies_ms))
    naive = RoundTrips(milliseconds=tuple(ms for probe in watch.probes if (ms := probe.naive_ms) is not None))
    found = []
    intended, counted = trips.at(0.99), naive.at(0.99)
    if intended is not None and intended >= warn_ms:
        found.append(f"P99 latency {intended:.1f} ms is at or over the warn level of {warn_ms:g} ms")
    if intended is not None and counted is not None and intended > 2 * counted + 1:
        found.append(
            f"P99 is {intended:.1f} ms from when probes were due and {counted:.1f} ms from when they were sent: "
            "round trips were held up by the ones before them"
        )
    return found


def drift_inside_limits(watch: WatchRecord, limits: Limits) -> list[Measurement]:
    """The drift checks ran on time, on enough rows, and had fewer events than the plan allows (G3)."""
    checks, planned = watch.drift_checks, drift.checks_planned(limits)
    every = limits.drift.every.total_seconds()
    late = [check.after_seconds - number * every for number, check in enumerate(checks, 1)]
    measurements = [
        by_rule("drift checks planned", planned, Outcome.PASS if planned else Outcome.UNPROVEN, ">= 1 in the watch"),
        at_least("drift checks made", len(checks), planned, samples=len(checks)),
        at_most("latest drift check behind its time", max(late, default=None), LATEST_CHECK_SECONDS, "s", len(checks)),
        equal(
            "drift checks that could not be worked out",
            sum(check.problem is not None for check in checks),
            0,
            samples=len(checks),
        ),
        below("drift events", drift.count_events(checks, limits), drift.events_allowed(limits), samples=len(checks)),
    ]
    rows = min((check.rows for check in checks), default=0)
    enough = Outcome.PASS if rows >= limits.drift.min_rows else Outcome.UNPROVEN
    measurements.append(
        by_rule("rows of the smallest check", rows, enough, f">= {limits.drift.min_rows}", samples=rows)
    )
    for name in limits.drift.features:
        found = [feature for check in checks for feature in check.features if feature.feature == name]
        measurements += _drift_of(name, found, limits)
    return measurements


def _drift_of(name: str, found: list[drift.FeatureDrift], limits: Limits) -> list[Measurement]:
    """A feature's worst index, and whether its rows were worth enough independent ones in every check."""
    worst = max(found, key=lambda feature: feature.psi - feature.chance, default=None)
    if worst is None:
        return [unproven(f"PSI of {name}", f"< {limits.drift.max_psi}, or within what chance explains")]
    limit = max(limits.drift.max_psi, worst.chance)
    measurements = [below(f"PSI of {name}", round(worst.psi, 6), round(limit, 6), samples=worst.rows)]
    few = next((feature for feature in found if not feature.is_enough), None)
    if few is not None:
        text = f">= {drift.LEAST_IN_A_BIN:g} in each of its bins"
        rows = round(few.worth, 1)
        measurements.append(by_rule(f"independent rows of {name}", rows, Outcome.UNPROVEN, text, samples=few.rows))
    return measurements


def drift_findings(watch: WatchRecord, limits: Limits) -> list[str]:
    """Remarks on the drift: an index over the warn level, a constant feed."""
    found = []
    for check in watch.drift_checks:
        if check.problem is not None:
            found.append(f"the drift check after {check.after_seconds:.0f} s: {check.problem}")
        for feature in check.features:
            if feature.constant:
                found.append(f"{feature.feature} is constant in the baseline and in this run: it can show no drift")
            if feature.still:
                found.append(
                    f"{feature.feature} had one value in all {feature.rows} rows after {check.after_seconds:.0f} s, "
                    "which its baseline had not: a feed that stands still"
                )
            if not feature.constant and feature.psi >= limits.drift.warn_psi:
                found.append(
                    f"PSI of {feature.feature} {feature.psi:.3f} passes the warn level {limits.drift.warn_psi:g}; "
                    f"chance alone reaches {feature.chance:.3f} on these samples"
                )
    return found


def drift_trips(baseline: Baseline, limits: Limits) -> list[Measurement]:
    """The index stays quiet on the baseline's own distribution and trips on a shifted one (G4)."""
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


def guards_trip(reading: Reading, limits: Limits) -> list[Measurement]:
    """Every guard stays quiet on a true reading and trips on a seeded one (G4)."""
    measurements = []
    for name, bad in seeded(reading, limits).items():
        guard = GUARDS[name]
        measurements += [
            equal(f"guard {name} on a true reading", guard(reading, reading, limits) or "quiet", "quiet"),
            equal(f"guard {name} trips on seeded input", guard(reading, bad, limits) is not None, True),
        ]
    measurements.append(equal("guards seeded", len(seeded(reading, limits)), len(GUARDS)))
    return measurements


def breaker_latches(scratch: Path, attempt: Callable[[Breaker], None]) -> list[Measurement]:
    """A breaker opened on scratch state stays open for another reader and stops an order there (G4)."""
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


def nothing_tripped(watch: WatchRecord, breaker: Breaker) -> list[Measurement]:
    """No guard tripped in earnest and the run's own breaker is closed (G4)."""
    return [
        equal("breach", watch.breach.text if watch.breach else "none", "none"),
        equal("breaker", breaker.why_open() or "closed", "closed"),
    ]


def nothing_changed(watch: WatchRecord, limits: Limits, at_the_start: HelloReply | None = None) -> list[Measurement]:
    """Position, gateway, permissions and balance were the same in every reading, and the gateway since L3 (G5)."""
    if len(watch.readings) < 2:
        return [unproven("readings compared", "two or more readings")]
    first = watch.readings[0]
    before = (at_the_start or first.hello).gateway.instance
    return [
        equal("gateway instance since the link stage", first.hello.gateway.instance, before),
        *(
            equal(
                f"changes of {name}",
                sum(GUARDS[name](first, now, limits) is not None for now in watch.readings),
                0,
                samples=len(watch.readings),
            )
            for name in ("position", "gateway", "permissions", "balance")
        ),
    ]


def covered_its_time(watch: WatchRecord, limits: Limits) -> list[Measurement]:
    """The watch lasted as long as planned, without a gap; one that did not shows nothing of the rest (G6)."""
    allowed = limits.max_gap.total_seconds()
    lasted = Outcome.PASS if watch.seconds >= watch.planned_seconds else Outcome.UNPROVEN
    whole = Outcome.PASS if watch.largest_gap_seconds <= allowed else Outcome.UNPROVEN
    probes = len(watch.probes)
    return [
        by_rule("time watched", watch.seconds, lasted, f">= {watch.planned_seconds:g}", "s", probes),
        by_rule("largest gap", watch.largest_gap_seconds, whole, f"<= {allowed:g}", "s", probes),
    ]
