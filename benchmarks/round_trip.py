"""A round trip through the session beside bare pyzmq with ``json``: same exchange, same server, in turn."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import zmq

from benchmarks.alternating import Ratio, alternate
from mt5canary.evidence.chain import Chain
from mt5canary.link.connection import Route
from mt5canary.link.session import ReadSession
from mt5canary.rehearsal import SimulatedGateway

ROUNDS = 15
TRIPS = 2_000


def measure() -> list[Ratio]:
    """The ratio of medians: our recorded, typed ``PING`` over bare pyzmq's, against the simulated gateway."""
    with tempfile.TemporaryDirectory() as folder:
        gateway = SimulatedGateway(Path(folder) / "gateway.log")
        chain = Chain(Path(folder) / "evidence.jsonl")
        try:
            with (
                ReadSession(Route(url=gateway.url), chain.append_soon, chain.settle) as session,
                zmq.Context() as context,
            ):
                bare = context.socket(zmq.REQ)
                bare.connect(gateway.url)
                ratio = alternate(
                    "session round trip, PING, recorded and typed / bare pyzmq and json",
                    lambda: _median_us(session.ping),
                    lambda: _median_us(lambda: _bare_ping(bare)),
                    ROUNDS,
                    "us",
                    1.1,
                )
                bare.close(0)
        finally:
            chain.close()
            gateway.stop()
    return [ratio]


def _bare_ping(socket: zmq.Socket[bytes]) -> None:
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


def _median_us(trip: Callable[[], object]) -> float:
    times = []
    for _ in range(TRIPS):
        started = time.perf_counter_ns()
        trip()
        times.append(time.perf_counter_ns() - started)
    return statistics.median(times) / 1000
