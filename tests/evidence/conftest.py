"""Records and verdicts made by hand, with times that do not move."""

from __future__ import annotations

from typing import Any

import pytest

from mt5canary.evidence.verdict import CriterionResult, OrderFacts, Verdict, decide
from mt5canary.measurement import Measurement, Outcome
from tests.evidence.made import Records


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def result():  # type: ignore[no-untyped-def]
    """A criterion's result; only what matters to the test is given."""

    def make(
        identifier: str, stage: str, outcome: str = "PASS", reason: str = "as it should", **rest: Any
    ) -> CriterionResult:
        title = rest.pop("title", f"Title of {identifier}")
        return CriterionResult(id=identifier, stage=stage, title=title, outcome=Outcome(outcome), reason=reason, **rest)

    return make


@pytest.fixture
def verdict(result):  # type: ignore[no-untyped-def]
    """A verdict over given results; a rehearsal of task 119.6 where not said."""

    def make(*results: CriterionResult, **rest: Any) -> Verdict:
        criteria = list(results) or [result("L1", "link")]
        outcome, decided_by = decide(criteria)
        fields: dict[str, Any] = {
            "schema": 1,
            "run": "20260116T181713Z-abcdef",
            "task": "119.6",
            "mode": "live",
            "target": "simulator",
            "rehearsal": True,
            "verdict": outcome,
            "decided_by": decided_by,
            "evidence_level": "E2",
            "started_at": "2026-01-16T18:17:13.285050Z",
            "ended_at": "2026-01-16T18:18:13.285050Z",
            "criteria": criteria,
            "order": None,
            "flat": None,
        }
        return Verdict(**(fields | rest))

    return make


@pytest.fixture
def order() -> OrderFacts:
    return OrderFacts(uuid="u", ticket=7, deal=8, position=7, symbol="EURUSD", side="BUY", volume=0.001, price=1.0812)


@pytest.fixture
def no_samples() -> Measurement:
    return Measurement(name="P99", value=0.0, unit="ms", limit="< 100 ms", samples=0, outcome=Outcome.UNPROVEN)
