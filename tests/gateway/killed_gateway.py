"""The real gateway, except that it is killed at a point on an OPEN's way: ``KILL_AT`` names the point.

Run as a program with the arguments of ``mt5canary``. The kill is SIGKILL from inside, so nothing is cleaned up.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from mt5canary.cli import main
from mt5canary.gateway.gateway import Gateway
from mt5canary.gateway.journal import Journal
from mt5canary.gateway.server import Server
from mt5canary.gateway.simulated.package import SimulatedTerminal
from mt5canary.gateway.simulated.storage import Storage
from mt5canary.gateway.worker import Job

POINTS = {
    "received": (Gateway, "accept", "before"),
    "accepted": (Gateway, "accept", "after"),
    "job begun": (Job, "do", "before"),
    "before the request is written down": (Journal, "begin", "before"),
    "the request is written down": (Journal, "begin", "after"),
    "before the terminal is asked": (SimulatedTerminal, "order_send", "before"),
    "before the broker writes": (Storage, "save", "before"),
    "the broker has written": (Storage, "save", "after"),
    "the terminal has answered": (SimulatedTerminal, "order_send", "after"),
    "before the reply is written down": (Journal, "finish", "before"),
    "the reply is written down": (Journal, "finish", "after"),
    "job done": (Job, "do", "after"),
    "before the reply is sent": (Server, "_send", "before"),
    "the reply is sent": (Server, "_send", "after"),
}
"""Each point: the method before or after which the process dies, the first time that an OPEN comes by."""

_armed: list[bytes] = []


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(original: Callable[..., Any]) -> Callable[..., Any]:
    """From the first frame that holds an OPEN on, the point is live."""

    def accept(gateway: Gateway, frame: bytes) -> Any:
        if b'"OPEN"' in frame:
            _armed.append(frame)
        return original(gateway, frame)

    return accept


def deadly(original: Callable[..., Any], when: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if _armed and when == "before":
            die()
        result = original(*args, **kwargs)
        if _armed:
            die()
        return result

    return call


if __name__ == "__main__":
    if point := os.environ.get("KILL_AT"):
        owner, name, when = POINTS[point]
        setattr(owner, name, deadly(getattr(owner, name), when))
        Gateway.accept = arm(Gateway.accept)  # type: ignore[method-assign]
    sys.exit(main())
