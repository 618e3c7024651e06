"""The gateway is killed while the position lives: the run says FAIL, what is known, and what to do."""

from __future__ import annotations

import pytest

from tests.canary.harness import Harness


@pytest.mark.parametrize("moment", ["X8", "before-G1", "watch", "flatten"])
def test_gateway_killed_after_the_fill(harness: Harness, moment: str) -> None:
    """Verdict FAIL without a traceback; the report names the position, that it is not known flat, and the next step."""
    finished = harness.live("-p", "intruder", "--intrude", f"{moment}:kill-gateway")
    assert finished.status == 1
    assert finished.has_no_traceback(), finished.output
    assert "Error:" not in finished.output, finished.output
    verdict = harness.verdict
    assert verdict["verdict"] == "FAIL"
    assert verdict["flat"] is not True
    assert harness.filled() == 1
    assert not harness.closed_after_the_fill()
    assert "NOT KNOWN TO BE FLAT" in finished.output
    report = harness.report()
    assert str(verdict["order"]["position"]) in report
    for text in (report, finished.output):
        assert "Log in to the account from another terminal" in text
        assert "magic 1196" in text
    assert "E1" in harness.outcomes()
    assert harness.outcomes()["E1"] != "PASS"


def test_gateway_that_does_not_start(harness: Harness) -> None:
    """A gateway that cannot come up fails the link stage, and nothing is sent anywhere."""
    finished = harness.live("--set", "targets.simulator.scenario=no-such-scenario")
    assert finished.status == 1
    assert finished.has_no_traceback()
    assert harness.outcomes()["L1"] == "FAIL"
    assert "no-such-scenario" in harness.reason("L1")
    assert harness.outcomes()["X7"] == "BLOCKED"
    assert not harness.actions()


def test_gateway_killed_before_the_order(harness: Harness) -> None:
    """A gateway that dies before the order fails the run, and the report says that nothing was sent."""
    finished = harness.live("-p", "intruder", "--intrude", "D1:kill-gateway")
    assert finished.status == 1
    assert finished.has_no_traceback()
    assert harness.verdict["verdict"] == "FAIL"
    assert harness.filled() == 0
    assert "No order was sent in this run" in harness.report()


@pytest.mark.nightly
def test_gateway_frozen_in_the_watch(harness: Harness) -> None:
    """A gateway that takes connections and no longer runs ends the watch, is said to be silent, and is got rid of."""
    harness.watch["targets.simulator.limits.watch.for"] = "60s"
    finished = harness.ended(harness.start_live("-p", "intruder", "--intrude", "watch:freeze-gateway"), 240)
    assert finished.status == 1
    assert finished.has_no_traceback(), finished.output
    assert harness.verdict["verdict"] == "FAIL"
    assert "NOT KNOWN TO BE FLAT" in finished.output
    assert "Log in to the account from another terminal" in harness.report()
