"""The rules of a review: each looks at one thing and says whether it holds, and what must change where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from mt5canary.evidence.verdict import Verdict
from mt5canary.measurement import Outcome
from mt5canary.review.policy import DAY, Policy
from mt5canary.verify.findings import State, Verification

LIVE = "live"


class Standing(StrEnum):
    """What a rule came to: it holds, something must change first, or nothing that is changed could mend it."""

    HOLDS = "holds"
    CHANGE = "change"
    REJECT = "reject"


class Ruling(Struct, frozen=True, kw_only=True):
    """One rule's result with its reason."""

    rule: str
    standing: Standing
    reason: str


class Case(Struct, frozen=True, kw_only=True):
    """Everything a rule may look at: what verification found, the bundle's verdict, its records, its plan's digest."""

    verification: Verification
    verdict: Verdict
    findings: Sequence[str]
    unknown_intents: Sequence[str]
    plan_sha256: str
    trade_mode: str
    names: Sequence[str]
    now: datetime


def _bundle_is_whole(case: Case, policy: Policy) -> tuple[Standing, str]:
    state, verification = case.verification.state, case.verification
    if state is State.CONTRADICTED:
        first = verification.of(State.CONTRADICTED)[0]
        return Standing.REJECT, f"verification contradicts it: {first.subject}: {first.text}"
    if state is State.MISSING:
        first = verification.of(State.MISSING)[0]
        return Standing.CHANGE, f"verification is incomplete: {first.subject}: {first.text}"
    if verification.verdict is not case.verdict.verdict:
        said = f"verdict.json says {case.verdict.verdict}, the records come to {verification.verdict}"
        return Standing.REJECT, said
    return Standing.HOLDS, "chain, manifest, documents and verdict follow from the raw records"


def _bundle_is_signed(case: Case, policy: Policy) -> tuple[Standing, str]:
    if case.verification.signed_by:
        return Standing.HOLDS, f"signed by {case.verification.signed_by}"
    if policy.signed:
        return Standing.CHANGE, "the bundle is unsigned: run with a signing key (mt5canary keygen)"
    return Standing.HOLDS, "unsigned, which the policy allows"


def _run_is_live(case: Case, policy: Policy) -> tuple[Standing, str]:
    if case.verdict.mode != LIVE:
        return Standing.CHANGE, f"a {case.verdict.mode} sends no order: fly the canary with -m live"
    if case.verdict.rehearsal and not policy.rehearsals:
        return Standing.CHANGE, "it was a rehearsal: no broker said any of this"
    return Standing.HOLDS, "a rehearsal, which the policy allows" if case.verdict.rehearsal else "a live run"


def _every_criterion_is_proven(case: Case, policy: Policy) -> tuple[Standing, str]:
    failed = [each.id for each in case.verdict.criteria if each.outcome is Outcome.FAIL]
    short = [f"{each.id} {each.outcome}" for each in case.verdict.criteria if each.outcome is not Outcome.PASS]
    if failed:
        return Standing.REJECT, f"failed: {', '.join(failed)}"
    if short or not case.verdict.criteria:
        return Standing.CHANGE, f"not proven: {', '.join(short) or 'there is no criterion'}"
    return Standing.HOLDS, f"all {len(case.verdict.criteria)} criteria passed"


def _limits_are_met(case: Case, policy: Policy) -> tuple[Standing, str]:
    measured = [(each.id, item) for each in case.verdict.criteria for item in each.measurements]
    outside = [f"{name} {item.name}" for name, item in measured if item.outcome is not Outcome.PASS or item.samples < 1]
    if outside or not measured:
        return Standing.CHANGE, f"outside or without samples: {', '.join(outside[:5]) or 'nothing was measured'}"
    return Standing.HOLDS, f"all {len(measured)} measurements within their limits"


