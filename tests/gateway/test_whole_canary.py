"""A whole canary with a client written from the protocol's page, and the identities that its replies obey."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.gateway.conftest import GatewayProcess, eventually
from tests.gateway.independent_client import Client


def cents(value: float) -> int:
    return int(Decimal(repr(value)) * 100)


def account_identities_hold(account: dict[str, Any], positions: list[dict[str, Any]]) -> None:
    assert cents(account["equity"]) == cents(account["balance"]) + cents(account["credit"]) + cents(account["profit"])
    assert cents(account["free_margin"]) == cents(account["equity"]) - cents(account["margin"])
    expected = account["equity"] / account["margin"] * 100 if account["margin"] else 0.0
    assert abs(account["margin_level"] - expected) < 1e-6
    assert bool(positions) == (account["margin"] > 0)


def test_canary_from_hello_to_flat(client: Client, gateway: GatewayProcess) -> None:
    """An independent client opens, proves, and closes one order, and every figure fits every other."""
    hello = client.hello()
    assert (hello["terminal"]["kind"], hello["account"]["login"]) == ("simulated", 1100212251)
    before = client.ask("GET_ACCOUNT")
    account_identities_hold(before, [])
    check = client.ask("CHECK_ORDER", symbol="EURUSD", type="BUY", volume=0.001)
    assert (check["retcode"], check["comment"]) == (0, "Done")

    fill = client.open()
    assert fill["status"] == "FILLED"
    assert fill["retcode"] == 10009
    assert fill["bid"] < fill["ask"] == fill["price"]
    assert fill["ticket"] == fill["order"] != fill["deal"]

    positions = client.ask("GET_POSITIONS")["positions"]
    assert [position["identifier"] for position in positions] == [fill["position"]]
    opened = client.ask("GET_ACCOUNT")
    account_identities_hold(opened, positions)
    assert opened["balance"] == before["balance"]
    assert opened["margin"] == check["margin"]

    deals = client.ask("GET_DEALS", order=fill["order"])["deals"]
    assert [(d["ticket"], d["entry"], d["magic"], d["comment"]) for d in deals] == [
        (fill["deal"], "in", 1196, "canary")
    ]
    orders = client.ask("GET_ORDERS", ticket=fill["order"])["orders"]
    assert [(o["state"], o["volume_current"], o["position_id"]) for o in orders] == [("FILLED", 0.0, fill["position"])]

    closed = client.ask("CLOSE", ticket=fill["position"])
    assert closed["status"] == "FILLED"
    after = client.ask("GET_ACCOUNT")
    account_identities_hold(after, [])
    chain = client.ask("GET_DEALS", position=fill["position"])["deals"]
    assert [deal["entry"] for deal in chain] == ["in", "out"]
    moved = sum(cents(deal[part]) for deal in chain for part in ("profit", "swap", "commission", "fee"))
    assert cents(after["balance"]) - cents(before["balance"]) == moved
    assert [line["action"] for line in gateway.log() if line["action"] in ("OPEN", "CLOSE")] == ["OPEN", "CLOSE"]


def test_history_begins_with_the_deposit(client: Client) -> None:
    """The balance is the sum of all deals, the first of which is the deposit."""
    client.open()
    deals = client.ask("GET_DEALS", from_msc=1, to_msc=4_000_000_000_000)["deals"]
    first = deals[0]
    assert (first["type"], first["order"], first["position_id"], first["symbol"]) == ("BALANCE", 0, 0, "")
    total = sum(cents(deal[part]) for deal in deals for part in ("profit", "swap", "commission", "fee"))
    assert cents(client.ask("GET_ACCOUNT")["balance"]) == total


def test_market_moves_on_the_grid_in_server_time(client: Client) -> None:
    """Quotes change within seconds, lie on the tick grid, and are stamped whole hours ahead of UTC."""
    seen: dict[int, dict[str, Any]] = {}

    def moved() -> bool:
        tick = client.ask("GET_TICK", symbol="EURUSD")["tick"]
        seen[tick["time_msc"]] = tick
        return len(seen) >= 5

    eventually(moved)
    assert len({(tick["bid"], tick["ask"]) for tick in seen.values()}) >= 3
    for tick in seen.values():
        for price in (tick["bid"], tick["ask"]):
            assert Decimal(repr(price)) == Decimal(repr(price)).quantize(Decimal("0.00001"))
        assert 6 <= round((tick["ask"] - tick["bid"]) * 1e5) <= 15


def test_account_survives_a_kill(client: Client, gateway: GatewayProcess, connect: Any) -> None:
    """A gateway killed and started again on its state shows the same position, history and a new instance."""
    instance = client.hello()["gateway"]["instance"]
    fill = client.open(volume=0.002)
    history = client.ask("GET_DEALS", from_msc=1, to_msc=4_000_000_000_000)["deals"]
    gateway.kill()
    gateway.start()
    again = connect(gateway)
    assert again.hello()["gateway"]["instance"] != instance
    assert [p["ticket"] for p in again.ask("GET_POSITIONS")["positions"]] == [fill["position"]]
    assert again.ask("GET_DEALS", from_msc=1, to_msc=4_000_000_000_000)["deals"] == history
    assert again.ask("CLOSE", ticket=fill["position"])["status"] == "FILLED"
