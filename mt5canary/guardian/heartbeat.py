"""The guardian's own health: its two loops watch each other.

Each beats when it has done its work: the one that probes after every probe, the one that reads after every whole
reading. Each also looks whether the other still beats, so that a guardian of which half stands still (a full disk, a
gateway that answers one question and not another, a loop that died) is found by the other half and its position
closed. Where the whole process stands still, the watchdog process and the gateway's lease are there.

A gap is taken by both clocks: the monotonic one stands still while the host sleeps, the wall clock does not.
"""

from __future__ import annotations

from mt5canary.guardian.clock import Clock

WALL_DOUBT_SECONDS = 1.0
"""By so much the clocks may differ over one beat before the wall clock's word is taken."""


class Beats:
    """The beats of one loop, and the largest gap between two of them in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()
        self._last_wall = clock.wall_ns()
        self.largest_gap = 0.0

    def beat(self) -> None:
        """Say that the loop did its work."""
        self.largest_gap = max(self.largest_gap, self.silence())
        self._last, self._last_wall = self._clock.monotonic(), self._clock.wall_ns()

    def restart(self) -> None:
        """Count from now on."""
        self._last, self._last_wall = self._clock.monotonic(), self._clock.wall_ns()
        self.largest_gap = 0.0

    def silence(self) -> float:
        """How long it has been silent."""
        ran = self._clock.monotonic() - self._last
        wall = (self._clock.wall_ns() - self._last_wall) / 1e9
        return wall if wall > ran + WALL_DOUBT_SECONDS else ran


class Heartbeat:
    """Both loops' beats, and for how long each may be silent."""

    def __init__(self, clock: Clock, max_gap: float, reading_every: float) -> None:
        self.clock = clock
        self.probes = Beats(clock)
        self.readings = Beats(clock)
        self._max_gap = max_gap
        self._max_blind = max_gap + reading_every

    def restart(self) -> None:
        """Count both from now on."""
        self.probes.restart()
        self.readings.restart()

    def finish(self) -> None:
        """Close the last gap of both."""
        self.probes.largest_gap = max(self.probes.largest_gap, self.probes.silence())
        self.readings.largest_gap = max(self.readings.largest_gap, self.readings.silence())

    @property
    def worst_gap(self) -> float:
        """The largest gap, set against ``max_gap``: readings are a while apart anyway."""
        return max(self.probes.largest_gap, self.readings.largest_gap - (self._max_blind - self._max_gap))

    def what_stands_still(self) -> str | None:
        """Which loop stood still for too long, or still does; None where both beat."""
        probing = max(self.probes.largest_gap, self.probes.silence())
        reading = max(self.readings.largest_gap, self.readings.silence())
        if probing > self._max_gap:
            return f"a gap of {probing:.1f} s in the watch, at most {self._max_gap:g} s"
        if reading > self._max_blind:
            return (
                f"a gap of {reading:.1f} s in which position, account and gateway were not seen, "
                f"at most {self._max_blind:g} s"
            )
        return None
