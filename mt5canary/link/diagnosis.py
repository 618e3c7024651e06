"""From the gateway's name to the permission to trade, one step after the other, up to the first that is wrong.

It only reads. Each step says what was observed; a step that is wrong ends the walk with a trouble, whose meaning and
next steps are in ``diagnosis_words``.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from datetime import timedelta

from msgspec import Struct

from mt5canary.errors import Finding, LinkFinding, Unproven
from mt5canary.link import clock, connection, greeting, identity, latency, market, remoteness, shape
from mt5canary.link.connection import MECHANISM_MISMATCH, ConnectFinding
from mt5canary.link.diagnosis_words import ADVICE
from mt5canary.link.exchange import Refused, Timeout, Unreadable
from mt5canary.link.inspection import QUOTE_FRESHNESS
from mt5canary.link.session import ReadSession
from mt5canary.measurement import Measurement, Outcome, describe
from mt5canary.plan import Limits, Target
from mt5canary.wire.replies import HelloReply

HELLO_MILLISECONDS = 3_000
"""How long a living gateway may take for its first answer."""

KERNEL_SECONDS = 0.12
"""By so much the kernel is later than the connect time-out with its reason for a host that answers no ARP (3.06 s)."""

SHORT_LOOK = timedelta(seconds=0.5)
LONG_LOOK = timedelta(seconds=10)
QUOTE_WAIT = timedelta(seconds=3)
ANSWERING_SOCKETS = ("REP", "ROUTER")

TCP_TROUBLES = {
    "ECONNREFUSED": "port-closed",
    "ETIMEDOUT": "no-answer",
    "EHOSTUNREACH": "no-such-host",
    "ENETUNREACH": "no-route",
    "EACCES": "address-is-broadcast",
    "EADDRNOTAVAIL": "source-not-here",
}
SILENCES = {
    "did not deliver": "network-cut",
    "ended before a reply": "connection-lost",
    "several frames": "unreadable",
}
"""What a session says of an exchange without a reply, by the words of its failure."""

GREETING_TROUBLES = {"mute": "mute", "closed": "hangs-up"}


class Step(Struct, frozen=True, kw_only=True):
    """One step of the walk: its name, whether it is well, and what was observed."""

    name: str
    ok: bool
    observed: str


class Trouble(Exception):
    """A step that is wrong: a key of ``ADVICE``, what was observed, and the words that fill the advice in."""

    def __init__(self, identifier: str, observed: str, **words: str) -> None:
        super().__init__(observed)
        self.identifier = identifier
        self.words = words


class Diagnosis(Struct, frozen=True, kw_only=True):
    """What the walk came to: every step made, and the trouble that ended it or None."""

    target: str
    endpoint: str
    steps: tuple[Step, ...]
    trouble: str | None
    meaning: str
    next_steps: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def healthy(self) -> bool:
        """Whether every step was well."""
        return self.trouble is None


class Walk:
    """The walk to one target over one session."""

    def __init__(self, session: ReadSession, name: str, target: Target, limits: Limits, symbol: str) -> None:
        self._session = session
        self._name = name
        self._target = target
        self._limits = limits
        self._symbol = symbol
        host, _, port = session.route.url.removeprefix("tcp://").rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._resolution = remoteness.Resolution(host=self._host, addresses=(), resolved_at=0)
        self._hello: HelloReply | None = None
        self._offset = clock.ClockOffset(offset_ms=0.0, uncertainty_ms=0.0, samples=0)

    def go(self) -> Diagnosis:
        """Walk, up to the first step that is wrong."""
        started = time.monotonic()
        steps: list[Step] = []
        trouble: Trouble | None = None
        for name, look in self._steps():
            try:
                steps.append(Step(name=name, ok=True, observed=look()))
            except (Trouble, Finding, Unproven) as error:
                trouble = error if isinstance(error, Trouble) else _trouble_of(error)
                steps.append(Step(name=name, ok=False, observed=str(trouble)))
                break
        return self._told(steps, trouble, time.monotonic() - started)

    def _told(self, steps: list[Step], trouble: Trouble | None, seconds: float) -> Diagnosis:
        meaning = ""
        further: tuple[tuple[str, str], ...] = ()
        if trouble is not None:
            words = {"host": self._host, "port": str(self._port), "detail": "", "mend": "", **trouble.words}
            advice = ADVICE[trouble.identifier]
            meaning = advice.meaning.format(**words)
            further = tuple((machine, step.format(**words)) for machine, step in advice.steps)
        return Diagnosis(
            target=self._name,
            endpoint=f"{self._host}:{self._port}",
            steps=tuple(steps),
            trouble=None if trouble is None else trouble.identifier,
            meaning=meaning,
            next_steps=further,
            seconds=seconds,
        )

    def _steps(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        return (
            ("name", self._resolves),
            ("address", self._is_another_machine),
            ("route", self._has_a_way),
            ("port", self._speaks_zeromq),
            ("handshake", self._completes_the_handshake),
            ("answer", self._answers),
            ("identity", self._is_expected),
            ("terminal", self._is_connected),
            ("permission", self._may_trade),
            ("clock", self._clock_agrees),
            ("latency", self._answers_soon),
            ("market", self._moves),
        )

    def _resolves(self) -> str:
        self._resolution = remoteness.resolve(self._host, self._port)
        found = ", ".join(self._resolution.addresses)
        return f"{found}, an address" if found == self._host else f"{self._host} is {found}"

    def _is_another_machine(self) -> str:
        if self._target.started_by_run:
            return "a simulation that was started for this, on loopback"
        if self._target.simulated and remoteness.is_on_loopback(self._resolution):
            return "a declared simulation, on loopback"
        interfaces = remoteness.own_interfaces()
        for address in self._resolution.addresses:
            reason = remoteness.why_not_remote(address, interfaces)
            if self._target.via == "tunnel" and remoteness.why_no_tunnel_end(address, interfaces) == "nothing":
                continue
            if reason is not None:
                raise Trouble(_address_trouble(reason), f"{address} is {reason}")
        if self._target.via == "tunnel":
            if self._target.curve is None:
                raise Unproven("a tunnel's end shows nothing of the gateway: curve keys are missing in the plan")
            return "the declared tunnel's end; the key and the round trip must show the rest"
        return "nothing speaks against another machine"

    def _has_a_way(self) -> str:
        address = self._resolution.addresses[0]
        try:
            source = greeting.source_towards(address, self._port)
        except OSError as error:
            raise Trouble(_tcp_trouble(error), f"no way to {address}: {error.strerror}") from None
        return f"this node would speak from {self._target.source or source}"

    def _speaks_zeromq(self) -> str:
        seconds = connection.CONNECT_SECONDS + KERNEL_SECONDS
        address = self._resolution.addresses[0]
        deadline = time.monotonic() + seconds
        knock, opened = greeting.knock(address, self._port, self._target.source, seconds)
        if opened is None:
            trouble = TCP_TROUBLES.get(str(knock.error), "tcp-failed")
            took = f"after {knock.seconds * 1000:.1f} ms"
            raise Trouble(trouble, f"TCP to {address} port {self._port}: {knock.error} {took}")
        with opened:
            found = greeting.greet(opened, max(0.5, deadline - time.monotonic()))
        self._require_an_answering_socket(found)
        return (
            f"TCP after {knock.seconds * 1000:.1f} ms; a ZeroMQ {found.socket_type or 'socket'}, "
            f"mechanism {found.mechanism}"
        )

    def _require_an_answering_socket(self, found: greeting.Greeting) -> None:
        if found.kind != "zmtp":
            shown = found.first[:48].decode("ascii", "backslashreplace")
            said = f"it sent {shown!r}" if found.first else "it sent nothing"
            observed = f"port {self._port} accepts TCP and does not greet as ZeroMQ ({found.kind}): {said}"
            raise Trouble(GREETING_TROUBLES.get(found.kind, "not-zeromq"), observed)
        if found.mechanism == "CURVE" and self._target.curve is None:
            raise Trouble("curve-required", "its mechanism is CURVE, the plan has no keys")
        if found.mechanism != "CURVE" and self._target.curve is not None:
            raise Trouble("curve-unused", f"its mechanism is {found.mechanism}, the plan has CURVE keys")
        if found.socket_type is not None and found.socket_type not in ANSWERING_SOCKETS:
            raise Trouble("wrong-socket-type", f"a ZeroMQ {found.socket_type} socket, where a REP must be")

    def _completes_the_handshake(self) -> str:
        ends = self._session.connect()
        kernel = f", round trip {ends.kernel.minimum_rtt_us} us" if ends.kernel else ""
        return f"{ends.local} to {ends.peer} after {ends.handshake_ms:.1f} ms{kernel}"

    def _answers(self) -> str:
        try:
            self._hello = self._session.hello(HELLO_MILLISECONDS)
        except Refused as refusal:
            if refusal.reply.error_code != "UNKNOWN_ACTION":
                raise
            raise Trouble("base-protocol", self._base_answers(refusal)) from None
        gateway = self._hello.gateway
        return f"{gateway.name} {gateway.version}, instance {gateway.instance}"

    def _base_answers(self, refusal: Refused) -> str:
        self._session.ping()
        account = self._session.account()
        positions = len(self._session.positions())
        return (
            f"{refusal}; it answers PING, GET_ACCOUNT ({account.balance:.2f} {account.currency}) and GET_POSITIONS "
            f"({positions} open)"
        )

    @property
    def _who(self) -> HelloReply:
        assert self._hello is not None
        return self._hello

    def _is_expected(self) -> str:
        account = self._session.account()
        found = identity.is_expected(self._who, account, self._target.terminal, self._target.account)
        _require(found, "wrong-identity")
        return f"{self._who.terminal.kind}, login {self._who.account.login} at {self._who.account.server}"

    def _is_connected(self) -> str:
        terminal = self._who.terminal
        if not terminal.connected:
            raise Trouble("terminal-disconnected", f"terminal {terminal.name} says that it is not connected")
        return f"{terminal.name} build {terminal.build} is connected to {self._who.account.server}"

    def _may_trade(self) -> str:
        _require(identity.may_trade(self._who), "may-not-trade")
        if self._who.halted:
            raise Trouble("halted", f"the gateway is halted: {self._who.halt_reason}")
        return "Algo Trading is on, the account may trade, the gateway is not halted"

    def _clock_agrees(self) -> str:
        self._offset = clock.measure(self._session)
        limit = timedelta(milliseconds=self._limits.clock.max_offset_ms)
        _require(clock.gateway_clock_agrees(self._offset, limit), "clock")
        return f"the gateway's is {self._offset.offset_ms:+.1f} ms, give or take {self._offset.uncertainty_ms:.1f} ms"

    def _answers_soon(self) -> str:
        limits = self._limits.latency
        trips = latency.look(self._session, limits.p99_ms, limits.confidence, SHORT_LOOK)
        if not trips.count or max(trips.milliseconds) >= limits.p99_ms:
            trips = latency.look(self._session, limits.p99_ms, limits.confidence, LONG_LOOK)
        declared = self._target.started_by_run or self._target.simulated or self._target.via == "tunnel"
        floor = 0 if declared else self._target.min_rtt_us
        found = shape.recognise(trips, self._session.kernel_estimate(), floor)
        slow = any(
            one.outcome is Outcome.FAIL for one in latency.within_limit(trips, limits.p99_ms, limits.confidence, "")
        )
        near = found in (shape.TOO_FAST, shape.FORWARDER) and not declared
        figure = f"P99 {trips.at(0.99):.1f} ms of {trips.count} round trips, {trips.timed_out} without a reply"
        if slow or near:
            named = found if found is not None and found is not shape.AT_ONCE else shape.SLOW
            raise Trouble("latency", f"{figure}: {named.name}", detail=named.cause, mend=named.mend)
        return figure

    def _moves(self) -> str:
        quotes = market.watch_quotes(self._session, self._symbol, QUOTE_WAIT)
        if not quotes.moved:
            trouble = "market-closed" if quotes.session_open is False else "market-still"
            raise Trouble(
                trouble, f"{self._symbol} stood at {quotes.latest.bid:g} for {QUOTE_WAIT.total_seconds():g} s"
            )
        _require(market.market_moves(quotes), "market-still")
        zone = clock.server_zone(quotes.latest, quotes.received_wall, self._offset)
        limit = timedelta(milliseconds=self._limits.clock.max_offset_ms)
        _require(clock.clocks_agree(self._offset, zone, limit, QUOTE_FRESHNESS), "server-time")
        return f"{self._symbol} {quotes.latest.bid:g}/{quotes.latest.ask:g} moves; UTC{zone.offset_seconds / 3600:+g} h"


def _require(measurements: list[Measurement], trouble: str) -> None:
    """Raise the trouble with the first measurement that is not within its limit."""
    for measurement in measurements:
        if measurement.outcome is not Outcome.PASS:
            raise Trouble(trouble, describe(measurement))


def _address_trouble(reason: str) -> str:
    if reason.startswith(("loopback", "unspecified", "one of this machine's own")):
        return "address-is-here"
    return "address-is-broadcast" if "broadcast" in reason or "network address" in reason else "address-is-no-host"


def _tcp_trouble(error: OSError) -> str:
    return _trouble_of_errno(error.errno or 0)


def _trouble_of_errno(number: int) -> str:
    return TCP_TROUBLES.get(errno.errorcode.get(number, ""), "tcp-failed")


def _trouble_of(error: Finding | Unproven) -> Trouble:
    """The trouble behind what a session or a look-up raised."""
    if isinstance(error, ConnectFinding):
        return Trouble(_handshake_trouble(error), str(error))
    if isinstance(error, Timeout):
        return Trouble(_silence_trouble(str(error)), str(error))
    if isinstance(error, (Unreadable, LinkFinding)):
        return Trouble("unreadable", str(error))
    if isinstance(error, Refused):
        gone = error.reply.error_code == "MT5_NOT_CONNECTED"
        return Trouble("terminal-not-there" if gone else "refused", str(error))
    if isinstance(error, Unproven):
        return Trouble("no-protocol" if "protocol" in str(error) else "address-is-here", str(error))
    return Trouble("name-unresolvable", str(error))


def _handshake_trouble(error: ConnectFinding) -> str:
    refused = connection.never_stood(error.events)
    if refused is not None:
        return _trouble_of_errno(refused)
    for event in error.events:
        if event.name == "HANDSHAKE_FAILED_AUTH":
            return "curve-refused"
        if event.name == "HANDSHAKE_FAILED_PROTOCOL" and event.value == MECHANISM_MISMATCH:
            return "curve-unused"
        if event.name == "HANDSHAKE_FAILED_NO_DETAIL":
            return "curve-wrong-key"
    return "handshake-failed"


def _silence_trouble(text: str) -> str:
    return next((trouble for words, trouble in SILENCES.items() if words in text), "silent")
