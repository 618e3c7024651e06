"""A short-lived session for commands that only ask, over any target of a plan."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mt5canary.link.connection import Route
from mt5canary.link.session import ReadSession
from mt5canary.operation import route_of
from mt5canary.plan import Resolved
from mt5canary.rehearsal import SimulatedGateway


@contextmanager
def reading_session(resolved: Resolved) -> Iterator[ReadSession]:
    """A session to the plan's target; a target that the run starts is started and stopped here."""
    if not resolved.started_by_run:
        with ReadSession(route_of(resolved), lambda kind, body: None) as session:
            yield session
        return
    with tempfile.TemporaryDirectory(prefix="mt5canary-") as folder:
        gateway = SimulatedGateway(Path(folder) / "gateway.log", resolved.target.scenario)
        try:
            with ReadSession(Route(url=gateway.url), lambda kind, body: None) as session:
                yield session
        finally:
            gateway.stop()
