"""The gateway's memory stays what it is, however long it runs."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psutil
import pytest
import zmq

from tests.gateway.conftest import GatewayProcess

ACTIONS = ("PING", "GET_ACCOUNT", "PING", "GET_POSITIONS", "PING", "PING", "GET_TICK", "PING")
OUTSTANDING = 32
BEFORE = 10_000


def ask_many(socket: zmq.Socket[bytes], count: int) -> None:
    """Ask with several requests under way at once; every one is answered, and well."""
    sent = received = 0
    while received < count:
        while sent < count and sent - received < OUTSTANDING:
            message = {"uuid": str(uuid.uuid4()), "action": ACTIONS[sent % len(ACTIONS)], "symbol": "EURUSD",
                       "timestamp": "2026-01-17T03:54:22Z"}  # fmt: skip
            socket.send_multipart([b"", json.dumps(message).encode()])
            sent += 1
        assert json.loads(socket.recv_multipart()[-1])["status"] == "ok"
        received += 1


def grown(gateway: GatewayProcess, context: zmq.Context[Any], requests: int) -> float:
    """Resident memory after a number of requests, as a multiple of that after 10,000."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVTIMEO, 30_000)
    socket.connect(gateway.endpoint)
    process = psutil.Process(gateway.process.pid)
    ask_many(socket, BEFORE)
    before = process.memory_info().rss
    ask_many(socket, requests - BEFORE)
    socket.close(0)
    return float(process.memory_info().rss / before)


def test_memory_after_some_requests(gateway: GatewayProcess, zmq_context: zmq.Context[Any]) -> None:
    """After 20,000 requests it is within a tenth of what it was after 10,000."""
    assert grown(gateway, zmq_context, 20_000) <= 1.1


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_memory_after_a_million_requests(gateway: GatewayProcess, zmq_context: zmq.Context[Any]) -> None:
    """After 1,000,000 requests it is within a tenth of what it was after 10,000."""
    assert grown(gateway, zmq_context, 1_000_000) <= 1.1
