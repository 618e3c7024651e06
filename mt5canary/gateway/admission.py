"""CURVE: the server's key pair, and who may connect (ZAP, ZeroMQ RFC 27).

With CURVE on, a client proves in its handshake that it holds the secret of its public key; libzmq then asks whether
that key is admitted, through an inproc socket that the gateway's loop answers. Nobody else's bytes reach the gateway.
"""

from __future__ import annotations

import binascii
from pathlib import Path
from typing import NamedTuple

import zmq

from mt5canary.errors import UsageProblem

ZAP_ADDRESS = "inproc://zeromq.zap.01"


class ServerKeys(NamedTuple):
    """The server's key pair in Z85, and the public keys of the clients admitted."""

    public: bytes
    secret: bytes
    admitted: frozenset[bytes]


def read_keys(key_file: Path, allow: Path) -> ServerKeys:
    """Read the server's key file and the folder of admitted clients. Raises UsageProblem."""
    public, secret = _certificate(key_file)
    if secret is None:
        raise UsageProblem(f"--curve-key {key_file}: holds no secret key")
    if not allow.is_dir():
        raise UsageProblem(f"--curve-allow {allow}: not a folder")
    admitted = frozenset(_certificate(path)[0] for path in sorted(allow.glob("*.key")))
    if not admitted:
        raise UsageProblem(f"--curve-allow {allow}: holds no client's public key (*.key), so nobody could connect")
    return ServerKeys(public, secret, admitted)


def _certificate(path: Path) -> tuple[bytes, bytes | None]:
    from zmq.auth import load_certificate

    try:
        public, secret = load_certificate(path)
    except (OSError, ValueError) as error:
        raise UsageProblem(f"CURVE key {path}: {error}") from None
    for key in (public, secret):
        if key is not None and len(key) != 40:
            raise UsageProblem(f"CURVE key {path}: a key has 40 characters, this one has {len(key)}")
    return public, secret


class Admission:
    """Answers libzmq's question whether a client's key is admitted."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], keys: ServerKeys) -> None:
        self._keys = keys
        self.socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(ZAP_ADDRESS)

    def guard(self, socket: zmq.Socket[bytes]) -> None:
        """Make a socket, before it is bound, admit listed clients only."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self._keys.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret)
        socket.setsockopt(zmq.ZAP_DOMAIN, b"gateway")

    def answer(self) -> str | None:
        """Answer one question; return the public key of a client that was turned away."""
        version, request_id, _, _, _, mechanism, *credentials = self.socket.recv_multipart()
        key = credentials[0] if mechanism == b"CURVE" and credentials else b""
        public = _z85(key)
        if version == b"1.0" and public in self._keys.admitted:
            self.socket.send_multipart([b"1.0", request_id, b"200", b"OK", public, b""])
            return None
        self.socket.send_multipart([b"1.0", request_id, b"400", b"this key is not admitted", b"", b""])
        return public.decode()


def _z85(key: bytes) -> bytes:
    from zmq.utils import z85

    try:
        return bytes(z85.encode(key))
    except ValueError:
        return binascii.hexlify(key)
