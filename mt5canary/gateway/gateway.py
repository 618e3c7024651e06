"""The gateway's judgement: from a request's frame to its reply's.

The order is the protocol's: parse; the recorded reply of this uuid; halted; signature; caps; terminal. Whatever
arrives gets an answer. What needs the terminal is done by the worker, one request at a time (``ask``); the rest is
answered at once (``accept``), also while a terminal call hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from mt5canary.gateway import decoding, paging, reads, trades, words
from mt5canary.gateway.caps import Caps
from mt5canary.gateway.decoding import Envelope
from mt5canary.gateway.freshness import Freshness
from mt5canary.gateway.identity import Identity
from mt5canary.gateway.journal import Journal, Record
from mt5canary.gateway.log import Line
from mt5canary.gateway.refusals import Refusal, refusal_reply
from mt5canary.gateway.resolution import Resolution
from mt5canary.gateway.results import AccountInfo
from mt5canary.gateway.terminal import AttachedTerminal, TerminalSilent
from mt5canary.wire import requests as wire
from mt5canary.wire import signature

Fields = dict[str, Any]

READ_SECONDS = 4.0
TRADE_SECONDS = 14.0
CLOSE_ALL_SECONDS = 55.0
HELLO_SECONDS = 1.0


class Answer(NamedTuple):
    """A reply's frame, and the line that the log gets about it."""

    frame: bytes
    line: Line


class Task(NamedTuple):
    """A request that needs the terminal.

    ``seconds`` is how long its client may be left without an answer; after that it gets ``Gateway.overdue``.
    """

    request: wire.Request
    envelope: Envelope
    seconds: float
    received: float


