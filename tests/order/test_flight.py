"""What the flight says of the three books after the watch and at the end, with a reconciler that found this or that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mt5canary.link.session import TradingSession
from mt5canary.measurement import Measurement, Outcome
from mt5canary.order.canary import Canary
from mt5canary.order.flight import CanaryFlight
from mt5canary.plan import Resolved

TICKET = 7
ORPHAN = SimpleNamespace(kind="orphan", text="position 9")


def flight(
    session: Any,
    plan: Resolved,
    canary: Canary,
    *,
    blocking: tuple[Any, ...] = (),
    kept: tuple[int, ...] | None = None,
    acted: str = "",
) -> CanaryFlight:
    """A flight whose reconciler found so much amiss; ``kept`` are positions left open by plan, None where none is."""
    found = SimpleNamespace(blocking=blocking, kept=frozenset(kept or ()))
    books: Any = SimpleNamespace(reconcile=lambda phase: found)
    run: Any = SimpleNamespace(is_kept=kept is not None, watchdog_acted=acted, log=lambda *_, **__: None)
    nothing: Any = None
    made = CanaryFlight(session, nothing, nothing, plan.plan.order, plan.limits, nothing, books, run)
    made.canary = canary
    return made


def failed(measurements: list[Measurement]) -> set[str]:
    """The names of the measurements that fail."""
    return {one.name for one in measurements if one.outcome is Outcome.FAIL}


def test_books_that_do_not_agree_after_the_watch(plan: Resolved, canary: Canary) -> None:
    """What blocks is told with its kind; nothing is nothing."""
    assert failed(flight(None, plan, canary).books_agree()) == set()
    (measured,) = flight(None, plan, canary, blocking=(ORPHAN,)).books_agree()
    assert (measured.outcome, measured.value) == (Outcome.FAIL, "orphan: position 9")


@pytest.mark.parametrize(("kept", "fails"), [((TICKET,), False), ((TICKET, 8), False), ((8,), True), ((), True)])
def test_position_that_is_kept_by_plan(plan: Resolved, canary: Canary, kept: tuple[int, ...], fails: bool) -> None:
    """The order's own position must be there, whatever else is kept."""
    known: Any = SimpleNamespace(position_ticket=TICKET)
    found = flight(None, plan, known, kept=kept).is_closed_or_kept()
    assert failed(found) == ({"positions kept by plan"} if fails else set())


def test_something_left_at_the_end(plan: Resolved, canary: Canary, trading: TradingSession) -> None:
    """A refused order leaves nothing; what the books hold of another is told."""
    canary.state = "REFUSED"
    assert failed(flight(trading, plan, canary).is_closed_or_kept()) == set()
    left = flight(trading, plan, canary, blocking=(ORPHAN,)).is_closed_or_kept()
    assert failed(left) == {"left in journal, positions and history"}
    closed = flight(trading, plan, canary, acted="the run gave its watchdog no sign of life").is_closed_or_kept()
    assert failed(closed) == {"closed by the watchdog in this run's stead"}
