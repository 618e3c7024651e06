"""What the gateway refuses, with which code, and that nothing of it reaches the terminal."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import GatewayProcess, eventually
from tests.gateway.independent_client import Client

WHOLE_HISTORY = {"from_msc": 1, "to_msc": 4_000_000_000_000}


def code(reply: dict[str, Any]) -> tuple[str, str]:
    return reply["status"], reply["error_code"]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"", "INVALID_JSON"),
        (b"not json", "INVALID_JSON"),
        (b"\xff\xfe\x00", "INVALID_JSON"),
        (b"[1, 2]", "INVALID_JSON"),
        (b'{"action": "PING", "action": "OPEN"}', "INVALID_JSON"),
        (b'{"action": "PING", "x": NaN}', "INVALID_JSON"),
        (b'{"action": "PING", "x": 1e999}', "INVALID_JSON"),
        (b'{"x": ' + b"[" * 20000 + b"]" * 20000 + b"}", "INVALID_JSON"),
        (b'{"x": "' + b"a" * 70000 + b'"}', "FRAME_TOO_LARGE"),
        (b"{}", "MISSING_ACTION"),
        (b'{"action": 5}', "INVALID_FIELD"),
        (b'{"action": "BUY_EVERYTHING"}', "UNKNOWN_ACTION"),
        (b'{"action": "PING"}', "MISSING_FIELD"),
        (b'{"action": "PING", "uuid": 5, "timestamp": ""}', "INVALID_FIELD"),
    ],
)
def test_malformed_frames_get_their_code(client: Client, frame: bytes, expected: str) -> None:
    """Whatever is wrong with a frame, its sender gets an error that says so, and can go on."""
    reply = json.loads(client.raw(frame))
    assert code(reply) == ("error", expected)
    assert client.ask("PING")["status"] == "ok"


def test_more_than_one_frame_is_refused(client: Client) -> None:
    """A message of two frames is no request of the protocol."""
    client.socket.send_multipart([b'{"action": "PING"}', b"more"])
    assert client.socket.poll(5000)
    assert code(json.loads(client.socket.recv())) == ("error", "INVALID_JSON")


@pytest.mark.parametrize(
    ("action", "fields", "status", "expected", "names"),
    [
        ("OPEN", {"type": "BUY", "volume": 0.001}, "REJECTED", "MISSING_SYMBOL", "symbol"),
        ("OPEN", {"symbol": "EURUSD", "volume": 0.001}, "REJECTED", "MISSING_TYPE", "type"),
        ("OPEN", {"symbol": "EURUSD", "type": "HOLD", "volume": 0.001}, "REJECTED", "INVALID_FIELD", "type"),
        ("OPEN", {"symbol": "EURUSD", "type": "BUY"}, "REJECTED", "INVALID_VOLUME", "volume"),
        ("OPEN", {"symbol": "EURUSD", "type": "BUY", "volume": 0}, "REJECTED", "INVALID_VOLUME", "volume"),
        ("OPEN", {"symbol": "EURUSD", "type": "BUY", "volume": "1"}, "REJECTED", "INVALID_VOLUME", "volume"),
        ("OPEN", {"symbol": "EURUSD", "type": "BUY", "volume": 1, "magic": -1}, "REJECTED", "INVALID_FIELD", "magic"),
        ("OPEN", {"symbol": "EURUSD", "type": "BUY", "volume": 1, "comment": "a|b"}, "REJECTED", "INVALID_FIELD", "|"),
        ("OPEN", {"symbol": "EURUSD", "type": "BUY", "volume": 1, "comment": "c" * 30}, "REJECTED", "INVALID_FIELD",
         "comment"),
        ("CLOSE", {}, "REJECTED", "MISSING_TICKET", "ticket"),
        ("CLOSE", {"ticket": "7"}, "REJECTED", "INVALID_FIELD", "ticket"),
        ("CLOSE_ALL", {"reason": "x"}, "error", "MISSING_FIELD", "magic"),
        ("CLOSE_ALL", {"reason": "x", "magic": None}, "error", "MISSING_FIELD", "magic"),
        ("HALT", {}, "error", "MISSING_FIELD", "reason"),
        ("HELLO", {}, "error", "MISSING_NONCE", "nonce"),
        ("GET_TICK", {"symbol": "NOSUCH"}, "error", "UNKNOWN_SYMBOL", "NOSUCH"),
        ("GET_SYMBOL", {"symbol": "NOSUCH"}, "error", "UNKNOWN_SYMBOL", "NOSUCH"),
        ("GET_DEALS", {}, "error", "MISSING_FIELD", "order"),
        ("GET_DEALS", {"from_msc": 5}, "error", "MISSING_FIELD", "to_msc"),
        ("GET_DEALS", {"order": 5, "position": 5}, "error", "INVALID_FIELD", "order"),
        ("SYNC_ALL", {}, "ERROR", "MISSING_FIELD", "magic_number"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named(
    client: Client, action: str, fields: dict[str, Any], status: str, expected: str, names: str
) -> None:
    """A missing or ill-typed field is refused with the protocol's code, by name, and nothing is traded."""
    message = {"uuid": str(uuid.uuid4()), "action": action, "timestamp": ""} | fields
    reply = client.send(message)
    assert code(reply) == (status, expected)
    assert names in reply["error_msg"]
    assert reply["uuid"] == message["uuid"]
    assert reply.get("retcode", 0) == 0
    assert len(client.ask("GET_DEALS", **WHOLE_HISTORY)["deals"]) == 1


