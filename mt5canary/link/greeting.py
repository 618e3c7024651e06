"""A raw knock on a TCP port, and what answers there, told by its first bytes.

``zmq_connect`` hides why a connection does not come about, and which kind of socket drops it. So this goes the same
way by hand: a TCP connection with its ``errno``, then ZMTP's greeting (64 bytes). Where the mechanism is NULL the peer
answers with its READY command, which names its socket type. Nothing that could be taken for a message is ever sent.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from typing import Literal

from msgspec import Struct

from mt5canary.link.connection import NEVER_STOOD

GREETING_BYTES = 64
_SIGNATURE = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f"
_VERSION_PART = _SIGNATURE + b"\x03\x00"
_MECHANISM_PART = b"NULL".ljust(20, b"\0") + b"\0" * 32

ECHO_SECONDS = 0.3
"""How long more than our own bytes may stay away until what answers is taken for an echo."""

_COMMAND, _LONG_COMMAND = 0x04, 0x06

Kind = Literal["zmtp", "ssh", "http", "echo", "closed", "mute", "other"]


class Knock(Struct, frozen=True, kw_only=True):
    """How a TCP connection came about, or its error by name; ``local`` is the end here."""

    error: str | None
    seconds: float
    local: str


class Greeting(Struct, frozen=True, kw_only=True):
    """What answered: its kind and, of a ZeroMQ socket, its mechanism and type where they were told."""

    kind: Kind
    first: bytes
    mechanism: str | None = None
    socket_type: str | None = None


def source_towards(address: str, port: int) -> str:
    """The address that this host would speak from; raises OSError where it has no way there. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagram:
        datagram.connect((address, port))
        return str(datagram.getsockname()[0])


def knock(address: str, port: int, source: str | None, seconds: float) -> tuple[Knock, socket.socket | None]:
    """Make a TCP connection; the socket is the caller's to close, None where there is none."""
    started = time.monotonic()
    bound = (source, 0) if source else None
    try:
        connection = socket.create_connection((address, port), timeout=seconds, source_address=bound)
        require_standing(connection)
    except TimeoutError as error:
        name = errno.errorcode.get(error.errno or errno.ETIMEDOUT, "ETIMEDOUT")
        return Knock(error=name, seconds=time.monotonic() - started, local=source or ""), None
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return Knock(error=name, seconds=time.monotonic() - started, local=source or ""), None
    local = str(connection.getsockname()[0])
    return Knock(error=None, seconds=time.monotonic() - started, local=local), connection


def require_standing(connection: socket.socket) -> None:
    """Raise OSError, and close, where a socket that was called connected never was (``NEVER_STOOD``)."""
    with contextlib.suppress(OSError):
        connection.getpeername()
        return
    reason = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if reason in NEVER_STOOD:
        connection.close()
        raise OSError(reason, os.strerror(reason))


def greet(connection: socket.socket, seconds: float) -> Greeting:
    """Exchange ZMTP's greeting over an established connection and say what is there.

    Our mechanism is held back until theirs is known: a socket that wants another one hangs up on it.
    """
    deadline = time.monotonic() + seconds
    try:
        connection.sendall(_VERSION_PART)
        first = _read_greeting(connection, deadline)
        if len(first) < GREETING_BYTES or not first[9] & 1:
            return Greeting(kind=_kind_of(first, time.monotonic() >= deadline), first=first)
        mechanism = first[12:32].rstrip(b"\0").decode("ascii", "replace")
        if mechanism != "NULL":
            return Greeting(kind="zmtp", first=first, mechanism=mechanism)
        connection.sendall(_MECHANISM_PART)
        ready = _read_command(connection, deadline)
    except OSError:
        return Greeting(kind="closed", first=b"")
    return Greeting(kind="zmtp", first=first, mechanism=mechanism, socket_type=_socket_type(ready))


def _kind_of(first: bytes, timed_out: bool) -> Kind:
    if first.startswith(b"SSH-"):
        return "ssh"
    if first.startswith(b"HTTP/") or b"<html" in first.lower():
        return "http"
    if first == _VERSION_PART:
        return "echo"
    if not first:
        return "mute" if timed_out else "closed"
    return "other"


def _read_greeting(connection: socket.socket, deadline: float) -> bytes:
    """ZMTP's greeting, or as much as came until the deadline or until it could be none any more."""
    found = b""
    while len(found) < GREETING_BYTES and (left := deadline - time.monotonic()) > 0:
        connection.settimeout(min(left, ECHO_SECONDS) if found == _VERSION_PART else left)
        try:
            more = connection.recv(GREETING_BYTES - len(found))
        except TimeoutError:
            break
        found += more
        if not more or found[0] != _VERSION_PART[0]:
            break
    return found


def _read_command(connection: socket.socket, deadline: float) -> bytes:
    header = _exactly(connection, 2, deadline)
    if len(header) < 2 or header[0] not in (_COMMAND, _LONG_COMMAND):
        return header
    size = header[1]
    if header[0] == _LONG_COMMAND:
        size = int.from_bytes(header[1:] + _exactly(connection, 7, deadline), "big")
    return _exactly(connection, min(size, 4096), deadline)


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    found = b""
    while len(found) < count and (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            more = connection.recv(count - len(found))
        except TimeoutError:
            break
        if not more:
            break
        found += more
    return found


def _socket_type(ready: bytes) -> str | None:
    name = b"\x0bSocket-Type"
    place = ready.find(name)
    if place < 0:
        return None
    start = place + len(name)
    size = int.from_bytes(ready[start : start + 4], "big")
    return ready[start + 4 : start + 4 + size].decode("ascii", "replace")
