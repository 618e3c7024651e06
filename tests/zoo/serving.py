"""How a zoo gateway listens and judges: frames, envelope, uuid, signature, in the protocol's order.

Written from docs/wire-protocol.md alone.
"""

from __future__ import annotations

import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zmq

from tests.zoo import signing

Row = dict[str, Any]

REQUEST_LIMIT = 65_536
ONCE = ("OPEN", "CLOSE", "CLOSE_ALL")
"""The actions whose uuid is good for one trade."""

ACTIONS = (
    *("PING", "HELLO", "GET_ACCOUNT", "GET_POSITIONS", "GET_SYMBOL", "GET_TICK", "GET_DEALS", "GET_ORDERS"),
    *("CHECK_ORDER", "FIND_REQUEST", "SYNC_ALL", "OPEN", "CLOSE", "CLOSE_ALL", "LEASE", "HALT", "RESUME"),
)


def now() -> str:
    """This instant, RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, code: str, text: str, status: str = "error", **more: Any) -> None:
        super().__init__(text)
        self.fields = {"status": status, "error_code": code, "error_msg": text, **more}


def rejected(code: str, text: str, retcode: int = 0) -> Refusal:
    """An order that is refused."""
    return Refusal(code, text, "REJECTED", retcode=retcode)


class Server(ABC):
    """One REP socket; ``folder`` keeps what must outlive the process, ``probes`` counts the PINGs since the fill.

    Each action is a method of its lower-case name, which returns the reply's own fields or raises Refusal.
    """

    def __init__(self, folder: Path, secret: bytes) -> None:
        self.folder = folder
        self._secret = secret
        self.instance = str(uuid.uuid4())
        self.started_at = now()
        self.has_filled = False
        self.probes = 0
        self._memory = folder / "requests.jsonl"
        self._halt_file = folder / "halted"
        self._known: dict[str, tuple[str, Row | None]] = {}
        for line in self._memory.read_text().splitlines() if self._memory.exists() else ():
            entry = json.loads(line)
            self._known[entry["uuid"]] = (entry["body"], entry["reply"])

    @abstractmethod
    def account_identity(self) -> Row:
        """Whose account it is."""

    def capabilities(self) -> tuple[str, ...]:
        """The actions that this gateway answers."""
        return ACTIONS

    def idle(self) -> None:  # noqa: B027 -- most have nothing to do then
        """What is to be done between two requests."""

    def serve(self, bind: str) -> None:
        """Answer on one REP socket for ever."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        socket = _bound(context, bind)
        print(f"listening on {bind}", flush=True)
        while True:
            if socket.poll(50):
                answer = self.handle(socket.recv())
                if answer is None:
                    socket.close(0)
                    socket = _bound(context, bind)
                else:
                    socket.send(answer)
            self.idle()

    def handle(self, frame: bytes) -> bytes | None:
        """A frame's reply; None hangs up instead."""
        try:
            if len(frame) > REQUEST_LIMIT:
                raise Refusal("FRAME_TOO_LARGE", f"{len(frame)} bytes")
            request = json.loads(frame.decode(), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
            if not isinstance(request, dict):
                raise ValueError("not an object")
        except Refusal as refusal:
            return json.dumps({"uuid": "", **refusal.fields}).encode()
        except ValueError as error:
            return json.dumps({"uuid": "", **Refusal("INVALID_JSON", str(error)).fields}).encode()
        return self.encode(self.reply(request))

    def encode(self, reply: Row) -> bytes:
        """A reply as it goes over the wire."""
        return json.dumps(reply).encode()

    def reply(self, request: Row) -> Row:
        """A request's whole reply: the envelope, and what its action answers."""
        self.probes += self.has_filled and request.get("action") == "PING"
        envelope = {"uuid": request.get("uuid", ""), "server_time": now()}
        if "nonce" in request:
            envelope["nonce"] = request["nonce"]
        try:
            return {**envelope, "status": "ok", **self.act(request)}
        except Refusal as refusal:
            return {**envelope, **refusal.fields}
        except KeyError as missing:
            return {**envelope, **Refusal("MISSING_FIELD", f"{missing} is missing").fields}

    def act(self, request: Row) -> Row:
        """Judge a request in the protocol's order and do what it asks."""
        action = request.get("action")
        if action is None:
            raise Refusal("MISSING_ACTION", "no action")
        if action not in self.capabilities():
            raise Refusal("UNKNOWN_ACTION", f"Unknown Command {action}")
        perform: Callable[[Row], Row] = getattr(self, action.lower())
        if action not in signing.SIGNED:
            return perform(request)
        if action not in ONCE:
            self.require_signature(request)
            return perform(request)
        return self.once(request, perform)

    def once(self, request: Row, perform: Callable[[Row], Row]) -> Row:
        """Do what changes the books once for a uuid; the same again gets the same reply."""
        body = signing.signed_text(request, "", 0, "")
        known = self._known.get(request["uuid"])
        if known is not None:
            if known[0] != body:
                raise Refusal("UUID_REUSED", "another body was sent under this uuid")
            return dict(known[1] or Refusal("MT5_TIMEOUT", "its outcome is unknown").fields)
        self.remember(request["uuid"], body, None)
        try:
            if request["action"] == "OPEN" and self.is_halted():
                raise rejected("HALTED", "the gateway is halted")
            self.require_signature(request)
            fields = {"status": "ok", **perform(request)}
        except Refusal as refusal:
            fields = refusal.fields
        self.remember(request["uuid"], body, fields)
        return fields

    def remember(self, request_uuid: str, body: str, reply: Row | None) -> None:
        """Keep what was asked, and later what was answered, on the disk."""
        self._known[request_uuid] = (body, reply)
        with self._memory.open("a") as file:
            file.write(json.dumps({"uuid": request_uuid, "body": body, "reply": reply}) + "\n")

    def require_signature(self, request: Row) -> None:
        """Refuse what is not signed for this account, now."""
        who = self.account_identity()
        wrong = signing.why_invalid(request, self._secret, who["server"], who["login"])
        if wrong is not None:
            raise Refusal("RISK_SIGNATURE_INVALID", wrong, "REJECTED" if request["action"] in ONCE[:2] else "error")

    def is_halted(self) -> bool:
        """Whether orders are refused."""
        return self._halt_file.exists()

    def halt(self, request: Row) -> Row:
        """Refuse every order from now on, over a restart too."""
        self._halt_file.write_text(request["reason"])
        return {"halted": True}

    def resume(self, request: Row) -> Row:
        """Take orders again."""
        self._halt_file.unlink(missing_ok=True)
        return {"halted": False}


def _bound(context: zmq.Context[zmq.Socket[bytes]], bind: str) -> zmq.Socket[bytes]:
    """A REP socket that listens, as soon as whoever had the address before has let go of it."""
    socket = context.socket(zmq.REP)
    while True:
        try:
            socket.bind(bind)
            return socket
        except zmq.ZMQError:
            time.sleep(0.01)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> Row:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