@pytest.mark.parametrize("volume", [0, 0.0005, 0.0015, 51, -1, 1e300, 10**30])
def test_check_order_takes_any_volume_to_the_terminal(client: Client, volume: float) -> None:
    """A volume of 0, off the grid or out of range is the terminal's 10014."""
    reply = client.ask("CHECK_ORDER", symbol="EURUSD", type="BUY", volume=volume)
    assert (*code(reply), reply["retcode"]) == ("REJECTED", "MT5_ORDER_FAILED", 10014)


@pytest.mark.parametrize(
    ("fields", "retcode"),
    [
        ({"volume": 0.0005}, 10014),
        ({"volume": 50.001}, 10014),
        ({"volume": 50}, 10019),
        ({"sl": 2.0}, 10016),
        ({"tp": 0.5}, 10016),
    ],
)
def test_terminal_refusals_keep_their_retcode(client: Client, fields: dict[str, Any], retcode: int) -> None:
    """An order that the terminal refuses is REJECTED with its retcode and leaves no trace in the history."""
    reply = client.open(**fields)
    assert (*code(reply), reply["retcode"]) == ("REJECTED", "MT5_ORDER_FAILED", retcode)
    assert len(client.ask("GET_DEALS", **WHOLE_HISTORY)["deals"]) == 1
    assert client.ask("GET_ORDERS", **WHOLE_HISTORY)["orders"] == []


def test_retail_scenario_refuses_the_canary(start_gateway: Callable[..., Any], connect: Any) -> None:
    """At a broker with a minimum of 0.01 the canary's 0.001 lot is 10014, in the check and in earnest."""
    client = connect(start_gateway("--scenario", "retail"))
    assert client.ask("GET_SYMBOL", symbol="EURUSD")["spec"]["volume_min"] == 0.01
    assert client.ask("CHECK_ORDER", symbol="EURUSD", type="BUY", volume=0.001)["retcode"] == 10014
    assert client.open()["retcode"] == 10014


def signature_variants() -> dict[str, Callable[[Client, dict[str, Any]], dict[str, Any]]]:
    def altered(client: Client, message: dict[str, Any]) -> dict[str, Any]:
        return client.signed(message) | {"volume": 0.002}

    return {
        "missing": lambda client, message: message,
        "empty": lambda client, message: message | {"risk_signature": ""},
        "shape only": lambda client, message: message | {"risk_signature": "RISK_PASS:abc:20260117T035422.961398Z"},
        "altered": altered,
        "expired": lambda client, message: client.signed(message, age=timedelta(seconds=6)),
        "future": lambda client, message: client.signed(message, age=timedelta(seconds=-3)),
        "other login": lambda client, message: client.signed(message, login=1),
        "other server": lambda client, message: client.signed(message, server="Elsewhere"),
        "other secret": lambda client, message: client.signed(message, secret=b"x" * 32),
        "replayed for another uuid": lambda client, message: client.signed(message) | {"uuid": str(uuid.uuid4())},
    }


@pytest.mark.parametrize("variant", signature_variants())
def test_signatures_that_do_not_hold_are_refused(client: Client, variant: str) -> None:
    """No order leaves on a signature that is not this request's, this account's, this moment's."""
    message = {"uuid": str(uuid.uuid4()), "action": "OPEN", "timestamp": "", "symbol": "EURUSD", "type": "BUY",
               "volume": 0.001}  # fmt: skip
    reply = client.send(signature_variants()[variant](client, message))
    assert (*code(reply), reply["retcode"]) == ("REJECTED", "RISK_SIGNATURE_INVALID", 0)
    assert client.ask("GET_POSITIONS")["positions"] == []


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("CLOSE", {"ticket": 5}),
        ("CLOSE_ALL", {"magic": 1196, "reason": "x"}),
        ("LEASE", {"magic": 1196, "seconds": 60}),
        ("HALT", {"reason": "x"}),
        ("RESUME", {"reason": "x"}),
    ],
)
def test_every_changing_action_needs_its_signature(client: Client, action: str, fields: dict[str, Any]) -> None:
    """Whatever changes anything is refused unsigned and accepted signed."""
    unsigned = {"uuid": str(uuid.uuid4()), "action": action, "timestamp": ""} | fields
    assert client.send(unsigned)["error_code"] == "RISK_SIGNATURE_INVALID"
    assert client.ask(action, **fields).get("error_code") != "RISK_SIGNATURE_INVALID"


