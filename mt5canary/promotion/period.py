"""What several runs amount to over their last hours of watching.

A period of so many hours ends with the last watch and reaches back until its runs have watched for so long together.
Time that nobody watched is none of it, nor is time in which the market was closed; what two runs watched counts once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from mt5canary.evidence.chain import utc
from mt5canary.guardian.drift import DAY
from mt5canary.measurement import Outcome
from mt5canary.plan import Limits
from mt5canary.promotion.examination import Examined
from mt5canary.statistics import claim_p99, f_quantile, lower_bound, quantile, upper_bound

HOUR = 3_600 * 1_000_000_000
CONFIDENCE = 0.95
"""Of the interval of the mean result."""


class Latency(Struct, frozen=True, kw_only=True):
    """Probes over a time: how many, how many at or over the limit, the 99th percentile, the bounds of the share over.

    ``outcome`` is what they claim of "P99 is under the limit" at the plan's confidence.
    """

    since: str
    samples: int
    over: int
    p99_ms: float | None
    lower: float
    upper: float
    outcome: Outcome


class Results(Struct, frozen=True, kw_only=True):
    """What the closed positions made, costs included, in the account's currency.

    ``low`` and ``high`` are the 95 % interval of a run's mean result by Student's t; None below two runs.
    """

    runs: int
    total: float
    mean: float | None
    low: float | None
    high: float | None
    currency: str


class Figures(Struct, frozen=True, kw_only=True):
    """The figures of one period; slippage in points, positive where it went against the order."""

    hours: float
    covered_hours: float
    since: str
    until: str
    runs: list[str]
    fills: int
    slippage_mean: float | None
    slippage_worst: float | None
    latency: Latency
    latency_by_hour: list[Latency]
    drift_checks: int
    drift_events: int
    drift_events_in_24h: int
    errors: int
    results: Results


def start_of(runs: Sequence[Examined], hours: float) -> int | None:
    """When a period of so many covered hours begins; the first watch's beginning where they covered less."""
    left = round(hours * HOUR)
    start = None
    for began, ended in reversed(covered(runs)):
        start = max(began, ended - left)
        left -= ended - start
        if left <= 0:
            break
    return start


def covered(runs: Iterable[Examined]) -> list[tuple[int, int]]:
    """The times that were watched, in order, none twice."""
    whole: list[tuple[int, int]] = []
    for began, ended in sorted(piece for run in runs for piece in run.watched):
        if whole and began <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], ended))
        else:
            whole.append((began, ended))
    return whole


def figures(runs: Sequence[Examined], hours: float, limits: Limits, currency: str) -> Figures | None:
    """The figures of the last hours of watching; None where nothing was watched."""
    start = start_of(runs, hours)
    if start is None:
        return None
    inside = [run for run in runs if run.watched and run.watched[-1][1] > start]
    times = [(max(start, began), ended) for began, ended in covered(inside) if ended > start]
    probes = [probe for run in inside for probe in zip(run.due, run.latency_ms, strict=True) if probe[0] >= start]
    checks = [(at, check) for run in inside for at, check in run.checks if at >= start]
    events = [at for at, check in checks if check.events(limits.drift.max_psi)]
    slips = [run.slippage_points for run in inside if run.slippage_points is not None]
    by_hour: dict[int, list[float]] = {}
    for due, milliseconds in probes:
        by_hour.setdefault(due // HOUR, []).append(milliseconds)
    return Figures(
        hours=hours,
        covered_hours=round(sum(ended - began for began, ended in times) / HOUR, 4),
        since=utc(start),
        until=utc(times[-1][1]),
        runs=[run.run for run in inside],
        fills=sum(run.order is not None for run in inside),
        slippage_mean=sum(slips) / len(slips) if slips else None,
        slippage_worst=max(slips, default=None),
        latency=_latency(start, [milliseconds for _, milliseconds in probes], limits),
        latency_by_hour=[_latency(hour * HOUR, values, limits) for hour, values in sorted(by_hour.items())],
        drift_checks=len(checks),
        drift_events=len(events),
        drift_events_in_24h=_most_in_a_day(events),
        errors=sum(run.errors for run in inside),
        results=results([run.result for run in inside if run.result is not None], currency),
    )


def _latency(since: int, milliseconds: list[float], limits: Limits) -> Latency:
    limit, confidence = limits.latency.p99_ms, limits.latency.confidence
    over, count = sum(value >= limit for value in milliseconds), len(milliseconds)
    return Latency(
        since=utc(since),
        samples=count,
        over=over,
        p99_ms=quantile(sorted(milliseconds), 0.99),
        lower=lower_bound(over, count, confidence),
        upper=upper_bound(over, count, confidence),
        outcome=claim_p99(over, count, confidence),
    )


def _most_in_a_day(events: Sequence[int]) -> int:
    day = round(DAY.total_seconds() * 1e9)
    return max((sum(last - day < at <= last for at in events) for last in events), default=0)


def results(amounts: Sequence[Decimal], currency: str) -> Results:
    """What positions made together, and the interval of their mean (Student's t squared is F with one degree above)."""
    count, total = len(amounts), float(sum(amounts, Decimal(0)))
    mean = total / count if count else None
    half = None
    if mean is not None and count > 1:
        variance = sum((float(amount) - mean) ** 2 for amount in amounts) / (count - 1)
        half = math.sqrt(f_quantile(CONFIDENCE, 1, count - 1) * variance / count)
    return Results(
        runs=count,
        total=total,
        mean=mean,
        low=None if mean is None or half is None else mean - half,
        high=None if mean is None or half is None else mean + half,
        currency=currency,
    )
