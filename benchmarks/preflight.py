"""``pytest -m preflight`` beside the same pytest and plugins running as many empty tests, in turn.

What the exchanges themselves took (their round trips, and the pauses in which the market was waited for) is taken
off: that is the gateway's time and the market's, not the harness's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.alternating import Ratio, alternate

ROOT = Path(__file__).parent.parent
ROUNDS = 11
CRITERIA = 19
PARTS = ("canary.yaml", "conftest.py", "decision", "fixtures", "plugins", "pytest.ini", "verification")


def measure() -> list[Ratio]:
    """The ratio of medians of the wall times, exchanges taken off."""
    with tempfile.TemporaryDirectory() as folder:
        ours, empty = Path(folder) / "ours", Path(folder) / "empty"
        _copy_harness(ours)
        _write_empty_tests(empty)
        _preflight(ours)
        _run(empty, ["tests"])
        ratio = alternate(
            f"pytest -m preflight, exchanges taken off / the same pytest and plugins, {CRITERIA} empty tests",
            lambda: _preflight(ours),
            lambda: _run(empty, _reports(empty)),
            ROUNDS,
            "s",
            1.5,
        )
    return [ratio]


def _copy_harness(folder: Path) -> None:
    folder.mkdir()
    for name in PARTS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)


def _write_empty_tests(folder: Path) -> None:
    (folder / "tests").mkdir(parents=True)
    settings = (
        (ROOT / "pytest.ini").read_text(encoding="utf-8").replace("testpaths = verification", "testpaths = tests")
    )
    (folder / "pytest.ini").write_text(settings, encoding="utf-8")
    body = "".join(f'def test_{number}():\n    """Empty."""\n\n\n' for number in range(CRITERIA))
    (folder / "tests" / "test_empty.py").write_text(body, encoding="utf-8")


def _reports(folder: Path) -> list[str]:
    names = {"--html": "report.html", "--junitxml": "junit.xml", "--alluredir": "allure-results"}
    return ["tests", "--self-contained-html", *(f"{option}={folder / name}" for option, name in names.items())]


def _run(folder: Path, arguments: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _preflight(folder: Path) -> float:
    wall = _run(folder, ["-m", "preflight"])
    run = (folder / "reports" / "latest").resolve()
    with (run / "evidence.jsonl").open(encoding="utf-8") as chain:
        exchanges = [record for record in map(json.loads, chain) if record["kind"] == "exchange"]
    shutil.rmtree(folder / "reports")
    trips = sum(record["received"] - record["sent"] for record in exchanges)
    looks = [pair for pair in pairwise(exchanges) if pair[0]["action"] == pair[1]["action"] == "GET_TICK"]
    pauses = sum(after["sent"] - before["received"] for before, after in looks)
    return wall - (trips + pauses) / 1e9
