"""A gateway, a market and a host that live by a clock which the test drives: whole days without any waiting.

The watch's own two loops are driven, in the order in which they would come; what takes time takes it on the loop's own
clock, as it would in a thread of its own.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from mt5canary.guardian.baseline import Baseline
from mt5canary.guardian.features import QuoteWindow
from mt5canary.guardian.guards import Reading
from mt5canary.guardian.loops import Loop
from mt5canary.link.exchange import Exchange, Refused, Timeout
from mt5canary.wire.replies import Deal, HelloReply, Position, Reply, SymbolSpecification, Tick
from tests.guardian.sampled import baseline_of

MONDAY = 1_768_780_800
"""2026-01-19T00:00:00Z, in seconds since 1970."""

HOUR = 3_600.0
SAMPLE_SECONDS = 10.0
Script = Callable[[float], Any]
"""What holds so many seconds into the watch."""


class SimulatedClock:
    """Moves when it is told to; ``asleep`` is how long its host slept, which the monotonic clock does not know."""

    def __init__(self, wall: float) -> None:
        self.now = 1_000.0
        self.asleep = 0.0
        self._wall = wall - self.now

    def monotonic(self) -> float:
        return self.now

    def monotonic_ns(self) -> int:
        return int(self.now * 1e9)

    def wall_ns(self) -> int:
        return int((self._wall + self.now + self.asleep) * 1e9)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        self.now += seconds


@dataclass
class World:
    """How gateway and market are, by the seconds since the watch began; what is not said is well."""

    true: Reading
    clock: SimulatedClock
    latency: Script = lambda at: 0.02
    answers: Script = lambda at: True
    session_open: Script = lambda at: True
    feed_lives: Script = lambda at: True
    spread_points: Script = lambda at: 10
    instance: Script = lambda at: "the first"
    position_is_open: Script = lambda at: True
    equity_lost: Script = lambda at: 0.0
    closing_reason: str = "SO"
    pauses: list[tuple[float, float, bool]] = field(default_factory=list)
    """When the host stands still, for how long, and whether it sleeps, so that the monotonic clock stands still too."""

    def __post_init__(self) -> None:
        self.started = self.clock.now
        self._random = random.Random("the market")
        self._points = 108_000
        self._tick = Tick(bid=1.08, ask=1.0801, time_msc=1)
        self.closes: list[float] = []

    @property
    def at(self) -> float:
        return self.clock.now - self.started

    def tick(self) -> Tick:
        at = self.at
        if self.session_open(at) and self.feed_lives(at) and self._random.random() < 0.9:
            self._points += round(self._random.gauss(0, 3))
            spread = self.spread_points(at) + self._random.choice((-2, -1, 0, 1, 2))
            self._tick = Tick(
                bid=self._points / 1e5, ask=(self._points + spread) / 1e5, time_msc=int(self.clock.now * 1000)
            )
        return self._tick


class SimulatedSession:
    """What a session is to a watch, answered by the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.last: Exchange | None = None
        self.peer = "198.51.100.20:5555"
        self._record: Callable[[str, Any], object] = lambda kind, body: None
        self.exchange_count = 0

    @contextlib.contextmanager
    def recorded_by(self, record: Callable[[str, Any], object]) -> Iterator[None]:
        before, self._record = self._record, record
        try:
            yield
        finally:
            self._record = before

    def _exchange(self, action: str, timeout: float = 5.0) -> None:
        world, clock = self.world, self.world.clock
        sent, sent_wall = clock.monotonic_ns(), clock.wall_ns()
        answered = world.answers(world.at) and world.latency(world.at) < timeout
        clock.now += world.latency(world.at) if answered else timeout
        self.exchange_count += 1
        now = clock.monotonic_ns()
        self.last = Exchange(
            action=action, uuid="u", connection=0, request=b"{}", sent_wall=sent_wall, sent=sent,
            received=now if answered else None, reply=b"{}" if answered else None,
            failure=None if answered else f"no reply within {timeout:g} s", gave_up=None if answered else now,
        )  # fmt: skip
        self._record("exchange", self.last)
        if not answered:
            raise Timeout(f"{action}: no reply within {timeout:g} s")

    def ping(self, timeout_ms: int) -> None:
        self._exchange("PING", timeout_ms / 1000)

    def hello(self) -> HelloReply:
        self._exchange("HELLO")
        true = self.world.true.hello
        gateway = msgspec.structs.replace(true.gateway, instance=self.world.instance(self.world.at))
        now = datetime.fromtimestamp(self.world.clock.wall_ns() / 1e9, UTC).isoformat()
        return msgspec.structs.replace(true, gateway=gateway, server_time=now)

    def account(self) -> Any:
        self._exchange("GET_ACCOUNT")
        true, lost = self.world.true.account, self.world.equity_lost(self.world.at)
        gone = lost if not self.world.position_is_open(self.world.at) else 0.0
        return msgspec.structs.replace(true, equity=true.equity - lost, balance=true.balance - gone)

    def positions(self) -> list[Position]:
        self._exchange("GET_POSITIONS")
        position = self.world.true.position
        return [position] if position is not None and self.world.position_is_open(self.world.at) else []

    def tick(self, symbol: str) -> Tick:
        self._exchange("GET_TICK")
        return self.world.tick()

    def symbol(self, symbol: str) -> SymbolSpecification:
        self._exchange("GET_SYMBOL")
        return msgspec.structs.replace(self.world.true.spec, session_open=self.world.session_open(self.world.at))

    def lease(self, magic: int, seconds: int) -> None:
        self._exchange("LEASE")

    def deals(self, position: int) -> list[Deal]:
        self._exchange("GET_DEALS")
        return [
            Deal(
                ticket=77, order=76, position_id=position, time_msc=0, type="SELL", entry="out", symbol="EURUSD",
                volume=0.001, price=1.0, commission=0.0, swap=0.0, fee=0.0, profit=-1.0, magic=1196, comment="",
                reason=self.world.closing_reason,
            )
        ]  # fmt: skip

    def close_position(self, ticket: int, timeout_ms: int) -> None:
        self.world.closes.append(self.world.at)
        if not self.world.position_is_open(self.world.at):
            raise Refused("CLOSE: no such position", Reply(uuid="u", status="REJECTED"))
        self._exchange("CLOSE", timeout_ms / 1000)


