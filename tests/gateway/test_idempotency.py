"""One uuid, one trade: repeated, altered, asked about, and over a kill."""

from __future__ import annotations

from typing import Any

from tests.gateway.conftest import GatewayProcess
from tests.gateway.independent_client import Client


def without_envelope(reply: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name not in ("server_time", "nonce")}


def opening(client: Client, **fields: Any) -> dict[str, Any]:
    return client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="once", **fields)


def test_same_uuid_gets_the_recorded_reply(client: Client, gateway: GatewayProcess, connect: Any) -> None:
    """The same request again, also over a kill and without a valid signature, trades once and says the same."""
    message = opening(client)
    first = client.send(message)
    assert first["status"] == "FILLED"
    assert without_envelope(client.send(message)) == without_envelope(first)
    gateway.kill()
    gateway.start()
    client = connect(gateway)
    repeated = client.send(message | {"risk_signature": "gone stale", "nonce": "ab" * 16})
    assert without_envelope(repeated) == without_envelope(first)
    assert repeated["nonce"] == "ab" * 16
    assert len(client.ask("GET_POSITIONS")["positions"]) == 1


def test_same_uuid_with_another_body_is_refused(client: Client) -> None:
    """A uuid that was used for something else is UUID_REUSED and trades nothing."""
    message = opening(client)
    client.send(message)
    other = client.send(client.signed(message | {"volume": 0.002}))
    assert (other["status"], other["error_code"]) == ("REJECTED", "UUID_REUSED")
    assert len(client.ask("GET_POSITIONS")["positions"]) == 1


def test_find_request_tells_the_reply(client: Client) -> None:
    """FIND_REQUEST gives the reply that was sent, and does not know what never came."""
    message = opening(client)
    reply = client.send(message)
    found = client.ask("FIND_REQUEST", request_uuid=message["uuid"])
    assert (found["known"], found["state"]) == (True, "done")
    assert without_envelope(found["reply"]) == without_envelope(reply)
    assert client.ask("FIND_REQUEST", request_uuid="3b1f8a52-0000-4000-8000-000000000000")["known"] is False


def test_terminal_refusal_is_recorded_too(client: Client) -> None:
    """A refusal by the terminal is the reply of its uuid; a halt, which never reached the terminal, is not."""
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.0005)
    refused = client.send(message)
    assert refused["retcode"] == 10014
    assert without_envelope(client.send(message)) == without_envelope(refused)

    client.ask("HALT", reason="drill")
    halted = opening(client)
    assert client.send(halted)["error_code"] == "HALTED"
    client.ask("RESUME", reason="over")
    assert client.send(client.signed(halted))["status"] == "FILLED"


def test_close_all_tells_both_lists(client: Client) -> None:
    """CLOSE_ALL closes a magic's positions, or the account's, and lists each with its deal."""
    mine = [client.open(magic=7), client.open(magic=7, type="SELL")]
    other = client.open(magic=8)
    message = client.message("CLOSE_ALL", magic=7, reason="drill")
    reply = client.send(message)
    assert reply["status"] == "ok"
    assert {entry["position"] for entry in reply["closed"]} == {fill["position"] for fill in mine}
    for entry in reply["closed"]:
        deal = client.ask("GET_DEALS", position=entry["position"])["deals"][-1]
        assert (deal["ticket"], deal["order"], deal["profit"]) == (entry["deal"], entry["order"], entry["profit"])
    assert without_envelope(client.send(message)) == without_envelope(reply)
    whole = client.ask("CLOSE_ALL", scope="account", reason="drill")
    assert [entry["position"] for entry in whole["closed"]] == [other["position"]]
    assert client.ask("GET_POSITIONS")["positions"] == []


def test_partial_close_leaves_the_rest(client: Client) -> None:
    """CLOSE with a volume closes that much; more than is held is refused by the terminal with 10038."""
    fill = client.open(volume=0.005)
    assert client.ask("CLOSE", ticket=fill["position"], volume=0.002)["status"] == "FILLED"
    assert client.ask("GET_POSITIONS")["positions"][0]["volume"] == 0.003
    too_much = client.ask("CLOSE", ticket=fill["position"], volume=0.004)
    assert (too_much["status"], too_much["error_code"], too_much["retcode"]) == ("REJECTED", "MT5_CLOSE_FAILED", 10038)
    assert client.ask("CLOSE", ticket=1)["error_code"] == "MT5_CLOSE_FAILED"
