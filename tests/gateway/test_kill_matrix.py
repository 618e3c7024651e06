"""SIGKILL at every point between receiving an OPEN and sending its reply: exactly one order, and the true reply."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import START_SECONDS, GatewayProcess
from tests.gateway.independent_client import Client
from tests.gateway.killed_gateway import POINTS

PROGRAM = (str(Path(__file__).parent / "killed_gateway.py"),)
ROUNDS_AT_EACH_POINT = 12
KILLS_AT_RANDOM = 60
WHOLE_HISTORY = {"from_msc": 1, "to_msc": 4_000_000_000_000}


def order(client: Client) -> dict[str, Any]:
    """Always the same magic, comment, symbol, side and volume: the uuid alone tells two orders apart."""
    return client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="one of many")


def die_on(client: Client, message: dict[str, Any], gateway: GatewayProcess) -> None:
    """Send an OPEN to a gateway that dies of it; its reply may or may not have left before."""
    client.socket.send_json(message)
    gateway.process.wait(START_SECONDS)
    gateway.kill()


def ask_again(connect: Any, gateway: GatewayProcess, message: dict[str, Any], orders_before: int) -> dict[str, Any]:
    """Start the gateway again and repeat the request; the reply must be the one order's."""
    gateway.start()
    client = connect(gateway)
    reply = client.send(client.signed(message))
    assert reply["status"] == "FILLED", reply
    deals = [deal for deal in client.ask("GET_DEALS", **WHOLE_HISTORY)["deals"] if deal["entry"] == "in"][1:]
    assert len(deals) == orders_before + 1
    mine = [deal for deal in deals if deal["order"] == reply["order"]]
    assert [(deal["ticket"], deal["price"]) for deal in mine] == [(reply["deal"], reply["price"])]
    assert deals[-1]["order"] == reply["order"]
    found = client.ask("FIND_REQUEST", request_uuid=message["uuid"])
    assert (found["state"], found["reply"]["order"]) == ("done", reply["order"])
    client.close()
    return reply


@pytest.fixture
def victim(start_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    """A gateway that can be told to die at a point."""
    return start_gateway(program=PROGRAM)


def kill_at(point: str, gateway: GatewayProcess, connect: Any, orders_before: int, monkeypatch: Any) -> dict[str, Any]:
    gateway.stop()
    with monkeypatch.context() as patched:
        patched.setenv("KILL_AT", point)
        gateway.start()
    client = connect(gateway)
    message = order(client)
    die_on(client, message, gateway)
    client.close()
    return ask_again(connect, gateway, message, orders_before)


def test_killed_once_at_every_point(victim: GatewayProcess, connect: Any, monkeypatch: Any) -> None:
    """At each point once, on one account whose history grows: no duplicate, no loss, no mix-up of orders."""
    replies = [kill_at(point, victim, connect, count, monkeypatch) for count, point in enumerate(POINTS)]
    assert len({reply["order"] for reply in replies}) == len(POINTS)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", POINTS)
def test_killed_many_times_at_a_point(victim: GatewayProcess, connect: Any, monkeypatch: Any, point: str) -> None:
    """The same point again and again."""
    for count in range(ROUNDS_AT_EACH_POINT):
        kill_at(point, victim, connect, count, monkeypatch)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_killed_at_random_instants(victim: GatewayProcess, connect: Any) -> None:
    """Killed from outside at an instant drawn from the time that an OPEN takes."""
    chance = random.Random(1196)
    client = connect(victim)
    started = time.perf_counter()
    assert client.send(order(client))["status"] == "FILLED"
    takes = time.perf_counter() - started
    for count in range(1, KILLS_AT_RANDOM + 1):
        message = order(client)
        killer = threading.Timer(chance.uniform(0.0, takes * 1.2), victim.process.kill)
        client.socket.send_json(message)
        killer.start()
        victim.process.wait(START_SECONDS)
        killer.join()
        victim.kill()
        client.close()
        ask_again(connect, victim, message, count)
        client = connect(victim)
