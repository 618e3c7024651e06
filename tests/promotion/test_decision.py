"""Hold, raise, or go back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mt5canary.measurement import Outcome
from mt5canary.plan import Resolved, load
from mt5canary.promotion.decision import Choice, decide
from mt5canary.promotion.examination import examine
from mt5canary.verify.verification import verify
from tests.promotion.conftest import Flown
from tests.promotion.made import ROOT, Clock, fly


def test_72_clean_hours_raise_one_step(flown: Flown, real_plan: Resolved) -> None:
    """Three clean days at 0.1 propose 0.25, with the figures that speak for it."""
    decision = decide([flown(24) for _ in range(3)], real_plan)
    assert (decision.choice, decision.from_step, decision.to_step) == (Choice.RAISE, 0.1, 0.25)
    assert "72.00 hours were watched at this step in 3 runs" in decision.reasons[0]
    assert decision.day is not None
    assert decision.day.covered_hours == 24


def test_no_step_without_72_hours(flown: Flown, real_plan: Resolved) -> None:
    """A minute short is short."""
    decision = decide([flown(24), flown(24), flown(23.98)], real_plan)
    assert decision.choice is Choice.HOLD
    assert decision.reasons == ["71.98 of 72 hours were watched at this step"]


def test_nothing_at_all_holds(real_plan: Resolved) -> None:
    """Without a run nothing moves."""
    decision = decide([], real_plan)
    assert (decision.choice, decision.to_step) == (Choice.HOLD, 0.1)


@pytest.mark.parametrize("rest", [{"rehearsal": True}, {"settings": {"order.magic": 5}}])
def test_what_does_not_count_covers_nothing(flown: Flown, real_plan: Resolved, rest: dict[str, Any]) -> None:
    """A rehearsal of 72 hours, or another plan's run, is shown and never counted."""
    decision = decide([flown(72, every=600, **rest)], real_plan)
    assert decision.choice is Choice.HOLD
    assert decision.whole is None


def test_failure_with_the_order_out_goes_back(flown: Flown, real_plan: Resolved) -> None:
    """At the lowest step there is none below; higher up it is the next lower one."""
    decision = decide([flown(24), flown(24), flown(5, Outcome.FAIL), flown(24)], real_plan)
    assert (decision.choice, decision.to_step) == (Choice.BACK, None)
    assert "failed with its order out: G2" in decision.reasons[0]


def test_higher_step_goes_back_to_the_one_below(flown: Flown) -> None:
    """From 0.5 to 0.25."""
    environment = {"GTW_HOST": "203.0.113.7", "RISK_SECRET": "x" * 64}
    plan = load(
        ROOT / "canary.yaml", target="justmarkets-demo2", environment=environment,
        overrides={"order.risk_coefficient": "0.5"},
    )  # fmt: skip
    decision = decide([flown(5, Outcome.FAIL, settings={"order.risk_coefficient": 0.5})], plan)
    assert (decision.choice, decision.from_step, decision.to_step) == (Choice.BACK, 0.5, 0.25)


def test_failure_long_ago_is_outlived(flown: Flown, real_plan: Resolved) -> None:
    """72 clean hours after a failure are 72 clean hours."""
    decision = decide([flown(5, Outcome.FAIL), *(flown(24) for _ in range(3))], real_plan)
    assert decision.choice is Choice.RAISE


@pytest.mark.parametrize(
    ("outcome", "order", "why"),
    [
        (Outcome.FAIL, False, "failed before an order left"),
        (Outcome.UNPROVEN, True, "is unproven: G2"),
    ],
)
def test_open_question_holds(flown: Flown, real_plan: Resolved, outcome: Outcome, order: bool, why: str) -> None:
    """A run that proved nothing, or failed before it risked anything, is a reason to look, not to go back."""
    decision = decide([*(flown(24) for _ in range(3)), flown(1, outcome, order=order)], real_plan)
    assert decision.choice is Choice.HOLD
    assert why in decision.reasons[0]


