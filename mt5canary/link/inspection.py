"""The link stage over one session: each question is asked once, when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from mt5canary.errors import Unproven
from mt5canary.link import clock, identity, latency, remoteness
from mt5canary.link.clock import ClockOffset, ServerZone
from mt5canary.link.connection import Ends
from mt5canary.link.identity import QuotesSeen
from mt5canary.link.latency import RoundTrips
from mt5canary.link.session import Exchange, ReadSession
from mt5canary.measurement import Measurement
from mt5canary.plan import Limits, Target
from mt5canary.wire.replies import AccountReply, HelloReply

QUOTE_FRESHNESS = timedelta(seconds=60)
"""How old a quote that was just seen to move may be, the zone taken off."""

Tell = Callable[[str, str], object]
"""Called with the criterion or source that a remark belongs to, and the remark."""


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
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._target = target
        self._limits = limits
        self._symbol = symbol
        self._finding = finding
        self._log = log

    @cached_property
    def resolution(self) -> remoteness.Resolution:
        """All addresses of the gateway's host."""
        return remoteness.resolve(*self._endpoint)

    @cached_property
    def ends(self) -> Ends:
        """Both ends of the connection."""
        return self._session.connect()

    @cached_property
    def _hello(self) -> tuple[HelloReply, Exchange]:
        if self._target.protocol is None:
            raise Unproven(
                "the plan's target declares no protocol, so not one byte was sent: some deployed expert advisors take "
                'any message for an order. Say protocol: "4.3" where the gateway is known to speak it'
            )
        reply = self._session.hello()
        assert self._session.last is not None
        return reply, self._session.last

    @property
    def hello(self) -> HelloReply:
        """Who answers, from the first ``HELLO``."""
        return self._hello[0]

    @cached_property
    def account(self) -> AccountReply:
        """The account's money at the start."""
        self.hello  # noqa: B018 -- HELLO goes first and alone
        return self._session.account()

    @cached_property
    def quotes(self) -> QuotesSeen:
        """A short look at the market."""
        self.hello  # noqa: B018 -- HELLO goes first and alone
        return identity.watch_quotes(self._session, self._symbol)

    @cached_property
    def offset(self) -> ClockOffset:
        """The gateway's clock against ours."""
        self.hello  # noqa: B018 -- HELLO goes first and alone
        return clock.measure(self._session)

    @cached_property
    def zone(self) -> ServerZone:
        """The trade server's clock against UTC."""
        return clock.server_zone(self.quotes.latest, self.quotes.received_wall, self.offset)

    @cached_property
    def round_trips(self) -> RoundTrips:
        """The first latency figure."""
        self.hello  # noqa: B018 -- HELLO goes first and alone
        return latency.look(self._session, self._limits.latency.p99_ms, self._limits.latency.confidence)

    def address_is_remote(self) -> list[Measurement]:
        """L1: nothing speaks against any address of the gateway, or the simulation is declared."""
        self._log("link", f"{self._endpoint[0]} resolves to {', '.join(self.resolution.addresses)}")
        if self._target.started_by_run:
            self._finding("L1", "the gateway is a simulation that this run started: its address proves no remoteness")
            return remoteness.is_declared_simulation(self.resolution)
        if self._target.simulated:
            self._finding("L1", "the target is a declared simulation: the run is a rehearsal")
        return remoteness.is_remote(self.resolution, remoteness.own_interfaces())

    def connection_is_complete(self) -> list[Measurement]:
        """L2: TCP and ZMTP completed, and who is at both ends."""
        ends = self.ends
        minimum = 0 if self._target.started_by_run else self._target.min_rtt_us
        if not minimum:
            self._finding("L2", "the round trip's tripwire is off here: nearness of the peer is not judged")
        kernel = "" if ends.kernel is None else f", kernel round trip {ends.kernel.rtt_us} us"
        self._log("link", f"connected {ends.local} to {ends.peer} in {ends.handshake_ms:.1f} ms{kernel}")
        return identity.connection_completed(ends, self._session.kernel_estimate(), minimum)

    def answers_this_client(self) -> list[Measurement]:
        """L3: HELLO and PING come back with this client's uuid and nonce, and are no errors."""
        hello, exchange = self._hello
        ping = self._session.ping()
        assert self._session.last is not None
        sent = self._session.last
        self._log(
            "link",
            f"{hello.gateway.name} {hello.gateway.version} answers, instance {hello.gateway.instance}, "
            f"started {hello.gateway.started_at}",
        )
        return identity.answered(hello, exchange, ping, sent)

    def is_the_expected_one(self) -> list[Measurement]:
        """L4: gateway, terminal and account are the plan's, may trade, and the market moves."""
        terminal, account = self.hello.terminal, self.hello.account
        self._log("link", f"terminal {terminal.kind} {terminal.name} build {terminal.build} of {terminal.company}")
        self._log("account", f"login {account.login} at {account.server}, {account.trade_mode}, 1:{account.leverage}")
        self._log("account", f"Balance: {self.account.balance:.2f} {self.account.currency} at the start")
        return [
            *identity.is_expected(self.hello, self.account, self._target.terminal, self._target.account),
            *identity.may_trade(self.hello),
            *identity.market_moves(self.quotes),
        ]

    def clocks_agree(self) -> list[Measurement]:
        """L5: the gateway's and the trade server's offsets are known and within limits."""
        self._log(
            "link",
            f"gateway clock {self.offset.offset_ms:+.3f} ms, give or take {self.offset.uncertainty_ms:.3f} ms "
            f"(n={self.offset.samples}); trade server UTC{self.zone.offset_seconds / 3600:+g} h",
        )
        limit = timedelta(milliseconds=self._limits.clock.max_offset_ms)
        return clock.clocks_agree(self.offset, self.zone, limit, QUOTE_FRESHNESS)

    def latency_is_plausible(self) -> list[Measurement]:
        """L6: the first latency figure is within its limit and of a living peer."""
        limits, trips = self._limits.latency, self.round_trips
        shown = trips.at(0.99)
        figure = "unproven (n=0)" if shown is None else f"{shown:.3f} ms (n={trips.count})"
        self._log("link", f"Latency first look: P99 {figure}")
        return [
            *latency.within_limit(trips, limits.p99_ms, limits.confidence, "round trip"),
            *latency.plausible(trips, self._session.kernel_estimate()),
        ]
