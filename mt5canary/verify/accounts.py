"""What the records say that a run came to: outcomes, measurements, findings, the order, and so the verdict.

This is the run's own bookkeeping read again. Whether it is true is judged from the raw frames elsewhere; here it must
agree with itself: no outcome better than its measurements, no measurement better than its limit, no gate passed that
was closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mt5canary.catalogue import OF_THE_OPEN_POSITION, Catalogue, Criterion
from mt5canary.evidence.records import environment_of
from mt5canary.evidence.verdict import (
    SCHEMA,
    CriterionResult,
    OrderFacts,
    Verdict,
    complete,
    decide,
    outcome_of,
)
from mt5canary.measurement import Measurement, Outcome
from mt5canary.plan.fields import CRITERIA
from mt5canary.verify.reading import Evidence
from mt5canary.verify.rejudging import why_wrong

LIVE_ONLY = frozenset({*(f"X{number}" for number in range(6, 12)), *(f"G{n}" for n in range(1, 7)), "E1", "E2"})
"""The criteria that only the live run has; written down here again, so that no bundle can leave one out."""


def required_of(mode: str) -> list[str]:
    """The criteria that a run of this mode must prove."""
    return [name for name in CRITERIA if mode == "live" or name not in LIVE_ONLY]


class Accounts:
    """A run's bookkeeping."""

    def __init__(self, evidence: Evidence) -> None:
        self.header: dict[str, Any] = next(evidence.of_kind("run"), {})
        self.conclusion: dict[str, Any] | None = next(evidence.of_kind("verdict"), None)
        self.criteria = [
            Criterion(each["id"], each["stage"], each["title"], each["id"] in LIVE_ONLY)
            for each in self.header.get("criteria", [])
        ]
        self.measurements: dict[str, list[Measurement]] = {}
        for record in evidence.of_kind("measurement"):
            self.measurements.setdefault(record["criterion"], []).append(msgspec.convert(record, Measurement))
        findings: dict[str, list[str]] = {}
        for record in evidence.of_kind("finding"):
            findings.setdefault(record["criterion"], []).append(record["text"])
        self.outcomes: list[tuple[str, Outcome, str]] = [
            (record["criterion"], Outcome(record["outcome"]), record["reason"])
            for record in evidence.of_kind("outcome")
        ]
        self._decided_at = [record["seq"] for record in evidence.of_kind("outcome")]
        closed = (record["seq"] for record in evidence.of_kind("event") if record.get("name") == "flatten")
        self._closed_at: int | None = next(closed, None)
        by_id = {criterion.id: criterion for criterion in self.criteria}
        self.results = {
            name: CriterionResult(
                id=name,
                stage=by_id[name].stage,
                title=by_id[name].title,
                outcome=outcome,
                reason=reason,
                measurements=self.measurements.get(name, []),
                findings=findings.get(name, []),
            )
            for name, outcome, reason in self.outcomes
            if name in by_id
        }
        self.order = next(reversed([*evidence.of_kind("order")]), None)

    @property
    def version(self) -> str:
        """The version of mt5canary that wrote the bundle, as its first record says."""
        return environment_of([self.header]).get("mt5canary", "of a version that it does not say")

    def _was_closed_before(self, number: int, name: str) -> bool:
        """Whether an outcome is of what is asked of an open position, and that had been closed by then."""
        closed = self._closed_at is not None and self._closed_at < self._decided_at[number]
        return closed and name in OF_THE_OPEN_POSITION

    def verdict(self) -> Verdict:
        """The verdict that the bookkeeping amounts to; only where the run came to one."""
        header, conclusion = self.header, self.conclusion or {}
        results = complete(self.criteria, self.results)
        outcome, decided_by = decide(results)
        return Verdict(
            schema=SCHEMA,
            run=header["run"],
            task=header["task"],
            mode=header["mode"],
            target=header["target"],
            rehearsal=header["rehearsal"],
            verdict=outcome,
            decided_by=decided_by,
            evidence_level=self.order["level"] if self.order else "E0",
            started_at=header["started_at"],
            ended_at=conclusion.get("ended_at", ""),
            criteria=results,
            order=msgspec.convert(self.order, OrderFacts) if self.order else None,
            flat=conclusion.get("flat"),
        )

    def contradictions(self, waived: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """What the bookkeeping says against itself, each with what it is about."""
        expected = required_of(self.header.get("mode", ""))
        named = [criterion.id for criterion in self.criteria]
        if named != expected:
            differing = sorted({*named} ^ {*expected}) or ["their order"]
            yield "criteria", f"the run's first record does not require what it must: {', '.join(differing)}"
        for name, measurements in self.measurements.items():
            for measurement in measurements:
                wrong = why_wrong(measurement)
                if wrong is not None:
                    yield name, f"{measurement.name}: {wrong}"
        for name, result in self.results.items():
            yield from self._wrong_outcome(name, result)
        yield from self._wrong_gates(waived)
        if self.conclusion is not None:
            verdict, decided_by = decide(complete(self.criteria, self.results))
            if (self.conclusion["verdict"], self.conclusion["decided_by"]) != (verdict, decided_by):
                yield "verdict", f"the run concluded {self.conclusion['verdict']}, its outcomes amount to {verdict}"

    def _wrong_outcome(self, name: str, result: CriterionResult) -> Iterator[tuple[str, str]]:
        measured, reason = outcome_of(result.measurements)
        if result.outcome is Outcome.PASS and measured is not Outcome.PASS:
            yield name, f"it says PASS, and its measurements amount to {measured}: {reason}"
        elif result.outcome is Outcome.PASS and result.reason != reason:
            yield name, f"it passed for {result.reason!r}, and its measurements say {reason!r}"
        elif result.outcome is Outcome.UNPROVEN and result.measurements and measured is Outcome.FAIL:
            yield name, f"it says UNPROVEN, and its measurements amount to FAIL: {reason}"
        elif result.outcome is Outcome.BLOCKED and result.measurements:
            yield name, "it says that it was not tried, and it has measurements"

    def _wrong_gates(self, waived: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        catalogue = Catalogue(self.criteria)
        so_far: dict[str, Outcome] = {}
        for number, (name, outcome, _) in enumerate(self.outcomes):
            if name not in catalogue:
                yield name, "an outcome is recorded of a criterion that the run did not have"
                continue
            blocked = catalogue.why_blocked(catalogue[name], so_far, waived)
            if blocked is not None and outcome is Outcome.PASS:
                yield name, f"it passed, and its gate was closed: {blocked}"
            if blocked is None and outcome is Outcome.BLOCKED and not self._was_closed_before(number, name):
                yield name, "it says BLOCKED, and its gate was open"
            so_far[name] = outcome
