"""A plugin for the crash matrix: the run dies by SIGKILL at a named point of its order's life.

``-p killed_harness --kill-at POINT``; with ``--kill-watchdog`` its watchdog dies a moment before, as when the power
fails. Nothing of this is in the product: the points are methods of it, wrapped here. The way in is that of
tests/canary/intruder.py; this file is copied beside the run and imports nothing but the product.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest


class Point(NamedTuple):
    """The instant before or after a call: of which method, and which of its calls; ``linger`` lets the bytes arrive."""

    where: str
    when: str
    which: Callable[..., bool] = lambda *_, **__: True
    linger: float = 0.0


def _intent(step: str) -> Callable[..., bool]:
    return lambda _, kind, body, **__: kind == "intent" and body["step"] == step


def _exchange(action: str) -> Callable[..., bool]:
    return lambda _, kind, body, **__: kind == "exchange" and body.action == action


def _frame(action: bytes) -> Callable[..., bool]:
    return lambda _, frame: b'"action":"%s"' % action in frame


def _journal(step: str) -> Callable[..., bool]:
    return lambda _, uuid, taken, **__: taken == step


def _waiting(action: str) -> Callable[..., bool]:
    return lambda *_: _sent[-1:] == [action]


def _event(name: str) -> Callable[..., bool]:
    return lambda _, kind, body, **__: kind == "event" and isinstance(body, dict) and body.get("name") == name


JOURNAL = "mt5canary.order.journal:Journal"
OPERATION = "mt5canary.operation:Operation"
CONNECTION = "mt5canary.link.connection:Connection"
WAY_OUT = "mt5canary.order.flatten:WayOut"
BUNDLE = "mt5canary.evidence.bundle"
LINGER = 0.5

POINTS: dict[str, Point] = {
    "before INTENT is in the journal": Point(f"{JOURNAL}.begin", "before"),
    "half of INTENT's line is written": Point(f"{JOURNAL}._append", "half"),
    "INTENT is in the journal": Point(f"{JOURNAL}.begin", "after"),
    "INTENT is in the chain": Point(f"{OPERATION}.record", "after", _intent("INTENT")),
    "before the breaker permits": Point(f"{OPERATION}._permit", "before"),
    "the watchdog was told that an order leaves": Point(f"{OPERATION}._permit", "after"),
    "before OPEN is sent": Point(f"{CONNECTION}.send", "before", _frame(b"OPEN")),
    "OPEN is sent": Point(f"{CONNECTION}.send", "after", _frame(b"OPEN"), LINGER),
    "OPEN's reply is received": Point(f"{CONNECTION}.receive", "after", _waiting("OPEN")),
    "before OPEN's exchange is in the chain": Point(f"{OPERATION}.record", "before", _exchange("OPEN")),
    "OPEN's exchange is in the chain": Point(f"{OPERATION}.record", "after", _exchange("OPEN")),
    "before SENT is in the journal": Point(f"{JOURNAL}.step", "before", _journal("SENT")),
    "SENT is in the journal": Point(f"{JOURNAL}.step", "after", _journal("SENT")),
    "SENT is in the chain": Point(f"{OPERATION}.record", "after", _intent("SENT")),
    "before FILLED is in the journal": Point(f"{JOURNAL}.step", "before", _journal("FILLED")),
    "FILLED is in the journal": Point(f"{JOURNAL}.step", "after", _journal("FILLED")),
    "FILLED is in the chain": Point(f"{OPERATION}.record", "after", _intent("FILLED")),
    "before the fill is known to the run": Point(f"{OPERATION}.fill", "before"),
    "before X8": Point("X8", "criterion"),
    "before X9": Point("X9", "criterion"),
    "before X10": Point("X10", "criterion"),
    "before X11": Point("X11", "criterion"),
    "before the watch": Point("mt5canary.guardian.watch:Watch.run", "before"),
    "in the watch": Point("mt5canary.guardian.probing:Probing.probe", "after"),
    "the watch is over": Point("mt5canary.guardian.watch:Watch.run", "after"),
    "before the flatten": Point(f"{WAY_OUT}.flatten", "before"),
    "before CLOSE_ALL is sent": Point(f"{CONNECTION}.send", "before", _frame(b"CLOSE_ALL")),
    "CLOSE_ALL is sent": Point(f"{CONNECTION}.send", "after", _frame(b"CLOSE_ALL"), LINGER),
    "CLOSE_ALL's reply is received": Point(f"{CONNECTION}.receive", "after", _waiting("CLOSE_ALL")),
    "the flatten is done": Point(f"{WAY_OUT}.flatten", "after"),
    "before the flatten is in the chain": Point("mt5canary.evidence.run:Run.record", "before", _event("flatten")),
    "before FLAT is in the journal": Point(f"{JOURNAL}.step", "before", _journal("FLAT")),
    "FLAT is in the journal": Point(f"{JOURNAL}.step", "after", _journal("FLAT")),
    "before E1": Point("E1", "criterion"),
    "before E5": Point("E5", "criterion"),
    "before verdict.json": Point(f"{BUNDLE}:_write", "before", lambda path, text: path.name == "verdict.json"),
    "verdict.json is written": Point(f"{BUNDLE}:_write", "after", lambda path, text: path.name == "verdict.json"),
    "COMPLETION_REPORT.md is written": Point(f"{BUNDLE}:_write", "after", lambda path, _: path.suffix == ".md"),
    "before the watchdog is disarmed": Point("mt5canary.order.watchdog:Watchdog.disarm", "before"),
    "before the manifest": Point("mt5canary.evidence.manifest:write", "before"),
    "the manifest is written": Point("mt5canary.evidence.manifest:write", "after"),
}
"""Every point; those of calls are live once the journal was asked to begin an intent."""

_armed: list[bool] = []
_sent: list[str] = []
_spare_watchdog: list[bool] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    parser.addoption("--kill-at", metavar="POINT")
    parser.addoption("--kill-watchdog", action="store_true")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Lie in wait."""
    point = POINTS[config.getoption("--kill-at")]
    if not config.getoption("--kill-watchdog"):
        _spare_watchdog.append(True)
    _wrap(f"{CONNECTION}.send", _remember)
    if point.when == "criterion":
        config.pluginmanager.register(Criterion(point.where))
        return
    _wrap(point.where, lambda whole: _deadly(whole, point))
    _wrap(f"{JOURNAL}.begin", _arm)


