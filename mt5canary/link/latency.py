"""The first latency figure: enough round trips to claim a percentile, and a look at their shape (criterion L6)."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from mt5canary.link.connection import RoundTripEstimate
from mt5canary.link.exchange import Timeout
from mt5canary.link.session import READ_TIMEOUT_MS, ReadSession
from mt5canary.measurement import Measurement, Outcome, above, at_least, by_rule, unproven
from mt5canary.statistics import claim_p99, quantile, samples_for_p99, upper_bound

BUDGET = timedelta(seconds=10)
"""The look ends when it has decided, or after this."""

FIRST_FEW = 10
"""So many round trips show how long one takes."""

LEAST_SHARE_OF_THE_WAY = 0.7
"""Of a round trip, by the least that the kernel saw: below that it is the gateway that takes its time."""

MOST_AT_ONCE = 8
ROOM = 1.8
"""By so much more than the fewest round trips are planned for: one over the limit asks for 473 instead of 299."""


class RoundTrips(Struct, frozen=True, kw_only=True):
    """Round trips of ``PING`` in milliseconds, in the order in which they were made.

    One that timed out counts with the time that was waited, which it was longer than. ``beside`` is what the kernel
    said, at their end, of the connections over which round trips were made at the same time.
    """

    milliseconds: tuple[float, ...]
    timed_out: int = 0
    answered_only: tuple[float, ...] | None = None
    beside: tuple[RoundTripEstimate, ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.milliseconds)

    @property
    def answered(self) -> tuple[float, ...]:
        """Those that were answered."""
        return self.milliseconds if self.answered_only is None else self.answered_only

    def at(self, share: float) -> float | None:
        """A quantile in milliseconds; None without samples."""
        return quantile(sorted(self.milliseconds), share)


def look(
    session: ReadSession,
    limit_ms: float,
    confidence: float,
    budget: timedelta = BUDGET,
    another: Callable[[], ReadSession] | None = None,
) -> RoundTrips:
    """Make round trips until the claim about the 99th percentile is decided, or the time is up.

    A round trip that times out is counted; one that was waited for less than the limit would say nothing, so none is
    begun when less is left.

    Where the way is so long that one after the other would not be enough of them in time, ``another`` gives sessions
    whose round trips are made at the same time. Only a long way is shared like that: where the kernel says that the
    gateway itself takes its time, requests side by side would wait for each other and measure their own queue.
    """
    asked = _Look(limit_ms, confidence, time.monotonic() + budget.total_seconds())
    asked.go_on(session, FIRST_FEW)
    sessions = [] if another is None else [another() for _ in range(asked.more_at_once(session))]
    threads = [threading.Thread(target=asked.go_on_beside, args=(beside,), daemon=True) for beside in sessions]
    for thread in threads:
        thread.start()
    try:
        asked.go_on(session)
    finally:
        asked.is_over = True
        for thread in threads:
            thread.join()
        kernels = [beside.kernel_estimate() for beside in sessions]
        for beside in sessions:
            beside.close()
    if asked.trouble is not None:
        raise asked.trouble
    return replace(asked.round_trips, beside=tuple(kernel for kernel in kernels if kernel is not None))


class _Look:
    """The round trips of one look, made over one session or several at once."""

    def __init__(self, limit_ms: float, confidence: float, deadline: float) -> None:
        self._limit_ms = limit_ms
        self._confidence = confidence
        self._deadline = deadline
        self._needed = samples_for_p99(confidence)
        self._seen: list[float] = []
        self._answered: list[float] = []
        self._over = 0
        self._counting = threading.Lock()
        self.is_over = False
        self.trouble: Exception | None = None

    @property
    def round_trips(self) -> RoundTrips:
        """What was seen so far."""
        timed_out = len(self._seen) - len(self._answered)
        answered = tuple(self._answered)
        return RoundTrips(milliseconds=tuple(self._seen), timed_out=timed_out, answered_only=answered)

    def go_on(self, session: ReadSession, at_most: int | None = None) -> None:
        """Make round trips, so many or until the claim is decided or the time is up; raises Finding."""
        made = 0
        while not self.is_over and made != at_most and (left_ms := self._left_ms()) >= self._limit_ms:
            try:
                session.ping(min(READ_TIMEOUT_MS, int(left_ms)))
            except Timeout:
                assert session.last is not None
                self._count(max(session.last.waited_ms, self._limit_ms), answered=False)
            else:
                assert session.last is not None
                assert session.last.round_trip_ms is not None
                self._count(session.last.round_trip_ms, answered=True)
            made += 1

    def go_on_beside(self, session: ReadSession) -> None:
        """Make round trips in a thread; what goes wrong ends the look and is raised by it."""
        try:
            self.go_on(session)
        except Exception as error:
            self.trouble, self.is_over = error, True

    def more_at_once(self, session: ReadSession) -> int:
        """How many sessions more are wanted so that what is needed fits into the time; none where one is enough."""
        usual, kernel = quantile(sorted(self._answered), 0.5), session.kernel_estimate()
        if usual is None or kernel is None or kernel.minimum_rtt_us / 1000 < LEAST_SHARE_OF_THE_WAY * usual:
            return 0
        alone = usual * (self._needed - len(self._seen)) / self._left_ms() if self._left_ms() > 0 else 0.0
        return 0 if alone <= 1 else min(MOST_AT_ONCE, math.ceil(ROOM * alone)) - 1

    def _left_ms(self) -> float:
        return (self._deadline - time.monotonic()) * 1000

    def _count(self, milliseconds: float, *, answered: bool) -> None:
        with self._counting:
            self._seen.append(milliseconds)
            if answered:
                self._answered.append(milliseconds)
            self._over += milliseconds >= self._limit_ms
            enough = len(self._seen) >= self._needed
            if enough and claim_p99(self._over, len(self._seen), self._confidence) is not Outcome.UNPROVEN:
                self.is_over = True


def within_limit(trips: RoundTrips, limit_ms: float, confidence: float, name: str) -> list[Measurement]:
    """The 99th percentile against its limit, claimed only at the plan's confidence, and the figures behind it."""
    if not trips.count:
        return [unproven(f"{name} P99", f"< {limit_ms:g} ms at {confidence:.0%} confidence", "ms")]
    over = sum(value >= limit_ms for value in trips.milliseconds)
    bound = upper_bound(over, trips.count, confidence)
    rule = f"< {limit_ms:g} ms at {confidence:.0%} confidence"
    return [
        by_rule(f"{name} P99", trips.at(0.99), claim_p99(over, trips.count, confidence), rule, "ms", trips.count),
        by_rule(
            f"{name} share above {limit_ms:g} ms, upper bound",
            bound,
            claim_p99(over, trips.count, confidence),
            "< 0.01",
            samples=trips.count,
        ),
    ]


def plausible(trips: RoundTrips, kernel: RoundTripEstimate | None) -> list[Measurement]:
    """Round trips of a living peer: none is zero, they differ, and none beats the kernel's own minimum."""
    if not trips.answered:
        return [unproven("fastest round trip", "> 0 ms", "ms")]
    fastest = min(trips.answered)
    measurements = [
        above("fastest round trip", fastest, 0, "ms", len(trips.answered)),
        at_least("distinct round trips", len(set(trips.answered)), 2, samples=len(trips.answered)),
    ]
    if kernel is not None:
        measurements.append(
            at_least("fastest round trip over the kernel's minimum", fastest, kernel.minimum_rtt_us / 1000, "ms")
        )
    return measurements
