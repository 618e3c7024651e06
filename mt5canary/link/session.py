"""The live session: typed requests and replies over one gateway, every exchange recorded.

``ReadSession`` can only send what cannot change anything. ``ClosingSession`` can also reduce: close, halt, hold
a lease. ``TradingSession`` can open. What a session cannot do it has no method for, and its one sending function
checks the action against the class's own list.

A failed exchange costs the socket: the next request goes over a fresh connection, and nothing is ever sent twice.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import msgspec
import zmq
from msgspec import UNSET, Struct, UnsetType

from mt5canary.errors import LinkFinding
from mt5canary.link.connection import Connection, Ends, RoundTripEstimate, Route
from mt5canary.link.dialect import Dialect
from mt5canary.link.envelope import envelope, new_nonce, new_uuid, now
from mt5canary.link.exchange import Exchange, R, Recorder, Refused, Unreadable, understand
from mt5canary.wire import frames, replies, requests
from mt5canary.wire.requests import REQUESTS, SIGNED_ACTIONS, Request
from mt5canary.wire.signature import sign

TIMEOUTS_MS = {"OPEN": 15_000, "CLOSE": 15_000, "CLOSE_ALL": 60_000}
"""How long a reply may take, where it is not a read's time-out."""

READ_TIMEOUT_MS = 5_000

IDLE_NANOSECONDS = 500_000_000
"""After so long without a reply the connection is looked at before it is used again."""


class Connected(Struct, frozen=True, kw_only=True):
    """The record of a new connection; ``role`` says what is at its far end, the gateway or a second witness."""

    connection: int
    url: str
    ends: Ends
    role: str = "gateway"


class Reconnected(Struct, frozen=True, kw_only=True):
    """The record of a connection that took the place of one that was lost, and how that one was lost."""

    name: str = "reconnected"
    connection: int
    before: int
    lost: str
    peer: str


class Signer:
    """Signs the actions that change something, for one account, in the gateway's clock."""

    def __init__(self, secret: bytes, server: str, login: int, clock_offset: timedelta = timedelta()) -> None:
        self._secret = secret
        self._server = server
        self._login = login
        self.clock_offset = clock_offset

    def __repr__(self) -> str:
        return f"Signer(server={self._server!r}, login={self._login})"

    def by_clock(self, ahead: timedelta) -> Signer:
        """The same signer by a gateway's clock that is so far ahead of this host's."""
        return Signer(self._secret, self._server, self._login, ahead)

    def __call__(self, request: Request) -> str:
        """The risk signature of a request, as of now."""
        return sign(self._secret, request, self._server, self._login, datetime.now(UTC) + self.clock_offset)


_CONTEXT: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
"""One for the process and never terminated: ending a context waits for its sockets, and the way out may not wait."""

_numbers = itertools.count()
"""Connections are numbered through the process, so that a reply in the evidence belongs to one of them."""


