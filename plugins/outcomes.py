"""Outcomes: what a criterion's test came to, in the words PASS, FAIL, UNPROVEN, BLOCKED.

A criterion passes by its measurements and not by returning: one that recorded none, or one without samples, is
UNPROVEN by construction. A finding is a FAIL, a missing proof UNPROVEN, and anything unforeseen is a FAIL too,
for a criterion that broke proved nothing and cannot be waived.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from mt5canary.errors import Finding, HarnessError, Unproven
from mt5canary.evidence.verdict import outcome_of
from mt5canary.measurement import Outcome, describe
from plugins.keys import CRITERION, RUN
from plugins.stages import Blocked

LETTERS = {
    Outcome.PASS: ("passed", ".", ("PASS", {"green": True})),
    Outcome.FAIL: ("failed", "F", ("FAIL", {"red": True})),
    Outcome.UNPROVEN: ("unproven", "U", ("UNPROVEN", {"yellow": True})),
    Outcome.BLOCKED: ("blocked", "B", ("BLOCKED", {"yellow": True})),
}
_GIVEN_UP = (pytest.skip.Exception, pytest.xfail.Exception)
_CUT_OFF = (KeyboardInterrupt, pytest.exit.Exception)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let the measurements decide; a skip inside a criterion is a missing proof."""
    criterion = item.stash.get(CRITERION, None)
    if criterion is None:
        return (yield)
    try:
        result = yield
    except _GIVEN_UP as given_up:
        raise Unproven(f"not tried: {given_up}") from None
    except _CUT_OFF as interruption:
        _note_interruption(item, interruption)
        raise
    outcome, reason = outcome_of(item.config.stash[RUN].measurements(criterion.id))
    if outcome is Outcome.FAIL:
        raise Finding(reason)
    if outcome is not Outcome.PASS:
        raise Unproven(reason)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """A skip in a criterion's fixtures is a missing proof too."""
    if CRITERION not in item.stash:
        return (yield)
    try:
        return (yield)
    except _GIVEN_UP as given_up:
        raise Unproven(f"not tried: {given_up}") from None
    except _CUT_OFF as interruption:
        _note_interruption(item, interruption)
        raise


def _note_interruption(item: pytest.Item, interruption: BaseException) -> None:
    """Record what pytest makes no report of: a criterion that was cut off."""
    reason = f"interrupted: {str(interruption) or type(interruption).__name__}"
    item.config.stash[RUN].outcome(item.stash[CRITERION], Outcome.UNPROVEN, reason)
    _narrate(item, Outcome.UNPROVEN, reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the outcome on the report and into the run's record."""
    report = yield
    criterion = item.stash.get(CRITERION, None)
    if criterion is None:
        return report
    facts = vars(report)
    facts.update(criterion=criterion.id, criterion_outcome=None, criterion_reason="")
    if report.failed or report.when == "call":
        run = item.config.stash[RUN]
        outcome, reason = _judge(call, outcome_of(run.measurements(criterion.id))[1])
        facts.update(criterion_outcome=str(outcome), criterion_reason=reason)
        if call.excinfo is not None and isinstance(call.excinfo.value, (Finding, HarnessError, Blocked)):
            report.longrepr = f"{outcome} {criterion.id} {criterion.title}: {reason}"
        run.outcome(criterion, outcome, reason)
        _narrate(item, outcome, reason)
    return report


def _judge(call: pytest.CallInfo[None], reason: str) -> tuple[Outcome, str]:
    if call.excinfo is None:
        return Outcome.PASS, reason
    error = call.excinfo.value
    if isinstance(error, Blocked):
        return Outcome.BLOCKED, str(error)
    if isinstance(error, Unproven):
        return Outcome.UNPROVEN, str(error)
    if isinstance(error, (Finding, HarnessError)):
        return Outcome.FAIL, str(error)
    return Outcome.FAIL, f"the harness itself broke: {call.excinfo.exconly(tryshort=True)}"


def _narrate(item: pytest.Item, outcome: Outcome, reason: str) -> None:
    run, criterion = item.config.stash[RUN], item.stash[CRITERION]
    level = {Outcome.PASS: "INFO", Outcome.FAIL: "ERROR"}.get(outcome, "WARNING")
    for measurement in run.measurements(criterion.id):
        run.log(criterion.id, describe(measurement), books=("physical",))
    run.log(criterion.id, f"{outcome}: {criterion.title}: {reason}", level=level, books=("verify", "physical"))


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, Any] | None:
    """Show the outcome's own word in the terminal."""
    outcome = getattr(report, "criterion_outcome", None)
    return LETTERS[Outcome(outcome)] if outcome else None
