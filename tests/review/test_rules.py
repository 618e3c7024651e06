"""Each rule of a review, seen refusing what it is there to refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from mt5canary.measurement import Outcome, below, unproven
from mt5canary.review.policy import ApprovedPlan, Policy
from mt5canary.review.rules import RULES, Case, Standing, open_unknowns, rulings
from mt5canary.verify.findings import State, Verification
from tests.review.conftest import NOW, PLAN, a_verdict, a_verification


def with_verdict(case: Case, **changes: Any) -> Case:
    """The case with another verdict."""
    return replace(case, verdict=replace(case.verdict, **changes))


def with_item(case: Case, state: State) -> Case:
    """The case with one more thing found by verification."""
    found = a_verification()
    found.add("G2", state, "the records come to FAIL")
    return replace(case, verification=found)


def with_measurement(case: Case, measurement: Any) -> Case:
    """The case with one more measurement."""
    (result,) = case.verdict.criteria
    return with_verdict(case, criteria=[replace(result, measurements=[*result.measurements, measurement])])


REFUSED: dict[str, tuple[str, Standing, Callable[[Case], Case]]] = {
    "contradicted": ("bundle", Standing.REJECT, lambda case: with_item(case, State.CONTRADICTED)),
    "incomplete": ("bundle", Standing.CHANGE, lambda case: with_item(case, State.MISSING)),
    "another verdict": (
        "bundle",
        Standing.REJECT,
        lambda case: replace(case, verification=a_verification(Outcome.UNPROVEN)),
    ),
    "unsigned": ("signature", Standing.CHANGE, lambda case: replace(case, verification=Verification(bundle="b"))),
    "preflight": ("run", Standing.CHANGE, lambda case: with_verdict(case, mode="preflight")),
    "rehearsal": ("run", Standing.CHANGE, lambda case: with_verdict(case, rehearsal=True)),
    "failed": ("criteria", Standing.REJECT, lambda case: replace(case, verdict=a_verdict(Outcome.FAIL))),
    "unproven": ("criteria", Standing.CHANGE, lambda case: replace(case, verdict=a_verdict(Outcome.UNPROVEN))),
    "no criterion": ("criteria", Standing.CHANGE, lambda case: with_verdict(case, criteria=[])),
    "over a limit": ("limits", Standing.CHANGE, lambda case: with_measurement(case, below("P99", 101, 100))),
    "without samples": ("limits", Standing.CHANGE, lambda case: with_measurement(case, unproven("PSI", "rows"))),
    "unknown order": ("open", Standing.REJECT, lambda case: replace(case, unknown_intents=["u"])),
    "unknown position": ("open", Standing.REJECT, lambda case: with_verdict(case, flat=None)),
    "low evidence": ("evidence level", Standing.CHANGE, lambda case: with_verdict(case, evidence_level="E1")),
    "old": ("age", Standing.CHANGE, lambda case: replace(case, now=NOW + timedelta(days=7))),
    "from the future": ("age", Standing.CHANGE, lambda case: replace(case, now=NOW - timedelta(days=2))),
    "another plan": ("plan", Standing.CHANGE, lambda case: replace(case, plan_sha256="b" * 64)),
    "nobody's name": ("names", Standing.CHANGE, lambda case: replace(case, names=[" "])),
    "one name for real money": ("names", Standing.CHANGE, lambda case: replace(case, trade_mode="real")),
    "one person twice": (
        "names",
        Standing.CHANGE,
        lambda case: replace(case, trade_mode="real", names=["Ada Lovelace", "ada lovelace "]),
    ),
}


def test_a_case_as_it_should_be_meets_every_rule(case: Case, approving: Policy) -> None:
    """All of them hold, and none is left out."""
    ruled = rulings(case, approving)
    assert [each.rule for each in ruled] == list(RULES)
    assert {each.standing for each in ruled} == {Standing.HOLDS}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_refuses(name: str, case: Case, approving: Policy) -> None:
    """The named rule does, with the standing that it must have."""
    rule, standing, spoil = REFUSED[name]
    ruled = {each.rule: each.standing for each in rulings(spoil(case), approving)}
    assert ruled[rule] is standing


def test_every_rule_is_seen_refusing() -> None:
    """All but the findings', which a policy must ask for."""
    assert {rule for rule, _, _ in REFUSED.values()} | {"findings"} == set(RULES)


def test_findings_are_reasons_where_the_policy_says_so(case: Case, approving: Policy) -> None:
    """Listed by default, refused by a strict policy."""
    case = replace(case, findings=["D2: legacy16 binds little"])
    assert rulings(case, approving)[-1].standing is Standing.HOLDS
    assert rulings(case, replace(approving, findings="none"))[-1].standing is Standing.CHANGE


def test_a_plans_approval_ends(case: Case) -> None:
    """Its last day still counts, the next does not; a later approval of the same plan renews it."""

    def standing(*until: date) -> Standing:
        policy = Policy(plans=[ApprovedPlan(sha256=PLAN, until=day, by="Risk") for day in until])
        return next(each.standing for each in rulings(case, policy) if each.rule == "plan")

    assert standing(NOW.date()) is Standing.HOLDS
    assert standing(NOW.date() - timedelta(days=1)) is Standing.CHANGE
    assert standing(NOW.date() - timedelta(days=1), NOW.date() + timedelta(days=1)) is Standing.HOLDS


def test_two_names_are_enough_for_real_money(case: Case, approving: Policy) -> None:
    """Two people."""
    case = replace(case, trade_mode="real", names=["Ada Lovelace", "Grace Hopper"])
    assert {each.standing for each in rulings(case, approving)} == {Standing.HOLDS}


@pytest.mark.parametrize(
    ("steps", "unknown"),
    [
        (["INTENT", "SENT", "FILLED"], []),
        (["INTENT", "SENT", "UNKNOWN"], ["u"]),
        (["INTENT", "SENT"], ["u"]),
        (["INTENT"], ["u"]),
        (["INTENT", "SENT", "UNKNOWN", "NOT_EXECUTED"], []),
        ([], []),
    ],
)
def test_an_intent_without_an_end_is_open(steps: list[str], unknown: list[str]) -> None:
    """What was sent and never read is as unknown as what is called so."""
    records = [{"kind": "intent", "step": step, "uuid": "u"} for step in steps]
    assert open_unknowns(records) == unknown
