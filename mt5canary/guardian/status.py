"""How a watch stands at one moment: for the display, the checkpoints and the metrics."""

from __future__ import annotations

from msgspec import Struct

from mt5canary.guardian.latencies import PROBES
from mt5canary.guardian.record import WatchRecord
from mt5canary.measurement import Outcome
from mt5canary.plan import Limits
from mt5canary.statistics import claim_p99, upper_bound


class Status(Struct, frozen=True, kw_only=True):
    """Figures of one moment; None stands where there is nothing to tell yet."""

    after_seconds: float
    left_seconds: float
    probes: int
    probes_lost: int
    probes_over: int
    p99_ms: float | None
    p99_bound: float
    p99_claim: Outcome
    errors: int
    readings: int
    position: str | None
    profit: float | None
    equity: float | None
    balance: float | None
    currency: str
    spread_points: float | None
    margin_level: float | None
    clock_offset_ms: float
    session_open: bool
    psi: dict[str, float]
    drift_checks: int
    largest_gap_seconds: float
    breach: str | None
    events: list[str]


def status_of(record: WatchRecord, now: float, limits: Limits, events: list[str]) -> Status:
    """The figures as of ``now`` (monotonic seconds)."""
    whole = record.latencies.shares()[0]
    latest = record.latest
    position = None if latest is None else latest.position
    checks = [check for check in record.drift_checks if check.features]
    return Status(
        after_seconds=round(now - record.started, 3),
        left_seconds=max(0.0, round(record.started + record.planned_seconds - now, 3)),
        probes=whole.count,
        probes_lost=record.latencies.lost,
        probes_over=whole.over,
        p99_ms=record.latencies.series[PROBES].at(0.99),
        p99_bound=upper_bound(whole.over, whole.count, limits.latency.confidence),
        p99_claim=claim_p99(whole.over, whole.count, limits.latency.confidence),
        errors=len(record.errors),
        readings=record.readings,
        position=None if position is None else f"{position.type} {position.volume:g} {position.symbol}",
        profit=None if position is None else position.profit,
        equity=None if latest is None else latest.account.equity,
        balance=None if latest is None else latest.account.balance,
        currency="" if latest is None else latest.account.currency,
        spread_points=None if latest is None else round((latest.tick.ask - latest.tick.bid) / latest.spec.point, 3),
        margin_level=None if latest is None else latest.account.margin_level,
        clock_offset_ms=0.0 if latest is None else latest.clock_offset_ms,
        session_open=record.market.session_open,
        psi={} if not checks else {feature.feature: feature.psi for feature in checks[-1].features},
        drift_checks=len(record.drift_checks),
        largest_gap_seconds=record.largest_gap_seconds,
        breach=None if record.breach is None else f"{record.breach.guard}: {record.breach.text}",
        events=events,
    )
