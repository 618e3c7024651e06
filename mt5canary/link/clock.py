"""Three clocks: this host's, the gateway host's, the trade server's.

The gateway's offset is estimated from ``PING`` as NTP does (RFC 5905, section 8): the exchange with the shortest
round trip, its middle against ``server_time``, half the round trip as uncertainty. The trade server's clock is
only seen through fresh quotes and is written as if it were UTC; its offset is a zone's, so it is rounded to a
quarter of an hour.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from mt5canary.errors import LinkFinding
from mt5canary.link.exchange import Exchange
from mt5canary.link.session import ReadSession
from mt5canary.measurement import Measurement, at_most
from mt5canary.wire.replies import PingReply, Tick

ZONE_STEP_SECONDS = 900
SAMPLES = 8


class ClockOffset(Struct, frozen=True, kw_only=True):
    """How far the gateway's clock is ahead of ours, in milliseconds, give or take ``uncertainty_ms``."""

    offset_ms: float
    uncertainty_ms: float
    samples: int

    @property
    def ahead(self) -> timedelta:
        """The offset as a duration."""
        return timedelta(milliseconds=self.offset_ms)


class ServerZone(Struct, frozen=True, kw_only=True):
    """The trade server's clock against UTC: a zone's whole quarter hours, and what is left of the latest quote."""

    offset_seconds: int
    residual_ms: float

    def msc(self, wall_ns: int) -> int:
        """An instant of UTC, in nanoseconds since 1970, as milliseconds of the trade server's time."""
        return wall_ns // 1_000_000 + self.offset_seconds * 1000


def parse_time(text: str) -> int:
    """An RFC 3339 time as nanoseconds since 1970; raises LinkFinding where it is none or names no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise LinkFinding(f"{text!r} is not a time of RFC 3339") from None
    if moment.tzinfo is None:
        raise LinkFinding(f"the time {text!r} names no zone")
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1000


def ahead_of_this_host(server_time: str) -> timedelta:
    """How far a gateway's clock is ahead of this host's, from the time in a reply that has just come."""
    return timedelta(microseconds=(parse_time(server_time) - time.time_ns()) // 1000)


def estimate(samples: Iterable[tuple[Exchange, PingReply]]) -> ClockOffset:
    """The offset from the exchange that was fastest; raises LinkFinding without any."""
    figures = sorted(
        ((exchange.received - exchange.sent), exchange.sent_wall, parse_time(reply.server_time))
        for exchange, reply in samples
        if exchange.received is not None
    )
    if not figures:
        raise LinkFinding("no PING was answered, so the gateway's clock is unknown")
    round_trip, sent_wall, server = figures[0]
    middle = sent_wall + round_trip // 2
    return ClockOffset(offset_ms=(server - middle) / 1e6, uncertainty_ms=round_trip / 2e6, samples=len(figures))


def measure(session: ReadSession, samples: int = SAMPLES) -> ClockOffset:
    """Ask for the gateway's clock several times and estimate its offset."""
    pairs: list[tuple[Exchange, PingReply]] = []
    for _ in range(samples):
        reply = session.ping()
        assert session.last is not None
        pairs.append((session.last, reply))
    return estimate(pairs)


def server_zone(tick: Tick, received_wall: int, offset: ClockOffset) -> ServerZone:
    """The trade server's zone from a quote that was just seen to move."""
    true_now_ms = received_wall / 1e6 + offset.offset_ms
    ahead_seconds = (tick.time_msc - true_now_ms) / 1000
    zone = round(ahead_seconds / ZONE_STEP_SECONDS) * ZONE_STEP_SECONDS
    return ServerZone(offset_seconds=zone, residual_ms=(ahead_seconds - zone) * 1000)


def clocks_agree(offset: ClockOffset, zone: ServerZone, limit: timedelta, freshness: timedelta) -> list[Measurement]:
    """The gateway's offset with its uncertainty, and the latest quote's age, inside their limits."""
    return [
        *gateway_clock_agrees(offset, limit),
        at_most("trade server zone", abs(zone.offset_seconds) / 3600, 14, "h"),
        at_most("quote time after the zone", abs(zone.residual_ms), freshness.total_seconds() * 1000, "ms"),
    ]


def gateway_clock_agrees(offset: ClockOffset, limit: timedelta) -> list[Measurement]:
    """The gateway's offset with its uncertainty, inside its limit."""
    worst_ms = abs(offset.offset_ms) + offset.uncertainty_ms
    name = "gateway clock offset and uncertainty"
    return [at_most(name, worst_ms, limit.total_seconds() * 1000, "ms", offset.samples)]
