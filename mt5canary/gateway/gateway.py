"""The gateway's judgement: from a request's frame to its reply's.

The order is the protocol's: parse; the recorded reply of this uuid; halted; signature; caps; terminal. Whatever
arrives gets an answer.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mt5canary import __version__
from mt5canary.gateway import decoding, paging, reads, resolution, trades, words
from mt5canary.gateway.caps import Caps
from mt5canary.gateway.decoding import Envelope
from mt5canary.gateway.journal import Journal, Record
from mt5canary.gateway.log import Line
from mt5canary.gateway.refusals import Refusal, refusal_reply
from mt5canary.gateway.terminal import AttachedTerminal, TerminalSilent
from mt5canary.wire import requests as wire
from mt5canary.wire import signature

Fields = dict[str, Any]


class Gateway:
    """One gateway for one terminal; ``secret`` is None where signatures are not verified."""

    def __init__(self, terminal: AttachedTerminal, journal: Journal, secret: bytes | None, caps: Caps) -> None:
        self._terminal = terminal
        self._interface = terminal.interface
        self._journal = journal
        self._secret = secret
        self._caps = caps
        self._instance = str(uuid.uuid4())
        self._started_at = time.time()
        self._encode = msgspec.json.Encoder().encode
        terminal_call = self._interface
        self._reads: dict[type[wire.Request], Callable[[Any], Fields]] = {
            wire.Ping: lambda request: {"latency_ms": 0.0},
            wire.Hello: self._hello,
            wire.GetAccount: lambda request: reads.get_account(terminal_call),
            wire.GetPositions: lambda request: reads.get_positions(terminal_call, request),
            wire.GetSymbol: lambda request: reads.get_symbol(terminal_call, request),
            wire.GetTick: lambda request: reads.get_tick(terminal_call, request),
            wire.CheckOrder: lambda request: trades.check_order(terminal_call, request),
            wire.SyncAll: lambda request: {"status": "OK"} | reads.sync_all(terminal_call, request),
            wire.GetDeals: lambda request: reads.get_deals(terminal_call, request),
            wire.GetOrders: lambda request: reads.get_orders(terminal_call, request),
            wire.FindRequest: self._find_request,
        }
        self._controls: dict[type[wire.Request], Callable[[Any], Fields]] = {
            wire.Lease: self._lease,
            wire.Halt: self._halt,
            wire.Resume: self._resume,
        }

    # -- a frame and its answer -----------------------------------------------------------------------------

    def answer(self, frame: bytes) -> tuple[bytes, Line]:
        """Answer a frame, and say in one line what was asked and what became of it."""
        started = time.perf_counter()
        envelope = Envelope()
        try:
            members = decoding.parse(frame)
            envelope = decoding.envelope(members)
            fields = self._carry_out(decoding.decode(members), envelope)
        except Refusal as refusal:
            fields = refusal_reply(envelope.action, refusal)
        except TerminalSilent as silence:
            fields = refusal_reply(envelope.action, Refusal("MT5_TIMEOUT", str(silence), rejected=False))
        except Exception as error:  # the client must not hang because we are wrong
            text = f"the gateway failed: {type(error).__name__}: {error}"
            fields = refusal_reply(envelope.action, Refusal("MT5_TIMEOUT", text, rejected=False))
        reply = self._finished(envelope, fields)
        return self._written(reply), Line.of(envelope, reply, (time.perf_counter() - started) * 1000)

    def _finished(self, envelope: Envelope, fields: Fields) -> Fields:
        reply = {"uuid": envelope.uuid, "status": "ok", "server_time": words.rfc3339(time.time())} | fields
        if envelope.nonce is not None:
            reply["nonce"] = envelope.nonce
        return reply

    def _written(self, reply: Fields) -> bytes:
        return paging.fitted(reply, self._encode)

    def _carry_out(self, request: wire.Request, envelope: Envelope) -> Fields:
        read = self._reads.get(type(request))
        if read is not None:
            return read(request)
        if recorded := self._recorded(request):
            return recorded
        if isinstance(request, wire.Open) and self._journal.halt_reason is not None:
            raise Refusal("HALTED", f"halted: {self._journal.halt_reason}")
        signed_at = self._verified(request)
        if control := self._controls.get(type(request)):
            self._check_age(signed_at)
            return control(request)
        return self._trade(request, envelope, signed_at)

    # -- signatures -----------------------------------------------------------------------------------------

    def _verified(self, request: wire.Request) -> datetime | None:
        if self._secret is None:
            return None
        account = reads.account_info(self._interface)
        text = getattr(request, "risk_signature", "")
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

    def _recorded(self, request: wire.Request) -> Fields | None:
        record = self._journal.find(request.uuid)
        if record is None:
            return None
        if (record.action, record.body) != (str(request.__struct_config__.tag), decoding.body(request)):
            raise Refusal("UUID_REUSED", f"this uuid was a {record.action} with another body", retcode=0)
        return self._resolved(record)

    def _resolved(self, record: Record) -> Fields | None:
        """The reply of a request that is already known; None where it turned out never to have been carried out."""
        if record.reply is None or record.unknown:
            return resolution.resolve(self._terminal, self._journal, record, time.time(), self._encode)
        return _recorded_fields(record.reply)

    def _trade(self, request: wire.Request, envelope: Envelope, signed_at: datetime | None) -> Fields:
        if isinstance(request, wire.Open):
            self._caps.judge(request, self._interface, self._journal, time.time())
        self._check_age(signed_at)
        frame = msgspec.json.encode(request)
        action = str(request.__struct_config__.tag)
        self._journal.begin(request.uuid, action, decoding.body(request), frame, time.time())
        unknown, orders = False, tuple[int, ...]()
        try:
            fields, orders = self._ask_terminal(request, lambda: self._last_look(request, signed_at))
        except trades.Unknown as refusal:
            unknown, orders = True, (refusal.order,) if refusal.order else ()
            fields = refusal_reply(action, refusal)
        except Refusal as refusal:
            fields = refusal_reply(action, refusal)
        except TerminalSilent as silence:
            unknown = True
            fields = refusal_reply(action, Refusal("MT5_TIMEOUT", str(silence), rejected=False))
        reply = self._written(self._finished(envelope, fields))
        self._journal.finish(request.uuid, reply, orders, time.time(), unknown)
        return fields

    def _last_look(self, request: wire.Request, signed_at: datetime | None) -> None:
        """What is judged at the last moment before a request goes to the terminal."""
        if isinstance(request, wire.Open) and self._journal.halt_reason is not None:
            raise Refusal("HALTED", f"halted: {self._journal.halt_reason}")
        if not isinstance(request, wire.CloseAll):
            self._check_age(signed_at)

    def _ask_terminal(self, request: wire.Request, before: trades.BeforeSending) -> trades.Outcome:
        match request:
            case wire.Open():
                return trades.open_position(self._interface, request, before)
            case wire.Close():
                return trades.close_position(self._interface, request, before)
            case wire.CloseAll():
                magic = request.magic if isinstance(request.magic, int) else None
                return trades.close_all(self._interface, magic, "close all", before)
        raise Refusal("UNKNOWN_ACTION", f"{type(request).__name__} cannot trade")

    # -- the gateway's own actions --------------------------------------------------------------------------

    def _hello(self, request: wire.Hello) -> Fields:
        account = reads.account_info(self._interface)
        terminal = self._interface.terminal_info()
        if terminal is None:
            raise reads.not_answered(self._interface, "MT5_NOT_CONNECTED", "no terminal information")
        halt_reason = self._journal.halt_reason
        return {
            "protocol": "4.3",
            "gateway": {
                "name": "mt5canary", "version": __version__, "instance": self._instance,
                "started_at": words.rfc3339(self._started_at),
            },
            "capabilities": sorted(wire.REQUESTS),
            "terminal": {
                "kind": self._terminal.kind, "name": terminal.name, "company": terminal.company,
                "build": terminal.build, "connected": terminal.connected,
                "trade_allowed": terminal.trade_allowed, "tradeapi_disabled": terminal.tradeapi_disabled,
                "ping_last_us": terminal.ping_last,
            },
            "account": {
                "login": account.login, "server": account.server, "company": account.company,
                "trade_mode": words.word(words.TRADE_MODES, account.trade_mode),
                "margin_mode": words.word(words.MARGIN_MODES, account.margin_mode),
                "leverage": account.leverage, "currency": account.currency,
                "trade_allowed": account.trade_allowed, "trade_expert": account.trade_expert,
            },
            "halted": halt_reason is not None, "halt_reason": halt_reason or "",
        }  # fmt: skip

    def _find_request(self, request: wire.FindRequest) -> Fields:
        record = self._journal.find(request.request_uuid)
        if record is None:
            return {"known": False}
        try:
            fields = self._resolved(record)
        except Refusal:
            return {"known": True, "state": "in_flight"}
        if fields is None:
            return {"known": False}
        latest = self._journal.find(request.request_uuid)
        assert latest is not None
        assert latest.reply is not None
        return {"known": True, "state": "done", "reply": msgspec.json.decode(latest.reply)}

    def _lease(self, request: wire.Lease) -> Fields:
        now = datetime.now(UTC)
        expires = now + timedelta(seconds=request.seconds)
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

    def enforce_leases(self) -> list[Line]:
        """Close the positions of every magic number whose lease has ended; a line for each attempt."""
        lines = []
        for magic, expires in self._journal.leases().items():
            if expires <= time.time():
                lines.append(self._end_lease(magic))
        return lines

    def _end_lease(self, magic: int) -> Line:
        started = time.perf_counter()
        envelope = Envelope(action="LEASE_EXPIRED")
        try:
            outcome = trades.close_all(self._interface, magic, "lease expired", lambda: None)
            fields = outcome.fields
        except Refusal as refusal:
            fields = refusal_reply("LEASE_EXPIRED", refusal)
        except TerminalSilent as silence:
            fields = refusal_reply("LEASE_EXPIRED", Refusal("MT5_TIMEOUT", str(silence)))
        if fields["status"] == "ok":  # otherwise it is tried again on the next pass
            self._journal.end_lease(magic)
        line = Line.of(envelope, fields, (time.perf_counter() - started) * 1000)
        return line.with_detail(magic=magic, closed=[entry["position"] for entry in fields.get("closed", ())])

    def resolve_in_flight(self) -> list[Line]:
        """At a start: find out what became of the requests that the last run left without a reply."""
        lines = []
        for record in self._journal.in_flight():
            started = time.perf_counter()
            envelope = Envelope(uuid=record.uuid, action=record.action)
            try:
                fields = self._resolved(record) or {"status": "error", "error_msg": "never reached the terminal"}
            except Refusal as refusal:
                fields = refusal_reply(record.action, refusal)
            line = Line.of(envelope, fields, (time.perf_counter() - started) * 1000)
            lines.append(line.with_detail(resolved_at_start=True))
        return lines


def _recorded_fields(reply: bytes) -> Fields:
    """A recorded reply without what belongs to the frame that carried it."""
    fields: Fields = msgspec.json.decode(reply)
    for name in ("nonce", "server_time"):
        fields.pop(name, None)
    return fields