class Criterion:
    """Dies before a criterion is tried."""

    def __init__(self, name: str) -> None:
        self._name = name

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Look whether this is the one."""
        marker = item.get_closest_marker("criterion")
        if marker is not None and marker.args[0] == self._name:
            _die()


def _wrap(where: str, wrapper: Callable[[Any], Any]) -> None:
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    setattr(owner, name, wrapper(getattr(owner, name)))


def _arm(whole: Any) -> Any:
    def begin(self: Any, intent: Any) -> None:
        _armed.append(True)
        whole(self, intent)

    return begin


def _remember(whole: Any) -> Any:
    def send(self: Any, frame: bytes) -> None:
        _sent.append(json.loads(frame)["action"])
        whole(self, frame)

    return send


def _deadly(whole: Any, point: Point) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        live = bool(_armed) or point.where.endswith(".begin")
        if not live or not point.which(*arguments, **named):
            return whole(*arguments, **named)
        if point.when == "before":
            _die()
        if point.when == "half":
            _write_half(*arguments)
        result = whole(*arguments, **named)
        time.sleep(point.linger)
        _die()
        return result

    return call


def _write_half(journal: Any, entry: dict[str, Any]) -> None:
    with Path(journal.path).open("ab") as file:
        file.write(json.dumps(entry).encode()[:60])
        file.flush()
        os.fsync(file.fileno())
    _die()


def _die() -> None:
    if not _spare_watchdog:
        for child in psutil.Process().children():
            if "mt5canary.order.watchdog" in child.cmdline():
                child.kill()
    os.kill(os.getpid(), signal.SIGKILL)
