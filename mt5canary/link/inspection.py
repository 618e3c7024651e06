"""The link stage over one session: each question is asked once, when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property

from msgspec import Struct

from mt5canary.errors import Finding, Unproven
from mt5canary.link import clock, identity, latency, market, remoteness, shape
from mt5canary.link.clock import ClockOffset, ServerZone
from mt5canary.link.connection import Ends, RoundTripEstimate
from mt5canary.link.dialect import NO_PROTOCOL, UPGRADE
from mt5canary.link.exchange import Exchange, Recorder, Refused
from mt5canary.link.identity import ExpectedEnds
from mt5canary.link.latency import RoundTrips
from mt5canary.link.market import Pause, QuotesSeen
from mt5canary.link.session import ReadSession
from mt5canary.measurement import Measurement, unproven
from mt5canary.plan import Limits, Target
from mt5canary.wire.replies import AccountReply, HelloReply

QUOTE_FRESHNESS = timedelta(seconds=60)
"""How old a quote that was just seen to move may be, the zone taken off."""

Tell = Callable[[str, str], object]
"""Called with the criterion or source that a remark belongs to, and the remark."""


def _no_record(kind: str, body: Struct) -> None:
    """For callers that keep no evidence."""


class LinkInspection:
    """What the link stage asks of one gateway and holds against the plan."""

    def __init__(
        self,
        session: ReadSession,
        endpoint: tuple[str, int],
        target: Target,
        limits: Limits,
        symbol: str,
        finding: Tell,
        log: Tell,
        record: Recorder = _no_record,
        pause: Pause = time.sleep,
        another: Callable[[], ReadSession] | None = None,
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._target = target
        self._limits = limits
        self._symbol = symbol
        self._finding = finding
        self._log = log
        self._record = record
        self._pause = pause
        self._another = another

    @cached_property
    def resolution(self) -> remoteness.Resolution:
        """All addresses of the gateway's host."""
        return remoteness.resolve(*self._endpoint)

    @cached_property
    def _declared_near(self) -> bool:
        """Whether the plan itself says that the gateway is a simulation on this machine."""
        return self._target.started_by_run or (self._target.simulated and remoteness.is_on_loopback(self.resolution))

    @property
    def _least_round_trip_us(self) -> int:
        """Below it the kernel's round trip shows that the connection ends here; 0 where that is declared or off."""
        off = self._declared_near or self._target.via == "tunnel"
        return 0 if off else self._target.min_rtt_us

    @cached_property
    def ends(self) -> Ends:
        """Both ends of the connection."""
        return self._session.connect()

    @cached_property
    def _hello(self) -> tuple[HelloReply, Exchange] | None:
        """The reply to ``HELLO`` with its exchange; None where the gateway speaks the base protocol alone."""
        if self._target.protocol is None:
            raise Unproven(NO_PROTOCOL)
        try:
            reply = self._session.hello()
        except Refused as refusal:
            if refusal.reply.error_code != "UNKNOWN_ACTION":
                raise
            return None
        assert self._session.last is not None
        return reply, self._session.last

    @property
    def hello(self) -> HelloReply:
        """Who answers, from the first ``HELLO``; raises Unproven where the gateway does not know it."""
        if self._hello is None:
            raise Unproven(f"the gateway answers HELLO with UNKNOWN_ACTION; {UPGRADE}")
        return self._hello[0]

    @cached_property
    def account(self) -> AccountReply:
        """The account's money at the start."""
        self._hello  # noqa: B018 -- HELLO goes first and alone
        return self._session.account()

    @cached_property
    def quotes(self) -> QuotesSeen:
        """A short look at the market."""
        self.hello  # noqa: B018 -- HELLO goes first and alone
        return market.watch_quotes(self._session, self._symbol, pause=self._pause)

    @cached_property
    def offset(self) -> ClockOffset:
        """The gateway's clock against ours."""
        self._hello  # noqa: B018 -- HELLO goes first and alone
        return clock.measure(self._session)

    @property
    def known_offset(self) -> ClockOffset | None:
        """The gateway's clock against ours where it was measured; asks nothing."""
        return self.__dict__.get("offset")

    @cached_property
    def zone(self) -> ServerZone:
        """The trade server's clock against UTC; raises Unproven where no quote was seen to move."""
        if not self.quotes.moved:
            raise Unproven(f"the trade server's clock is seen through fresh quotes alone: {market.CLOSED}")
        return clock.server_zone(self.quotes.latest, self.quotes.received_wall, self.offset)

    @cached_property
    def round_trips(self) -> RoundTrips:
        """The first latency figure."""
        self._hello  # noqa: B018 -- HELLO goes first and alone
        limits = self._limits.latency
        return latency.look(self._session, limits.p99_ms, limits.confidence, another=self._another)

    def address_is_remote(self) -> list[Measurement]:
        """L1: nothing speaks against any address of the gateway, or what is near is declared."""
        self._log("link", f"{self._endpoint[0]} resolves to {', '.join(self.resolution.addresses)}")
        self._record("resolution", self.resolution)
        if self._target.started_by_run:
            self._finding("L1", "the gateway is a simulation that this run started: its address proves no remoteness")
            return remoteness.is_declared_simulation(self.resolution)
        if self._target.simulated:
            self._finding("L1", "the target is a declared simulation: the run is a rehearsal")
        if self._declared_near:
            return remoteness.is_declared_simulation(self.resolution)
        interfaces = remoteness.own_interfaces()
        if self._target.via == "tunnel":
            self._finding("L1", "the way is a declared tunnel: a key (L2) and the round trip (L6) must show remoteness")
            return remoteness.is_declared_tunnel(self.resolution, interfaces, self._target.curve is not None)
        return remoteness.is_remote(self.resolution, interfaces)

    def connection_is_complete(self) -> list[Measurement]:
        """L2: TCP and ZMTP completed, and who is at both ends."""
        ends = self.ends
        self._remark_on_the_tripwire("L2")
        kernel = "" if ends.kernel is None else f", kernel round trip {ends.kernel.rtt_us} us"
        self._log("link", f"connected {ends.local} to {ends.peer} in {ends.handshake_ms:.1f} ms{kernel}")
        expected = ExpectedEnds(
            peers=self.resolution.addresses, source=self._target.source, curve=self._target.curve is not None
        )
        now = self._kernel_now()
        return identity.connection_completed(ends, now, self._least_round_trip_us, expected)

    def _remark_on_the_tripwire(self, criterion: str) -> None:
        if not self._least_round_trip_us:
            self._finding(criterion, "the round trip's tripwire is off here: nearness of the peer is not judged")

    def answers_this_client(self) -> list[Measurement]:
        """L3: HELLO and PING come back with this client's uuid and nonce, and are no errors."""
        answered = self._hello
        ping = self._session.ping()
        assert self._session.last is not None
        sent = self._session.last
        if answered is None:
            self._finding("L3", f"the gateway speaks the base protocol alone: {UPGRADE}")
            return identity.base_answered(ping, sent)
        hello, exchange = answered
        self._log(
            "link",
            f"{hello.gateway.name} {hello.gateway.version} answers, instance {hello.gateway.instance}, "
            f"started {hello.gateway.started_at}",
        )
        return identity.answered(hello, exchange, ping, sent)

    def is_the_expected_one(self) -> list[Measurement]:
        """L4: gateway, terminal and account are the plan's, may trade, and the market moves."""
        if self._hello is None:
            return identity.base_identity(self.account, self._session.positions(), self._target.account)
        terminal, account = self.hello.terminal, self.hello.account
        self._log("link", f"terminal {terminal.kind} {terminal.name} build {terminal.build} of {terminal.company}")
        self._log("account", f"login {account.login} at {account.server}, {account.trade_mode}, 1:{account.leverage}")
        self._log("account", f"Balance: {self.account.balance:.2f} {self.account.currency} at the start")
        return [
            *identity.is_expected(self.hello, self.account, self._target.terminal, self._target.account),
            *identity.may_trade(self.hello),
            *market.market_moves(self.quotes),
        ]

    def clocks_agree(self) -> list[Measurement]:
        """L5: the gateway's and the trade server's offsets are known and within limits."""
        offset = self.offset
        limit = timedelta(milliseconds=self._limits.clock.max_offset_ms)
        said = (
            f"gateway clock {offset.offset_ms:+.3f} ms, give or take {offset.uncertainty_ms:.3f} ms "
            f"(n={offset.samples})"
        )
        try:
            zone = self.zone
        except Unproven as missing:
            self._log("link", said)
            return [*clock.gateway_clock_agrees(offset, limit), unproven("trade server zone", str(missing))]
        self._log("link", f"{said}; trade server UTC{zone.offset_seconds / 3600:+g} h")
        return clock.clocks_agree(offset, zone, limit, QUOTE_FRESHNESS)

    def latency_is_plausible(self) -> list[Measurement]:
        """L6: the first latency figure is within its limit and of a living peer."""
        limits, trips = self._limits.latency, self.round_trips
        kernel = self._kernel_now(trips.beside)
        shown = trips.at(0.99)
        figure = "unproven (n=0)" if shown is None else f"{shown:.3f} ms (n={trips.count})"
        lost = f", {trips.timed_out} without a reply counted" if trips.timed_out else ""
        self._log("link", f"Latency first look: P99 {figure}{lost}")
        self._remark_on_the_tripwire("L6")
        found = self._shape_of(trips, kernel)
        if found is not None and found is not shape.AT_ONCE:
            self._finding("L6", found.describe())
        return [
            *latency.within_limit(trips, limits.p99_ms, limits.confidence, "round trip"),
            *latency.plausible(trips, kernel),
            *identity.not_too_near(kernel, self._least_round_trip_us),
            *([] if found is None else [shape.of_a_remote_gateway(found, trips)]),
            *([shape.beyond_a_tunnel(trips)] if self._target.via == "tunnel" else []),
        ]

    def _kernel_now(self, beside: Iterable[RoundTripEstimate] = ()) -> RoundTripEstimate | None:
        """The kernel's figures of this moment, into the chain: what is judged by them can be judged again.

        Of several connections they are those of the nearest: a round trip over any of them can be no faster.
        """
        own = self._session.kernel_estimate()
        known = [*beside] if own is None else [own, *beside]
        kernel = min(known, key=lambda one: one.minimum_rtt_us, default=None)
        if kernel is not None:
            self._record("kernel", kernel)
        return kernel

    def _shape_of(self, trips: RoundTrips, kernel: RoundTripEstimate | None) -> shape.Shape | None:
        """The shape of the round trips; what a declaration explains is no trouble."""
        found = shape.recognise(trips, kernel, self._least_round_trip_us)
        declared = self._declared_near or self._target.via == "tunnel"
        return shape.AT_ONCE if declared and found in (shape.FORWARDER, shape.TOO_FAST) else found

    def say_hello_again(self) -> HelloReply:
        """Ask once more who answers, over whatever connection there is now; raises Finding."""
        return self._session.hello()

    def resolves_as_before(self) -> list[Measurement]:
        """At the run's end (E3): the host's name stands for what it did when L1 judged it."""
        if "resolution" not in self.__dict__:
            return []  # L1 had none, and failed for it
        try:
            now = remoteness.resolve(*self._endpoint)
        except Finding as finding:
            now = remoteness.Resolution(
                host=f"{self._endpoint[0]} ({finding})", addresses=(), resolved_at=time.time_ns()
            )
        self._record("resolution", now)
        return remoteness.resolves_as_before(self.resolution, now)