class Gateway:
    """One gateway for one terminal; ``secret`` is None where signatures are not verified."""

    def __init__(self, terminal: AttachedTerminal, journal: Journal, secret: bytes | None, caps: Caps) -> None:
        self._interface = terminal.interface
        self._journal = journal
        self._secret = secret
        self._caps = caps
        self._encode = msgspec.json.Encoder().encode
        self._resolution = Resolution(terminal, journal, self._encode)
        self._freshness = Freshness(self._interface)
        self.identity = Identity(terminal)
        self._at_once: dict[type[wire.Request], Callable[[Any], Fields]] = {
            wire.Lease: lambda request: self._control(request, self._lease),
            wire.Halt: lambda request: self._control(request, self._halt),
            wire.Resume: lambda request: self._control(request, self._resume),
        }
        self._reads: dict[type[wire.Request], Callable[[Any], Fields]] = {
            wire.Hello: self._hello,
            wire.GetAccount: lambda request: reads.get_account(self._interface),
            wire.GetPositions: lambda request: reads.get_positions(self._interface, request),
            wire.GetSymbol: lambda request: reads.get_symbol(self._interface, self._freshness, request),
            wire.GetTick: lambda request: reads.get_tick(self._interface, request),
            wire.CheckOrder: lambda request: trades.check_order(self._interface, request),
            wire.SyncAll: lambda request: {"status": "OK"} | reads.sync_all(self._interface, request),
            wire.GetDeals: lambda request: reads.get_deals(self._interface, request),
            wire.GetOrders: lambda request: reads.get_orders(self._interface, request),
            wire.FindRequest: self._find_request,
        }

    # -- a frame and its answer -----------------------------------------------------------------------------

    def accept(self, frame: bytes) -> Answer | Task:
        """Answer a frame at once, or say what must be asked of the terminal."""
        received = time.perf_counter()
        envelope = Envelope()
        try:
            members = decoding.parse(frame)
            envelope = decoding.envelope(members)
            request = decoding.decode(members)
        except Refusal as refusal:
            return self._answer(envelope, refusal_reply(envelope.action, refusal), received)
        except Exception as error:  # nobody's frame may end the loop
            unread = Refusal("INVALID_JSON", f"the gateway cannot read this: {type(error).__name__}: {error}")
            return self._answer(envelope, refusal_reply(envelope.action, unread), received)
        if isinstance(request, wire.Ping):
            return self._answer(envelope, {"latency_ms": round((time.perf_counter() - received) * 1000, 3)}, received)
        handle = self._at_once.get(type(request))
        if handle is None:
            return Task(request, envelope, _patience(request), received)
        return self._answer(envelope, self._guarded(envelope.action, lambda: handle(request)), received)

    def ask(self, task: Task) -> Answer:
        """Carry out what needs the terminal; called by the worker."""
        fields = self._guarded(task.envelope.action, lambda: self._carry_out(task.request, task.envelope))
        return self._answer(task.envelope, fields, task.received)

    def overdue(self, task: Task, begun: bool) -> Answer:
        """The answer to a request that the terminal kept waiting; one that had not begun will not be carried out."""
        action = task.envelope.action
        if isinstance(task.request, wire.Hello) and self.identity.sighting is not None:
            fields = self.identity.told(self.identity.sighting, False, sorted(wire.REQUESTS)) | self._halt_told()
        elif isinstance(task.request, wire.FindRequest):
            fields = {"known": True, "state": "in_flight"}
        elif begun:
            text = f"the terminal has not answered for {task.seconds:.0f} s"
            fields = refusal_reply(action, Refusal("MT5_TIMEOUT", text, rejected=False))
        else:
            text = f"not carried out: the terminal was busy with an earlier request for {task.seconds:.0f} s"
            fields = refusal_reply(action, Refusal("MT5_NOT_CONNECTED", text))
        return self._answer(task.envelope, fields, task.received)

    def _guarded(self, action: str, work: Callable[[], Fields]) -> Fields:
        try:
            return work()
        except Refusal as refusal:
            return refusal_reply(action, refusal)
        except TerminalSilent as silence:
            return refusal_reply(action, Refusal("MT5_TIMEOUT", str(silence), rejected=False))
        except Exception as error:  # a client that hangs because we are wrong would know even less
            text = f"the gateway failed: {type(error).__name__}: {error}"
            return refusal_reply(action, Refusal("MT5_TIMEOUT", text, rejected=False))

    def _answer(self, envelope: Envelope, fields: Fields, received: float) -> Answer:
        reply = self._finished(envelope, fields)
        line = Line(envelope, reply, (time.perf_counter() - received) * 1000)
        return Answer(paging.fitted(reply, self._encode), line)

    def _finished(self, envelope: Envelope, fields: Fields) -> Fields:
        reply = {"uuid": envelope.uuid, "status": "ok", "server_time": words.rfc3339(time.time()), **fields}
        if envelope.nonce is not None:
            reply["nonce"] = envelope.nonce
        return reply

    def _carry_out(self, request: wire.Request, envelope: Envelope) -> Fields:
        read = self._reads.get(type(request))
        if read is not None:
            return read(request)
        if recorded := self._recorded(request):
            return recorded
        self._check_halt(request)
        assert isinstance(request, trades.Trading)  # every other kind has been dealt with
        signed_at = self._verified(request, lambda: reads.account_info(self._interface))
        return self._trade(request, envelope, signed_at)

    # -- judgement ------------------------------------------------------------------------------------------

    def _recorded(self, request: wire.Request) -> Fields | None:
        """The reply that this uuid already got; None where it is new, or turned out never to have been carried out."""
        record = self._journal.find(request.uuid)
        if record is None:
            return None
        if (record.action, record.body) != (str(request.__struct_config__.tag), decoding.body(request)):
            raise Refusal("UUID_REUSED", f"this uuid was a {record.action} with another body")
        return self._resolved(record)

    def _resolved(self, record: Record) -> Fields | None:
        if record.reply is None or record.unknown:
            return self._resolution.resolve(record, time.time())
        fields: Fields = msgspec.json.decode(record.reply)
        return {name: value for name, value in fields.items() if name not in ("nonce", "server_time")}

    def _check_halt(self, request: wire.Request) -> None:
        if isinstance(request, wire.Open) and self._journal.halt_reason is not None:
            raise Refusal("HALTED", f"halted: {self._journal.halt_reason}")

    def _verified(self, request: wire.Request, account_now: Callable[[], AccountInfo]) -> datetime | None:
        """When a request was signed; None where no secret is set. Raises Refusal."""
        if self._secret is None:
            return None
        account, text = account_now(), getattr(request, "risk_signature", "")
        try:
            return signature.verify(self._secret, text, request, account.server, account.login)
        except signature.SignatureError as error:
            raise Refusal("RISK_SIGNATURE_INVALID", f"risk_signature: {error}") from None

    def _check_age(self, signed_at: datetime | None) -> None:
        if signed_at is None:
            return
        try:
            signature.check_age(signed_at, datetime.now(UTC))
        except signature.SignatureError as error:
            raise Refusal("RISK_SIGNATURE_INVALID", f"risk_signature: {error}") from None

    # -- trading --------------------------------------------------------------------------------------------

    def _trade(self, request: trades.Trading, envelope: Envelope, signed_at: datetime | None) -> Fields:
        if isinstance(request, wire.Open):
            self._caps.judge(request, self._interface, self._journal, time.time())
        self._check_age(signed_at)
        prepared = trades.prepare(self._interface, request)
        self._journal.begin(self._record(prepared))
        unknown, orders = False, tuple[int, ...]()
        try:
            fields, orders = self._ask_terminal(prepared, signed_at)
        except trades.Unknown as refusal:
            unknown, orders = True, (refusal.order,) if refusal.order else ()
            fields = refusal_reply(envelope.action, refusal)
        except Refusal as refusal:
            fields = refusal_reply(envelope.action, refusal)
        except TerminalSilent as silence:
            unknown = True
            fields = refusal_reply(envelope.action, Refusal("MT5_TIMEOUT", str(silence), rejected=False))
        self._journal.finish(request.uuid, self._encode(self._finished(envelope, fields)), orders, time.time(), unknown)
        return fields

    def _record(self, prepared: trades.Prepared) -> Record:
        request = prepared.request
        action, body = str(request.__struct_config__.tag), decoding.body(request)
        return Record(request.uuid, action, body, self._encode(request), time.time(), prepared.server_msc, None, False)

    def _ask_terminal(self, prepared: trades.Prepared, signed_at: datetime | None) -> trades.Outcome:
        request = prepared.request

        def last_look() -> None:
            self._check_halt(request)
            self._check_age(signed_at)

        match request:
            case wire.Open():
                return trades.open_position(self._interface, request, prepared.order, last_look)
            case wire.Close():
                return trades.close_position(self._interface, request, last_look)
            case wire.CloseAll():
                self._check_age(signed_at)  # once: closing many takes longer than a signature lives
                magic = request.magic if isinstance(request.magic, int) else None
                return trades.close_all(self._interface, magic, "close all")

    # -- the gateway's own actions --------------------------------------------------------------------------

    def _hello(self, request: wire.Hello) -> Fields:
        sighting = self.identity.look()
        told = self.identity.told(sighting, sighting.terminal.connected, sorted(wire.REQUESTS))
        return told | self._halt_told()

    def _halt_told(self) -> Fields:
        reason = self._journal.halt_reason
        return {"halted": reason is not None, "halt_reason": reason or ""}

    def _find_request(self, request: wire.FindRequest) -> Fields:
        record = self._journal.find(request.request_uuid)
        if record is None:
            return {"known": False}
        try:
            fields = self._resolved(record)
        except (trades.Unknown, TerminalSilent):
            return {"known": True, "state": "in_flight"}
        if fields is None:
            return {"known": False}
        latest = self._journal.find(request.request_uuid) or record
        return {"known": True, "state": "done", "reply": msgspec.Raw(latest.reply or b"null")}

    def _control(self, request: wire.Request, change: Callable[[Any], Fields]) -> Fields:
        """Judge an action that changes the gateway itself, do it, and remember that it was done. Raises Refusal."""
        if recorded := self._recorded(request):
            return recorded
        self._check_age(self._verified(request, self._account_seen))
        fields = change(request)
        action, body = str(request.__struct_config__.tag), decoding.body(request)
        reply = self._encode(self._finished(Envelope(request.uuid), fields))
        self._journal.begin(Record(request.uuid, action, body, b"", time.time(), 0, reply, False))
        return fields

    def _account_seen(self) -> AccountInfo:
        """The account as last seen: the loop must not ask the terminal, whose one connection is the worker's."""
        if self.identity.sighting is None:
            raise Refusal("MT5_NOT_CONNECTED", "the terminal has not said yet which account this is")
        return self.identity.sighting.account

    def _lease(self, request: wire.Lease) -> Fields:
        expires = datetime.now(UTC) + timedelta(seconds=request.seconds)
        if request.seconds:
            self._journal.lease(request.magic, expires.timestamp())
        else:
            self._journal.end_lease(request.magic)
        return {"expires_at": words.rfc3339(expires.timestamp())}

    def _halt(self, request: wire.Halt) -> Fields:
        self._journal.halt(request.reason, time.time())
        return {"halted": True}

    def _resume(self, request: wire.Resume) -> Fields:
        self._journal.resume()
        return {"halted": False}

    # -- what happens without being asked -------------------------------------------------------------------

    def expired_leases(self) -> list[int]:
        """The magic numbers whose lease has ended."""
        now = time.time()
        return [magic for magic, expires in self._journal.leases.items() if expires <= now]

    def enforce_lease(self, magic: int) -> Line:
        """Close the positions of a magic number whose lease has ended; called by the worker."""
        started = time.perf_counter()
        if magic not in self.expired_leases():  # renewed while this waited for the terminal
            return Line(Envelope(action="LEASE_RENEWED"), {"status": "ok"}, 0.0)
        fields = self._guarded("LEASE_EXPIRED", lambda: self._close_leased(magic))
        if fields["status"] == "ok":  # otherwise it is tried again
            self._journal.end_lease(magic)
        line = Line(Envelope(action="LEASE_EXPIRED"), fields, (time.perf_counter() - started) * 1000)
        return line.with_detail(magic=magic, closed=[entry["position"] for entry in fields.get("closed", ())])

    def _close_leased(self, magic: int) -> Fields:
        outcome = trades.close_all(self._interface, magic, "lease expired")
        self._journal.claim(outcome.orders, f"lease of {magic}", time.time())
        return outcome.fields

    def look_after_terminal(self) -> None:
        """Look at who is there and at the watched quotes. Raises Refusal or TerminalSilent."""
        self.identity.look()
        self._freshness.look()

    def resolve_in_flight(self) -> list[Line]:
        """At a start: find out what became of the requests that the last run left without a reply."""
        return [self._resolve_at_start(record) for record in self._journal.in_flight()]

    def _resolve_at_start(self, record: Record) -> Line:
        started = time.perf_counter()
        never: Fields = {"status": "error", "error_msg": "was never carried out"}
        fields = self._guarded(record.action, lambda: self._resolved(record) or never)
        line = Line(Envelope(record.uuid, None, record.action), fields, (time.perf_counter() - started) * 1000)
        return line.with_detail(resolved_at_start=True)


def _patience(request: wire.Request) -> float:
    match request:
        case wire.Open() | wire.Close():
            return TRADE_SECONDS
        case wire.CloseAll():
            return CLOSE_ALL_SECONDS
        case wire.Hello():
            return HELLO_SECONDS
    return READ_SECONDS
