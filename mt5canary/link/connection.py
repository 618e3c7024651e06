"""One TCP connection to one gateway, watched through the socket's monitor.

``zmq_connect`` returns at once and says nothing; what counts is the monitor's ``CONNECTED`` and
``HANDSHAKE_SUCCEEDED``. A connection is used until its first failure and never reconnects by itself, so every
reply belongs to the one pair of addresses recorded here. The options keep a closed socket from delivering its
request later: closing alone does not, for the kernel goes on delivering (libzmq's ZMQ_TCP_MAXRT bounds that).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket as sockets
import struct
import sys
import time
from collections.abc import Iterator, Sequence

import zmq
from msgspec import Struct

from mt5canary.errors import LinkFinding
from mt5canary.wire.frames import REPLY_LIMIT

CONNECT_SECONDS = 3.0
"""How long the TCP connection and the ZMTP handshake may take together."""

GIVE_UP_MILLISECONDS = 5_000
"""How long the kernel may go on trying to deliver what was sent (TCP_MAXRT)."""


SLICE_MILLISECONDS = 200
"""How long a reply is waited for before the monitor is asked whether the connection still stands."""

NEVER_STOOD = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
"""Errors that only a TCP connection has that never came about.

Linux may call a socket connected for a moment before it tells of them (measured under load: one refusal in 1,200 to
12,000), so a first use that ends with one of them takes the claim back.
"""

MECHANISM_MISMATCH = 0x11000002
"""The value of ``HANDSHAKE_FAILED_PROTOCOL`` where one end wants CURVE and the other does not."""


class SocketEvent(Struct, frozen=True, kw_only=True):
    """One event of the socket's monitor, with its monotonic time in nanoseconds."""

    name: str
    value: int
    at_ns: int


class ConnectFinding(LinkFinding):
    """The TCP connection or the ZMTP handshake did not complete; ``events`` is what the socket's monitor saw."""

    def __init__(self, text: str, events: Sequence[SocketEvent] = ()) -> None:
        super().__init__(text)
        self.events = tuple(events)


class RoundTripEstimate(Struct, frozen=True, kw_only=True):
    """The kernel's own figures for a TCP connection (Linux ``struct tcp_info``), microseconds.

    ``unacknowledged`` counts the segments that left and were not confirmed: what the network did not deliver.
    """

    rtt_us: int
    minimum_rtt_us: int
    retransmissions: int
    unacknowledged: int = 0


class Ends(Struct, frozen=True, kw_only=True):
    """Both ends of an established connection and how long it took, in milliseconds."""

    local: str
    peer: str
    connected_ms: float
    handshake_ms: float
    kernel: RoundTripEstimate | None


_NAMES = {
    int(event): event.name.removeprefix("EVENT_")
    for event in zmq.Event
    if event.name and event.name.startswith(("EVENT_", "CONNECT", "HANDSHAKE", "CLOSE", "DISCONNECT", "MONITOR"))
}


class CurveKeys(Struct, frozen=True, kw_only=True):
    """The pinned public key of the gateway and this client's own pair, in Z85."""

    server: bytes
    client: bytes
    client_secret: bytes

    def __repr__(self) -> str:
        return f"CurveKeys(server={self.server!r}, client={self.client!r})"


class Route(Struct, frozen=True, kw_only=True):
    """Where a gateway is and how to get there."""

    url: str
    source: str | None = None
    curve: CurveKeys | None = None


