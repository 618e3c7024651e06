"""One connection, and how far it came where it did not come about."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from mt5canary.link import connection as connections
from mt5canary.link.connection import ConnectFinding, Connection, CurveKeys, Ends, Route, SocketEvent
from mt5canary.link.session import ReadSession
from tests.link.between import Between, pong


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second is enough on loopback."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.5)


def refusal(url: str, curve: CurveKeys | None = None) -> str:
    """Why a session cannot connect."""
    with (
        ReadSession(Route(url=url, curve=curve), lambda kind, body: None) as session,
        pytest.raises(ConnectFinding) as caught,
    ):
        session.connect()
    return str(caught.value)


@contextmanager
def tcp_server(greeting: bytes = b"", *, closes: bool = False) -> Iterator[str]:
    """A TCP server that is no ZeroMQ socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def serve() -> None:
            try:
                while True:
                    peer, _ = server.accept()
                    accepted.append(peer)
                    peer.sendall(greeting)
                    if closes:
                        peer.close()
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for peer in accepted:
            peer.close()


def test_closed_port() -> None:
    """Nothing listens: no TCP connection, with what to check."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    said = refusal(f"tcp://127.0.0.1:{port}")
    assert "no TCP connection" in said
    assert "CLOSED" in said
    assert "check that the gateway runs" in said


@pytest.mark.parametrize(
    ("failed", "stood"),
    [(errno.EHOSTUNREACH, False), (errno.ECONNREFUSED, False), (errno.ENETUNREACH, False), (errno.EPIPE, True)],
)
def test_connection_that_only_seemed_to_stand(failed: int, stood: bool) -> None:
    """A refusal that comes after CONNECTED, as Linux has it now and then, is no server that accepts TCP."""
    names = {"CONNECT_DELAYED": 0, "CONNECTED": 11, "HANDSHAKE_FAILED_NO_DETAIL": failed}
    events = [SocketEvent(name=name, value=value, at_ns=0) for name, value in names.items()]
    said = connections.how_far("tcp://127.0.0.1:5555", events, 0.0, False)
    assert ("accepts TCP" in said, "no TCP connection" in said) == (stood, not stood)
    assert (errno.errorcode[failed] in said) is not stood


@pytest.mark.parametrize(
    ("greeting", "closes"),
    [
        pytest.param(b"", False, id="mute"),
        pytest.param(b"", True, id="closes-at-once"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", False, id="http"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", False, id="ssh"),
    ],
)
def test_tcp_without_zmtp(greeting: bytes, closes: bool) -> None:
    """A server that takes connections and is no ZeroMQ socket is told apart from a closed port."""
    with tcp_server(greeting, closes=closes) as url:
        said = refusal(url)
    assert "accepts TCP but the ZMTP handshake did not complete" in said
    assert "no ZeroMQ REP socket" in said


@pytest.mark.parametrize("kind", [zmq.PUB, zmq.PUSH, zmq.REQ], ids=["PUB", "PUSH", "REQ"])
def test_zeromq_socket_of_another_kind(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> None:
    """A PUB, PUSH or REQ socket is no gateway."""
    with context.socket(kind) as other:  # left to the garbage collector, it would hold the context up
        port = other.bind_to_random_port("tcp://127.0.0.1")
        assert "handshake did not complete" in refusal(f"tcp://127.0.0.1:{port}")


def test_curve_against_a_plain_gateway() -> None:
    """A pinned key that the gateway does not have ends in the handshake, and says that it may be the key."""
    server, _ = zmq.curve_keypair()
    client, secret = zmq.curve_keypair()
    with Between() as plain:
        said = refusal(plain.url, CurveKeys(server=server, client=client, client_secret=secret))
    assert "handshake did not complete" in said
    assert "CURVE key" in said


def test_curve_keys_do_not_show_the_secret() -> None:
    """The secret half never reaches a log by way of a representation."""
    assert "hidden" not in repr(CurveKeys(server=b"server", client=b"client", client_secret=b"hidden"))


@pytest.fixture
def connected(context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[tuple[Connection, Ends]]:
    """A connection to a living gateway."""
    with Between(lambda request, pass_on: pong(request)) as gateway:
        made = Connection(context, Route(url=gateway.url))
        yield made, made.open()
        made.close()


def test_ends_are_the_sockets_own(connected: tuple[Connection, Ends]) -> None:
    """Both addresses come from the kernel, they differ, and the handshake is not before the connection."""
    made, ends = connected
    assert ends.local.startswith("127.0.0.1:")
    assert ends.peer == made.url.removeprefix("tcp://")
    assert ends.local != ends.peer
    assert 0 < ends.connected_ms <= ends.handshake_ms
    assert [event.name for event in made.drain_events()][-1] == "HANDSHAKE_SUCCEEDED"


def descriptors() -> set[str]:
    """The descriptors that this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's figures are Linux's")


@ON_LINUX
def test_kernel_figures_are_there_on_linux(connected: tuple[Connection, Ends]) -> None:
    """On Linux the kernel's own round trip is known and above zero."""
    made, _ = connected
    kernel = made.kernel_estimate()
    assert kernel is not None
    assert kernel.rtt_us > 0
    assert kernel.minimum_rtt_us > 0


@ON_LINUX
def test_no_descriptor_is_left_open(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    """Asking for the addresses a hundred times holds no descriptor: a held one would keep delivering."""
    with Between() as gateway:
        made = Connection(context, Route(url=gateway.url))
        made.open()
        before = descriptors()
        for _ in range(100):
            made.kernel_estimate()
        assert descriptors() == before
        made.close()


def test_options_that_keep_a_closed_socket_quiet(connected: tuple[Connection, Ends]) -> None:
    """LINGER 0, IMMEDIATE, CORRELATE and RELAXED together, TCP_MAXRT, no reconnection, a bound on replies."""
    made, _ = connected
    expected = {
        zmq.LINGER: 0,
        zmq.IMMEDIATE: 1,
        zmq.TCP_MAXRT: 5_000,
        zmq.RECONNECT_IVL: -1,
        zmq.MAXMSGSIZE: 1_048_576,
    }
    assert {option: made._socket.getsockopt(option) for option in expected} == expected
