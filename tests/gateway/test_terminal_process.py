"""The terminal in a process of its own, as beside a real one: the loop answers while a terminal call hangs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.gateway.conftest import GatewayProcess, eventually
from tests.gateway.independent_client import Client

PROGRAM = (str(Path(__file__).parent / "remote_simulation.py"),)


@pytest.fixture
def start_remote(
    start_gateway: Callable[..., GatewayProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], GatewayProcess]:
    """Start a gateway whose simulated terminal, with a scenario's text, is in another process."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))

    def start(text: str) -> GatewayProcess:
        path = tmp_path / "scenario.yaml"
        path.write_text(text)
        return start_gateway("--scenario", str(path), program=PROGRAM)

    return start


def terminal_process(gateway: GatewayProcess) -> psutil.Process:
    """The process that holds the package: the child whose command line is multiprocessing's."""
    children = psutil.Process(gateway.process.pid).children()
    return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))


def test_canary_through_the_process(start_remote: Any, connect: Any) -> None:
    """A whole canary goes through the pipe and back, results as they are."""
    client = connect(start_remote("{}"))
    fill = client.open()
    assert fill["status"] == "FILLED"
    assert client.ask("GET_ORDERS", ticket=fill["order"])["orders"][0]["state"] == "FILLED"
    assert client.open(volume=0.0005)["retcode"] == 10014
    assert client.ask("CLOSE_ALL", magic=1196, reason="done")["status"] == "ok"


def test_loop_answers_while_an_order_hangs(start_remote: Any, connect: Any) -> None:
    """With order_send hanging, PING, HELLO and HALT are answered at once; the order's outcome stays unknown."""
    gateway = start_remote("faults: [{kind: stall, nth: 1, seconds: 9}]")
    client, other = connect(gateway), connect(gateway)
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="slow")
    client.socket.send_json(message)
    eventually(lambda: not other.hello()["terminal"]["connected"])
    assert other.ask("FIND_REQUEST", request_uuid=message["uuid"])["state"] == "in_flight"
    started = time.monotonic()
    assert other.ask("PING")["status"] == "ok"
    assert other.ask("HALT", reason="it hangs")["halted"] is True
    assert time.monotonic() - started < 0.5
    hello = other.hello()
    assert (hello["terminal"]["connected"], hello["halted"]) == (False, True)
    assert time.monotonic() - started < 2.0
    busy = other.ask("GET_ACCOUNT")
    assert (busy["status"], busy["error_code"]) == ("error", "MT5_NOT_CONNECTED")
    assert client.socket.poll(15_000)
    assert client.socket.recv_json()["status"] == "FILLED"


def test_order_that_hangs_too_long_is_unknown_then_found(start_remote: Any, connect: Any) -> None:
    """An order_send beyond its time is MT5_TIMEOUT, never REJECTED; when the terminal is back the fill is found."""
    gateway = start_remote("faults: [{kind: stall, nth: 1, seconds: 14}]")
    client = connect(gateway)
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="slower")
    reply = client.send(message)
    assert (reply["status"], reply["error_code"]) == ("error", "MT5_TIMEOUT")
    found = eventually(lambda: client.ask("FIND_REQUEST", request_uuid=message["uuid"]).get("reply"), 15.0)
    assert found["status"] == "FILLED"
    assert [p["ticket"] for p in client.ask("GET_POSITIONS")["positions"]] == [found["position"]]


def test_process_that_dies_is_replaced(start_remote: Any, connect: Any) -> None:
    """A terminal process that is killed is started again; the account is the same."""
    gateway = start_remote("{}")
    client: Client = connect(gateway)
    fill = client.open()
    terminal_process(gateway).kill()

    def back() -> bool:
        reply = client.ask("GET_POSITIONS")
        return [held["ticket"] for held in reply.get("positions", ())] == [fill["position"]]

    eventually(back, 20.0)
    assert any("is replaced" in line.get("state", "") for line in gateway.log())


def test_process_ends_with_the_gateway(start_remote: Any) -> None:
    """Neither a stop nor a kill leaves the terminal's process behind."""
    gateway = start_remote("{}")
    child = terminal_process(gateway)
    assert gateway.stop() == 0
    eventually(lambda: not child.is_running())
    gateway.start()
    child = terminal_process(gateway)
    gateway.kill()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_without_the_package_it_says_so(tmp_path: Path) -> None:
    """``--terminal metatrader5`` where the package is not installed is status 4 with what to do."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "mt5canary.cli", "serve", "--terminal", "metatrader5", "--state", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert "pip install MetaTrader5" in ended.stderr


def test_it_says_what_it_is_doing_once(start_remote: Any, connect: Any) -> None:
    """Attaching, losing the terminal and attaching again are each one line of the log, however long they last."""
    gateway = start_remote("outages: [{switch: ipc, after: 1, lasts: 3}]")
    client = connect(gateway)
    eventually(lambda: client.ask("GET_ACCOUNT")["status"] == "error", 10.0)
    eventually(lambda: client.ask("GET_ACCOUNT")["status"] == "ok", 20.0)
    said = [line["state"] for line in gateway.log() if line.get("event") == "terminal process"]
    assert said[:2] == ["terminal process started", "attached to the terminal"]
    assert said[-1] == "attached to the terminal"
    assert len(said) == len([text for text, before in zip(said, ["", *said], strict=False) if text != before])
    assert any("not attached" in text for text in said)
    assert len(said) < 8


def test_without_a_terminal_it_serves_what_it_can(start_remote: Any, zmq_context: Any) -> None:
    """Started beside a terminal that does not answer, it says so and pings; a HALT cannot be verified."""
    gateway = start_remote("outages: [{switch: ipc}]")
    client = Client(zmq_context, gateway.endpoint, gateway.secret)
    assert client.ask("PING")["status"] == "ok"
    hello = client.ask("HELLO", nonce="00" * 16)
    assert (hello["status"], hello["error_code"]) == ("error", "MT5_NOT_CONNECTED")
    client.account = {"server": "JustMarkets-Demo2", "login": 1100212251}
    halt = client.ask("HALT", reason="nobody there")
    assert (halt["status"], halt["error_code"]) == ("error", "MT5_NOT_CONNECTED")
    assert client.open()["error_code"] == "MT5_NOT_CONNECTED"
    client.close()


def test_it_starts_beside_a_terminal_that_hangs(start_remote: Any, zmq_context: Any) -> None:
    """A terminal that hangs from the first call on does not keep the gateway from serving."""
    gateway = start_remote("faults: [{kind: stall, call: account_info}]")
    client = Client(zmq_context, gateway.endpoint, gateway.secret)
    assert client.ask("PING")["status"] == "ok"
    client.close()
