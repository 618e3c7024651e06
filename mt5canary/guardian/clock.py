"""The clock that a watch lives by: this host's own, or one that a simulation drives."""

from __future__ import annotations

import threading
import time


class Clock:
    """This host's clocks, and waiting by them."""

    def monotonic(self) -> float:
        """Seconds that only run forward."""
        return time.monotonic()

    def monotonic_ns(self) -> int:
        """The same in nanoseconds, as exchanges are stamped."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC; what the host slept through is in it."""
        return time.time_ns()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Wait so long, or until ``stop`` is set."""
        stop.wait(seconds)
