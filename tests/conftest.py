"""What tests of several folders share: whole runs, a real simulated gateway, the shipped plan."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mt5canary.plan import Limits, Resolved, load
from mt5canary.rehearsal import SimulatedGateway
from tests.canary.harness import Harness, eventually

ROOT = Path(__file__).resolve().parents[1]

# pytest loads this file for a run of the criteria too, where only what a run needs is installed
with contextlib.suppress(ModuleNotFoundError):
    from hypothesis import settings

    settings.register_profile("here", deadline=None, database=None, derandomize=True, print_blob=False)
    settings.load_profile("here")


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedGateway]:
    """A simulated gateway in a process of its own."""
    gateway = SimulatedGateway(tmp_path / "gateway.log")
    yield gateway
    gateway.stop()


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    """A copy of the repository to run pytest in; afterwards no process and no temporary folder of it may be left."""
    made = Harness(tmp_path)
    try:
        yield made
        eventually(lambda: not made.processes())
        eventually(lambda: not made.leftovers())
    finally:
        made.end_what_is_left()


@pytest.fixture(scope="session")
def plan() -> Resolved:
    """The shipped plan for the built-in simulator, without this host's settings."""
    return load(ROOT / "canary.yaml", target="simulator", environment={})


@pytest.fixture(scope="session")
def limits(plan: Resolved) -> Limits:
    """The shipped plan's limits for the built-in simulator."""
    return plan.limits


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be skipped: a skipped test is no covered one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [] if reporter is None else reporter.stats.get("skipped", [])
    if os.environ.get("CI") and skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
