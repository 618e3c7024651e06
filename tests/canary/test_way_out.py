"""The emergency floor: whatever ends a live run after the fill, the position is closed."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import psutil
import pytest

from tests.canary.harness import Harness, eventually

INTRUDER = ("-p", "intruder", "--intrude")
LATER_POINTS = ("before-X5", "journal-SENT", "X8", "before-E1")
ENDED_BY_A_SIGNAL = {"sigkill": -signal.SIGKILL, "die": 77}


def is_flat(harness: Harness) -> bool:
    """Whether the gateway's own log shows one fill, and after it the closing."""
    return harness.filled() == 1 and harness.closed_after_the_fill()


@pytest.mark.parametrize(
    ("point", "action", "status"),
    [
        pytest.param("X8", "fail", 1, id="criterion-fails"),
        pytest.param("X9", "skip", 1, id="criterion-unproven"),
        pytest.param("before-X10", "fail", 1, id="fixture-fails"),
        pytest.param("watch", "fail", 1, id="watch-breaks"),
        pytest.param("X8", "sigint", 2, id="ctrl-c"),
        pytest.param("watch", "sigint", 2, id="ctrl-c-in-the-watch"),
        pytest.param("before-X9", "sigint", 2, id="ctrl-c-in-setup"),
        pytest.param("X8", "sigterm", 143, id="sigterm"),
        pytest.param("watch", "sigterm", 143, id="sigterm-in-the-watch"),
        pytest.param("X8", "sighup", 129, id="sighup"),
    ],
)
def test_run_that_ends_badly_is_flat(harness: Harness, point: str, action: str, status: int) -> None:
    """Flat in the gateway's log, the report written, the exit status as it should be, the verdict no pass."""
    finished = harness.live(*INTRUDER, f"{point}:{action}")
    assert finished.status == status, finished.output
    assert is_flat(harness), harness.actions()
    verdict = harness.verdict
    assert verdict["flat"] is True
    assert verdict["verdict"] != "PASS"
    assert verdict["decided_by"] is not None
    assert "Flat: no position of this plan's magic number is left." in harness.report()
    assert (harness.bundle / "report.html").exists()
    assert (harness.bundle / "junit.xml").exists()
    assert "INTERNALERROR" not in finished.output
    assert not (harness.bundle / "watchdog.log").exists(), "the watchdog had to help"
    interrupted = point.removeprefix("before-")
    if interrupted in harness.outcomes():
        assert harness.outcomes()[interrupted] != "PASS"


def test_interrupted_criterion_is_no_pass_in_any_report(harness: Harness) -> None:
    """The criterion that Ctrl-C cut off is written as passed by no report format."""
    harness.live(*INTRUDER, "X8:sigint")
    results = [json.loads(path.read_text()) for path in (harness.bundle / "allure-results").glob("*-result.json")]
    statuses = {result["fullName"].rpartition("#")[2]: result["status"] for result in results}
    assert statuses.get("test_history_holds_the_deal") not in ("passed", "skipped")
    assert harness.outcomes()["X8"] == "UNPROVEN"
    assert "interrupted" in harness.reason("X8")


def test_timeout_by_signal_flattens(harness: Harness) -> None:
    """A criterion that pytest-timeout cuts off fails, and the position is closed at once."""
    finished = harness.live(*INTRUDER, "X8:hang", "--timeout", "2")
    assert finished.status == 1
    assert is_flat(harness)
    assert harness.verdict["flat"] is True
    assert harness.outcomes()["X8"] == "FAIL"
    assert "Timeout" in harness.reason("X8")


def test_second_interrupt_during_the_flatten_changes_nothing(harness: Harness) -> None:
    """Two Ctrl-C: the second falls into the way out, which is deaf to it."""
    finished = harness.live(*INTRUDER, "watch:sigint", "--intrude", "flatten:sigint-and-go-on")
    assert finished.status == 2
    assert is_flat(harness)
    assert harness.verdict["flat"] is True
    assert "Flat" in harness.report()


