"""The real gateway, except that it is killed on the way of the third OPEN that it gets: the first two are a drill's.

``KILL_AT`` names one of the points of tests/gateway/killed_gateway.py; run as a program, as ``mt5canary`` is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from mt5canary.cli import main
from mt5canary.gateway.gateway import Gateway
from tests.gateway import killed_gateway
from tests.gateway.killed_gateway import POINTS, deadly

DRILLS = 2
_seen: list[bytes] = []


def arm(original: Callable[..., Any]) -> Callable[..., Any]:
    """From the canary's own OPEN on, the point is live."""

    def accept(gateway: Gateway, frame: bytes) -> Any:
        if b'"OPEN"' in frame:
            _seen.append(frame)
            killed_gateway._armed.extend(_seen[DRILLS:])
        return original(gateway, frame)

    return accept


if __name__ == "__main__":
    if point := os.environ.get("KILL_AT"):
        owner, name, when = POINTS[point]
        setattr(owner, name, deadly(getattr(owner, name), when))
        Gateway.accept = arm(Gateway.accept)  # type: ignore[method-assign]
    sys.exit(main())
