"""Windows of the trade server's time, for whoever does not know its zone."""

from __future__ import annotations

SECOND = 1_000_000_000
WEST_SECONDS, EAST_SECONDS = 12 * 3600, 14 * 3600
"""A trade server's clock may run in any zone, from UTC-12 to UTC+14."""

MARGIN_SECONDS = 60
PENDING_SECONDS = 48 * 3600
"""How far back an active order is looked for: ours are market orders, which hang for seconds at most."""


def window(since_ns: int, until_ns: int) -> dict[str, int]:
    """A window of server time, in ms, that covers two instants of UTC whatever the server's zone is."""
    return {
        "from_msc": max(1, since_ns // 1_000_000 - (WEST_SECONDS + MARGIN_SECONDS) * 1000),
        "to_msc": until_ns // 1_000_000 + (EAST_SECONDS + MARGIN_SECONDS) * 1000,
    }
