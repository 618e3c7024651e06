"""Whole runs beside what a user would have instead: the same pytest with empty tests, and OpenHTF.

Of a preflight's wall time what the exchanges themselves took is taken off where the row says so (their round trips, and
the pauses in which the market was waited for): that is the gateway's time and the market's, not the harness's. Of a
rehearsal's the watch is taken off.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.alternating import Ratio, alternate
from benchmarks.figure import Figure

ROOT = Path(__file__).parent.parent
ROUNDS, REHEARSAL_ROUNDS = 11, 3
PREFLIGHT_LIMIT = 1.5
PARTS = ("canary.yaml", "conftest.py", "baseline", "decision", "fixtures", "plugins", "pytest.ini", "verification")
SHORT_WATCH = ["--set=targets.simulator.limits.watch.for=2s", "--set=targets.simulator.limits.watch.every=5ms"]


class Ran(NamedTuple):
    """What one process took: wall seconds, the peak of its memory in MiB, and when it started (s since 1970)."""

    seconds: float
    peak: float
    started: float


def measure() -> list[Ratio | Figure]:
    """Preflight and rehearsal: time and memory."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return [*_preflights(folder), *_rehearsals(folder)]


def _preflights(folder: Path) -> list[Ratio | Figure]:
    ours = copy_harness(folder / "preflight")
    _run(ours, _pytest("-m", "preflight"))
    measured = _measurements(ours)
    empty = _empty_tests(folder / "empty-preflight", len(measured))
    count = len(measured)
    peaks: dict[str, list[float]] = {"ours": [], "empty": [], "openhtf": []}
    return [
        alternate(
            f"pytest -m preflight, exchanges taken off / the same pytest and plugins, {count} empty tests",
            lambda: _keep(peaks["ours"], _run(ours, _pytest("-m", "preflight"))) - _exchanges(ours),
            lambda: _keep(peaks["empty"], _run(empty, _pytest(*_reports(empty)))),
            ROUNDS,
            "s",
            PREFLIGHT_LIMIT,
        ),
        alternate(
            f"pytest -m preflight, whole / OpenHTF, {count} phases and as many measurements",
            lambda: _run(ours, _pytest("-m", "preflight")).seconds,
            lambda: _keep(peaks["openhtf"], _run(folder, _openhtf(folder, measured))),
            ROUNDS,
            "s",
            None,
        ),
        Figure("peak memory of a preflight", tuple(peaks["ours"]), "MiB"),
        Figure(f"peak memory of {count} empty tests", tuple(peaks["empty"]), "MiB"),
        Figure(f"peak memory of OpenHTF with {count} phases", tuple(peaks["openhtf"]), "MiB"),
    ]


def _rehearsals(folder: Path) -> list[Ratio | Figure]:
    ours = copy_harness(folder / "rehearsal")
    command = _pytest("-m", "live", *SHORT_WATCH)
    _run(ours, command, may_fail=True)
    measured = _measurements(ours)
    empty = _empty_tests(folder / "empty-rehearsal", len(measured))
    peaks: list[float] = []

    def rehearsal() -> float:
        return _keep(peaks, _run(ours, command, may_fail=True)) - _watched(ours)

    rows: Callable[[str, Callable[[], float]], Ratio] = lambda name, other: alternate(  # noqa: E731
        f"rehearsal, watch taken off / {name}", rehearsal, other, REHEARSAL_ROUNDS, "s", None
    )
    return [
        rows(f"the same pytest, {len(measured)} empty tests", lambda: _run(empty, _pytest(*_reports(empty))).seconds),
        rows(f"OpenHTF, {len(measured)} phases", lambda: _run(folder, _openhtf(folder, measured)).seconds),
        Figure("peak memory of a rehearsal", tuple(peaks), "MiB"),
    ]


def _keep(peaks: list[float], ran: Ran) -> float:
    peaks.append(ran.peak)
    return ran.seconds


def copy_harness(folder: Path) -> Path:
    """Copy what a run needs of this repository."""
    folder.mkdir()
    for name in PARTS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
    return folder


def _empty_tests(folder: Path, count: int) -> Path:
    (folder / "tests").mkdir(parents=True)
    settings = (ROOT / "pytest.ini").read_text(encoding="utf-8")
    settings = settings.replace("testpaths = verification", "testpaths = tests")
    (folder / "pytest.ini").write_text(settings, encoding="utf-8")
    body = "".join(f'def test_{number}():\n    """Empty."""\n\n\n' for number in range(count))
    (folder / "tests" / "test_empty.py").write_text(body, encoding="utf-8")
    return folder


def _pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", *arguments]


def _reports(folder: Path) -> list[str]:
    names = {"--html": "report.html", "--junitxml": "junit.xml", "--alluredir": "allure-results"}
    return ["tests", "--self-contained-html", *(f"{option}={folder / name}" for option, name in names.items())]


def _openhtf(folder: Path, measured: Sequence[int]) -> list[str]:
    script = Path(__file__).with_name("openhtf_station.py")
    return [sys.executable, str(script), str(folder / "openhtf.json"), *map(str, measured)]


def _run(folder: Path, command: list[str], *, may_fail: bool = False) -> Ran:
    environment = quiet_environment()
    started, wall = time.perf_counter(), time.time()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not may_fail:
        raise RuntimeError(f"{command} ended with status {process.returncode}")
    return Ran(seconds, used.ru_maxrss / 1024, wall)


def quiet_environment() -> dict[str, str]:
    """This process's variables, without the one that would have every run compile everything again."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_pytest(folder: Path, *arguments: str) -> Ran:
    """Run pytest there."""
    return _run(folder, _pytest(*arguments))


def first_exchange(folder: Path) -> float:
    """When the last run sent its first request, in seconds since 1970."""
    sent = next(record["sent_wall"] for record in _records(folder) if record["kind"] == "exchange")
    return float(sent) / 1e9


def _latest(folder: Path) -> Path:
    return (folder / "reports" / "latest").resolve()


def _measurements(folder: Path) -> list[int]:
    """How many measurements each criterion of the last run recorded."""
    verdict = json.loads((_latest(folder) / "verdict.json").read_text(encoding="utf-8"))
    shutil.rmtree(folder / "reports")
    return [len(criterion["measurements"]) for criterion in verdict["criteria"]]


def _records(folder: Path) -> list[dict[str, Any]]:
    with (_latest(folder) / "evidence.jsonl").open(encoding="utf-8") as chain:
        records = [json.loads(line) for line in chain]
    shutil.rmtree(folder / "reports")
    return records


def _exchanges(folder: Path) -> float:
    """Seconds that the last run's exchanges took, and the pauses between two looks at the market."""
    exchanges = [record for record in _records(folder) if record["kind"] == "exchange"]
    trips = sum(record["received"] - record["sent"] for record in exchanges)
    looks = [pair for pair in pairwise(exchanges) if pair[0]["action"] == pair[1]["action"] == "GET_TICK"]
    return float(trips + sum(after["sent"] - before["received"] for before, after in looks)) / 1e9


def _watched(folder: Path) -> float:
    """Seconds that the last run's watch took."""
    lines = {
        record["text"][:8]: record["monotonic"] for record in _records(folder) if record.get("source") == "guardian"
    }
    return float(lines.get("watched ", 0) - lines.get("watching", 0)) / 1e9
