"""A plan for a real target, and a clock that the test drives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mt5canary.measurement import Outcome
from mt5canary.plan import Resolved, load
from mt5canary.promotion.examination import Examined
from tests.promotion.made import ROOT, Clock, examined, fly

Flown = Callable[..., Examined]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Monday, the first hour."""
    return Clock(monkeypatch)


@pytest.fixture
def real_plan() -> Resolved:
    """The shipped plan for the real demo account."""
    environment = {"GTW_HOST": "203.0.113.7", "RISK_SECRET": "x" * 64}
    return load(ROOT / "canary.yaml", target="justmarkets-demo2", environment=environment)


@pytest.fixture
def flown(clock: Clock, tmp_path: Path, real_plan: Resolved) -> Flown:
    """Fly a run of a real target and read its bundle as a verified one."""

    def fly_and_read(hours: float = 1.0, outcome: Outcome = Outcome.PASS, **rest: Any) -> Examined:
        return examined(fly(clock, tmp_path, hours=hours, outcome=outcome, **rest), real_plan, outcome)

    return fly_and_read
