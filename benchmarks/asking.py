"""Servers in processes of their own, and bare clients that time what they ask them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import zmq

GATEWAY = ("-m", "mt5canary.cli", "serve", "--terminal", "simulated", "--bind", "tcp://127.0.0.1:*", "--state")
BARE = ("-m", "benchmarks.bare_loop")
STARTED = "started\n"


class Served:
    """A gateway or a bare loop in a process of its own, and a REQ socket on it; a context manager that ends both."""

    def __init__(self, program: tuple[str, ...], folder: Path) -> None:
        folder.mkdir(parents=True)
        with (folder / "log").open("wb") as log:
            command = [sys.executable, *program, str(folder)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        self.endpoint = self.process.stdout.readline().decode().removeprefix("listening on ").strip()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = connected(self._context, self.endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.destroy(linger=0)
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """One request and its reply."""
        return asked(self.socket, action, **fields)


def connected(context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> zmq.Socket[bytes]:
    """A bare REQ socket."""
    socket = context.socket(zmq.REQ)
    socket.setsockopt(zmq.RCVTIMEO, 20_000)
    socket.connect(endpoint)
    return socket


def asked(socket: zmq.Socket[bytes], action: str, **fields: Any) -> dict[str, Any]:
    """One request with ``json``, and its reply."""
    message = {"uuid": str(uuid.uuid4()), "action": action, "timestamp": "2026-01-17T03:54:22Z"} | fields
    socket.send(json.dumps(message).encode())
    reply: dict[str, Any] = json.loads(socket.recv())
    assert reply["uuid"] == message["uuid"]
    return reply


class Load(NamedTuple):
    """What a number of clients saw together: requests a second, and the times of their requests in us."""

    rate: float
    p50: float
    p99: float


def load(endpoint: str, clients: int, seconds: float) -> Load:
    """Have clients, each a process of its own, ask ``PING`` one after the other for a time."""
    command = [sys.executable, "-m", "benchmarks.asking", endpoint, str(seconds)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(clients)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == STARTED
    times: list[float] = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        said, _ = process.communicate()
        times += json.loads(said)
    times.sort()
    return Load(len(times) / seconds, times[len(times) // 2], times[int(len(times) * 0.99)])


def main(endpoint: str, seconds: float) -> None:
    """One of several clients: say that it is there, wait for the word, ask, and print every time in us."""
    with zmq.Context() as context:
        socket = connected(context, endpoint)
        asked(socket, "PING")
        sys.stdout.write(STARTED)
        sys.stdout.flush()
        sys.stdin.readline()
        end, times = time.perf_counter() + seconds, []
        while (begun := time.perf_counter()) < end:
            asked(socket, "PING")
            times.append((time.perf_counter() - begun) * 1e6)
        socket.close(0)
    print(json.dumps(times))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
