"""A small run of its own, in a process of its own, and its reports as a reader finds them."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

HOSTILE = "<img src=x onerror=alert(1)>"

CONFTEST = """
pytest_plugins = ["plugins.completion_report", "plugins.outcomes", "harness"]
"""

HARNESS = """
import base64
import json
import time

import pytest

from mt5canary.catalogue import Catalogue, Criterion
from mt5canary.errors import Finding
from mt5canary.evidence.run import Run
from mt5canary.measurement import below, unproven
from plugins.completion_report import direct_reports
from plugins.keys import CRITERION, RUN
from plugins.stages import Blocked

CATALOGUE = Catalogue(
    [
        Criterion("L1", "link", "The address is remote", False),
        Criterion("L2", "link", "The handshake completed", False),
        Criterion("D1", "decision", "The record says GO", False),
        Criterion("X1", "execution", "The symbol may be traded", False),
        Criterion("G2", "guardrails", "P99 is under the limit", True),
        Criterion("E1", "evidence", "The position is closed", True),
        Criterion("E2", "evidence", "The ledger balances", True),
        Criterion("E5", "evidence", "Never collected", True),
    ]
)


def pytest_addoption(parser):
    parser.addoption("--mode", default=None)
    parser.addoption("--real", action="store_true")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "criterion(id): the criterion")
    mode = config.getoption("mode")
    if mode is None:
        return
    rehearsal = not config.getoption("real")
    run = Run(config.rootpath / "reports", mode, CATALOGUE, task="119.6", target="simulator", rehearsal=rehearsal)
    config.stash[RUN] = run
    direct_reports(config, run)
    run.record("settings", {"values": {"order.symbol": {"value": "EURUSD", "source": "canary.yaml:38"}}})


def pytest_itemcollected(item):
    marker = item.get_closest_marker("criterion")
    if marker is not None and RUN in item.config.stash:
        item.stash[CRITERION] = CATALOGUE[marker.args[0]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if "blocked" in item.name:
        raise Blocked("stage 'decision' proved 0 of 1 criteria in this run")


@pytest.fixture
def run(request):
    return request.config.stash[RUN]


@pytest.fixture
def exchange(run):
    def record(action, reply):
        frame = lambda message: base64.b64encode(json.dumps(message).encode()).decode()
        now = time.monotonic_ns()
        run.record(
            "exchange",
            {
                "action": action,
                "uuid": "u",
                "connection": 0,
                "request": frame({"action": action}),
                "sent_wall": time.time_ns(),
                "sent": now,
                "received": now + 400_000,
                "reply": frame(reply),
            },
        )

    return record
"""

CRITERIA = f'''
import pytest

from mt5canary.errors import Finding, Unproven
from mt5canary.measurement import below, unproven


@pytest.mark.criterion("L1")
def test_remote(run, exchange):
    """The address is remote."""
    exchange("PING", {{"status": "ok", "note": "{HOSTILE}"}})
    run.measurement("L1", below("round trip", 0.4, 100, "ms", 300))


@pytest.mark.criterion("L2")
def test_handshake(run, exchange):
    """The handshake completed."""
    exchange("HELLO", {{"status": "ok"}})
    exchange("PING", {{"status": "ok"}})
    run.measurement("L2", below("handshake", 2.5, 100, "ms"))


@pytest.mark.criterion("D1")
def test_fails(run):
    """The record says GO."""
    raise Finding("the decision is {HOSTILE}")


@pytest.mark.criterion("X1")
def test_blocked(run):
    """The symbol may be traded."""


@pytest.mark.criterion("G2")
def test_unproven(run):
    """P99 is under the limit."""
    run.measurement("G2", unproven("P99", "< 100 ms", "ms"))


@pytest.mark.criterion("E1")
def test_breaks(run):
    """The position is closed."""
    raise RuntimeError("not foreseen")


@pytest.fixture
def brittle():
    yield
    raise RuntimeError("broke on the way out")


@pytest.mark.criterion("E2")
def test_breaks_late(run, brittle):
    """The ledger balances."""
    run.measurement("E2", below("difference", 0, 1, "cents"))


def test_without_criterion():
    """Not part of the catalogue."""
'''

INTERRUPTED = '''
import pytest

from mt5canary.measurement import below


@pytest.mark.criterion("L1")
def test_remote(run):
    """The address is remote."""
    run.measurement("L1", below("round trip", 0.4, 100, "ms", 300))


@pytest.mark.criterion("L2")
def test_interrupted(run):
    """The handshake completed."""
    run.measurement("L2", below("handshake", 2.5, 100, "ms"))
    INTERRUPTION


@pytest.mark.criterion("D1")
def test_never_reached(run):
    """The record says GO."""
'''

INI = """
[pytest]
addopts = -ra --disable-plugin-autoload -p pytest_html.fixtures -p pytest_html.plugin -p pytest_metadata.plugin
    -p allure_pytest.plugin -p no:cacheprovider
initial_sort = original
junit_family = xunit1
filterwarnings = error
"""


@dataclass(frozen=True)
class Finished:
    """A run that is over: its exit status, its terminal output and its folder."""

    status: int
    output: str
    folder: Path | None

    def read(self, name: str) -> str:
        assert self.folder is not None
        return (self.folder / name).read_text(encoding="utf-8")

    def table(self) -> dict[str, list[dict[str, Any]]]:
        """The rows that pytest-html's script draws, by test."""
        blob = re.search(r'data-jsonblob="([^"]*)"', self.read("report.html"))
        assert blob is not None
        return dict(json.loads(html.unescape(blob[1]))["tests"])

    def cells(self, test: str) -> str:
        return "".join(self.table()[f"test_canary.py::{test}"][-1]["resultsTableRow"])

    def allure(self) -> dict[str, dict[str, Any]]:
        """Allure's results by test."""
        assert self.folder is not None
        files = sorted((self.folder / "allure-results").glob("*-result.json"))
        results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        return {each["fullName"].split("#")[1]: each for each in results}

    def junit(self) -> ET.Element:
        suite = ET.fromstring(self.read("junit.xml")).find("testsuite")
        assert suite is not None
        return suite


def run(folder: Path, tests: str, *options: str, environment: dict[str, str] | None = None) -> Finished:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "harness.py").write_text(HARNESS)
    (folder / "test_canary.py").write_text(tests)
    (folder / "pytest.ini").write_text(INI)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    latest = folder / "reports" / "latest"
    return Finished(done.returncode, done.stdout + done.stderr, latest.resolve() if latest.exists() else None)