class Connection:
    """A REQ socket with its monitor, from ``open`` to ``close``."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], route: Route) -> None:
        self.url = route.url
        self._socket = context.socket(zmq.REQ)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 1),
            (zmq.REQ_CORRELATE, 1),
            (zmq.REQ_RELAXED, 1),
            (zmq.RECONNECT_IVL, -1),
            (zmq.CONNECT_TIMEOUT, int(CONNECT_SECONDS * 1000)),
            (zmq.HANDSHAKE_IVL, int(CONNECT_SECONDS * 1000)),
            (zmq.TCP_MAXRT, GIVE_UP_MILLISECONDS),
            (zmq.MAXMSGSIZE, REPLY_LIMIT),
        ):
            self._socket.setsockopt(option, value)
        if "[" in route.url:
            self._socket.setsockopt(zmq.IPV6, 1)
        if route.curve is not None:
            self._socket.setsockopt(zmq.CURVE_SERVERKEY, route.curve.server)
            self._socket.setsockopt(zmq.CURVE_PUBLICKEY, route.curve.client)
            self._socket.setsockopt(zmq.CURVE_SECRETKEY, route.curve.client_secret)
        self._monitor = self._socket.get_monitor_socket()
        self._source = route.source
        self._curve = route.curve is not None
        self._receive_timeout = -2
        self._descriptor = -1
        self.events: list[SocketEvent] = []
        self.ends: Ends | None = None

    def open(self) -> Ends:
        """Connect and complete the handshake, or raise ConnectFinding saying how far it came."""
        started = time.monotonic_ns()
        host_and_port = self.url.removeprefix("tcp://")
        self._socket.connect(f"tcp://{self._source}:0;{host_and_port}" if self._source else self.url)
        connected_ns = 0
        for event in self._events_until(started + int(CONNECT_SECONDS * 1e9)):
            if event.name == "CONNECTED":
                connected_ns, self._descriptor = event.at_ns, event.value
            elif event.name == "HANDSHAKE_SUCCEEDED":
                local, peer, kernel = self._addresses()
                self.ends = Ends(
                    local=local,
                    peer=peer,
                    connected_ms=(connected_ns - started) / 1e6,
                    handshake_ms=(event.at_ns - started) / 1e6,
                    kernel=kernel,
                )
                return self.ends
            elif event.name in ("CLOSED", "DISCONNECTED") or event.name.startswith("HANDSHAKE_FAILED"):
                break
        text = how_far(self.url, self.events, (time.monotonic_ns() - started) / 1e9, self._curve)
        raise ConnectFinding(text, self.events)

    def _events_until(self, deadline_ns: int) -> Iterator[SocketEvent]:
        while (left := (deadline_ns - time.monotonic_ns()) // 1_000_000) > 0:
            if self._monitor.poll(left):
                yield self._next_event()

    def _next_event(self) -> SocketEvent:
        # pyzmq's own parser wraps the value in a flag type, which turns a descriptor into event names
        kind, value = struct.unpack("=Hi", self._monitor.recv_multipart()[0])
        event = SocketEvent(name=_NAMES.get(kind, str(kind)), value=value, at_ns=time.monotonic_ns())
        self.events.append(event)
        return event

    def drain_events(self) -> list[SocketEvent]:
        """The monitor's events so far, those not read yet included."""
        while self._monitor.poll(0):
            self._next_event()
        return self.events

    def send(self, frame: bytes) -> None:
        """Hand a frame to the established connection; raises LinkFinding where there is none."""
        try:
            self._socket.send(frame, zmq.DONTWAIT)
        except zmq.Again:
            raise LinkFinding(f"the connection to {self.url} is gone; nothing was sent") from None

    def receive(self, timeout_ms: int) -> bytes | None:
        """The reply's one frame, or None when none came in time; raises LinkFinding for several frames."""
        deadline = time.monotonic_ns() + timeout_ms * 1_000_000
        left = timeout_ms
        while left > 0:
            frame = self._receive_within(min(left, SLICE_MILLISECONDS))
            if frame is not None:
                return frame
            if self.is_lost():
                raise LinkFinding(
                    f"the connection to {self.url} ended before a reply came: the gateway or something on the way "
                    f"closed it, or the reply was longer than {REPLY_LIMIT:,} bytes"
                )
            left = (deadline - time.monotonic_ns()) // 1_000_000
        return None

    def _receive_within(self, milliseconds: int) -> bytes | None:
        if milliseconds != self._receive_timeout:
            self._socket.setsockopt(zmq.RCVTIMEO, milliseconds)
            self._receive_timeout = milliseconds
        try:
            frame = self._socket.recv()
        except zmq.Again:
            return None
        if self._socket.getsockopt(zmq.RCVMORE):
            raise LinkFinding(f"the reply from {self.url} has several frames; a reply is one")
        return frame

    def is_lost(self) -> bool:
        """Whether the connection is known to have ended."""
        return any(event.name == "DISCONNECTED" for event in self.drain_events())

    def why_silent(self) -> str:
        """What the kernel knows of a request that was not answered: delivered, or not."""
        kernel = self.kernel_estimate()
        if kernel is None:
            return "the kernel cannot say whether the request arrived"
        if kernel.unacknowledged:
            return (
                f"the network did not deliver it: {kernel.unacknowledged} segments unacknowledged, "
                f"{kernel.retransmissions} sent again"
            )
        return "the gateway's host has the request, so the gateway is silent, not the network"

    def kernel_estimate(self) -> RoundTripEstimate | None:
        """The kernel's round-trip figures as they are now; None where they cannot be read."""
        if self.ends is None:
            return None
        local, peer, kernel = self._addresses()
        return kernel if (local, peer) == (self.ends.local, self.ends.peer) else None

    def _addresses(self) -> tuple[str, str, RoundTripEstimate | None]:
        # The duplicate lives for these lines only: held longer, it would keep a closed connection delivering
        try:
            duplicate = sockets.socket(fileno=os.dup(self._descriptor))
        except OSError:
            return "unknown", "unknown", None
        with duplicate, contextlib.suppress(OSError):
            local, peer = duplicate.getsockname(), duplicate.getpeername()
            return _text(local), _text(peer), _tcp_info(duplicate)
        return "unknown", "unknown", None

    def close(self) -> None:
        """Drop the connection; what was not sent never will be."""
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)


