"""The link stage's criteria, judged again from the raw records."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from mt5canary.link import clock, identity, latency, market, remoteness, shape
from mt5canary.link.connection import Ends
from mt5canary.link.exchange import Refused
from mt5canary.link.identity import ExpectedEnds
from mt5canary.link.inspection import QUOTE_FRESHNESS
from mt5canary.link.latency import RoundTrips
from mt5canary.measurement import Measurement, unproven
from mt5canary.verify.world import NotThere, World, read
from mt5canary.wire.replies import AccountReply, PingReply


def address_is_remote(world: World) -> list[Measurement]:
    """L1: of a declared simulation all; of another machine's address, this node's interfaces are not in the records."""
    target = world.plan.target
    near = target.simulated and remoteness.is_on_loopback(world.resolution)
    if target.started_by_run or near:
        return remoteness.is_declared_simulation(world.resolution)
    judged = remoteness.is_remote(world.resolution, ())
    return [measurement for measurement in judged if measurement.value != "nothing"]


def connection_is_complete(world: World) -> list[Measurement]:
    """L2: from the connection's record, which is the node's own word."""
    record = world.last_record("L2", "connection")
    if record is None:
        raise NotThere("L2 made no connection")
    ends = msgspec.convert(record["ends"], Ends)
    target = world.plan.target
    expected = ExpectedEnds(peers=world.resolution.addresses, source=target.source, curve=target.curve is not None)
    return identity.connection_completed(ends, world.kernel("L2"), world.least_round_trip_us, expected)


def answers_this_client(world: World) -> list[Measurement]:
    """L3: uuid, nonce and status of HELLO and PING."""
    pinged = world.last("L3", "PING")
    ping = read(pinged, PingReply)
    try:
        hello, asked = world.greeting
    except Refused:
        return identity.base_answered(ping, pinged)
    return identity.answered(hello, asked, ping, pinged)


def is_the_expected_one(world: World) -> list[Measurement]:
    """L4: identity, permissions, a market that moves."""
    target = world.plan.target
    account = read(world.first("L4", "GET_ACCOUNT"), AccountReply)
    try:
        hello = world.hello
    except Refused:
        return identity.base_identity(account, world.positions("L4"), target.account)
    return [
        *identity.is_expected(hello, account, target.terminal, target.account),
        *identity.may_trade(hello),
        *market.market_moves(world.quotes),
    ]


def clocks_agree(world: World) -> list[Measurement]:
    """L5: the clocks' offsets."""
    limit = timedelta(milliseconds=world.limits.clock.max_offset_ms)
    if not world.quotes.moved:
        missing = f"the trade server's clock is seen through fresh quotes alone: {market.CLOSED}"
        return [*clock.gateway_clock_agrees(world.offset, limit), unproven("trade server zone", missing)]
    return clock.clocks_agree(world.offset, world.zone, limit, QUOTE_FRESHNESS)


def round_trips(world: World) -> RoundTrips:
    """The round trips of the first latency figure, as ``latency.look`` counted them."""
    first, last = world.span("L6")
    limit = world.limits.latency.p99_ms
    seen: list[float] = []
    answered: list[float] = []
    for ping in world.evidence.pings:
        if not first <= ping.seq <= last:
            continue
        if ping.received is None:
            seen.append(max(((ping.gave_up or ping.sent) - ping.sent) / 1e6, limit))
        else:
            seen.append((ping.received - ping.sent) / 1e6)
            answered.append(seen[-1])
    return RoundTrips(milliseconds=tuple(seen), timed_out=len(seen) - len(answered), answered_only=tuple(answered))


def latency_is_plausible(world: World) -> list[Measurement]:
    """L6: the first latency figure and its shape."""
    limits, trips, kernel = world.limits.latency, round_trips(world), world.kernel("L6")
    target, least = world.plan.target, world.least_round_trip_us
    found = shape.recognise(trips, kernel, least)
    near = target.started_by_run or (target.simulated and remoteness.is_on_loopback(world.resolution))
    if (near or target.via == "tunnel") and found in (shape.FORWARDER, shape.TOO_FAST):
        found = shape.AT_ONCE
    return [
        *latency.within_limit(trips, limits.p99_ms, limits.confidence, "round trip"),
        *latency.plausible(trips, kernel),
        *identity.not_too_near(kernel, least),
        *([] if found is None else [shape.of_a_remote_gateway(found, trips)]),
        *([shape.beyond_a_tunnel(trips)] if target.via == "tunnel" else []),
    ]


CRITERIA = {
    "L1": address_is_remote,
    "L2": connection_is_complete,
    "L3": answers_this_client,
    "L4": is_the_expected_one,
    "L5": clocks_agree,
    "L6": latency_is_plausible,
}
