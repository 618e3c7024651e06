"""The loop: frames in, frames out, leases enforced, whatever happens.

A ROUTER socket stands where the protocol says REP: to a REQ client they are the same, and a ROUTER can answer
one client while another's request is still with the terminal.
"""

from __future__ import annotations

import threading

import zmq

from mt5canary.gateway import log
from mt5canary.gateway.gateway import Gateway
from mt5canary.wire.frames import REPLY_LIMIT

PASS_MILLISECONDS = 100
"""How long the loop waits for a frame before it looks after the leases."""


def bind(context: zmq.Context[zmq.Socket[bytes]], url: str) -> zmq.Socket[bytes]:
    """Open the gateway's socket. A URL whose port is ``*`` gets a free one."""
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, REPLY_LIMIT)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    socket.bind(url)
    return socket


def serve(socket: zmq.Socket[bytes], gateway: Gateway, stopping: threading.Event) -> None:
    """Answer until told to stop."""
    for line in gateway.resolve_in_flight():
        log.write(line)
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    while not stopping.is_set():
        if poller.poll(PASS_MILLISECONDS):
            _exchange(socket, gateway)
        for line in gateway.enforce_leases():
            log.write(line)


def _exchange(socket: zmq.Socket[bytes], gateway: Gateway) -> None:
    parts = socket.recv_multipart()
    address, frame = _split(parts)
    reply, line = gateway.answer(frame)
    socket.send_multipart([*address, reply])
    log.write(line)


def _split(parts: list[bytes]) -> tuple[list[bytes], bytes]:
    """The address to answer to, up to the empty frame that ends it, and the request.

    More than one frame is no request of the protocol; joined with a byte that JSON has no place for, it gets
    the answer that it deserves.
    """
    end = parts.index(b"", 1) + 1 if b"" in parts[1:] else 1
    body = parts[end:]
    return parts[:end], body[0] if len(body) == 1 else b"\x00".join(body)
