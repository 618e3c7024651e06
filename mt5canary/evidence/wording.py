"""What a verdict says, in plain words; every document and the terminal take them from here."""

from __future__ import annotations

from collections import Counter

from mt5canary.evidence.verdict import CriterionResult, Verdict
from mt5canary.evidence.words import ENGLISH
from mt5canary.measurement import Measurement, Outcome

REHEARSAL = ENGLISH("rehearsal")
REHEARSAL_NOTE = ENGLISH("rehearsal.note")
EVIDENCE_LEVELS = {level: ENGLISH(f"level.{level}") for level in ("E0", "E1", "E2", "E3")}


def headline(verdict: Verdict) -> str:
    """The verdict and what decided it; the first line of every document."""
    prefix = f"{REHEARSAL}: " if verdict.rehearsal else ""
    return f"{prefix}{verdict.verdict} ({decided_by(verdict)})"


def decided_by(verdict: Verdict) -> str:
    """Which criterion decided."""
    if verdict.decided_by is not None:
        return f"decided by {verdict.decided_by}"
    if verdict.verdict is Outcome.PASS:
        return f"all {len(verdict.criteria)} criteria passed"
    return "no criterion was tried"


def subject(verdict: Verdict) -> str:
    """Which run it is about."""
    return f"canary {verdict.mode} run {verdict.run} of task {verdict.task} on {verdict.target}"


def title(verdict: Verdict) -> str:
    """A document's title: the headline and the run."""
    return f"{headline(verdict)}: {subject(verdict)}"


def verdict_line(verdict: Verdict) -> str:
    """The verdict with its reason, on one line for the terminal and the log."""
    deciding = deciding_criterion(verdict)
    reason = "" if deciding is None else f": {deciding.reason}"
    return f"VERDICT: {verdict.verdict} ({decided_by(verdict)}){reason}"


def deciding_criterion(verdict: Verdict) -> CriterionResult | None:
    """The criterion that decided; None where every one passed."""
    return next((result for result in verdict.criteria if result.id == verdict.decided_by), None)


def of_stage(verdict: Verdict, stage: str) -> list[CriterionResult]:
    """A stage's criteria in their order."""
    return [result for result in verdict.criteria if result.stage == stage]


def not_passed(verdict: Verdict) -> list[CriterionResult]:
    """The criteria that did not pass, in their order."""
    return [result for result in verdict.criteria if result.outcome is not Outcome.PASS]


def tally(results: list[CriterionResult]) -> str:
    """How many criteria came to what."""
    found = Counter(result.outcome for result in results)
    parts = [f"{found[outcome]} {outcome}" for outcome in Outcome if found[outcome]]
    return f"{', '.join(parts) or 'none'} of {len(results)}"


def figure(measurement: Measurement) -> str:
    """A measurement's value with its unit; without samples it is ``unproven (n=0)``, never a number."""
    if measurement.samples < 1 or measurement.value is None:
        return f"unproven (n={measurement.samples})"
    value = measurement.value
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{shown} {measurement.unit}" if measurement.unit else shown
