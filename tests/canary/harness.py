"""A throw-away copy of the repository's run-time files, in which pytest is started as a person would start it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
RUN_TIME_FILES = (
    "conftest.py",
    "pytest.ini",
    "canary.yaml",
    "decision",
    "baseline",
    "verification",
    "fixtures",
    "plugins",
)
SHORT_WATCH = {
    "targets.simulator.limits.watch.for": "2s",
    "targets.simulator.limits.watch.every": "5ms",
}
"""Long enough for every sample that a guard needs, and no longer."""

ORDERS = frozenset({"OPEN"})
READS = frozenset(
    {"HELLO", "PING", "GET_ACCOUNT", "GET_SYMBOL", "GET_TICK", "GET_TICKS", "GET_BARS", "GET_POSITIONS", "GET_DEALS"}
    | {"GET_ORDERS", "CHECK_ORDER", "FIND_REQUEST", "GET_CAPABILITIES"}
)
"""The actions that change nothing, written down here again on purpose."""

MARK = "CANARY_TEST_MARK"
T = TypeVar("T")


def eventually(condition: Callable[[], T], seconds: float = 20.0) -> T:
    """Wait until a condition holds and return what it gave; AssertionError where it never does."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"it did not come true within {seconds} s"
        time.sleep(0.01)
    return value


@dataclass
class Finished:
    """A run of pytest that has ended: its exit status and everything it said on the terminal."""

    status: int
    output: str

    def has_no_traceback(self) -> bool:
        """Whether a person was spared a Python traceback and pytest's own internal error."""
        return not any(word in self.output for word in ("Traceback (most recent call last)", "INTERNALERROR"))


class Harness:
    """One copy of the run-time files, the runs made in it, and what they left behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._mark = uuid.uuid4().hex
        self.watch = dict(SHORT_WATCH)
        leave_out = shutil.ignore_patterns("__pycache__")
        for name in RUN_TIME_FILES:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, self.folder / name, ignore=leave_out)
            elif source.exists():
                self.folder.mkdir(exist_ok=True)
                shutil.copy(source, self.folder / name)
        shutil.copy(Path(__file__).with_name("intruder.py"), self.folder / "intruder.py")
        # what else this machine does meanwhile must not decide a test
        self.change("canary.yaml", "p99_ms: 100,", "p99_ms: 2000,")

    def environment(self) -> dict[str, str]:
        """The environment of a run: this one's, without what could steer the harness, marked as ours."""
        steering = ("PYTEST_", "GTW_", "RISK_", "ORDER_", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
        return kept | {MARK: self._mark, "TMPDIR": str(self.temporary), "PYTHONDONTWRITEBYTECODE": "1"}

    def start(self, *arguments: str, cwd: Path | None = None, output: IO[Any] | None = None) -> subprocess.Popen[str]:
        """Start pytest with these words on its command line; its terminal is a file, where not said otherwise."""
        with output or (self.folder / "terminal.txt").open("w") as terminal:
            return subprocess.Popen(
                [sys.executable, "-m", "pytest", *arguments],
                cwd=cwd or self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def live_on_a_terminal_elsewhere(self, *arguments: str) -> Finished:
        """Run ``pytest -m live`` whose terminal is not on the disk that it writes to."""
        words = [word for field, value in self.watch.items() for word in ("--set", f"{field}={value}")]
        with (
            (self.folder / "terminal.txt").open("w") as file,
            subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file) as terminal,
        ):
            process = self.start("-m", "live", *arguments, *words, output=terminal.stdin)
            status = process.wait(90)
        return Finished(status, self.terminal())

    def ended(self, process: subprocess.Popen[str], seconds: float = 90) -> Finished:
        """Wait for a run's end."""
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise AssertionError(f"pytest did not end within {seconds} s:\n{self.terminal()}") from None
        return Finished(status, self.terminal())

    def terminal(self) -> str:
        """What the last run has said so far."""
        return (self.folder / "terminal.txt").read_text(errors="replace")

    def pytest(self, *arguments: str) -> Finished:
        """Run pytest to its end."""
        return self.ended(self.start(*arguments))

    def live(self, *arguments: str) -> Finished:
        """Run ``pytest -m live`` with the short watch."""
        return self.ended(self.start_live(*arguments))

    def start_live(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``pytest -m live`` with the short watch."""
        overrides = [word for field, value in self.watch.items() for word in ("--set", f"{field}={value}")]
        return self.start("-m", "live", *arguments, *overrides)

    def change(self, file: str, old: str, new: str) -> None:
        """Change a file of the copy in one place."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    @property
    def bundles(self) -> list[Path]:
        """The folder of each run, oldest first."""
        reports = self.folder / "reports"
        found = (
            [path for path in reports.iterdir() if path.is_dir() and not path.is_symlink()] if reports.exists() else []
        )
        return sorted(found, key=lambda path: path.stat().st_ctime)

    @property
    def bundle(self) -> Path:
        """The latest run's folder."""
        return self.bundles[-1]

    @property
    def verdict(self) -> dict[str, Any]:
        """The latest run's verdict."""
        found: dict[str, Any] = json.loads((self.bundle / "verdict.json").read_text())
        return found

    def outcomes(self) -> dict[str, str]:
        """What each criterion of the latest run came to."""
        return {criterion["id"]: criterion["outcome"] for criterion in self.verdict["criteria"]}

    def reason(self, identifier: str) -> str:
        """Why a criterion of the latest run came to what it did."""
        return next(str(entry["reason"]) for entry in self.verdict["criteria"] if entry["id"] == identifier)

    def report(self) -> str:
        """The latest run's completion report."""
        return (self.bundle / "COMPLETION_REPORT.md").read_text()

    def requests(self) -> list[dict[str, Any]]:
        """Every request that the latest run's gateway wrote into its own log."""
        log = self.bundle / "gateway.log"
        lines = log.read_text().splitlines() if log.exists() else []
        entries = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [entry for entry in entries if "action" in entry]

    def actions(self) -> list[str]:
        """The actions of those requests."""
        return [entry["action"] for entry in self.requests()]

    def filled(self) -> int:
        """How many orders the gateway filled."""
        return sum(entry["action"] == "OPEN" and entry["status"] == "FILLED" for entry in self.requests())

    def closed_after_the_fill(self) -> bool:
        """Whether the gateway's log shows a closing request that succeeded after the fill."""
        found = self.requests()
        fills = [
            number for number, entry in enumerate(found) if (entry["action"], entry["status"]) == ("OPEN", "FILLED")
        ]
        closing = [
            number
            for number, entry in enumerate(found)
            if entry["action"] in ("CLOSE", "CLOSE_ALL") and "error_code" not in entry
        ]
        return bool(fills and closing and fills[-1] < closing[-1])

    def processes(self) -> list[psutil.Process]:
        """Every process that a run in this copy started, directly or not, and that still runs."""
        return list(self._ours())

    def _ours(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            try:
                ours = process.environ().get(MARK) == self._mark
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except (psutil.Error, OSError):
                continue

    def leftovers(self) -> list[str]:
        """Temporary files and folders that the runs left."""
        return [path.name for path in self.temporary.iterdir()]

    def end_what_is_left(self) -> None:
        """End what a failing test left behind."""
        for process in self.processes():
            process.kill()
