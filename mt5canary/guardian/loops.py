"""Things to be done at fixed times, one after the other, and how several such loops are driven side by side.

A watch has two: one that probes and does nothing else, so that nothing holds a probe up, and one for everything
else. Each is driven in a thread of its own; a simulation drives the very same loops in one, by its own clock.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

from msgspec import Struct

from mt5canary.guardian.clock import Clock


class Task(Struct):
    """Something done every so many seconds, first at ``due`` (monotonic); it is told when it was due.

    One that ``catches_up`` is done for each of its times, however late; another leaves out the times that passed.
    """

    act: Callable[[float], None]
    every: float
    due: float
    catches_up: bool = False

    def run(self, clock: Clock) -> None:
        """Do it, and set when it is due next."""
        due = self.due
        self.act(due)
        self.due = due + self.every
        if not self.catches_up and self.due < (now := clock.monotonic()):
            self.due = now + self.every


class Loop:
    """Tasks, the most overdue first; it ends when none is due before ``end``, or at it where ``ends_with`` it.

    What was due in time is done though it be late: a stall at the end counts like any other; but not after ``latest``.
    """

    def __init__(
        self, clock: Clock, end: float, tasks: Sequence[Task], *, ends_with: bool, latest: float = math.inf
    ) -> None:
        self.clock = clock
        self._end = end
        self._tasks = tasks
        self._ends_with = ends_with
        self._latest = latest

    @property
    def due(self) -> float:
        """When it has something to do."""
        return min(task.due for task in self._tasks)

    @property
    def is_over(self) -> bool:
        """Whether its time is up."""
        done = self.due > self._end or (self.due == self._end and not self._ends_with)
        return done or self.clock.monotonic() > self._latest

    def act(self) -> None:
        """Do the one thing that has waited longest."""
        min(self._tasks, key=lambda task: task.due).run(self.clock)

    def run(self, stop: threading.Event) -> None:
        """Do everything at its time, until the end or until told to stop."""
        while not stop.is_set() and not self.is_over:
            wait = self.due - self.clock.monotonic()
            if wait > 0:
                self.clock.wait(wait, stop)
            else:
                self.act()
        left = self._end - self.clock.monotonic()
        if left > 0 and not stop.is_set():
            self.clock.wait(left, stop)


Drive = Callable[[Loop, Loop, threading.Event, Callable[[BaseException], None]], None]
"""Runs two loops to their ends, or until the event; told of what broke the second one."""

GRACE_SECONDS = 0.5


def in_threads(first: Loop, second: Loop, stop: threading.Event, broke: Callable[[BaseException], None]) -> None:
    """Run the first loop here and the second in a thread.

    What is raised here (a signal's exit among it) goes on at once: it has a way out to take, and waits for nobody.
    """

    def run() -> None:
        try:
            second.run(stop)
        except BaseException as error:  # whatever it is, nobody watches any more
            broke(error)

    thread = threading.Thread(target=run, name="guardian's readings", daemon=True)
    thread.start()
    try:
        first.run(stop)
    except BaseException:
        stop.set()
        thread.join(GRACE_SECONDS)
        raise
    thread.join()
