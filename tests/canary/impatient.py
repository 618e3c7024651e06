"""A plugin for the end-to-end tests: the long waits of a real link, made short enough for loopback."""

from __future__ import annotations

import pytest

ORDER_MILLISECONDS = 1_000
OTHER_MILLISECONDS = 3_000
"""Of everything that is not the order: a machine that is busy must not decide a test."""

GHOST_SECONDS = 1.0


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Shorten the wait for replies, and how long an order that was given up may still arrive."""
    from mt5canary import operation
    from mt5canary.link import session
    from mt5canary.order import reconciler, resolution

    session.TIMEOUTS_MS.update(dict.fromkeys(session.TIMEOUTS_MS, OTHER_MILLISECONDS) | {"OPEN": ORDER_MILLISECONDS})
    session.READ_TIMEOUT_MS = OTHER_MILLISECONDS
    for module in (operation, reconciler, resolution):
        module.GHOST_SECONDS = GHOST_SECONDS  # type: ignore[attr-defined]
