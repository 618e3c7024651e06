"""What tests of several folders share: a real simulated gateway, and the shipped plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mt5canary.plan import Limits, Resolved, load
from mt5canary.rehearsal import SimulatedGateway

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("here", deadline=None, database=None, derandomize=True, print_blob=False)
settings.load_profile("here")


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedGateway]:
    """A simulated gateway in a process of its own."""
    gateway = SimulatedGateway(tmp_path / "gateway.log")
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def plan() -> Resolved:
    """The shipped plan for the built-in simulator, without this host's settings."""
    return load(ROOT / "canary.yaml", target="simulator", environment={})


@pytest.fixture(scope="session")
def limits(plan: Resolved) -> Limits:
    """The shipped plan's limits for the built-in simulator."""
    return plan.limits
