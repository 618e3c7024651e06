"""The verdict of a run: PASS only if every required criterion passed, FAIL if any failed, else UNPROVEN.

A criterion that the catalogue requires and that was never tried is UNPROVEN, not absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from mt5canary.catalogue import Criterion
from mt5canary.measurement import Measurement, Outcome, describe, settled, worst

SCHEMA = 1


class CriterionResult(Struct, kw_only=True):
    """What one criterion came to; ``findings`` are remarks that do not decide."""

    id: str
    stage: str
    title: str
    outcome: Outcome
    reason: str
    measurements: list[Measurement] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


class OrderFacts(Struct, frozen=True, kw_only=True):
    """The canary order as the broker's history or, failing that, the gateway's reply has it."""

    uuid: str
    ticket: int
    deal: int
    position: int
    symbol: str
    side: str
    volume: float
    price: float


class Verdict(Struct, frozen=True, kw_only=True):
    """``verdict.json``; times are RFC 3339 in UTC, ``flat`` is None where it is not known."""

    schema: int
    run: str
    task: str
    mode: str
    target: str
    rehearsal: bool
    verdict: Outcome
    decided_by: str | None
    evidence_level: str
    started_at: str
    ended_at: str
    criteria: list[CriterionResult]
    order: OrderFacts | None
    flat: bool | None


def outcome_of(measurements: list[Measurement]) -> tuple[Outcome, str]:
    """A criterion's outcome from its measurements, and the reason; no measurement is no proof.

    A measurement that says PASS without a value or without samples is none either, however it came about.
    """
    outcome = worst([settled(measurement) for measurement in measurements])
    if not measurements:
        return outcome, "no measurement was recorded, so nothing was proven"
    deciding = [describe(measurement) for measurement in measurements if settled(measurement) is outcome]
    if outcome is Outcome.PASS:
        count = (
            "one measurement within its limit" if len(deciding) == 1 else f"{len(deciding)} measurements within limits"
        )
        return outcome, count
    return outcome, "; ".join(deciding)


def complete(required: Iterable[Criterion], results: Mapping[str, CriterionResult]) -> list[CriterionResult]:
    """Every required criterion's result; those never tried are UNPROVEN and say so."""
    return [
        results.get(criterion.id)
        or CriterionResult(
            id=criterion.id,
            stage=criterion.stage,
            title=criterion.title,
            outcome=Outcome.UNPROVEN,
            reason="not run: it was not selected, or the run ended before it",
        )
        for criterion in required
    ]


def decide(results: list[CriterionResult]) -> tuple[Outcome, str | None]:
    """The run's verdict and the criterion that decided it: the first FAIL, else the first UNPROVEN."""
    for decisive in (Outcome.FAIL, Outcome.UNPROVEN):
        for result in results:
            if result.outcome is decisive:
                return decisive, result.id
    blocked = [result.id for result in results if result.outcome is not Outcome.PASS]
    if blocked or not results:
        return Outcome.UNPROVEN, blocked[0] if blocked else None
    return Outcome.PASS, None
