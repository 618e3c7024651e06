"""Real gateways in processes of their own, and clients that know the protocol only from its page."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.gateway.independent_client import Client

START_SECONDS = 20.0


class NotServing(Exception):
    """A gateway that ended instead of listening: its exit status and what it said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"exit status {status}: {said}")
        self.status, self.said = status, said


class GatewayProcess:
    """A gateway started as ``mt5canary serve``, with its banner and its log."""

    def __init__(self, folder: Path, *options: str, secret: bytes | None, program: tuple[str, ...]) -> None:
        self.state = folder / "state"
        self.secret = secret
        self.log_path = folder / "gateway.log"
        self._options = options
        self._program = program
        self._secret_file = folder / "risk.secret"
        if secret is not None:
            self._secret_file.write_bytes(secret + b"\n")
        self.start()

    def start(self) -> None:
        """Start it, or start it again on the same state."""
        secret = ("--risk-secret-file", str(self._secret_file)) if self.secret is not None else ()
        command = [
            sys.executable, *self._program, "serve", "--terminal", "simulated", "--bind", "tcp://127.0.0.1:*",
            "--state", str(self.state), *secret, *self._options,
        ]  # fmt: skip
        self._log = self.log_path.open("ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log)
        assert self.process.stdout is not None
        first = self.process.stdout.readline().decode()
        if not first.startswith("listening on "):
            status = self.process.wait(START_SECONDS)
            self._close_files()
            raise NotServing(status, self.log_path.read_text())
        self.endpoint = first.removeprefix("listening on ").strip()

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait()
        self._close_files()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(START_SECONDS)
        self._close_files()
        return status

    def _close_files(self) -> None:
        self._log.close()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def log(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines() if line.startswith("{")]


@pytest.fixture(scope="session")
def zmq_context() -> Iterator[zmq.Context[Any]]:
    """One context for the tests' own sockets."""
    context: zmq.Context[Any] = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[Callable[..., GatewayProcess]]:
    """Start gateways that end with the test."""
    started: list[GatewayProcess] = []

    def start(*options: str, secret: bytes | None = secrets.token_hex(32).encode(),
              program: tuple[str, ...] = ("-m", "mt5canary.cli")) -> GatewayProcess:  # fmt: skip
        folder = Path(tempfile.mkdtemp(prefix="gateway-", dir=tmp_path))
        started.append(GatewayProcess(folder, *options, secret=secret, program=program))
        return started[-1]

    yield start
    for gateway in started:
        gateway.kill()


@pytest.fixture
def gateway(start_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    """A gateway with a secret and the default scenario."""
    return start_gateway()


@pytest.fixture
def connect(zmq_context: zmq.Context[Any]) -> Iterator[Callable[[GatewayProcess], Client]]:
    """Connect clients that have said HELLO."""
    clients: list[Client] = []

    def connect_to(gateway: GatewayProcess) -> Client:
        clients.append(Client(zmq_context, gateway.endpoint, gateway.secret))
        clients[-1].hello()
        return clients[-1]

    yield connect_to
    for client in clients:
        client.close()


@pytest.fixture
def client(gateway: GatewayProcess, connect: Callable[[GatewayProcess], Client]) -> Client:
    """A client of the default gateway."""
    return connect(gateway)


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait until a condition holds and return what it gave; AssertionError where it never does."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"it did not come true within {seconds} s"
        time.sleep(0.01)
    return value
