"""The first latency figure: enough round trips to claim a percentile, and a look at their shape (criterion L6)."""

from __future__ import annotations

import time
from datetime import timedelta

from msgspec import Struct

from mt5canary.link.connection import RoundTripEstimate
from mt5canary.link.exchange import Timeout
from mt5canary.link.session import READ_TIMEOUT_MS, ReadSession
from mt5canary.measurement import Measurement, Outcome, above, at_least, by_rule, unproven
from mt5canary.statistics import claim_p99, quantile, samples_for_p99, upper_bound

BUDGET = timedelta(seconds=10)
"""The look ends when it has decided, or after this."""


class RoundTrips(Struct, frozen=True, kw_only=True):
    """Round trips of ``PING`` in milliseconds, in the order in which they were made.

    One that timed out counts with the time that was waited, which it was longer than.
    """

    milliseconds: tuple[float, ...]
    timed_out: int = 0
    answered_only: tuple[float, ...] | None = None

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


def look(session: ReadSession, limit_ms: float, confidence: float, budget: timedelta = BUDGET) -> RoundTrips:
    """Make round trips until the claim about the 99th percentile is decided, or the time is up.

    A round trip that times out is counted; one that was waited for less than the limit would say nothing, so none is
    begun when less is left.
    """
    deadline = time.monotonic() + budget.total_seconds()
    needed = samples_for_p99(confidence)
    seen: list[float] = []
    answered: list[float] = []
    over = 0
    while (left_ms := (deadline - time.monotonic()) * 1000) >= limit_ms:
        try:
            session.ping(min(READ_TIMEOUT_MS, int(left_ms)))
        except Timeout:
            assert session.last is not None
            seen.append(max(session.last.waited_ms, limit_ms))
        else:
            assert session.last is not None
            assert session.last.round_trip_ms is not None
            seen.append(session.last.round_trip_ms)
            answered.append(seen[-1])
        over += seen[-1] >= limit_ms
        if len(seen) >= needed and claim_p99(over, len(seen), confidence) is not Outcome.UNPROVEN:
            break
    return RoundTrips(milliseconds=tuple(seen), timed_out=len(seen) - len(answered), answered_only=tuple(answered))


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
