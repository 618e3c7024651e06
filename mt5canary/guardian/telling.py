"""What a watch tells while it lasts: into the chain, the logs, the display's last events, and the alert command."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mt5canary.errors import Finding
from mt5canary.guardian.drift import DriftCheck
from mt5canary.guardian.record import Problem, WatchRecord

KEPT_EVENTS = 5
GRAVE = frozenset({"breach", "warning", "drift event", "guardian failed"})
"""Events that a person is alerted of, beside every problem."""

Listener = Callable[[str, dict[str, Any]], object]
"""Called with an event's name and its facts."""


class Teller:
    """Tells every listener, in order; the latest events stay at hand."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners
        self.latest: deque[str] = deque(maxlen=KEPT_EVENTS)

    def __call__(self, name: str, facts: dict[str, Any]) -> None:
        """Tell one event."""
        self.latest.append(f"{datetime.now(UTC):%H:%M:%S} {describe(name, facts)}")
        for listener in self._listeners:
            listener(name, facts)

    def problem(self, record: WatchRecord, what: str, finding: Finding, now: float) -> None:
        """Count an error and tell it."""
        record.errors.append(Problem(now, str(finding)))
        self(what, {"text": str(finding)})

    def drift(self, check: DriftCheck, max_psi: float) -> None:
        """Tell what a drift check found."""
        facts: dict[str, Any] = {one.feature: f"{one.psi:.4f} (chance {one.chance:.4f})" for one in check.features}
        facts["rows"] = check.rows
        if check.problem is not None:
            facts["problem"] = check.problem
        if check.closed_seconds:
            facts["session closed for"] = f"{check.closed_seconds:.0f} s"
        self("drift event" if check.events(max_psi) else "PSI", facts)


def describe(name: str, facts: dict[str, Any]) -> str:
    """One line for people."""
    return f"{name}: " + ", ".join(f"{key} {value}" for key, value in facts.items())