class ReadSession:
    """A session that can only ask.

    ``while_waiting`` is called after each request has left and before its reply is waited for. ``dialect`` says
    what may be said to this gateway; without it everything that the session's kind may say.
    """

    actions: ClassVar[frozenset[str]] = frozenset(REQUESTS) - SIGNED_ACTIONS
    role: ClassVar[str] = "gateway"

    def __init__(
        self,
        route: Route,
        record: Recorder,
        while_waiting: Callable[[], object] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        self.route = route
        self._while_waiting = while_waiting
        self._dialect = dialect
        self._lost = ""
        self._record = record
        self._connection: Connection | None = None
        self.connections: list[Connected] = []
        self.last: Exchange | None = None
        self.exchange_count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def recorded_by(self, record: Recorder) -> Iterator[None]:
        """Let another recorder have what this session does for a while."""
        before, self._record = self._record, record
        try:
            yield
        finally:
            self._record = before

    def close(self) -> None:
        """Drop the connection and everything unsent."""
        self._drop()

    def connect(self) -> Ends:
        """Make a fresh connection and return both its ends; raises ConnectFinding."""
        self._drop()
        self._connection = Connection(_CONTEXT, self.route)
        try:
            ends = self._connection.open()
        except LinkFinding:
            self._drop()
            raise
        connected = Connected(connection=next(_numbers), url=self.route.url, ends=ends, role=self.role)
        self.connections.append(connected)
        self._record("connection", connected)
        if self._lost:
            before = self.connections[-2].connection if len(self.connections) > 1 else connected.connection
            lost, self._lost = self._lost, ""
            self._record(
                "event",
                Reconnected(connection=connected.connection, before=before, lost=lost, peer=ends.peer),
            )
        return ends

    @property
    def peer(self) -> str:
        """The far end of the latest connection; empty before the first."""
        return self.connections[-1].ends.peer if self.connections else ""

    def kernel_estimate(self) -> RoundTripEstimate | None:
        """The kernel's round-trip figures of the present connection; None where there are none."""
        return None if self._connection is None else self._connection.kernel_estimate()

    def socket_events(self) -> list[str]:
        """The names of the present connection's monitor events so far."""
        return [] if self._connection is None else [event.name for event in self._connection.drain_events()]

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def exchange(self, request: Request, timeout_ms: int | None = None) -> Exchange:
        """Send one request and wait for one reply, whatever it says; the record is made in every case.

        Raises LinkFinding only where no connection could be made, so that nothing was sent.
        """
        action = str(request.__struct_config__.tag)
        if action not in self.actions:
            raise AssertionError(f"{type(self).__name__} cannot send {action}")
        frame = frames.encode(request)
        if self._dialect is not None:
            self._dialect.require(action, frame)
        self._require_connection(action)
        assert self._connection is not None
        limit = timeout_ms if timeout_ms is not None else TIMEOUTS_MS.get(action, READ_TIMEOUT_MS)
        received, reply, failure, gave_up = None, None, None, None
        sent_wall, sent = time.time_ns(), time.monotonic_ns()
        try:
            self._connection.send(frame)
            if self._while_waiting is not None:
                self._while_waiting()
            reply = self._connection.receive(limit)
            received = time.monotonic_ns()
            if reply is None:
                gave_up = received
                received, failure = None, f"no reply within {limit / 1000:g} s: {self._connection.why_silent()}"
        except LinkFinding as finding:
            failure, gave_up = str(finding), time.monotonic_ns()
        exchange = Exchange(
            action=action,
            uuid=request.uuid,
            connection=self.connections[-1].connection,
            request=frame,
            sent_wall=sent_wall,
            sent=sent,
            received=received,
            reply=reply,
            failure=failure,
            gave_up=gave_up,
        )
        if failure is not None:
            self._lose(f"{action}: {failure}")
        self.exchange_count += 1
        self._record("exchange", exchange)
        self.last = exchange
        return exchange

    def _require_connection(self, action: str) -> None:
        """Connect where there is no connection, or where it was lost while nothing was asked.

        An order never goes over a connection that was made for it after a loss: its gateway may be another by now.
        """
        idle_since = self.last.received if self.last is not None else None
        was_idle = idle_since is not None and time.monotonic_ns() - idle_since > IDLE_NANOSECONDS
        if self._connection is not None and was_idle and action != "OPEN" and self._connection.is_lost():
            self._lose("the connection ended while nothing was asked")
        if self._connection is None:
            self.connect()

    def _ask(self, request: Request, kind: type[R], timeout_ms: int | None = None) -> R:
        exchange = self.exchange(request, timeout_ms)
        try:
            reply = understand(exchange, request.nonce, kind)
        except Unreadable as finding:
            self._lose(str(finding))
            raise
        except Refused as refusal:
            if self._dialect is not None:
                self._dialect.refused(exchange.action, refusal.reply.error_code)
            raise
        if self._dialect is not None:
            self._dialect.answered(exchange.action)
        return reply

    def _lose(self, how: str) -> None:
        self._lost = how
        self._drop()

    def hello(self, timeout_ms: int | None = None) -> replies.HelloReply:
        """Ask who is there."""
        request = requests.Hello(uuid=new_uuid(), timestamp=now(), nonce=new_nonce())
        return self._ask(request, replies.HelloReply, timeout_ms)

    def ping(self, timeout_ms: int | None = None) -> replies.PingReply:
        """Ask for a sign of life and the gateway's clock."""
        request = requests.Ping(uuid=new_uuid(), timestamp=now(), nonce=new_nonce())
        return self._ask(request, replies.PingReply, timeout_ms)

    def account(self) -> replies.AccountReply:
        """Ask for the account's money."""
        return self._ask(requests.GetAccount(**envelope()), replies.AccountReply)

    def symbol(self, symbol: str) -> replies.SymbolSpecification:
        """Ask for a symbol's specification."""
        return self._ask(requests.GetSymbol(**envelope(), symbol=symbol), replies.SymbolReply).spec

    def tick(self, symbol: str) -> replies.Tick:
        """Ask for a symbol's latest quote."""
        return self._ask(requests.GetTick(**envelope(), symbol=symbol), replies.TickReply).tick

    def check(self, order: OrderFields) -> replies.CheckReply:
        """Ask what the terminal would say to an order; raises Refused with the retcode where it says no."""
        return self._ask(requests.CheckOrder(**envelope(), **msgspec.structs.asdict(order)), replies.CheckReply)

    def positions(self, symbol: str | None = None) -> list[replies.Position]:
        """Ask for the open positions, page by page."""
        found: list[replies.Position] = []
        after: int | UnsetType = UNSET
        while True:
            request = requests.GetPositions(**envelope(), symbol=UNSET if symbol is None else symbol, after=after)
            page = self._ask(request, replies.PositionsReply)
            found += page.positions
            if not page.more or page.after is None:
                return found
            after = page.after

    def deals(self, **selection: int) -> list[replies.Deal]:
        """Ask the broker's history for deals (``order``, ``position``, or ``from_msc`` and ``to_msc``)."""
        found: list[replies.Deal] = []
        while True:
            page = self._ask(requests.GetDeals(**{**envelope(), **selection}), replies.DealsReply)
            found += page.deals
            if not page.more or page.after is None:
                return found
            selection["after"] = page.after

    def orders(self, **selection: int) -> list[replies.Order]:
        """Ask for orders, active and historical (``ticket``, ``position``, or ``from_msc`` and ``to_msc``)."""
        found: list[replies.Order] = []
        while True:
            page = self._ask(requests.GetOrders(**{**envelope(), **selection}), replies.OrdersReply)
            found += page.orders
            if not page.more or page.after is None:
                return found
            selection["after"] = page.after

    def find_request(self, request_uuid: str) -> replies.FindReply:
        """Ask what became of an earlier request."""
        return self._ask(requests.FindRequest(**envelope(), request_uuid=request_uuid), replies.FindReply)


class OrderFields(Struct, frozen=True, kw_only=True):
    """A market order's fields as the wire carries them."""

    symbol: str
    type: requests.Side
    volume: float
    price: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    deviation: int = 20
    comment: str = ""
    magic: int = 0


class ClosingSession(ReadSession):
    """A session that can also reduce what is at risk, and nothing else."""

    actions: ClassVar[frozenset[str]] = ReadSession.actions | {"CLOSE", "CLOSE_ALL", "HALT", "LEASE"}

    def __init__(
        self,
        route: Route,
        record: Recorder,
        signer: Signer,
        while_waiting: Callable[[], object] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        super().__init__(route, record, while_waiting, dialect)
        self.signer = signer

    def _signed(self, request: Request) -> Request:
        return msgspec.structs.replace(request, risk_signature=self.signer(request))

    def close_position(self, ticket: int, timeout_ms: int | None = None) -> replies.CloseReply:
        """Close one position, all of it."""
        return self._ask(self._signed(requests.Close(**envelope(), ticket=ticket)), replies.CloseReply, timeout_ms)

    def close_all(self, magic: int | None, reason: str) -> replies.CloseAllReply:
        """Close every position of a magic number, or (None) of the account.

        A refusal that carries both lists is a reply too.
        """
        whose: dict[str, Any] = {"scope": "account"} if magic is None else {"magic": magic}
        request = self._signed(requests.CloseAll(**envelope(), **whose, reason=reason))
        try:
            return self._ask(request, replies.CloseAllReply)
        except Refused:
            assert self.last is not None
            assert self.last.reply is not None
            try:
                return msgspec.convert(frames.parse(self.last.reply), replies.CloseAllReply)
            except msgspec.ValidationError:
                pass
            raise

    def halt(self, reason: str) -> replies.HaltReply:
        """Make the gateway refuse every order from now on."""
        return self._ask(self._signed(requests.Halt(**envelope(), reason=reason)), replies.HaltReply)

    def lease(self, magic: int, seconds: int) -> replies.LeaseReply:
        """Renew the dead man's switch of a magic number; 0 seconds gives it up."""
        request = self._signed(requests.Lease(**envelope(), magic=magic, seconds=seconds))
        return self._ask(request, replies.LeaseReply)


class TradingSession(ClosingSession):
    """A session that can open; made only in a live run whose criteria up to X5 passed."""

    actions: ClassVar[frozenset[str]] = frozenset(REQUESTS)

    def __init__(
        self,
        route: Route,
        record: Recorder,
        signer: Signer,
        permit: Callable[[], None],
        while_waiting: Callable[[], object] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        super().__init__(route, record, signer, while_waiting, dialect)
        self._permit = permit

    def resume(self, reason: str) -> replies.HaltReply:
        """Lift a halt."""
        return self._ask(self._signed(requests.Resume(**envelope(), reason=reason)), replies.HaltReply)

    def open(self, order: OrderFields, request_uuid: str) -> Exchange:
        """Send one market order and return the exchange as it was; ``understand`` reads it.

        What ``permit`` raises (the breaker is open) is raised before anything is made of the order.
        """
        self._permit()
        request = requests.Open(uuid=request_uuid, timestamp=now(), **msgspec.structs.asdict(order))
        return self.exchange(self._signed(request))