def _nothing_is_open(case: Case, policy: Policy) -> tuple[Standing, str]:
    if case.unknown_intents:
        return Standing.REJECT, f"orders whose outcome is unknown: {', '.join(case.unknown_intents)}"
    if case.verdict.order is not None and case.verdict.flat is None:
        return Standing.REJECT, "it is not known whether the position is closed"
    return Standing.HOLDS, "no order is unknown" + (", the position is closed" if case.verdict.flat else "")


def _evidence_level_is_reached(case: Case, policy: Policy) -> tuple[Standing, str]:
    reached = case.verdict.evidence_level
    if reached < policy.evidence_level:
        return Standing.CHANGE, f"{reached}; the policy asks for {policy.evidence_level}"
    return Standing.HOLDS, reached


def _run_is_recent(case: Case, policy: Policy) -> tuple[Standing, str]:
    ended = datetime.fromisoformat(case.verdict.ended_at).astimezone(UTC)
    days = (case.now - ended) / DAY
    if not 0 <= days <= policy.max_age_days:
        return Standing.CHANGE, f"it ended {days:.1f} days ago; the policy takes runs of the last {policy.max_age_days}"
    return Standing.HOLDS, f"it ended {days:.1f} days ago"


def _plan_is_approved(case: Case, policy: Policy) -> tuple[Standing, str]:
    approved = [plan for plan in policy.plans if plan.sha256 == case.plan_sha256]
    if not approved:
        return Standing.CHANGE, f"the plan {case.plan_sha256} is not among the {len(policy.plans)} approved ones"
    latest = max(approved, key=lambda plan: plan.until)
    if latest.until < case.now.date():
        return Standing.CHANGE, f"the plan's approval by {latest.by} ended on {latest.until}"
    return Standing.HOLDS, f"approved by {latest.by} until {latest.until}"


def _names_are_given(case: Case, policy: Policy) -> tuple[Standing, str]:
    needed = policy.names.real if case.trade_mode == "real" else policy.names.demo
    given = {name.strip().casefold() for name in case.names if name.strip()}
    if len(given) < needed:
        who = f"{len(given)} of {needed} names for a {case.trade_mode} account"
        return Standing.CHANGE, f"{who}: --by NAME, once for each person"
    return Standing.HOLDS, ", ".join(case.names)


def _findings_are_seen(case: Case, policy: Policy) -> tuple[Standing, str]:
    if case.findings and policy.findings == "none":
        return Standing.CHANGE, f"{len(case.findings)} findings, the first: {case.findings[0]}"
    return Standing.HOLDS, f"{len(case.findings)} findings to read" if case.findings else "no findings"


RULES: Mapping[str, Callable[[Case, Policy], tuple[Standing, str]]] = {
    "bundle": _bundle_is_whole,
    "signature": _bundle_is_signed,
    "run": _run_is_live,
    "criteria": _every_criterion_is_proven,
    "limits": _limits_are_met,
    "open": _nothing_is_open,
    "evidence level": _evidence_level_is_reached,
    "age": _run_is_recent,
    "plan": _plan_is_approved,
    "names": _names_are_given,
    "findings": _findings_are_seen,
}


def rulings(case: Case, policy: Policy) -> list[Ruling]:
    """Every rule's ruling, in their order."""
    return [Ruling(rule=name, standing=each[0], reason=each[1]) for name, each in _ruled(case, policy)]


def _ruled(case: Case, policy: Policy) -> Iterator[tuple[str, tuple[Standing, str]]]:
    for name, rule in RULES.items():
        yield name, rule(case, policy)


def open_unknowns(records: Sequence[dict[str, Any]]) -> list[str]:
    """The intents of a run whose last step says that nobody knows what became of their order."""
    last: dict[str, str] = {}
    for record in records:
        if record["kind"] == "intent":
            last[str(record.get("uuid") or record.get("intent", {}).get("uuid"))] = str(record.get("step", "INTENT"))
    return [uuid for uuid, step in last.items() if step in ("UNKNOWN", "INTENT", "SENT")]