def drive(world: World) -> Callable[..., None]:
    """Drives both loops by the world's clock, whichever has something to do first."""
    pauses = sorted(world.pauses)

    def run(first: Loop, second: Loop, stop: threading.Event, broke: Callable[[BaseException], None]) -> None:
        clock = world.clock
        local = {first: clock.now, second: clock.now}
        while not stop.is_set():
            live = [loop for loop in (first, second) if not loop.is_over]
            if not live:
                break
            loop = min(live, key=lambda one: max(local[one], one.due))
            clock.now = max(local[loop], loop.due)
            if pauses and world.at >= pauses[0][0]:
                _, seconds, asleep = pauses.pop(0)
                if asleep:
                    clock.asleep += seconds
                else:
                    local = {one: max(local[one], clock.now) + seconds for one in local}
                    clock.now += seconds
            loop.act()
            local[loop] = clock.now
        clock.now = max(local.values())

    return run


def baseline_of_the_market(true: Reading) -> Baseline:
    """A baseline of what the market is like when all is well, at the interval at which these tests sample."""
    clock = SimulatedClock(MONDAY)
    world = World(true, clock)
    window = QuoteWindow(SAMPLE_SECONDS, 1e-5)
    for _ in range(10_000):
        tick = world.tick()
        window.add(clock.monotonic_ns(), tick.bid, tick.ask, tick.time_msc)
        clock.now += SAMPLE_SECONDS
    return msgspec.structs.replace(baseline_of(window.take()), sample_ms=int(SAMPLE_SECONDS * 1000))
