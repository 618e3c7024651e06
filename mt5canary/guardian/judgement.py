"""What a watch proves (criteria G1 to G6)."""

from __future__ import annotations

from mt5canary.guardian import drift
from mt5canary.guardian.breaker import Breaker
from mt5canary.guardian.guards import GUARDS
from mt5canary.guardian.latencies import PROBES, PROBES_FROM_SENT
from mt5canary.guardian.record import WatchRecord
from mt5canary.link import shape
from mt5canary.link.latency import RoundTrips
from mt5canary.measurement import Measurement, Outcome, at_least, at_most, below, by_rule, equal, unproven
from mt5canary.plan import Limits
from mt5canary.statistics import claim_p99, upper_bound
from mt5canary.wire.replies import HelloReply

LATEST_CHECK_SECONDS = 5.0
"""How far a drift check may run behind its time."""

DUE_SHARE = 0.99
"""The share of probes due in the watch that must have been made."""


def guardian_was_healthy(watch: WatchRecord, limits: Limits) -> list[Measurement]:
    """The guardian worked throughout: no gap, probes on schedule, every guard run at every reading (G1)."""
    due = min(watch.seconds, watch.planned_seconds) / watch.every_seconds
    gap = limits.max_gap.total_seconds()
    return [
        at_most("largest gap of the watch", watch.largest_gap_seconds, gap, "s", watch.probes),
        at_least("probes made over probes due", watch.probes / due if due else None, DUE_SHARE, samples=int(due)),
        at_least("readings of position, account, gateway and quote", watch.readings, 2, samples=watch.readings),
        equal("guards run", watch.guards_run, len(GUARDS) * watch.readings, samples=watch.guards_run),
        at_most("errors", len(watch.errors), limits.errors.max_critical, samples=watch.probes + watch.readings),
    ]


def health_findings(watch: WatchRecord) -> list[str]:
    """Remarks on what came near a limit, and on the market's rest."""
    found = [f"{name} reached its warning level: {text}" for name, text in watch.warned.items()]
    if watch.market.closed_seconds:
        hours = watch.market.closed_seconds / 3600
        found.append(f"the session was closed for {hours:.1f} h of the watch: no quotes, and no drift checks of them")
    return found


def latency_inside_limit(watch: WatchRecord, limits: Limits) -> list[Measurement]:
    """The probes' 99th percentile at the plan's confidence, over the whole and in each hour (G2).

    The claims rest on the raw times; the figure beside them is read from the histogram, and at most 0.1 % high.
    """
    latency = limits.latency
    rule = f"< {latency.p99_ms:g} ms at {latency.confidence:.0%} confidence"
    whole, *hours = watch.latencies.shares()
    if not whole.count:
        return [unproven("probe latency P99", rule, "ms")]
    p99, claim = watch.latencies.series[PROBES].at(0.99), claim_p99(whole.over, whole.count, latency.confidence)
    over = f"share at or above {latency.p99_ms:g} ms, upper bound"
    return [
        by_rule("probe latency P99", p99, claim, rule, "ms", whole.count),
        *(
            by_rule(
                f"{over}, {share.of}",
                upper_bound(share.over, share.count, latency.confidence),
                claim_p99(share.over, share.count, latency.confidence),
                "< 0.01",
                samples=share.count,
            )
            for share in (whole, *hours)
        ),
    ]


def latency_findings(watch: WatchRecord, warn_ms: float) -> list[str]:
    """Remarks on the latency: above the warn level, far from what a naive count would say, of a telling shape."""
    found = []
    intended = watch.latencies.series[PROBES].at(0.99)
    counted = watch.latencies.series[PROBES_FROM_SENT].at(0.99)
    if intended is not None and intended >= warn_ms:
        found.append(f"P99 latency {intended:.1f} ms is at or over the warn level of {warn_ms:g} ms")
    if intended is not None and counted is not None and intended > 2 * counted + 1:
        found.append(
            f"P99 is {intended:.1f} ms from when probes were due and {counted:.1f} ms from when they were sent: "
            f"{_why_they_differ(watch)}"
        )
    cause = what_its_shape_says(watch)
    return [*found, cause] if cause is not None else found


def _why_they_differ(watch: WatchRecord) -> str:
    middle = watch.latencies.series[PROBES_FROM_SENT].at(0.5) or 0.0
    every = 1000 * watch.every_seconds
    if middle > every:
        return (
            f"a round trip takes {middle:.1f} ms and a probe is due every {every:g} ms, so each waits for those before "
            "it: give limits.watch.every more time than a round trip"
        )
    lost = f", {watch.latencies.lost} of them without a reply" if watch.latencies.lost else ""
    return f"some round trips held up the probes that were due after them{lost}"


def what_its_shape_says(watch: WatchRecord) -> str | None:
    """The cause that the latest round trips' shape gives away; None where it is nothing out of the way."""
    trips = RoundTrips(milliseconds=tuple(watch.latencies.recent))
    found = shape.recognise(trips, None, 0)
    return None if found in (None, shape.AT_ONCE) else found.describe()


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
    rows = min((check.rows for check in checks if not check.closed_seconds), default=0)
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


def nothing_tripped(watch: WatchRecord, breaker: Breaker) -> list[Measurement]:
    """No guard tripped in earnest and the run's own breaker is closed (G4)."""
    return [
        equal("breach", watch.breach.text if watch.breach else "none", "none"),
        equal("breaker", breaker.why_open() or "closed", "closed"),
    ]


def nothing_changed(watch: WatchRecord, limits: Limits, at_the_start: HelloReply | None = None) -> list[Measurement]:
    """Position, gateway, permissions, balance and clock were the same in every reading, the gateway since L3 (G5)."""
    if watch.first is None or watch.readings < 2:
        return [unproven("readings compared", "two or more readings")]
    first = watch.first
    before = (at_the_start or first.hello).gateway.instance
    return [
        equal("gateway instance since the link stage", first.hello.gateway.instance, before),
        *(
            equal(f"changes of {name}", watch.tripped[name], 0, samples=watch.readings)
            for name in ("position", "gateway", "permissions", "balance", "books")
        ),
        at_most(
            "gateway's clock off by, at least",
            watch.largest_clock_offset_ms,
            limits.clock.max_offset_ms,
            "ms",
            watch.readings,
        ),
    ]


def covered_its_time(watch: WatchRecord, limits: Limits) -> list[Measurement]:
    """The watch lasted as long as planned, without a gap; one that did not shows nothing of the rest (G6)."""
    allowed = limits.max_gap.total_seconds()
    lasted = Outcome.PASS if watch.seconds >= watch.planned_seconds else Outcome.UNPROVEN
    whole = Outcome.PASS if watch.largest_gap_seconds <= allowed else Outcome.UNPROVEN
    return [
        by_rule("time watched", watch.seconds, lasted, f">= {watch.planned_seconds:g}", "s", watch.probes),
        by_rule("largest gap", watch.largest_gap_seconds, whole, f"<= {allowed:g}", "s", watch.probes),
    ]