def test_second_interrupt_before_the_flatten_changes_nothing(harness: Harness) -> None:
    """Two Ctrl-C at once: the second comes while pytest still deals with the first, and the position is closed."""
    finished = harness.live(*INTRUDER, "watch:sigint", "--intrude", "interrupt:sigint-and-go-on")
    assert finished.status in (2, 130, -signal.SIGINT)
    assert is_flat(harness)
    assert harness.verdict["flat"] is True
    assert "Flat" in harness.report()


def test_watchdog_that_was_killed_is_not_needed(harness: Harness) -> None:
    """Without its watchdog the run still closes by itself, and ends without a traceback."""
    finished = harness.live(*INTRUDER, "X8:kill-watchdog", "--intrude", "X9:fail")
    assert finished.status == 1
    assert finished.has_no_traceback()
    assert is_flat(harness)
    assert harness.verdict["flat"] is True


def test_watchdog_without_a_gateway_says_that_it_is_not_flat(harness: Harness) -> None:
    """Gateway and run are both gone: the watchdog's own log says that nothing is known, and it ends."""
    harness.live(*INTRUDER, "X8:kill-gateway", "--intrude", "X9:sigkill")
    report = harness.bundle / "watchdog.log"
    eventually(lambda: report.exists() and report.read_text().endswith("\n"))
    said = json.loads(report.read_text())
    assert said["flat"] is None
    assert said["problems"]


@pytest.mark.parametrize("action", ["sigint-and-go-on", "fail"])
def test_interrupt_during_the_flatten_of_a_failed_criterion(harness: Harness, action: str) -> None:
    """A Ctrl-C, or anything that breaks, inside the flatten after a failed criterion: the last look closes it."""
    finished = harness.live(*INTRUDER, "X8:fail", "--intrude", f"flatten-once:{action}")
    assert finished.status in (1, 2, 3)
    assert is_flat(harness)
    assert harness.verdict["flat"] is True


@pytest.mark.parametrize(
    ("point", "action", "options"),
    [
        pytest.param("X8", "sigkill", (), id="sigkill"),
        pytest.param("watch", "sigkill", (), id="sigkill-in-the-watch"),
        pytest.param("X9", "die", (), id="os-exit"),
        pytest.param("X8", "hang", ("--timeout", "2", "--timeout-method", "thread"), id="timeout-by-thread"),
    ],
)
def test_watchdog_closes_what_a_killed_run_left(harness: Harness, point: str, action: str, options: Any) -> None:
    """Pytest is gone without a word: the gateway outlives it until the watchdog has closed the position."""
    finished = harness.live(*INTRUDER, f"{point}:{action}", *options)
    assert finished.status == ENDED_BY_A_SIGNAL.get(action, 1), finished.output
    report = harness.bundle / "watchdog.log"
    eventually(lambda: report.exists() and report.read_text().endswith("\n"))
    said = json.loads(report.read_text().splitlines()[-1])
    assert said["flat"] is True
    assert len(said["closed"]) == 1
    assert is_flat(harness)
    assert "CLOSE_ALL" in harness.actions()
    eventually(lambda: not harness.processes())


def stopped(harness: Harness, point: str, *options: str) -> subprocess.Popen[str]:
    """A run that was stopped at a point, once its watchdog has closed the position in its stead."""
    process = harness.start_live(*INTRUDER, point, "--set", "limits.max_gap=200ms", *options)
    report = harness.folder / "reports"
    eventually(lambda: any(path.read_text().endswith("\n") for path in report.glob("*/watchdog.log")), 60)
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    assert is_flat(harness), harness.actions()
    assert harness.actions()[-1] == "HALT"
    return process


def test_stopped_run_is_closed_by_its_watchdog_and_does_not_go_on(harness: Harness) -> None:
    """SIGSTOP in the watch: the watchdog closes and latches; after SIGCONT the run ends with no pass and says why."""
    harness.watch["targets.simulator.limits.watch.for"] = "20s"
    process = stopped(harness, "watch:sigstop")
    said = json.loads((harness.bundle / "watchdog.log").read_text())
    assert said["flat"] is True
    assert said["reason"] == "the run gave its watchdog no sign of life for 2.4 s"
    process.send_signal(signal.SIGCONT)
    finished = harness.ended(process)
    assert finished.status == 1, finished.output
    assert harness.verdict["verdict"] == "FAIL"
    assert harness.verdict["flat"] is True
    assert "a gap of" in harness.reason("G4")
    assert "no sign of life" in harness.reason("G4")
    assert "no sign of life" in harness.reason("E1")
    assert harness.filled() == 1
    eventually(lambda: not harness.processes())


