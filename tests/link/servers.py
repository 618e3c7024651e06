"""What may listen where a gateway should: programs that are none, and gateways that misbehave."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq
from zmq.auth import create_certificates, load_certificate
from zmq.auth.thread import ThreadAuthenticator

from mt5canary.rehearsal import SimulatedGateway
from tests.link.between import Answer, Between, PassOn, Rule, answer, pong


@contextmanager
def closed_port(folder: Path) -> Iterator[str]:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"tcp://127.0.0.1:{port}"


@contextmanager
def _tcp(handle: Callable[[socket.socket], None]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def serve() -> None:
            try:
                while True:
                    peer, _ = server.accept()
                    accepted.append(peer)
                    threading.Thread(target=_quietly, args=(handle, peer), daemon=True).start()
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for peer in accepted:
                peer.close()


def _quietly(handle: Callable[[socket.socket], None], peer: socket.socket) -> None:
    try:
        handle(peer)
    except OSError:
        peer.close()


def _echo(peer: socket.socket) -> None:
    while said := peer.recv(4096):
        peer.sendall(said)


def tcp_echo(folder: Path) -> Any:
    """A plain TCP server that sends back what it gets."""
    return _tcp(_echo)


def mute(folder: Path) -> Any:
    """A plain TCP server that says nothing."""
    return _tcp(lambda peer: None)


def hangs_up(folder: Path) -> Any:
    """A plain TCP server that closes every connection at once."""
    return _tcp(lambda peer: peer.close())


def ssh_banner(folder: Path) -> Any:
    """A server that greets as SSH does."""
    return _tcp(lambda peer: peer.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"))


@contextmanager
def http_server(folder: Path) -> Iterator[str]:
    """The standard library's HTTP server; it waits for a request line."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(5)


@contextmanager
def _zeromq(kind: int, **options: Any) -> Iterator[str]:
    context: zmq.Context[Any] = zmq.Context()
    made = context.socket(kind)
    for name, value in options.items():
        setattr(made, name, value)
    try:
        yield f"tcp://127.0.0.1:{made.bind_to_random_port('tcp://127.0.0.1')}"
    finally:
        context.destroy(linger=0)


def pub_socket(folder: Path) -> Any:
    """The quotes' channel in place of the commands'."""
    return _zeromq(zmq.PUB)


def silent_rep(folder: Path) -> Any:
    """A REP socket that never answers: busy, stuck, or an expert advisor that hangs."""
    return _zeromq(zmq.REP)


@contextmanager
def frozen(folder: Path) -> Iterator[str]:
    """A gateway whose process is stopped: the kernel goes on accepting connections for it."""
    gateway = SimulatedGateway(folder / "gateway.log")
    try:
        url = gateway.url
        os.kill(gateway.process_id, signal.SIGSTOP)
        yield url
    finally:
        gateway.stop()


def answering(rule: Rule) -> Callable[[Path], Any]:
    """A gateway that answers everything by a rule."""

    @contextmanager
    def start(folder: Path) -> Iterator[str]:
        with Between(rule) as gateway:
            yield gateway.url

    return start


def late(request: dict[str, Any], pass_on: PassOn) -> Answer:
    """The right answer, long after its time-out."""
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        time.sleep(0.01)
    return pong(request)


def unknown_command(request: dict[str, Any], pass_on: PassOn) -> Answer:
    """What once "verified" a link: an error without even a uuid."""
    return b'{"status":"ERROR","msg":"Unknown Command"}'


def not_connected(request: dict[str, Any], pass_on: PassOn) -> Answer:
    """A gateway that runs while its terminal does not."""
    return answer(request, status="error", error_code="MT5_NOT_CONNECTED", error_msg="no terminal")


class _Doubling(Between):
    """A gateway that sends each reply twice."""

    def _serve(self) -> None:
        while not self._stopping.is_set():
            if self._socket.poll(20):
                *envelope, frame = self._socket.recv_multipart()
                reply = self._forward(frame)
                for _ in range(2):
                    self._socket.send_multipart([*envelope, reply])


@contextmanager
def doubling(folder: Path) -> Iterator[str]:
    """A living gateway behind something that sends every reply twice."""
    gateway = SimulatedGateway(folder / "gateway.log")
    try:
        with _Doubling(upstream=gateway.url) as twice:
            yield twice.url
    finally:
        gateway.stop()


class Keys:
    """CURVE keys of a gateway, of the client it admits, and of a stranger, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "admitted").mkdir(exist_ok=True)
        for name in ("gateway", "client", "stranger", "other"):
            create_certificates(folder, name)
            while b"${" in load_certificate(folder / f"{name}.key")[0]:  # a plan would look for a variable there
                create_certificates(folder, name)
        (folder / "client.key").rename(folder / "admitted" / "client.key")
        self.folder = folder
        self.gateway = load_certificate(folder / "gateway.key_secret")

    def plan(self, client: str = "client", server: str = "gateway") -> dict[str, Any]:
        """The plan's ``curve`` section with some client's pair and some server's key pinned."""
        public, _ = load_certificate(self.folder / f"{server}.key_secret")
        return {"server_key": public.decode(), "client_key_file": str(self.folder / f"{client}.key_secret")}


@contextmanager
def guarded(keys: Keys) -> Iterator[str]:
    """A REP socket with CURVE that admits one client."""
    context: zmq.Context[Any] = zmq.Context()
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve(domain="*", location=str(keys.folder / "admitted"))
    public, secret = keys.gateway
    made = context.socket(zmq.REP)
    made.curve_server, made.curve_publickey, made.curve_secretkey = True, public, secret
    try:
        yield f"tcp://127.0.0.1:{made.bind_to_random_port('tcp://127.0.0.1')}"
    finally:
        made.close(0)
        authenticator.stop()
        context.destroy(linger=0)