def test_unproven_run_covers_nothing(flown: Flown, real_plan: Resolved) -> None:
    """Its hours are not among the 72."""
    decision = decide([flown(24), flown(24), flown(24, Outcome.UNPROVEN)], real_plan)
    assert decision.choice is Choice.HOLD
    assert any("48.00 of 72 hours" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("rest", "choice", "why"),
    [
        (
            {"latency_ms": lambda number: 150.0 if number % 50 == 0 else 10.0},
            Choice.BACK,
            "over its limit at 95% confidence",
        ),
        ({"latency_ms": lambda number: 150.0 if number % 105 == 0 else 10.0}, Choice.HOLD, "is not shown to be under"),
        ({"drifted": (1, 3, 5, 7, 9)}, Choice.BACK, "5 drift events within 24 hours, 5 are too many"),
        ({"profit": "-1.70"}, Choice.BACK, "3 canaries lost 5.10 USD together, at most 5"),
    ],
    ids=["slow", "perhaps slow", "drift", "loss"],
)
def test_figures_that_speak_against_it(
    flown: Flown, real_plan: Resolved, rest: dict[str, Any], choice: Choice, why: str
) -> None:
    """Over all of the period: a limit shown to be broken goes back, one not shown to hold holds."""
    decision = decide([flown(24, **rest) for _ in range(3)], real_plan)
    assert decision.choice is choice
    assert any(why in reason for reason in decision.reasons), decision.reasons


def test_slow_hour_holds(flown: Flown, real_plan: Resolved) -> None:
    """One hour over the limit is a reason to look, though the three days are under it."""
    slow = range(480, 600)
    runs = [flown(24, latency_ms=lambda number: 150.0 if number in slow and number % 10 == 0 else 10.0)]
    decision = decide([*runs, flown(24), flown(24)], real_plan)
    assert decision.choice is Choice.HOLD
    assert decision.reasons == ["in the hour from 2026-01-19T04:00:00.000000Z 12 of 120 probes were over the limit"]


def test_coverage_starts_anew_after_another_step(clock: Clock, flown: Flown, real_plan: Resolved) -> None:
    """72 hours before a time at a higher step are of another time."""
    before = [flown(24) for _ in range(3)]
    above = flown(1, settings={"order.risk_coefficient": 0.25})
    decision = decide([*before, above, flown(24)], real_plan)
    assert decision.choice is Choice.HOLD
    assert decision.reasons == ["24.00 of 72 hours were watched at this step"]


def test_bundle_that_does_not_hold_holds_everything(
    clock: Clock, tmp_path: Path, flown: Flown, real_plan: Resolved
) -> None:
    """A run cannot be made to disappear by breaking its bundle: somebody must look first."""
    runs = [flown(24) for _ in range(3)]
    folder = fly(clock, tmp_path / "more", hours=1, outcome=Outcome.FAIL)
    decision = decide([*runs, examine(folder, verify(folder), real_plan)], real_plan)
    assert decision.choice is Choice.HOLD
    assert "cannot be counted" in decision.reasons[0]


def test_bundle_that_broke_long_ago_is_outlived(
    clock: Clock, tmp_path: Path, flown: Flown, real_plan: Resolved
) -> None:
    """A run that was cut off before the 72 hours began speaks against them no more."""
    folder = fly(clock, tmp_path / "more", hours=1)
    broken = examine(folder, verify(folder), real_plan)
    assert decide([broken, *(flown(24) for _ in range(3))], real_plan).choice is Choice.RAISE
    assert decide([broken, *(flown(20) for _ in range(3))], real_plan).choice is Choice.HOLD


@pytest.mark.parametrize(
    ("coefficient", "why"), [("1.0", "1 is the highest step"), ("0.2", "none of its steps 0.1, 0.25, 0.5, 1")]
)
def test_step_that_cannot_be_raised_holds(flown: Flown, coefficient: str, why: str) -> None:
    """The highest step, and one that the plan does not have."""
    environment = {"GTW_HOST": "203.0.113.7", "RISK_SECRET": "x" * 64}
    plan = load(
        ROOT / "canary.yaml", target="justmarkets-demo2", environment=environment,
        overrides={"order.risk_coefficient": coefficient},
    )  # fmt: skip
    runs = [flown(24, settings={"order.risk_coefficient": float(coefficient)}) for _ in range(3)]
    decision = decide(runs, plan)
    assert decision.choice is Choice.HOLD
    assert any(why in reason for reason in decision.reasons)