@pytest.mark.nightly
@pytest.mark.parametrize("point", ["before-X7", "X8", "X11", "before-E1"])
def test_run_that_was_stopped_anywhere_ends_with_no_pass(harness: Harness, point: str) -> None:
    """Stopped before its order, after it or after its watch: latched, and no order of a run that woke up is filled."""
    process = harness.start_live(*INTRUDER, f"{point}:sigstop", "--set", "limits.max_gap=200ms")
    reports = harness.folder / "reports"
    eventually(lambda: any(path.read_text().endswith("\n") for path in reports.glob("*/watchdog.log")), 60)
    process.send_signal(signal.SIGCONT)
    finished = harness.ended(process)
    assert finished.status == 1, finished.output
    assert harness.verdict["verdict"] != "PASS"
    assert harness.filled() == (0 if point == "before-X7" else 1)
    assert harness.verdict["flat"] is not False
    reasons = " ".join(str(entry["reason"]) for entry in harness.verdict["criteria"])
    assert "no sign of life" in reasons


def test_watch_that_hangs_whole_is_closed_by_the_watchdog(harness: Harness) -> None:
    """Both loops stand still while the process runs: nobody is left inside who could see it, and it is seen."""
    process = harness.start_live(*INTRUDER, "watch:deadlock", "--set", "limits.max_gap=200ms")
    reports = harness.folder / "reports"
    eventually(lambda: any(path.read_text().endswith("\n") for path in reports.glob("*/watchdog.log")), 60)
    assert is_flat(harness), harness.actions()
    process.kill()
    harness.ended(process)
    eventually(lambda: not harness.processes())


@pytest.mark.parametrize("step", ["INTENT", "SENT", "FILLED"])
@pytest.mark.parametrize("action", ["sigkill", "sigint"])
def test_run_that_ends_at_any_step_of_the_order_is_flat(harness: Harness, step: str, action: str) -> None:
    """The order leaves at most once; whatever it came to is closed, by the run itself or by its watchdog."""
    process = harness.start_live(*INTRUDER, f"journal-{step}:{action}")
    harness.ended(process)
    eventually(lambda: not harness.processes())
    assert harness.filled() == (0 if step == "INTENT" else 1)
    if step != "INTENT":
        assert is_flat(harness)
    if action == "sigkill":
        said = json.loads((harness.bundle / "watchdog.log").read_text())
        assert said["flat"] is True
    else:
        assert harness.verdict["flat"] is True


