"""A client written from docs/wire-protocol.md alone: it imports nothing of this project."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import zmq

SIGNED = {
    "OPEN": ("symbol", "type", "volume", "price", "sl", "tp", "deviation", "magic", "comment"),
    "CLOSE": ("ticket", "volume"),
    "CLOSE_ALL": ("magic", "reason"),
    "LEASE": ("magic", "seconds"),
    "HALT": ("reason",),
    "RESUME": ("reason",),
}
DEFAULTS = {"price": 0, "sl": 0, "tp": 0, "deviation": 20, "magic": 0, "comment": ""}


def decimal_text(value: Any) -> str:
    """A number in its shortest decimal form without exponent; a text as it is; nothing as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    text = format(Decimal(str(value)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def signature(secret: bytes, message: dict[str, Any], server: str, login: int, age: timedelta = timedelta()) -> str:
    """The risk signature of a request, made ``age`` ago."""
    time = (datetime.now(UTC) - age).strftime("%Y%m%dT%H%M%S.%fZ")
    action = message["action"]
    values = [
        "account" if name == "magic" and message.get("scope") == "account" else message.get(name, DEFAULTS.get(name))
        for name in SIGNED[action]
    ]
    fields = [message["uuid"], action, server, str(login), *map(decimal_text, values), time]
    checksum = hmac.new(secret, "|".join(fields).encode(), hashlib.sha256).hexdigest()
    return f"RISK_PASS:{checksum}:{time}"


class Client:
    """A REQ socket and the account that requests are signed for."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, secret: bytes | None = None) -> None:
        self._context, self._endpoint, self._secret = context, endpoint, secret
        self.account: dict[str, Any] = {}
        self.socket = self._connect()

    def _connect(self) -> zmq.Socket[Any]:
        socket = self._context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.REQ_CORRELATE, 1)
        socket.setsockopt(zmq.REQ_RELAXED, 1)
        socket.connect(self._endpoint)
        return socket

    def raw(self, frame: bytes, seconds: float = 20.0) -> bytes:
        """Send a frame and return the reply's; TimeoutError where there is none."""
        self.socket.send(frame)
        if not self.socket.poll(int(seconds * 1000)):
            raise TimeoutError(f"no reply in {seconds} s")
        return self.socket.recv()

    def send(self, message: dict[str, Any], seconds: float = 20.0) -> dict[str, Any]:
        """Send a message as it is."""
        return json.loads(self.raw(json.dumps(message).encode(), seconds))

    def message(self, action: str, **fields: Any) -> dict[str, Any]:
        """A request, signed where it must be."""
        message = {"uuid": str(uuid.uuid4()), "action": action, "timestamp": datetime.now(UTC).isoformat()} | fields
        return self.signed(message) if action in SIGNED and self._secret else message

    def signed(self, message: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """The message with a fresh signature."""
        account = self.account | changed
        assert self._secret is not None
        age = account.get("age", timedelta())
        text = signature(account.get("secret", self._secret), message, account["server"], account["login"], age)
        return message | {"risk_signature": text}

    def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """Send a request and return its reply, which must be this request's."""
        message = self.message(action, **fields)
        reply = self.send(message)
        assert reply["uuid"] == message["uuid"]
        return reply

    def hello(self) -> dict[str, Any]:
        """Say HELLO and remember the account."""
        nonce = uuid.uuid4().hex
        reply = self.ask("HELLO", nonce=nonce)
        assert reply["nonce"] == nonce
        self.account = {name: reply["account"][name] for name in ("server", "login")}
        return reply

    def open(self, **fields: Any) -> dict[str, Any]:
        """OPEN the canary's order, or a variant of it."""
        order = {"symbol": "EURUSD", "type": "BUY", "volume": 0.001, "magic": 1196, "comment": "canary"}
        return self.ask("OPEN", **order | fields)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
