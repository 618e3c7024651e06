"""A plugin for the end-to-end tests: the long waits of a real link, made short enough for loopback."""

from __future__ import annotations

import pytest

REPLY_MILLISECONDS = 1_000
GHOST_SECONDS = 1.0


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Shorten the wait for replies, and how long an order that was given up may still arrive."""
    from mt5canary import operation
    from mt5canary.link import session
    from mt5canary.order import reconciler, resolution

    session.TIMEOUTS_MS.update(dict.fromkeys(session.TIMEOUTS_MS, REPLY_MILLISECONDS))
    session.READ_TIMEOUT_MS = REPLY_MILLISECONDS
    for module in (operation, reconciler, resolution):
        module.GHOST_SECONDS = GHOST_SECONDS  # type: ignore[attr-defined]
