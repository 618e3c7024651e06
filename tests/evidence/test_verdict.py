"""What a criterion and a run come to: nothing passes on nothing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary import catalogue
from mt5canary.evidence.verdict import CriterionResult, complete, decide, outcome_of
from mt5canary.measurement import Measurement, Outcome, at_least, by_rule, equal

NO_SAMPLES = [0, -1, None, math.nan, math.inf, -math.inf, "many"]
CRITERIA = catalogue.load(Path(__file__).resolve().parents[2] / "verification" / "catalogue.yaml")


def made(**facts: object) -> Measurement:
    """A measurement as some criterion may make it by hand."""
    plain = {"name": "m", "value": 1, "unit": "", "limit": "= 1", "samples": 1, "outcome": Outcome.PASS}
    return Measurement(**(plain | facts))  # type: ignore[arg-type]


def test_no_measurement_is_no_proof() -> None:
    """A criterion that recorded nothing is UNPROVEN and says so."""
    outcome, reason = outcome_of([])
    assert outcome is Outcome.UNPROVEN
    assert "no measurement" in reason


@pytest.mark.parametrize("samples", NO_SAMPLES)
def test_a_pass_without_samples_is_none(samples: object) -> None:
    """However the measurement was made, and beside however many good ones."""
    for bad in (
        made(samples=samples),
        equal("m", 1, 1, samples=samples),  # type: ignore[arg-type]
        at_least("m", 2, 1, samples=samples),  # type: ignore[arg-type]
        by_rule("m", 1, Outcome.PASS, "a rule", samples=samples),  # type: ignore[arg-type]
    ):
        outcome, reason = outcome_of([made(), bad, made()])
        assert outcome is Outcome.UNPROVEN
        assert "unproven" in reason


@pytest.mark.parametrize("value", [None, math.nan])
def test_a_pass_without_a_value_is_none(value: object) -> None:
    """A missing value and NaN show nothing, whatever the measurement says of itself."""
    assert outcome_of([made(value=value)])[0] is Outcome.UNPROVEN


MEASURED = st.builds(
    made,
    value=st.one_of(st.none(), st.integers(), st.floats(), st.text()),
    samples=st.one_of(st.none(), st.integers(), st.floats(), st.text()),
    outcome=st.sampled_from([Outcome.PASS, Outcome.FAIL, Outcome.UNPROVEN]),
)


@given(st.lists(MEASURED, max_size=6))
def test_a_pass_needs_a_value_and_samples_of_each(measurements: list[Measurement]) -> None:
    """PASS says: at least one measurement, and every one of them passes on a value from a whole number of samples."""
    passed = outcome_of(measurements)[0] is Outcome.PASS
    whole = bool(measurements) and all(
        each.outcome is Outcome.PASS
        and each.value is not None
        and each.value == each.value
        and isinstance(each.samples, int)
        and each.samples >= 1
        for each in measurements
    )
    assert passed == whole


@given(st.lists(MEASURED, min_size=1, max_size=6))
def test_a_failure_is_never_hidden(measurements: list[Measurement]) -> None:
    """One that failed fails the whole, whatever stands beside it."""
    failed = any(each.outcome is Outcome.FAIL for each in measurements)
    assert (outcome_of(measurements)[0] is Outcome.FAIL) == failed


def test_the_reason_names_what_decided() -> None:
    """A failure's reason is the failed measurement, a pass's is how many held."""
    assert outcome_of([made(), made(name="bad", outcome=Outcome.FAIL)])[1].startswith("bad")
    assert outcome_of([made()])[1] == "one measurement within its limit"
    assert outcome_of([made(), made()])[1] == "2 measurements within limits"


def result(name: str, outcome: Outcome) -> CriterionResult:
    """A criterion's result."""
    return CriterionResult(id=name, stage="link", title="", outcome=outcome, reason="")


def test_a_criterion_that_was_not_tried_is_unproven() -> None:
    """What is required and has no result is there all the same."""
    found = complete(CRITERIA.of_mode("live"), {"L1": result("L1", Outcome.PASS)})
    assert len(found) == 33
    assert [each.outcome for each in found[:2]] == [Outcome.PASS, Outcome.UNPROVEN]
    assert "not run" in found[1].reason


@pytest.mark.parametrize(
    ("outcomes", "verdict", "by"),
    [
        ("PASS PASS", Outcome.PASS, None),
        ("UNPROVEN FAIL", Outcome.FAIL, "C1"),
        ("PASS UNPROVEN UNPROVEN", Outcome.UNPROVEN, "C1"),
        ("PASS BLOCKED", Outcome.UNPROVEN, "C1"),
        ("", Outcome.UNPROVEN, None),
    ],
)
def test_the_first_failure_decides(outcomes: str, verdict: Outcome, by: str | None) -> None:
    """The first FAIL, else the first UNPROVEN; nothing at all is no PASS."""
    results = [result(f"C{number}", Outcome(word)) for number, word in enumerate(outcomes.split())]
    assert decide(results) == (verdict, by)
