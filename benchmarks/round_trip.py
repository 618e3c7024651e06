"""A round trip through the session beside bare pyzmq with ``json`` and beside bare bytes, in turn.

The session and ``json`` ask the same gateway for the same ``PING``; the bytes go to a bare REP loop that sends them
back, which is the floor that Python and ZeroMQ have here. The session's trips are recorded and typed as in a run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import zmq

from benchmarks.alternating import Ratio
from mt5canary.evidence.chain import Chain
from mt5canary.link.connection import Route
from mt5canary.link.session import ReadSession
from mt5canary.rehearsal import SimulatedGateway

ROUNDS = 15
TRIPS = 2_000
LIMIT = 1.1
SHARES = (("p50", 0.50), ("p99", 0.99), ("p99.9", 0.999))
ECHO = """
import zmq
socket = zmq.Context().socket(zmq.REP)
print(socket.bind_to_random_port("tcp://127.0.0.1"), flush=True)
while True:
    socket.send(socket.recv())
"""

Trips = list[float]


def measure() -> list[Ratio]:
    """The session's percentiles over those of bare ``json`` and of bare bytes."""
    rounds: list[tuple[Trips, Trips, Trips]] = []
    with _trips() as (session, plain, echo):
        kinds = (session, plain, echo)
        for number in range(ROUNDS):
            taken: dict[int, Trips] = {}
            for place in range(len(kinds)):
                which = (place + number) % len(kinds)
                taken[which] = _times(kinds[which])
            rounds.append((taken[0], taken[1], taken[2]))
    return [_ratio(rounds, name, share, other) for name, share in SHARES for other in (1, 2)]


def _ratio(rounds: list[tuple[Trips, Trips, Trips]], name: str, share: float, other: int) -> Ratio:
    pairs = [(_quantile(taken[0], share), _quantile(taken[other], share)) for taken in rounds]
    beside = "bare pyzmq and json" if other == 1 else "bare pyzmq, bytes sent back"
    return Ratio(
        f"session round trip, PING, recorded and typed, {name} / {beside}",
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
        "us",
        tuple(ours / theirs for ours, theirs in pairs),
        LIMIT if (name, other) == ("p50", 1) else None,
    )


@contextmanager
def _trips() -> Iterator[tuple[Callable[[], object], ...]]:
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context, _echo() as port:
        gateway = SimulatedGateway(Path(folder) / "gateway.log")
        chain = Chain(Path(folder) / "evidence.jsonl")
        plain, echo = context.socket(zmq.REQ), context.socket(zmq.REQ)
        try:
            plain.connect(gateway.url)
            echo.connect(f"tcp://127.0.0.1:{port}")
            with ReadSession(Route(url=gateway.url), chain.append_soon, chain.settle) as session:
                yield session.ping, lambda: _plain_ping(plain), lambda: _echo_trip(echo)
        finally:
            plain.close(0)
            echo.close(0)
            chain.close()
            gateway.stop()


@contextmanager
def _echo() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _plain_ping(socket: zmq.Socket[bytes]) -> None:
    request = {
        "action": "PING",
        "uuid": str(uuid.uuid4()),
        "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
        "nonce": uuid.uuid4().hex,
    }
    socket.send(json.dumps(request).encode())
    reply = json.loads(socket.recv())
    assert reply["status"] == "ok"
    assert reply["uuid"] == request["uuid"]


def _echo_trip(socket: zmq.Socket[bytes]) -> None:
    socket.send(b"x" * 200)
    assert len(socket.recv()) == 200


def _times(trip: Callable[[], object]) -> Trips:
    times = []
    for _ in range(TRIPS):
        started = time.perf_counter_ns()
        trip()
        times.append((time.perf_counter_ns() - started) / 1000)
    return sorted(times)


def _quantile(ordered: Trips, share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
