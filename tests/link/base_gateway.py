"""An honest gateway of the base protocol, written from docs/wire-protocol.md, part A, alone.

It imports nothing of this project. It answers what an account's owner may ask, and ``UNKNOWN_ACTION`` to the rest.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import zmq


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class BaseGateway:
    """A REP socket in a thread; ``frames`` is every request as it came."""

    def __init__(self, **account: Any) -> None:
        self.frames: list[bytes] = []
        self._account = {
            "balance": 200.0,
            "equity": 200.0,
            "margin": 0.0,
            "free_margin": 200.0,
            "margin_level": 0.0,
            "currency": "USD",
        } | account
        self._stopping = threading.Event()
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.REP)
        self._socket.setsockopt(zmq.LINGER, 0)
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> BaseGateway:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._context.destroy(linger=0)

    @property
    def actions(self) -> list[str]:
        """The actions asked for, in order."""
        return [json.loads(frame)["action"] for frame in self.frames]

    def _serve(self) -> None:
        while not self._stopping.is_set():
            if self._socket.poll(20):
                frame = self._socket.recv()
                self.frames.append(frame)
                request = json.loads(frame)
                self._socket.send(json.dumps({"uuid": request["uuid"], **self._answer(request)}).encode())

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["action"]:
            case "PING":
                return {"status": "ok", "server_time": _now(), "latency_ms": 0.1}
            case "GET_ACCOUNT":
                return {"status": "ok", "timestamp": _now(), **self._account}
            case "GET_POSITIONS":
                return {"status": "ok", "timestamp": _now(), "positions": []}
        return {"status": "error", "error_code": "UNKNOWN_ACTION", "error_msg": f"unknown: {request['action']}"}
