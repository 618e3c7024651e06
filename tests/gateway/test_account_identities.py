"""Any sequence of operations leaves an account whose figures fit to the cent, hedging and netting."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.scenario import Commission, Scenario
from tests.gateway.simulation import WEDNESDAY, Simulation, assert_identities, cents

BEFORE_MIDNIGHT = WEDNESDAY + (9 * 60 + 59) * 60_000
"""23:59 server time: the first minutes of a run pass the night that charges three days' swap."""

SYMBOLS = ("EURUSD", "GBPUSD", "EURGBP", "XAUUSD")
VOLUMES = st.sampled_from((0.001, 0.002, 0.007, 0.01, 0.05, 0.13, 0.5, 2.0))
KNOWN = {0, 10009, 10013, 10014, 10015, 10016, 10018, 10019, 10025, 10033, 10035, 10036, 10038}


class Account(RuleBasedStateMachine):
    """Trades, time and restarts in any order; what the package shows must always fit."""

    margin_mode = c.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
    operations = 0

    @initialize(balance=st.sampled_from((50, 200, 5000)), policy=st.sampled_from(("none", "in", "half")),
                seed=st.integers(0, 10**6))  # fmt: skip
    def start(self, balance: int, policy: str, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        symbols = {
            name: replace(symbol, swap_long=Decimal("-7.3"), swap_short=Decimal("1.9"))
            for name, symbol in Scenario().symbols.items()
        }
        self.changes: dict[str, Any] = {
            "margin_mode": self.margin_mode, "balance": Decimal(balance), "symbols": symbols, "seed": str(seed),
            "commission": Commission(policy, Decimal("3.77")),
            "leverage_tiers": ((Decimal(1000), 1000), (Decimal(4000), 500)),
        }  # fmt: skip
        self.terminal = Simulation(Path(self.folder.name), now_ms=BEFORE_MIDNIGHT, **self.changes)

    def send(self, request: dict[str, Any]) -> None:
        """Send a request; check and send agree, and a refusal changes nothing."""
        type(self).operations += 1
        before = self.terminal.account_info(), self.terminal.positions_get(), self.terminal.orders_get()
        check = self.terminal.order_check(request)
        result = self.terminal.order_send(request)
        assert result.retcode in KNOWN - {0}, result
        assert (check.retcode == 0) == (result.retcode == 10009)
        after = self.terminal.account_info(), self.terminal.positions_get(), self.terminal.orders_get()
        if result.retcode == 10009:
            assert cents(check.balance) == cents(after[0].balance)
            assert cents(check.margin) == cents(after[0].margin)
            assert cents(check.equity) == cents(after[0].equity)
        else:
            assert after == before

    def quote(self, symbol: str) -> Any:
        return self.terminal.symbol_info_tick(symbol)

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.integers(0, 1), volume=VOLUMES, distance=st.integers(0, 80))
    def open(self, symbol: str, side: int, volume: float, distance: int) -> None:
        info, sign = self.terminal.symbol_info(symbol), 1 - 2 * side
        stops = {}
        if distance > 20:
            middle = (info.bid + info.ask) / 2
            stops = {"sl": round(middle - sign * distance * info.point, info.digits),
                     "tp": round(middle + sign * 2 * distance * info.point, info.digits)}  # fmt: skip
        self.send({"action": 1, "symbol": symbol, "type": side, "volume": volume, "magic": distance} | stops)

    @rule(symbol=st.sampled_from(SYMBOLS), kind=st.integers(2, 5), volume=VOLUMES, distance=st.integers(5, 60))
    def wait(self, symbol: str, kind: int, volume: float, distance: int) -> None:
        info = self.terminal.symbol_info(symbol)
        sign = -1 if kind in (c.ORDER_TYPE_BUY_LIMIT, c.ORDER_TYPE_SELL_STOP) else 1
        price = (info.ask if kind % 2 == 0 else info.bid) + sign * distance * info.point
        self.send({"action": 5, "symbol": symbol, "type": kind, "volume": volume, "price": round(price, info.digits),
                   "type_filling": c.ORDER_FILLING_RETURN})  # fmt: skip

    @precondition(lambda self: self.terminal.positions_get())
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.terminal.positions_get()))
        volume = data.draw(st.sampled_from((held.volume, 0.001, 0.01, held.volume * 2)))
        self.send(
            {"action": 1, "symbol": held.symbol, "type": 1 - held.type, "volume": volume, "position": held.ticket}
        )

    @precondition(lambda self: len(self.terminal.positions_get()) > 1)
    @rule(data=st.data())
    def close_by(self, data: st.DataObject) -> None:
        tickets = st.sampled_from([held.ticket for held in self.terminal.positions_get()])
        self.send({"action": 10, "position": data.draw(tickets), "position_by": data.draw(tickets)})

    @precondition(lambda self: self.terminal.positions_get())
    @rule(data=st.data(), points=st.integers(-60, 60))
    def protect(self, data: st.DataObject, points: int) -> None:
        held = data.draw(st.sampled_from(self.terminal.positions_get()))
        info = self.terminal.symbol_info(held.symbol)
        sl = round(held.price_current + points * info.point, info.digits)
        self.send({"action": 6, "position": held.ticket, "symbol": held.symbol, "sl": sl, "tp": held.tp})

    @precondition(lambda self: self.terminal.orders_get())
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        self.send({"action": 8, "order": data.draw(st.sampled_from(self.terminal.orders_get())).ticket})

    @rule(seconds=st.sampled_from((0.05, 1.0, 30.0, 600.0)))
    def pass_time(self, seconds: float) -> None:
        type(self).operations += 1
        self.terminal.advance(seconds)

    @rule()
    def restart(self) -> None:
        type(self).operations += 1
        before = self.terminal.account_info(), self.terminal.positions_get(), self.terminal.orders_get()
        self.terminal.close()
        self.terminal = Simulation(Path(self.folder.name), now_ms=self.terminal.now_ms, **self.changes)
        assert (self.terminal.account_info(), self.terminal.positions_get(), self.terminal.orders_get()) == before

    @invariant()
    def figures_fit(self) -> None:
        if hasattr(self, "terminal"):
            assert_identities(self.terminal)
            assert len({p.symbol for p in self.terminal.positions_get()}) == len(self.terminal.positions_get()) or (
                self.margin_mode == c.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
            )

    def teardown(self) -> None:
        if hasattr(self, "terminal"):
            self.terminal.close()
            self.folder.cleanup()


class NettingAccount(Account):
    """The same on an account with one position per symbol."""

    margin_mode = c.ACCOUNT_MARGIN_MODE_RETAIL_NETTING


def run(machine: type[Account], examples: int, steps: int) -> int:
    machine.operations = 0
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    return machine.operations


@pytest.mark.parametrize("machine", [Account, NettingAccount])
def test_identities_after_hundreds_of_operations(machine: type[Account]) -> None:
    """Every identity holds to the cent after each of some hundreds of generated operations."""
    assert run(machine, examples=12, steps=30) > 100


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", [Account, NettingAccount])
def test_identities_after_ten_thousand_operations(machine: type[Account]) -> None:
    """Every identity holds to the cent after each of at least 10,000 generated operations."""
    assert run(machine, examples=230, steps=60) >= 10_000
