"""The gateway's speed against bare loops, in alternating runs on one machine.

python -m tests.gateway.measure_speed ping       requests a second and p99, against a bare REP loop with json
python -m tests.gateway.measure_speed open       an OPEN against the same number of bare SQLite commits
python -m tests.gateway.measure_speed memory     resident memory after 1,000,000 requests against 10,000
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import zmq

ROUNDS = 7
PINGS = 4_000
OPENS = 150
COMMITS_FOR_AN_OPEN = 3
"""The request before it is acted on, the simulated broker's own book, the reply."""

BARE_LOOP = """
import json, sys, time, zmq
socket = zmq.Context().socket(zmq.REP)
port = socket.bind_to_random_port("tcp://127.0.0.1")
print(f"listening on tcp://127.0.0.1:{port}", flush=True)
while True:
    request = json.loads(socket.recv())
    reply = {"uuid": request["uuid"], "status": "ok", "server_time": time.time(), "latency_ms": 0.1}
    socket.send(json.dumps(reply).encode())
"""


class Served:
    """A program that prints where it listens, and a REQ socket on it."""

    def __init__(self, context: zmq.Context[Any], *command: str) -> None:
        with Path(tempfile.mkdtemp(), "log").open("wb") as log:
            self.process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        endpoint = self.process.stdout.readline().decode().removeprefix("listening on ").strip()
        self.socket = context.socket(zmq.REQ)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)

    def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        message = {"uuid": str(uuid.uuid4()), "action": action, "timestamp": "2026-01-17T03:54:22Z"} | fields
        self.socket.send(json.dumps(message).encode())
        reply: dict[str, Any] = json.loads(self.socket.recv())
        return reply

    def end(self) -> None:
        self.socket.close()
        self.process.kill()
        self.process.wait()


def gateway(context: zmq.Context[Any]) -> Served:
    state = tempfile.mkdtemp()
    return Served(context, "-m", "mt5canary.cli", "serve", "--terminal", "simulated", "--bind", "tcp://127.0.0.1:*",
                  "--state", state)  # fmt: skip


def timed(count: int, work: Callable[[], Any]) -> list[float]:
    """Seconds of each of a number of calls."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def ping() -> dict[str, float]:
    context: zmq.Context[Any] = zmq.Context()
    ours, bare = gateway(context), Served(context, "-c", BARE_LOOP)
    for served in (ours, bare):
        timed(1_000, lambda served=served: served.ask("PING"))  # type: ignore[misc]
    rates, tails = [], []
    for _ in range(ROUNDS):
        times = {served: timed(PINGS, lambda served=served: served.ask("PING")) for served in (ours, bare)}  # type: ignore[misc]
        rates.append(sum(times[bare]) / sum(times[ours]))
        tails.append(p99(times[ours]) / p99(times[bare]))
    for served in (ours, bare):
        served.end()
    return {"requests a second, ours / bare (at least 0.6)": statistics.median(rates),
            "p99, ours / bare (at most 1.5)": statistics.median(tails)}  # fmt: skip


def opening() -> dict[str, float]:
    context: zmq.Context[Any] = zmq.Context()
    ours = gateway(context)
    folder = Path(tempfile.mkdtemp())
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (uuid TEXT PRIMARY KEY, body BLOB)")

    def commits() -> None:
        for _ in range(COMMITS_FOR_AN_OPEN):
            connection.execute("INSERT INTO t VALUES (?, ?)", (str(uuid.uuid4()), b"x" * 400))

    def one() -> None:
        assert ours.ask("OPEN", symbol="EURUSD", type="BUY", volume=0.001)["status"] == "FILLED"

    def opened_flat() -> float:
        seconds = timed(1, one)[0]
        ours.ask("CLOSE_ALL", scope="account", reason="flat again")
        return seconds

    ratios, seconds, fsyncs = [], [], []
    for _ in range(ROUNDS):
        orders, bare = [opened_flat() for _ in range(OPENS)], timed(OPENS, commits)
        ratios.append(statistics.median(orders) / statistics.median(bare))
        seconds.append(statistics.median(orders))
        fsyncs.append(statistics.median(bare))
    ours.end()
    return {
        "durable writes an order": COMMITS_FOR_AN_OPEN,
        "OPEN, ms": statistics.median(seconds) * 1000,
        "bare commits, ms": statistics.median(fsyncs) * 1000,
        "OPEN / bare commits (at most 1.5)": statistics.median(ratios),
    }


def memory() -> dict[str, float]:
    context: zmq.Context[Any] = zmq.Context()
    ours = gateway(context)
    actions = ["PING", "GET_ACCOUNT", "GET_POSITIONS", "PING", "PING"]

    def resident() -> float:
        return psutil.Process(ours.process.pid).memory_info().rss / 2**20

    sizes = {}
    for number in range(1, 1_000_001):
        ours.ask(actions[number % len(actions)])
        if number in (10_000, 1_000_000):
            sizes[number] = resident()
    ours.end()
    return {"after 10,000, MiB": sizes[10_000], "after 1,000,000, MiB": sizes[1_000_000],
            "growth (at most 1.1)": sizes[1_000_000] / sizes[10_000]}  # fmt: skip


if __name__ == "__main__":
    for what in sys.argv[1:] or ["ping", "open"]:
        for name, value in {"ping": ping, "open": opening, "memory": memory}[what]().items():
            print(f"{what}: {name}: {value:.3f}")
