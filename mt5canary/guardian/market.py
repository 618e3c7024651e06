"""Whether the market lives while the watch lasts: a weekend is no outage, and an outage no weekend.

A gateway may know the symbol's session only by its quotes, and then a feed that stands still looks like a market that
is closed. So a closed session is expected at the week's end alone, which is the same for all of foreign exchange: from
Friday to Sunday, 17:00 in New York. At any other time it is a holiday or an outage; both are for a person to look at.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mt5canary.wire.replies import Tick

FROZEN_WARN_SECONDS = 60.0
FROZEN_HALT_SECONDS = 300.0
"""How long an open market may show no new quote before that is a finding, and before it is a breach."""

CLOSED_HALT_SECONDS = 900.0
"""How long a session may be closed outside the week's end: brokers pause for some minutes around midnight."""

DOUBT_SECONDS = 10.0
"""A quote so old makes the watch ask whether the session is open."""

SESSION_SECONDS = 60.0
"""How often it is asked anyway."""

_WEEK_ENDS = timedelta(days=4, hours=20, minutes=30)
_WEEK_BEGINS = timedelta(days=6, hours=22, minutes=30)
"""After Monday 00:00 UTC; 17:00 in New York is 21:00 or 22:00 UTC by the season, and some minutes on either side."""


def is_weeks_end(wall_ns: int) -> bool:
    """Whether foreign exchange rests at this instant (nanoseconds since 1970)."""
    now = datetime.fromtimestamp(wall_ns / 1e9, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since_monday = now - midnight + timedelta(days=now.weekday())
    return _WEEK_ENDS <= since_monday < _WEEK_BEGINS


class Market:
    """The market as the watch has seen it last; times in monotonic seconds."""

    def __init__(self, now: float) -> None:
        self.session_open = True
        self.closed_seconds = 0.0
        self.longest_frozen_seconds = 0.0
        self._latest = 0
        self._moved = self._seen = now
        self._asked: float | None = None

    def saw(self, tick: Tick, now: float) -> None:
        """Note a quote."""
        if not self.session_open:
            self.closed_seconds += now - self._seen
        self._seen = now
        if tick.time_msc != self._latest:
            self._latest, self._moved = tick.time_msc, now
        elif self.session_open:
            self.longest_frozen_seconds = max(self.longest_frozen_seconds, now - self._moved)

    def frozen_seconds(self, now: float) -> float:
        """How long no new quote has come."""
        return now - self._moved

    def must_ask(self, now: float) -> bool:
        """Whether it is time to ask if the session is open."""
        if self._asked is None or now - self._asked >= SESSION_SECONDS:
            return True
        return now - self._asked >= DOUBT_SECONDS and (
            not self.session_open or self.frozen_seconds(now) >= DOUBT_SECONDS
        )

    def answered(self, is_open: bool, now: float) -> bool:
        """Note whether the session is open, and say whether that is new."""
        self._asked = now
        changed, self.session_open = is_open != self.session_open, is_open
        if changed:
            self._moved = now  # a session that has just opened or closed has not been so for long
        return changed
