"""What the shape of round trips gives away, from made figures and from gateways that answer by a timer."""

from __future__ import annotations

import itertools
import random
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.link import latency, shape
from mt5canary.link.connection import RoundTripEstimate, Route
from mt5canary.link.latency import RoundTrips
from mt5canary.link.session import ReadSession
from mt5canary.link.shape import Shape, recognise
from mt5canary.measurement import Outcome
from tests.link.between import Answer, Between, PassOn, Rule, pong

RANDOM = random.Random(4)
FAR = 20_000
LAN = 300


def kernel(minimum_us: int) -> RoundTripEstimate:
    return RoundTripEstimate(rtt_us=minimum_us, minimum_rtt_us=minimum_us, retransmissions=0)


def polled(period_ms: float, count: int, *, pause_ms: float = 0.0) -> list[float]:
    """Round trips to a gateway that looks at its socket every so often, each begun a random pause after the last."""
    trips = []
    now = RANDOM.uniform(0, period_ms)
    for _ in range(count):
        now += RANDOM.uniform(0.0, pause_ms)
        wait = period_ms - now % period_ms
        trips.append(wait + RANDOM.uniform(0.2, 0.6))
        now += wait
    return trips


MADE: dict[str, tuple[list[float], int, int, Shape]] = {
    # round trips in ms, the kernel's minimum and the plan's floor in us, the shape
    "healthy-lan": ([RANDOM.uniform(0.4, 0.9) for _ in range(300)], LAN, 100, shape.AT_ONCE),
    "healthy-far": ([RANDOM.uniform(20.2, 24) for _ in range(300)], FAR, 100, shape.AT_ONCE),
    "far-with-one-hiccup": ([20.5] * 40 + [700.0], FAR, 100, shape.AT_ONCE),
    "network-of-15.6-ms": ([RANDOM.uniform(15.6, 16.2) for _ in range(300)], 15_500, 100, shape.AT_ONCE),
    "timer-1s-back-to-back": (polled(1000, 11), LAN, 100, shape.ONE_SECOND_TIMER),
    "timer-1s-paced": (polled(1000, 60, pause_ms=5000), LAN, 100, shape.ONE_SECOND_TIMER),
    "timer-1s-far": ([20 + trip for trip in polled(1000, 60, pause_ms=5000)], FAR, 100, shape.ONE_SECOND_TIMER),
    "timer-15.6-ms": (polled(15.625, 300), LAN, 100, shape.MILLISECOND_TIMER),
    "timer-15.6-ms-skipping": (polled(15.625, 150) + polled(31.25, 150), LAN, 100, shape.MILLISECOND_TIMER),
    "on-tick-quiet": ([400.0, 90.0, 3_200.0, 12.0, 1_900.0, 5_000.0], LAN, 100, shape.SILENT),
    "redirected": ([RANDOM.uniform(0.15, 0.4) for _ in range(300)], 24, 100, shape.TOO_FAST),
    "forwarder": ([RANDOM.uniform(50, 53) for _ in range(300)], 13, 100, shape.FORWARDER),
    "forwarder-with-the-tripwire-off": ([RANDOM.uniform(50, 53) for _ in range(300)], 13, 0, shape.FORWARDER),
    "timer-15.6-ms-in-the-same-rack": (polled(15.625, 300), 90, 50, shape.MILLISECOND_TIMER),
    "forwarder-at-three-periods": ([RANDOM.uniform(46.5, 47.2) for _ in range(300)], 13, 100, shape.FORWARDER),
    "near-and-declared": ([RANDOM.uniform(0.15, 0.4) for _ in range(300)], 24, 0, shape.AT_ONCE),
}


@pytest.mark.parametrize("name", MADE)
def test_shape_is_recognised(name: str) -> None:
    """Each shape by its own figures, and none by a healthy gateway's."""
    trips, kernel_us, floor_us, expected = MADE[name]
    found = recognise(RoundTrips(milliseconds=tuple(trips)), kernel(kernel_us), floor_us)
    assert found is expected, found


def test_only_silence() -> None:
    """Nothing but time-outs is silence, and counted, not dropped."""
    trips = RoundTrips(milliseconds=(5000.0, 5000.0), timed_out=2, answered_only=())
    assert recognise(trips, None, 100) is shape.SILENT
    assert trips.count == 2


