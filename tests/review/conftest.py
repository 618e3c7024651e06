"""A case that nothing is wrong with."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from mt5canary.evidence.verdict import CriterionResult, OrderFacts, Verdict
from mt5canary.measurement import Outcome, below
from mt5canary.review.policy import ApprovedPlan, Policy
from mt5canary.review.rules import Case
from mt5canary.verify.findings import State, Verification

PLAN = "a" * 64
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def a_verdict(outcome: Outcome = Outcome.PASS) -> Verdict:
    """A live run on a demo account, flat again."""
    result = CriterionResult(
        id="G2",
        stage="guardrails",
        title="latency",
        outcome=outcome,
        reason="as measured",
        measurements=[below("P99", 9.25, 100, "ms", 1500)],
    )
    return Verdict(
        schema=1,
        run="20261125T120000Z-0a0b0c",
        task="119.6",
        mode="live",
        target="demo2",
        rehearsal=False,
        verdict=outcome,
        decided_by=None if outcome is Outcome.PASS else "G2",
        evidence_level="E2",
        started_at="2026-11-25T12:00:00.000000Z",
        ended_at="2026-11-25T12:01:00.000000Z",
        criteria=[result],
        order=OrderFacts(
            uuid="u", ticket=7, deal=8, position=7, symbol="EURUSD", side="BUY", volume=0.001, price=1.08622
        ),
        flat=True,
    )


def a_verification(outcome: Outcome = Outcome.PASS) -> Verification:
    """A bundle of which everything holds."""
    found = Verification(bundle="b", run="20261125T120000Z-0a0b0c", verdict=outcome, signed_by="SHA256:abc")
    found.add("chain", State.HOLDS, "700 records")
    return found


@pytest.fixture
def case() -> Case:
    """Everything as the policy wants it."""
    return Case(
        verification=a_verification(),
        verdict=a_verdict(),
        findings=[],
        unknown_intents=[],
        plan_sha256=PLAN,
        trade_mode="demo",
        names=["Ada Lovelace"],
        now=NOW,
    )


@pytest.fixture
def approving() -> Policy:
    """A policy that has approved the case's plan."""
    return Policy(plans=[ApprovedPlan(sha256=PLAN, until=date(2026, 12, 31), by="Risk")])
