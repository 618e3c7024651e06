"""The stages: their order, their gates, and the way out.

Order and gates are decided against the declared catalogue, in ``pytest_collection_finish`` and before any fixture
is set up, so that ``-k``, ``--lf``, a single node id, random order or another order on the command line change
neither. A blocked criterion raises in setup: no report format can read that as passed.
"""

from __future__ import annotations

import signal
from collections.abc import Generator
from functools import partial
from types import FrameType
from typing import Any

import pytest

from mt5canary.catalogue import OF_THE_OPEN_POSITION
from plugins.keys import CATALOGUE, CRITERION, MODE, OPERATION, RESOLVED, RUN, UNDER_TEST

FORBIDDEN_MARKERS = ("skip", "skipif", "xfail", "flaky", "parametrize")
HOW_TO_RUN = "success criteria are run by `pytest -m preflight` (reads only) or `pytest -m live` (the canary run)"


class Blocked(Exception):
    """An earlier stage did not pass, so this criterion was not tried."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tie an item to its criterion and give it the markers of the runs that it belongs to."""
    marker = item.get_closest_marker("criterion")
    if marker is None:
        return
    catalogue = item.config.stash[CATALOGUE]
    identifier = str(marker.args[0]) if marker.args else "(none)"
    if identifier not in catalogue:
        raise pytest.UsageError(f"{item.nodeid}: criterion {identifier!r} is not in verification/catalogue.yaml")
    bad = [name for name in FORBIDDEN_MARKERS if item.get_closest_marker(name)]
    if bad:
        raise pytest.UsageError(f"{item.nodeid}: a success criterion cannot carry {', '.join(bad)}")
    criterion = catalogue[identifier]
    item.stash[CRITERION] = criterion
    for mode in ("preflight", "live"):
        if criterion.belongs_to(mode):
            item.add_marker(mode)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without one of the two runs, deselect every criterion."""
    criteria = [item for item in items if CRITERION in item.stash]
    names = [item.stash[CRITERION].id for item in criteria]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise pytest.UsageError(f"criteria with more than one test: {', '.join(sorted(twice))}")
    if criteria and config.stash[MODE] is None:
        config.hook.pytest_deselected(items=criteria)
        items[:] = [item for item in items if CRITERION not in item.stash]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Put the criteria into the catalogue's order; here, because nothing reorders after this."""
    catalogue = session.config.stash[CATALOGUE]
    session.items.sort(key=lambda item: catalogue.position(item.stash[CRITERION].id) if CRITERION in item.stash else -1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Block a criterion whose gate is closed; before the evidence stage, take the way out."""
    criterion = item.stash.get(CRITERION, None)
    if criterion is None:
        return
    config = item.config
    config.stash[UNDER_TEST] = criterion
    run, operation = config.stash[RUN], config.stash[OPERATION]
    begins = criterion.stage == "evidence" and all(result.stage != "evidence" for result in run.results.values())
    if begins and operation.needs_flatten:
        if config.stash[RESOLVED].plan.order.hold == "keep" and operation.passed_so_far:
            operation.keep()
        else:
            operation.flatten("the watch is over", "plugins/stages")
    outcomes = {name: result.outcome for name, result in run.results.items()}
    reason = config.stash[CATALOGUE].why_blocked(criterion, outcomes, config.stash[RESOLVED].plan.waive)
    if reason is None and criterion.id in OF_THE_OPEN_POSITION and operation.flattened:
        reason = f"the position was closed at once: {operation.flattened[0].reason}"
    if reason is not None:
        raise Blocked(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Whatever does not pass once an order may be out there flattens at once."""
    result = yield
    criterion = item.stash.get(CRITERION, None)
    if criterion is not None and criterion.stage != "evidence":
        operation, run = item.config.stash[OPERATION], item.config.stash[RUN]
        outcome = run.results.get(criterion.id)
        if operation.needs_flatten and operation.calls_for_the_way_out(outcome):
            operation.flatten(f"{criterion.id} did not pass", "plugins/stages")
    return result


def _exit_by_signal(number: int, frame: FrameType | None) -> None:
    pytest.exit(signal.Signals(number).name, returncode=128 + number)


def _restore(number: int, handler: Any) -> None:
    signal.signal(number, handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Turn SIGTERM and SIGHUP into an orderly end, so that the way out and the reports still happen."""
    if session.config.stash.get(RUN, None) is None:
        return
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            number = getattr(signal, name)
            before = signal.signal(number, _exit_by_signal)
            session.config.add_cleanup(partial(_restore, number, before))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The last look: flatten unless it is known that nothing is open, deaf to every further signal."""
    operation = session.config.stash.get(OPERATION, None)
    if operation is None:
        return
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            number = getattr(signal, name)
            before = signal.signal(number, signal.SIG_IGN)
            session.config.add_cleanup(partial(_restore, number, before))
    if operation.needs_flatten:
        operation.flatten("the run ended", "pytest_sessionfinish")
    operation.stand_down()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how criteria are run, where none was selected for want of a mode."""
    deselected = terminalreporter.stats.get("deselected", [])
    if config.stash[MODE] is None and any(CRITERION in item.stash for item in deselected):
        terminalreporter.write_line(HOW_TO_RUN)