def test_too_few_have_no_shape() -> None:
    """A handful of round trips has no shape, and no round trips have none."""
    assert recognise(RoundTrips(milliseconds=(0.5, 0.6)), kernel(LAN), 100) is None
    assert recognise(RoundTrips(milliseconds=()), None, 100) is None
    measured = shape.of_a_remote_gateway(None, RoundTrips(milliseconds=()))
    assert measured.outcome is Outcome.UNPROVEN


@given(st.floats(0.3, 300), st.floats(0.01, 0.3), st.integers(0, 2**32))
def test_healthy_gateway_at_any_distance_is_no_timer(base_ms: float, spread: float, seed: int) -> None:
    """A steady network with a little on top is never taken for a timer: the kernel's figure tells them apart."""
    drawn = random.Random(seed)
    trips = tuple(base_ms * (1.02 + spread * drawn.random()) for _ in range(100))
    assert recognise(RoundTrips(milliseconds=trips), kernel(int(base_ms * 1000)), 100) is shape.AT_ONCE


TROUBLES = (shape.ONE_SECOND_TIMER, shape.MILLISECOND_TIMER, shape.SILENT, shape.TOO_FAST, shape.FORWARDER)


@pytest.mark.parametrize("found", TROUBLES)
def test_each_shape_says_its_cause_and_its_mend(found: Shape) -> None:
    """One line for a person holds what it looks like, why, and what to change."""
    said = found.describe()
    assert found.name in said
    assert found.cause in said
    assert found.mend in said
    assert found.mend


def by_timer(period_seconds: float) -> Rule:
    """A gateway that answers when its timer fires, as an expert advisor does."""

    def rule(request: dict[str, object], pass_on: PassOn) -> Answer:
        due = (time.monotonic() // period_seconds + 1) * period_seconds
        while (left := due - time.monotonic()) > 0:
            time.sleep(left)
        return pong(request)

    return rule


def looked_at(rule: Rule, budget: timedelta) -> tuple[Shape | None, RoundTrips]:
    with Between(rule) as gateway, ReadSession(Route(url=gateway.url), lambda kind, body: None) as session:
        trips = latency.look(session, 100.0, 0.95, budget)
        return recognise(trips, session.kernel_estimate(), 0), trips


@pytest.mark.nightly
def test_gateway_by_the_windows_timer() -> None:
    """Over a real socket: every answer at the next tick of a 15.6 ms timer; a busy machine may blur a look."""
    looks = (looked_at(by_timer(0.015625), timedelta(seconds=2))[0] for _ in range(5))
    assert any(found is shape.MILLISECOND_TIMER for found in looks)


@pytest.mark.nightly
def test_gateway_by_a_one_second_timer() -> None:
    """Over a real socket: about one answer a second, recognised within the ten seconds of the first look."""
    started = time.monotonic()
    found, trips = looked_at(by_timer(1.0), latency.BUDGET)
    assert found is shape.ONE_SECOND_TIMER, trips
    assert time.monotonic() - started < 11.5  # the gateway's own last second included


def test_gateway_that_stops_answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round trips that time out are counted as longer than the limit, and the look ends in its time."""
    monkeypatch.setattr(latency, "READ_TIMEOUT_MS", 1_300)
    started = time.monotonic()
    found, trips = looked_at(lambda request, pass_on: None, timedelta(seconds=2))
    assert time.monotonic() - started < 3
    assert found is shape.SILENT
    assert trips.timed_out == trips.count == 2
    assert min(trips.milliseconds) >= 100
    assert latency.within_limit(trips, 100.0, 0.95, "round trip")[0].outcome is Outcome.FAIL


def test_lost_connection_counts_too() -> None:
    """A connection that ends instead of a reply is at least as bad as a slow one."""
    asked = itertools.count(1)

    def rule(request: dict[str, object], pass_on: PassOn) -> Answer:
        return b"x" * 2_000_000 if next(asked) == 4 else pong(request)

    _, trips = looked_at(rule, timedelta(seconds=5))
    assert trips.timed_out == 1
    assert max(trips.milliseconds) >= 100