def never_stood(events: Sequence[SocketEvent]) -> int | None:
    """The ``errno`` that takes the monitor's CONNECTED back (``NEVER_STOOD``), or None."""
    refusals = (event.value for event in events if event.name == "HANDSHAKE_FAILED_NO_DETAIL")
    return next((value for value in refusals if value in NEVER_STOOD), None)


def how_far(url: str, events: Sequence[SocketEvent], seconds: float, curve: bool) -> str:
    """How far a connection came that did not come about, after so many seconds."""
    seen = ", ".join(event.name for event in events) or "nothing"
    refused = never_stood(events)
    if refused is not None:
        seen += f" with {errno.errorcode[refused]}, which no standing connection has"
    if refused is not None or not any(event.name == "CONNECTED" for event in events):
        return (
            f"no TCP connection to {url} within {seconds:.1f} s (the socket's monitor saw: {seen}); "
            "check that the gateway runs and that its port is open on the way there"
        )
    return (
        f"{url} accepts TCP but the ZMTP handshake did not complete within {seconds:.1f} s (the socket's "
        f"monitor saw: {seen}); {why_no_handshake(events, curve)}"
    )


def why_no_handshake(events: Sequence[SocketEvent], curve: bool) -> str:
    """What the monitor's events say about a ZMTP handshake that did not complete."""
    failed = next((event for event in events if event.name.startswith("HANDSHAKE_FAILED")), None)
    if failed is not None and failed.name == "HANDSHAKE_FAILED_AUTH":
        return "the gateway does not admit this client's CURVE key"
    if failed is not None and failed.name == "HANDSHAKE_FAILED_PROTOCOL" and failed.value == MECHANISM_MISMATCH:
        return "one end wants CURVE and the other does not: a CURVE key is missing at one of them"
    if curve and failed is not None and failed.value == errno.EPIPE:
        return "the gateway ended the CURVE handshake: its CURVE key is not the pinned one, or it does not use CURVE"
    return "what listens there is no ZeroMQ REP socket, or it wants another CURVE key"


def _text(address: tuple[str, int]) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tcp_info(connection: sockets.socket) -> RoundTripEstimate | None:
    if not sys.platform.startswith("linux"):
        return None
    info = connection.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_INFO, 256)
    if len(info) < 152:
        return None
    unacknowledged, rtt, retransmissions, minimum = (
        struct.unpack_from("=I", info, place)[0] for place in (24, 68, 100, 148)
    )
    return RoundTripEstimate(
        rtt_us=rtt, minimum_rtt_us=minimum, retransmissions=retransmissions, unacknowledged=unacknowledged
    )
