"""The first latency figure."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from mt5canary.link.connection import RoundTripEstimate, Route
from mt5canary.link.inspection import LinkInspection
from mt5canary.link.latency import RoundTrips, look, plausible, within_limit
from mt5canary.link.session import ReadSession
from mt5canary.measurement import Outcome, describe
from mt5canary.plan import Resolved
from tests.link.between import Answer, Between, PassOn, pong


@pytest.mark.parametrize(
    ("fast", "slow", "expected"),
    [
        (299, 0, Outcome.PASS),
        (298, 0, Outcome.UNPROVEN),
        (298, 1, Outcome.UNPROVEN),
        (472, 1, Outcome.PASS),
        (0, 0, Outcome.UNPROVEN),
        (0, 300, Outcome.FAIL),
        (90, 10, Outcome.FAIL),
    ],
)
def test_claim_rests_on_the_number_of_samples(fast: int, slow: int, expected: Outcome) -> None:
    """P99 is claimed, refuted or open by what so many round trips can show; the limit itself counts as over it."""
    trips = RoundTrips(milliseconds=(0.5,) * fast + (100.0,) * slow)
    assert {one.outcome for one in within_limit(trips, 100.0, 0.95, "round trip")} == {expected}


def test_no_samples_are_never_zero() -> None:
    """The figure of the first canary, P99 = 0.0 ms of nothing, cannot be written."""
    nothing = RoundTrips(milliseconds=())
    assert nothing.at(0.99) is None
    for one in [*within_limit(nothing, 100, 0.95, "round trip"), *plausible(nothing, None)]:
        assert one.outcome is Outcome.UNPROVEN
        assert "unproven (n=0)" in describe(one)


@pytest.mark.parametrize(
    ("trips", "kernel_us", "names"),
    [
        ((0.2, 0.3, 0.25), 100, set()),
        ((0.2, 0.3, 0.25), None, set()),
        ((0.0, 0.3, 0.25), None, {"fastest round trip"}),
        ((0.2, 0.2, 0.2), 100, {"distinct round trips"}),
        ((0.05, 0.3, 0.25), 100, {"fastest round trip over the kernel's minimum"}),
    ],
)
def test_round_trips_of_a_living_peer(trips: tuple[float, ...], kernel_us: int | None, names: set[str]) -> None:
    """None is zero, they differ, and none is faster than the kernel's own minimum."""
    kernel = None if kernel_us is None else RoundTripEstimate(rtt_us=200, minimum_rtt_us=kernel_us, retransmissions=0)
    measured = plausible(RoundTrips(milliseconds=trips), kernel)
    assert {one.name for one in measured if one.outcome is Outcome.FAIL} == names


def test_look_stops_when_it_has_decided() -> None:
    """Against a fast gateway the smallest number of round trips that decides is made, and no more."""
    with (
        Between(lambda request, pass_on: pong(request)) as gateway,
        ReadSession(Route(url=gateway.url), lambda kind, body: None) as session,
    ):
        trips = look(session, 1_000.0, 0.95)
    assert trips.count == 299
    assert len(gateway.received) == 299
    measured = within_limit(trips, 1_000.0, 0.95, "round trip")
    assert {one.outcome for one in measured} == {Outcome.PASS}


def test_slow_gateway_is_asked_one_thing_at_a_time() -> None:
    """Where the kernel saw a short way the gateway is what is slow: no second connection would be any faster."""
    asked = threading.Event()

    def slow(request: dict[str, Any], pass_on: PassOn) -> Answer:
        asked.wait(0.02)
        return pong(request)

    def another() -> ReadSession:
        raise AssertionError("one connection was to be enough")

    with Between(slow) as gateway, ReadSession(Route(url=gateway.url), lambda kind, body: None) as session:
        trips = look(session, 1_000.0, 0.95, timedelta(seconds=2), another)
    assert 10 < trips.count < 299


def test_several_connections_are_held_against_the_nearest(plan: Resolved) -> None:
    """A round trip over a connection beside the first may be faster than the kernel ever saw the first."""
    far, near = (RoundTripEstimate(rtt_us=at, minimum_rtt_us=at, retransmissions=0) for at in (80_543, 80_500))
    recorded: list[RoundTripEstimate] = []
    with ReadSession(Route(url="tcp://127.0.0.1:1"), lambda kind, body: None) as session:
        session.kernel_estimate = lambda: far  # type: ignore[method-assign]
        link = LinkInspection(
            session,
            ("127.0.0.1", 1),
            plan.target,
            plan.limits,
            "EURUSD",
            lambda *_: None,
            lambda *_, **__: None,
            lambda kind, body: recorded.append(body),
        )
        for beside, outcome in (((near,), Outcome.PASS), ((), Outcome.FAIL)):
            link.__dict__["round_trips"] = RoundTrips(milliseconds=(80.514, 80.9), beside=beside)
            measured = {one.name: one.outcome for one in link.latency_is_plausible()}
            assert measured["fastest round trip over the kernel's minimum"] is outcome
    assert recorded == [near, far]