def test_halt_is_latched_over_a_restart(client: Client, gateway: GatewayProcess, connect: Any) -> None:
    """While halted, and after a kill, every OPEN is refused while closing and reading go on; RESUME lifts it."""
    fill = client.open()
    assert client.ask("HALT", reason="drill")["halted"] is True
    assert code(client.open()) == ("REJECTED", "HALTED")
    gateway.kill()
    gateway.start()
    client = connect(gateway)
    hello = client.hello()
    assert (hello["halted"], hello["halt_reason"]) == (True, "drill")
    assert code(client.open()) == ("REJECTED", "HALTED")
    assert client.ask("CLOSE", ticket=fill["position"])["status"] == "FILLED"
    assert client.ask("RESUME", reason="drill over")["halted"] is False
    assert client.open()["status"] == "FILLED"


def test_lease_closes_its_own_positions_only(client: Client, gateway: GatewayProcess) -> None:
    """A lease that is not renewed has the gateway close that magic's positions, with the reason in log and history."""
    leased, other = client.open(magic=1), client.open(magic=2)
    assert client.ask("LEASE", magic=1, seconds=1)["expires_at"]
    eventually(lambda: len(client.ask("GET_POSITIONS")["positions"]) == 1)
    assert client.ask("GET_POSITIONS")["positions"][0]["ticket"] == other["position"]
    closing = client.ask("GET_DEALS", position=leased["position"])["deals"][-1]
    assert (closing["entry"], closing["comment"]) == ("out", "lease expired")
    expired = [line for line in gateway.log() if line.get("action") == "LEASE_EXPIRED"]
    assert [(line["magic"], line["closed"]) for line in expired] == [(1, [leased["position"]])]


def test_lease_is_renewed_and_given_up(client: Client) -> None:
    """Each LEASE renews; 0 seconds gives it up, and the position stays."""
    fill = client.open()
    first = client.ask("LEASE", magic=1196, seconds=1)["expires_at"]
    assert client.ask("LEASE", magic=1196, seconds=100)["expires_at"] > first
    assert client.ask("LEASE", magic=1196, seconds=1)["status"] == "ok"
    assert client.ask("LEASE", magic=1196, seconds=0)["status"] == "ok"
    client.ask("LEASE", magic=9, seconds=1)  # its expiry shows that the loop has looked
    sentinel = client.open(magic=9)
    eventually(lambda: sentinel["position"] not in [p["ticket"] for p in client.ask("GET_POSITIONS")["positions"]])
    assert [p["ticket"] for p in client.ask("GET_POSITIONS")["positions"]] == [fill["position"]]


def test_lease_expires_while_the_gateway_is_down(client: Client, gateway: GatewayProcess, connect: Any) -> None:
    """A lease that ran out while the gateway was killed is enforced when it comes back."""
    client.open()
    client.ask("LEASE", magic=1196, seconds=1)
    gateway.kill()
    gateway.start()
    client = connect(gateway)
    eventually(lambda: client.ask("GET_POSITIONS")["positions"] == [])


def test_caps_hold_whatever_the_client_wants(start_gateway: Callable[..., Any], connect: Any, tmp_path: Path) -> None:
    """Symbol, magic, order volume, total volume and orders an hour are the gateway's own limits."""
    caps = tmp_path / "caps.yaml"
    caps.write_text(
        "symbols: [EURUSD]\nmagics: [1196]\nmax_order_volume: 0.003\nmax_total_volume: 0.005\nmax_orders_per_hour: 3\n"
    )
    client = connect(start_gateway("--caps", str(caps)))
    refused = [
        client.open(symbol="GBPUSD"),
        client.open(magic=1197),
        client.open(volume=0.004),
    ]
    assert [code(reply) for reply in refused] == [("REJECTED", "CAP_EXCEEDED")] * 3
    first = client.open(volume=0.003)
    assert first["status"] == "FILLED"
    total = client.open(volume=0.003)
    assert (code(total), "max_total_volume" in total["error_msg"]) == (("REJECTED", "CAP_EXCEEDED"), True)
    assert [client.open()["status"] for _ in range(2)] == ["FILLED", "FILLED"]
    client.ask("CLOSE", ticket=first["position"])
    hourly = client.open()
    assert (code(hourly), "max_orders_per_hour" in hourly["error_msg"]) == (("REJECTED", "CAP_EXCEEDED"), True)
