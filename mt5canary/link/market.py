"""Whether the market behind a gateway lives (part of criterion L4): its quotes move, forward, as prices do.

A market that stands still proves nothing either way while its session is closed: that is UNPROVEN. While its session
is open it is a finding: a stub's constant price looks exactly so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

from msgspec import Struct

from mt5canary.link.session import ReadSession
from mt5canary.measurement import Measurement, above, at_least, at_most, equal, unproven
from mt5canary.wire.replies import Tick

TICK_DEADLINE = timedelta(seconds=5)
TICK_PAUSE_SECONDS = 0.02

Pause = Callable[[float], object]
"""Lets so many seconds go by."""

WIDEST_SPREAD_PERCENT = 1.0
LARGEST_STEP_PERCENT = 1.0
"""What no liquid market does from one quote to the next within seconds; the plan's own limits are far inside it."""

CLOSED = (
    "two quotes of different times; the session is closed, so nothing moves: run again when it opens, or name a "
    "symbol in the plan that is traded now"
)


class QuotesSeen(Struct, frozen=True, kw_only=True):
    """The quotes of one short look at the market, in order, with the wall-clock time of the last one's arrival."""

    ticks: tuple[Tick, ...]
    received_wall: int
    session_open: bool | None = None

    @property
    def latest(self) -> Tick:
        """The quote seen last."""
        return self.ticks[-1]

    @property
    def moved(self) -> bool:
        """Whether two quotes had different times."""
        return len({tick.time_msc for tick in self.ticks}) >= 2


def watch_quotes(
    session: ReadSession, symbol: str, wait: timedelta = TICK_DEADLINE, pause: Pause = time.sleep
) -> QuotesSeen:
    """Ask for quotes until two with different times were seen or the deadline; then ask whether the session is open.

    ``pause`` is called with the seconds between two looks, and may use them.
    """
    deadline = time.monotonic() + wait.total_seconds()
    ticks: list[Tick] = []
    while True:
        tick = session.tick(symbol)
        assert session.last is not None
        received = session.last.received_wall
        if not ticks or tick.time_msc != ticks[-1].time_msc:
            ticks.append(tick)
        if len(ticks) >= 2:
            return QuotesSeen(ticks=tuple(ticks), received_wall=received)
        if time.monotonic() >= deadline:
            is_open = session.symbol(symbol).session_open
            return QuotesSeen(ticks=tuple(ticks), received_wall=received, session_open=is_open)
        pause(TICK_PAUSE_SECONDS)


def market_moves(quotes: QuotesSeen) -> list[Measurement]:
    """The quotes are prices, their times moved forward while we looked, and no step or spread is out of all habit."""
    ticks = quotes.ticks
    times = [tick.time_msc for tick in ticks]
    steps = [100 * abs(after.bid - before.bid) / before.bid for before, after in pairwise(ticks) if before.bid > 0]
    spreads = [100 * (tick.ask - tick.bid) / tick.bid for tick in ticks if tick.bid > 0]
    count = len(times)
    return [
        unproven("distinct quote times", CLOSED)
        if not quotes.moved and quotes.session_open is False
        else at_least("distinct quote times", len(set(times)), 2, samples=count),
        equal("quote times run forward", times == sorted(times), True, samples=count),
        above("lowest bid", min(tick.bid for tick in ticks), 0, samples=count),
        at_least("narrowest spread", min(tick.ask - tick.bid for tick in ticks), 0, samples=count),
        at_most("widest spread", max(spreads, default=None), WIDEST_SPREAD_PERCENT, "% of the price", len(spreads)),
        *(
            [at_most("largest step between quotes", max(steps), LARGEST_STEP_PERCENT, "% of the price", len(steps))]
            if steps
            else []
        ),
    ]
