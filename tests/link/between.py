"""A gateway that lies: it passes requests on to a real one, or answers as its rule says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import zmq

Frames = list[bytes]
Answer = bytes | Frames | None
"""One reply, several frames, or none at all."""


class Twice(bytes):
    """A reply that is sent two times."""


class HangUp(bytes):
    """No reply: every connection is ended instead, and new ones are taken."""


PassOn = Callable[[], bytes]
Rule = Callable[[dict[str, Any], PassOn], Answer]


def honest(request: dict[str, Any], pass_on: PassOn) -> Answer:
    """Answer what the real gateway answers."""
    return pass_on()


def answer(request: dict[str, Any], **members: Any) -> bytes:
    """A reply to a request, as JSON."""
    return json.dumps({"uuid": request.get("uuid"), "status": "ok", **members}).encode()


def pong(request: dict[str, Any], **members: Any) -> bytes:
    """The right reply to ``PING``, or that with some members changed."""
    return answer(request, **({"nonce": request.get("nonce"), "server_time": "2026-01-16T18:17:13.285050Z"} | members))


class Between:
    """A ROUTER socket in a thread, beside what it received, in order; ``rule`` may be changed at any time."""

    def __init__(self, rule: Rule = honest, upstream: str | None = None, url: str | None = None) -> None:
        self.rule = rule
        self.received: list[dict[str, Any]] = []
        self.upstream = upstream
        self._stopping = threading.Event()
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._listening(url or "tcp://127.0.0.1:*")
        self.url = str(self._socket.getsockopt_string(zmq.LAST_ENDPOINT))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _listening(self, url: str) -> zmq.Socket[bytes]:
        """A socket that listens, as soon as whoever had the address before has let go of it."""
        socket: zmq.Socket[bytes] = self._context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        while True:
            try:
                socket.bind(url)
                return socket
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE or url.endswith("*"):
                    raise

    def __enter__(self) -> Between:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._context.destroy(linger=0)

    @property
    def actions(self) -> list[str]:
        """The actions that came, in order."""
        return [request["action"] for request in self.received]

    def _serve(self) -> None:
        while not self._stopping.is_set():
            if not self._socket.poll(20):
                continue
            *envelope, frame = self._socket.recv_multipart()
            request = json.loads(frame)
            self.received.append(request)
            said = self.rule(request, lambda frame=frame: self._forward(frame))  # type: ignore[misc]
            if isinstance(said, HangUp):
                self._socket.close()
                self._socket = self._listening(self.url)
            elif said is not None:
                for _ in range(2 if isinstance(said, Twice) else 1):
                    self._socket.send_multipart([*envelope, *([said] if isinstance(said, bytes) else said)])

    def _forward(self, frame: bytes) -> bytes:
        assert self.upstream is not None
        socket = self._context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, 10_000)
        try:
            socket.connect(self.upstream)
            socket.send(frame)
            return bytes(socket.recv())
        finally:
            socket.close()
