"""A simulated terminal in this process, with a clock that the test sets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.broker import Broker
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.package import SimulatedTerminal
from mt5canary.gateway.simulated.scenario import Scenario

WEDNESDAY = int(datetime(2026, 1, 14, 12, 0, tzinfo=UTC).timestamp() * 1000)


class Simulation(SimulatedTerminal):
    """One terminal with seed 1, attached, whose present is ``now_ms``."""

    def __init__(self, state: Path, scenario: Scenario | None = None, now_ms: int = WEDNESDAY, **changes: Any) -> None:
        self.now_ms = now_ms
        self.scenario = replace(scenario or Scenario(), **{"seed": "1"} | changes)
        clock = ServerClock(self.scenario.daylight, self.scenario.standard_hours, lambda: self.now_ms)
        self.broker = Broker(self.scenario, state, clock)
        super().__init__(self.broker)
        self.initialize()

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    def order(self, **fields: Any) -> dict[str, Any]:
        """A market buy of 0.01 EURUSD, or a variant of it."""
        base = {"action": c.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.01, "type": c.ORDER_TYPE_BUY}
        return base | fields

    def trade(self, **fields: Any) -> Any:
        """Send a market order that must be filled."""
        result = self.order_send(self.order(**fields))
        assert result is not None, self.last_error()
        assert result.retcode == c.TRADE_RETCODE_DONE, result
        return result

    def close(self) -> None:
        self.broker.close()


def cents(amount: float) -> int:
    """An amount of the call surface in cents; it must be whole."""
    whole = round(amount * 100)
    assert abs(amount * 100 - whole) < 1e-6, amount
    return whole


def assert_identities(terminal: SimulatedTerminal) -> None:
    """The identities of mt5-facts 4.3 and 5.2, to the cent, from what the call surface shows."""
    account = terminal.account_info()
    positions, deals = terminal.positions_get(), terminal.history_deals_get(1, 2**31 - 1)
    assert account is not None
    assert positions is not None
    assert deals is not None
    assert cents(account.equity) == cents(account.balance) + cents(account.credit) + cents(account.profit)
    assert cents(account.margin_free) == cents(account.equity) - cents(account.margin)
    assert account.margin_level == (account.equity / account.margin * 100 if account.margin else 0.0)
    assert cents(account.profit) == sum(cents(p.profit) + cents(p.swap) for p in positions)
    moved = sum(cents(d.profit) + cents(d.swap) + cents(d.commission) + cents(d.fee) for d in deals)
    assert cents(account.balance) == moved
    assert_chain(terminal, positions, deals)


def assert_chain(terminal: SimulatedTerminal, positions: Any, deals: Any) -> None:
    """Every deal has its order, every position its opening deal, and volumes add up (mt5-facts 5.1)."""
    orders = {order.ticket: order for order in terminal.history_orders_get(1, 2**31 - 1) or ()}
    tickets = [deal.ticket for deal in deals]
    assert len(set(tickets)) == len(tickets)
    held: dict[int, int] = {}
    for deal in deals:
        if deal.type > c.DEAL_TYPE_SELL:
            continue
        order = orders[deal.order]
        assert order.time_done_msc == deal.time_msc
        assert deal.time_msc // 1000 == deal.time
        sign = 1 if deal.type == c.DEAL_TYPE_BUY else -1
        held[deal.position_id] = held.get(deal.position_id, 0) + sign * round(deal.volume * 1000)
    left = {identifier: volume for identifier, volume in held.items() if volume}
    shown = {p.identifier: round(p.volume * 1000) * (1 if p.type == 0 else -1) for p in positions}
    assert left == shown
