"""A plugin for the end-to-end tests: something goes wrong at a chosen moment of a real run.

``-p intruder --intrude POINT:ACTION``. A point is a criterion, just before its test is called; ``before-`` and a
criterion, before its fixtures; ``watch``, in the middle of the watch; ``flatten``, each time the way out is taken;
``flatten-once``, the first time only; ``interrupt``, while pytest deals with a Ctrl-C; ``journal-`` and a step, once
that step of the order is on the disk; ``hook-`` and one of pytest's hooks, once the order is filled. ``drill:fill``
makes the gateway fill what the drill expects to be refused.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

PROBES_BEFORE = 50
FOREVER = 60.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option."""
    parser.addoption("--intrude", action="append", default=[], metavar="POINT:ACTION")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Lie in wait."""
    points = dict(given.split(":", 1) for given in config.getoption("--intrude"))
    if "watch" in points:
        _in_the_watch(ACTIONS[points["watch"]])
    if "flatten" in points:
        _in_the_way_out(ACTIONS[points["flatten"]])
    if "flatten-once" in points:
        _in_the_way_out(_once(ACTIONS[points["flatten-once"]]))
    for point, action in list(points.items()):
        if point.startswith("journal-"):
            _in_the_journal(point.removeprefix("journal-"), ACTIONS[action])
    for point, action in list(points.items()):
        if point.startswith("hook-"):
            _in_a_hook(config, point.removeprefix("hook-"), ACTIONS[action])
    if points.pop("drill", None):
        _fill_the_drill()
    config.pluginmanager.register(Intruder(points))


class Intruder:
    """Acts before a criterion."""

    def __init__(self, points: dict[str, str]) -> None:
        self._points = points

    def _act(self, prefix: str, item: pytest.Item) -> None:
        marker = item.get_closest_marker("criterion")
        action = self._points.get(f"{prefix}{marker.args[0]}") if marker else None
        if action is not None:
            ACTIONS[action]()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Act before the gate."""
        self._act("before-", item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        """Act in the place of the criterion's first line."""
        self._act("", pyfuncitem)

    def pytest_keyboard_interrupt(self) -> None:
        """Act while pytest deals with an interrupt."""
        if "interrupt" in self._points:
            ACTIONS[self._points["interrupt"]]()


def _in_the_watch(act: Callable[[], None]) -> None:
    from mt5canary.guardian.probing import Probing

    whole: Any = Probing.probe

    def probe(self: Any, due: float) -> None:
        if self._latencies.count == PROBES_BEFORE:
            act()
        whole(self, due)

    Probing.probe = probe  # type: ignore[method-assign]


def _in_the_way_out(act: Callable[[], None]) -> None:
    from mt5canary.order.flatten import WayOut

    whole: Any = WayOut.flatten

    def flatten(self: Any, *arguments: Any, **named: Any) -> Any:
        act()
        return whole(self, *arguments, **named)

    WayOut.flatten = flatten  # type: ignore[method-assign]


def _fill_the_drill() -> None:
    import msgspec

    from mt5canary.order import drill

    whole: Any = drill.refusals_are_real

    def refusals_are_real(session: Any, order: Any, spec: Any, *rest: Any) -> Any:
        return whole(session, order, msgspec.structs.replace(spec, volume_min=10 * spec.volume_min), *rest)

    drill.refusals_are_real = refusals_are_real


def _in_a_hook(config: pytest.Config, name: str, act: Callable[[], None]) -> None:
    """Act in one of pytest's hooks, the first time that it is called once the order is filled."""
    from plugins.keys import RUN

    once = _once(act)

    def hook() -> None:
        if "X7" in config.stash[RUN].results:
            once()

    config.pluginmanager.register(type("Hooked", (), {name: staticmethod(hook)})())


def _in_the_journal(step: str, act: Callable[[], None]) -> None:
    from mt5canary.order.journal import Journal

    whole: Any = Journal._append

    def append(self: Any, entry: dict[str, Any]) -> None:
        whole(self, entry)
        if entry["step"] == step:
            act()

    Journal._append = append  # type: ignore[method-assign]


def _once(act: Callable[[], None]) -> Callable[[], None]:
    left = [act]
    return lambda: left.pop()() if left else None


def _fail() -> None:
    raise RuntimeError("the intruder was here")


def _skip() -> None:
    pytest.skip("the intruder skips")


def _hang() -> None:
    deadline = time.monotonic() + FOREVER
    while time.monotonic() < deadline:
        time.sleep(0.05)


def _stall() -> None:
    time.sleep(0.5)


def _signal(number: int) -> Callable[[], None]:
    def act() -> None:
        os.kill(os.getpid(), number)
        _hang()

    return act


def _signal_and_go_on() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def _stop() -> None:
    """Stand still, every thread, until somebody sends SIGCONT; then go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _deadlock() -> None:
    """Every loop of the watch stands still while the process itself goes on."""
    from mt5canary.guardian.loops import Loop

    Loop.act = lambda self: _hang()  # type: ignore[method-assign]
    _hang()


def _die() -> None:
    os._exit(77)


def _freeze_the_gateway() -> None:
    for child in psutil.Process().children():
        if child.status() != psutil.STATUS_ZOMBIE and "serve" in child.cmdline():
            child.suspend()


def _fill_the_disk() -> None:
    """From now on no file of this process grows any more, as on a disk that is full; pipes and sockets go on."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))


def _kill_child(word: str) -> Callable[[], None]:
    def act() -> None:
        for child in psutil.Process().children():
            if child.status() != psutil.STATUS_ZOMBIE and word in child.cmdline():
                child.kill()
                while child.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.001)

    return act


ACTIONS: dict[str, Callable[[], None]] = {
    "fail": _fail,
    "skip": _skip,
    "hang": _hang,
    "stall": _stall,
    "sigint": _signal(signal.SIGINT),
    "sigterm": _signal(signal.SIGTERM),
    "sighup": _signal(signal.SIGHUP),
    "sigkill": _signal(signal.SIGKILL),
    "sigint-and-go-on": _signal_and_go_on,
    "sigstop": _stop,
    "deadlock": _deadlock,
    "die": _die,
    "full-disk": _fill_the_disk,
    "kill-gateway": _kill_child("serve"),
    "freeze-gateway": _freeze_the_gateway,
    "kill-watchdog": _kill_child("mt5canary.order.watchdog"),
}