def test_failed_criterion_is_followed_by_the_flatten_at_once(harness: Harness) -> None:
    """The closing comes before the next criterion is even tried, and its reason is on record."""
    harness.live(*INTRUDER, "X8:fail")
    lines = (harness.bundle / "evidence.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    (flattened,) = [number for number, record in enumerate(records) if record.get("name") == "flatten"]
    assert records[flattened]["reason"] == "X8 did not pass"
    outcomes = {record["criterion"]: number for number, record in enumerate(records) if record["kind"] == "outcome"}
    assert outcomes["X8"] < flattened < outcomes["X9"]


def test_drill_that_was_filled_is_closed(harness: Harness) -> None:
    """A gateway that fills what it must refuse, as one that rounds volumes up does: X6 fails, the position goes."""
    finished = harness.live(*INTRUDER, "drill:fill")
    assert finished.status == 1
    assert harness.outcomes()["X6"] == "FAIL"
    assert harness.outcomes()["X7"] == "BLOCKED"
    assert is_flat(harness), harness.actions()
    assert harness.verdict["flat"] is True


def test_breach_opens_the_breaker_and_flattens_at_once(harness: Harness) -> None:
    """A guard that trips in earnest (the watch stood still) ends the watch early, opens the breaker and closes."""
    harness.watch["targets.simulator.limits.watch.for"] = "20s"
    finished = harness.live(*INTRUDER, "watch:stall", "--set", "limits.max_gap=300ms")
    assert finished.status == 1
    assert is_flat(harness)
    assert harness.verdict["flat"] is True
    assert harness.outcomes()["G4"] == "FAIL"
    assert harness.outcomes()["G6"] != "PASS"
    log = (harness.bundle / "VERIFY_LOG.log").read_text()
    assert "[breaker] OPEN: guard heartbeat: a gap of" in log
    assert harness.actions().count("PING") < 2000


def test_watchdog_is_disarmed_at_a_clean_end(harness: Harness) -> None:
    """After an ordinary run the watchdog has written nothing and neither process is left, not even as a zombie."""
    harness.live(*INTRUDER, "G1:fail")
    records = [json.loads(line) for line in (harness.bundle / "evidence.jsonl").read_text().splitlines()]
    armed = [record["process"] for record in records if record.get("name") == "watchdog armed"]
    assert len(armed) == 1
    assert not psutil.pid_exists(armed[0])
    assert not (harness.bundle / "watchdog.log").exists()


@pytest.mark.parametrize(
    "point",
    ["before-X7", "watch", *(pytest.param(name, marks=pytest.mark.nightly) for name in LATER_POINTS)],
)
def test_full_disk_is_flat_and_said_on_the_terminal(harness: Harness, point: str) -> None:
    """Not a byte more can be written: no order leaves without its intent, what is open is closed, and that is said."""
    finished = harness.live_on_a_terminal_elsewhere(*INTRUDER, f"{point}:full-disk")
    assert finished.status in (1, 3), finished.output
    if point in ("before-X5", "before-X7"):
        assert harness.filled() == 0
        assert "No order was sent in this run" in finished.output or "Flat: no position" in finished.output
    else:
        assert is_flat(harness), harness.actions()
        assert "Flat: no position of this plan's magic number is left." in finished.output
    assert "VERDICT: " in finished.output
    assert "VERDICT: PASS" not in finished.output
    assert "the report could not be written: [Errno" in finished.output
    assert not (harness.bundle / "watchdog.log").exists(), "the watchdog had to help"


@pytest.mark.parametrize(
    "hook",
    [
        "pytest_runtest_logreport",
        "pytest_fixture_setup",
        "pytest_sessionfinish",
        *(
            pytest.param(name, marks=pytest.mark.nightly)
            for name in (
                "pytest_runtest_logstart",
                "pytest_runtest_setup",
                "pytest_runtest_call",
                "pytest_runtest_teardown",
                "pytest_runtest_makereport",
                "pytest_runtest_logfinish",
                "pytest_fixture_post_finalizer",
                "pytest_report_teststatus",
                "pytest_exception_interact",
                "pytest_terminal_summary",
            )
        ),
    ],
)
def test_exception_in_a_plugins_hook_is_flat(harness: Harness, hook: str) -> None:
    """Whatever breaks in somebody else's plugin once the order is out: closed, and the report is written."""
    finished = harness.live(*INTRUDER, f"hook-{hook}:fail", "--intrude", "G1:fail")
    assert finished.status != 0
    assert is_flat(harness), harness.actions()
    assert harness.verdict["flat"] is True
    assert harness.verdict["verdict"] != "PASS"
    assert "Flat: no position of this plan's magic number is left." in harness.report()
    assert not (harness.bundle / "watchdog.log").exists(), "the watchdog had to help"


def test_first_failure_that_ends_the_session_is_flat(harness: Harness) -> None:
    """With --exitfirst nothing is tried after the failed criterion, and its position is closed all the same."""
    finished = harness.live("--exitfirst", *INTRUDER, "X8:fail")
    assert finished.status == 1
    assert is_flat(harness), harness.actions()
    assert harness.verdict["flat"] is True
    assert harness.outcomes()["X8"] == "FAIL"
    assert harness.outcomes()["X9"] == "UNPROVEN"
    assert "Flat: no position of this plan's magic number is left." in harness.report()
