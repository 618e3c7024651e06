"""The raw knock: what a socket that was called connected really is."""

from __future__ import annotations

import select
import socket

import pytest

from mt5canary.link import greeting


def test_socket_that_never_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that the kernel tells of only after it called the socket connected is still that refusal."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
    refused = socket.socket()
    refused.setblocking(False)
    refused.connect_ex((host, port))
    select.select([], [refused], [], 5)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: refused)
    knock, opened = greeting.knock(host, port, None, 1)
    assert (knock.error, opened) == ("ECONNREFUSED", None)
    assert refused.fileno() == -1, "it is left open"


def test_socket_that_stands_or_stood() -> None:
    """A connection that stands, and one whose other end has reset it, did come about."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
        accepted, _ = server.accept()
        greeting.require_standing(one)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        accepted.close()
        select.select([one], [], [], 5)
        greeting.require_standing(one)
        assert greeting.greet(one, 1).kind == "closed"
