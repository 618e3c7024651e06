"""Whether the size may grow: hold, raise one step, or go back one, each with its reasons.

Only the last runs at the plan's present step are considered: those that watched for the plan's ``promotion.after``
together, and every run since the first of them began; all of them where they watched for less.

- **back**: an order was out and its run failed, the latency is shown to be over its limit, a day had the drift events
  that the plan calls too many, or the canaries lost more than the plan's most.
- **hold**: less time was watched than the plan demands; a run is unproven, or failed before an order left; the latency
  is not shown to be under its limit, or one hour's is shown to be over; a bundle that should count does not hold.
- **raise**: nothing of all that, and there is a step above.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from mt5canary.measurement import Outcome
from mt5canary.plan import Resolved
from mt5canary.promotion.examination import Examined
from mt5canary.promotion.period import Figures, figures, start_of


class Choice(StrEnum):
    """What is decided."""

    HOLD = "HOLD"
    RAISE = "RAISE"
    BACK = "BACK"


class Decision(Struct, frozen=True, kw_only=True):
    """The decision, from which step to which, and why; ``to_step`` is None where there is no step below."""

    choice: Choice
    from_step: float
    to_step: float | None
    reasons: list[str]
    day: Figures | None
    whole: Figures | None


def decide(examined: Sequence[Examined], plan: Resolved) -> Decision:
    """Decide on the runs that were examined, in any order."""
    promotion, limits, order = plan.plan.promotion, plan.limits, plan.plan.order
    step, steps = order.planned_volume / order.max_lot, promotion.steps
    hours = promotion.after.total_seconds() / 3_600
    currency = plan.target.account.currency
    at_step = at_present_step([run for run in examined if run.counts], step)
    proven = [run for run in at_step if run.verification.verdict is Outcome.PASS]
    whole = figures(proven, hours, limits, currency)
    is_covered = whole is not None and whole.covered_hours >= hours
    start = (start_of(proven, hours) or 0) if is_covered else 0
    since = [run for run in at_step if run.began >= start]
    back = [*_failures(since), *(_breaches(whole, plan) if whole else ())]
    hold = [*_shortcomings(whole, hours), *_open_questions(since), *_suspicions(examined, start)]
    if step not in steps:
        hold.insert(0, f"the plan trades {step.normalize():f} of max_lot, which is none of its steps {_shown(steps)}")
    above = next((one for one in steps if one > step), None)
    below = next((one for one in reversed(steps) if one < step), None)
    if above is None:
        hold.append(f"{step.normalize():f} is the highest step")
    if back:
        choice, to_step, reasons = Choice.BACK, below, back
    elif hold or above is None or whole is None:
        choice, to_step, reasons = Choice.HOLD, step, hold
    else:
        choice, to_step, reasons = Choice.RAISE, above, _merits(whole)
    return Decision(
        choice=choice,
        from_step=float(step),
        to_step=None if to_step is None else float(to_step),
        reasons=reasons,
        day=figures(proven, 24, limits, currency),
        whole=whole,
    )


def at_present_step(runs: Sequence[Examined], step: Decimal) -> list[Examined]:
    """The last runs at this step, in order; what came before a run at another step belongs to another time."""
    found: list[Examined] = []
    for run in sorted(runs, key=lambda run: run.began, reverse=True):
        if run.step != step:
            break
        found.insert(0, run)
    return found


def _failures(runs: Sequence[Examined]) -> list[str]:
    failed = [run for run in runs if run.verification.verdict is Outcome.FAIL and run.order is not None]
    return [f"run {run.run} failed with its order out: {_decided_by(run)}" for run in failed]


def _breaches(whole: Figures, plan: Resolved) -> list[str]:
    limits, found = plan.limits, []
    if whole.latency.outcome is Outcome.FAIL:
        found.append(
            f"{whole.latency.over} of {whole.latency.samples} probes took {limits.latency.p99_ms:g} ms or more: "
            f"the 99th percentile is over its limit at {limits.latency.confidence:.0%} confidence"
        )
    most = limits.drift.max_events_24h
    if whole.drift_events_in_24h >= max(1, most):
        found.append(f"{whole.drift_events_in_24h} drift events within 24 hours, {max(1, most)} are too many")
    if -whole.results.total > float(limits.loss.max_money):
        results = whole.results
        found.append(f"{results.runs} canaries lost {-results.total:.2f} {results.currency} together, "
                     f"at most {limits.loss.max_money}")  # fmt: skip
    return found


def _shortcomings(whole: Figures | None, hours: float) -> list[str]:
    if whole is None:
        return [f"no proven run of a real target watched at this step: 0 of {hours:g} hours"]
    found = []
    if whole.covered_hours < hours:
        found.append(f"{whole.covered_hours:.2f} of {hours:g} hours were watched at this step")
    if whole.latency.outcome is Outcome.UNPROVEN:
        found.append(
            f"the 99th percentile is not shown to be under its limit: {whole.latency.over} of {whole.latency.samples} "
            f"probes over it, a share of up to {whole.latency.upper:.2%}"
        )
    over = [hour for hour in whole.latency_by_hour if hour.outcome is Outcome.FAIL]
    found += [
        f"in the hour from {hour.since} {hour.over} of {hour.samples} probes were over the limit" for hour in over
    ]
    return found


def _open_questions(runs: Sequence[Examined]) -> list[str]:
    unproven = [run for run in runs if run.verification.verdict is Outcome.UNPROVEN]
    early = [run for run in runs if run.verification.verdict is Outcome.FAIL and run.order is None]
    return [
        *(f"run {run.run} is unproven: {_decided_by(run)}" for run in unproven),
        *(f"run {run.run} failed before an order left: {_decided_by(run)}" for run in early),
    ]


def _suspicions(examined: Sequence[Examined], start: int) -> list[str]:
    """Bundles that should count and do not hold, of this period as far as can be read."""
    doubtful = [run for run in examined if run.suspicious and (not run.header or run.began >= start)]
    return [f"{run.folder.name} cannot be counted, {run.excluded}" for run in doubtful]


def _merits(whole: Figures) -> list[str]:
    return [
        f"{whole.covered_hours:.2f} hours were watched at this step in {len(whole.runs)} runs, all of them proven",
        f"the 99th percentile of {whole.latency.samples} probes is {whole.latency.p99_ms:.1f} ms, a share of at most "
        f"{whole.latency.upper:.3%} over the limit",
        f"{whole.drift_events} drift events in {whole.drift_checks} checks",
    ]


def _decided_by(run: Examined) -> str:
    return run.decided_by or "see its report"


def _shown(steps: Sequence[Decimal]) -> str:
    return ", ".join(f"{one.normalize():f}" for one in steps)
