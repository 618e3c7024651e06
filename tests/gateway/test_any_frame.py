"""Anything that arrives gets an answer: generated and mutated frames by the thousand, and no harm done."""

from __future__ import annotations

import json
import random
import struct
import uuid
from typing import Any

import psutil
import pytest
import zmq

from tests.gateway.conftest import GatewayProcess, eventually
from tests.gateway.independent_client import Client

ACTIONS = (
    *("PING", "HELLO", "GET_ACCOUNT", "GET_POSITIONS", "GET_SYMBOL", "GET_TICK", "CHECK_ORDER", "OPEN", "CLOSE"),
    *("CLOSE_ALL", "SYNC_ALL", "GET_DEALS", "GET_ORDERS", "FIND_REQUEST", "LEASE", "HALT", "RESUME", "", "ping", "💥"),
)
FIELDS = (
    *("uuid", "action", "timestamp", "nonce", "symbol", "type", "volume", "price", "sl", "tp", "deviation", "comment"),
    *("magic", "risk_signature", "ticket", "reason", "scope", "magic_number", "order", "position", "from_msc"),
    *("to_msc", "after", "request_uuid", "seconds", "unknown"),
)


def value(chance: random.Random, depth: int = 0) -> Any:
    """Any JSON value, with a taste for the awkward."""
    simple = [
        None, True, False, 0, -1, 1, 1196, 2**31, 2**53 + 1, 2**63, 2**64, -(2**70), 10**400, 0.0, -0.0, 1e-320, 1e308,
        0.001, 0.0015, "", "EURUSD", "BUY", "account", "x" * chance.choice([1, 29, 30, 5000]), "\x00", "|", "é💶",
        str(uuid.UUID(int=chance.getrandbits(128))), str(uuid.UUID(int=7)).upper(),
        "RISK_PASS:00:20260117T035422.961398Z",
    ]  # fmt: skip
    if depth < 3 and chance.random() < 0.15:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    if depth < 3 and chance.random() < 0.1:
        return {chance.choice(FIELDS): value(chance, depth + 1) for _ in range(chance.randrange(4))}
    return chance.choice(simple)


def sound(chance: random.Random) -> dict[str, Any]:
    """A request that is mostly right."""
    return {
        "uuid": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "action": chance.choice(ACTIONS),
        "timestamp": "2026-01-17T03:54:22Z", "nonce": "00" * 16, "symbol": "EURUSD", "type": "BUY", "volume": 0.001,
        "ticket": 7, "reason": "fuzz", "magic": 1196, "magic_number": 1196, "order": 7, "seconds": 5,
        "request_uuid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    }  # fmt: skip


def frame(chance: random.Random) -> bytes:
    """One frame: a request with wrong fields, a mutation of its bytes, or plain noise."""
    message = sound(chance)
    for _ in range(chance.randrange(4)):
        name = chance.choice(FIELDS)
        if chance.random() < 0.3:
            message.pop(name, None)
        else:
            message[name] = value(chance)
    text = bytearray(json.dumps(message, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass"))
    kind = chance.random()
    if kind < 0.4:
        return bytes(text)
    if kind < 0.8:
        for _ in range(chance.randrange(1, 6)):
            mutate(chance, text)
        return bytes(text)
    return noise(chance)


def mutate(chance: random.Random, text: bytearray) -> None:
    place = chance.randrange(len(text) + 1)
    what = chance.randrange(4)
    if what == 0 and text:
        text[min(place, len(text) - 1)] = chance.randrange(256)
    elif what == 1:
        del text[place : place + chance.randrange(1, 9)]
    elif what == 2:
        text[place:place] = chance.randbytes(chance.randrange(1, 9))
    else:
        text[place:place] = chance.choice([b"NaN", b"1e999", b'"uuid":"x",', b"\\ud800", b"{", b"]", b"\xff", b"//"])


def noise(chance: random.Random) -> bytes:
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.randrange(200))
    if kind == 1:
        depth = chance.choice([10, 1000, 30000])
        return b"[" * depth + b"]" * depth
    if kind == 2:
        return b'{"a":' * 5000 + b"1" + b"}" * 5000
    if kind == 3:
        return b'{"x":"' + b"y" * chance.choice([65_000, 66_000, 200_000]) + b'"}'
    return struct.pack("<d", chance.random()) * chance.randrange(1, 20)


def bombard(client: Client, gateway: GatewayProcess, count: int, seed: int) -> None:
    chance = random.Random(seed)
    warm = count // 10
    resident = 0
    for number in range(count):
        if number == warm:
            resident = psutil.Process(gateway.process.pid).memory_info().rss
        reply = json.loads(client.raw(frame(chance)))
        assert isinstance(reply["uuid"], str)
        assert reply["status"] in ("ok", "OK", "error", "ERROR", "REJECTED"), reply
        assert "gateway failed" not in reply.get("error_msg", ""), reply
    grown = psutil.Process(gateway.process.pid).memory_info().rss / resident
    assert grown < 1.1, f"memory grew to {grown:.2f} times"
    assert client.ask("GET_POSITIONS")["positions"] == []
    assert client.open()["status"] == "FILLED"


def test_four_thousand_frames(client: Client, gateway: GatewayProcess) -> None:
    """Every one of 4,000 frames is answered, memory stays, and the next honest order is filled."""
    bombard(client, gateway, 4_000, seed=1)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_hundred_thousand_frames(client: Client, gateway: GatewayProcess) -> None:
    """Every one of 100,000 frames is answered, memory stays, and the next honest order is filled."""
    bombard(client, gateway, 100_000, seed=2)


def test_giant_message_drops_only_its_sender(client: Client, gateway: GatewayProcess, zmq_context: Any) -> None:
    """Beyond 1 MiB the connection is dropped; other clients are served on."""
    giant = Client(zmq_context, gateway.endpoint)
    giant.socket.send(b"x" * 2_000_000)
    assert client.ask("PING")["status"] == "ok"
    assert not giant.socket.poll(300)
    giant.close()
    assert client.ask("PING")["status"] == "ok"


def test_two_clients_and_one_that_leaves(client: Client, gateway: GatewayProcess, connect: Any) -> None:
    """Clients are served side by side; one that leaves without reading its reply disturbs nobody."""
    other = connect(gateway)
    for _ in range(50):
        client.socket.send_json(client.message("GET_TICK", symbol="EURUSD"))
        other.socket.send_json(other.message("GET_ACCOUNT"))
        assert "balance" in other.socket.recv_json()
        assert "tick" in client.socket.recv_json()
    leaving = connect(gateway)
    message = leaving.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001)
    leaving.socket.send_json(message)
    eventually(lambda: client.ask("FIND_REQUEST", request_uuid=message["uuid"])["known"])
    leaving.close()
    assert client.ask("PING")["status"] == "ok"
    found = eventually(lambda: other.ask("FIND_REQUEST", request_uuid=message["uuid"]).get("reply"))
    assert found["status"] == "FILLED"


def test_dealer_without_a_delimiter_is_answered(gateway: GatewayProcess, zmq_context: zmq.Context[Any]) -> None:
    """A sender that is no REQ socket and frames its message without the empty frame gets its answer, too."""
    with zmq_context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(gateway.endpoint)
        dealer.send(b"hello?")
        assert dealer.poll(5000)
        assert json.loads(dealer.recv())["error_code"] == "INVALID_JSON"
