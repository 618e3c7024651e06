"""Liars while the position lives: what the guardrails are for (G1 to G6)."""

from __future__ import annotations

import time
import uuid

from tests.zoo.base import Gateway
from tests.zoo.books import Row
from tests.zoo.registry import liar
from tests.zoo.serving import Refusal

AFTER = 60
"""Probes until most of them change: half a second into the watch."""

LONGER: Row = {"limits": {"watch": {"for": "2600ms"}}}
"""Room for a reading after the drift check, so that what trips there trips alone."""

LATE = 250
"""Probes until the drift check is over."""


@liar("G4", because="error")
class ErrorsUnderTheWatch(Gateway):
    """Every tenth answer under the watch is an error, and everything in between is well."""

    def ping(self, request: Row) -> Row:
        if self.probes % 10 == 9:
            raise Refusal("MT5_NOT_CONNECTED", "no connection")
        return super().ping(request)


@liar("G1", "G2", because="probes made over probes due")
class FallsBehind(Gateway):
    """Slower under the watch than the probes come: each answer is quick, and the queue grows."""

    def ping(self, request: Row) -> Row:
        if self.has_filled:
            time.sleep(0.016)
        return super().ping(request)


@liar("G6", "G1", because="largest gap")
class LongPause(Gateway):
    """Stands still for longer than the plan's gap, once."""

    plan = {"limits": {"max_gap": "800ms"}}

    def ping(self, request: Row) -> Row:
        if self.probes == AFTER:
            time.sleep(1.5)
        return super().ping(request)


@liar("G2", because="probe latency P99")
class LatencyThatHidesAStall(Gateway):
    """Stalls for 0.7 s, once: one slow answer in 250 as most tools count them, a third of those that were due."""

    def ping(self, request: Row) -> Row:
        if self.probes == AFTER:
            time.sleep(0.7)
        return super().ping(request)


@liar("G3", because="PSI")
class FreezesAfterTheFill(Gateway):
    """Its quotes move until the order is filled, and then no more."""

    def get_tick(self, request: Row) -> Row:
        if self.has_filled:
            self.market.fresh = 0.0
        return super().get_tick(request)


@liar("G3", because="PSI of log_return")
class AnotherMarketAfterTheFill(Gateway):
    """Its quotes jump twenty times as far once the order is filled: another feed."""

    def get_tick(self, request: Row) -> Row:
        if self.has_filled:
            self.market.steps = (-60, -40, -20, 0, 20, 40, 60)
        return super().get_tick(request)


@liar("G4", because="a spread of")
class SpreadOpens(Gateway):
    """Late in the watch the spread opens to 120 points."""

    plan = LONGER

    def get_tick(self, request: Row) -> Row:
        if self.probes > LATE:
            self.market.fresh, self.market.spreads = 1.0, (120,)
        return super().get_tick(request)


@liar("G4", because="a loss of")
class LossInEarnest(Gateway):
    """Late in the watch the equity is six dollars lower, more than the plan may lose."""

    plan = LONGER

    def get_account(self, request: Row) -> Row:
        money = super().get_account(request)
        lost = 6.0 if self.probes > LATE and self.books.positions else 0.0
        equity = round(money["equity"] - lost, 2)
        return {**money, "equity": equity, "profit": round(money["profit"] - lost, 2)}


@liar("G4", "G5", because="the position is gone")
class PositionVanishes(Gateway):
    """Under the watch the position is no longer listed, and nothing says why."""

    def get_positions(self, request: Row) -> Row:
        reply = super().get_positions(request)
        return {**reply, "positions": []} if self.probes > AFTER else reply


@liar("G4", "G5", because="orphan: position")
class StrangerUnderTheMagic(Gateway):
    """Under the watch a second position carries the plan's magic number, which no order of the run has opened."""

    def get_positions(self, request: Row) -> Row:
        reply = super().get_positions(request)
        if self.probes > AFTER:
            row = next((row for row in reply["positions"] if row["magic"]), None)
            extra = [] if row is None else [{**row, "ticket": 7, "identifier": 7, "comment": "by hand"}]
            return {**reply, "positions": [*reply["positions"], *extra]}
        return reply


@liar("G4", "G5", because="the position's sl changed")
class StopMoves(Gateway):
    """Under the watch somebody takes the stop away."""

    def get_positions(self, request: Row) -> Row:
        reply = super().get_positions(request)
        rows = [{**row, "sl": 0.0} if self.probes > AFTER else row for row in reply["positions"]]
        return {**reply, "positions": rows}


@liar("G4", "G5", because="the balance moved by")
class BalanceDrips(Gateway):
    """Under the watch a cent leaves the balance."""

    def get_account(self, request: Row) -> Row:
        money = super().get_account(request)
        drip = 0.01 if self.probes > AFTER else 0.0
        return {**money, **{name: round(money[name] - drip, 2) for name in ("balance", "equity", "free_margin")}}


@liar("G4", "G5", because="lost: account trade_allowed")
class PermissionWithdrawn(Gateway):
    """Under the watch the broker withdraws the permission to trade."""

    def account_identity(self) -> Row:
        return {**super().account_identity(), "trade_allowed": self.probes <= AFTER}


@liar("G4", "G5", because="the account changed")
class LogsInElsewhere(Gateway):
    """Under the watch somebody logs the terminal in to another account."""

    def account_identity(self) -> Row:
        return {**super().account_identity(), **({"login": 5012345} if self.probes > AFTER else {})}


@liar("G4", "G5", "E3", because="the gateway's instance changed")
class InstanceThatChanges(Gateway):
    """Under the watch another instance answers on the same connection."""

    def hello(self, request: Row) -> Row:
        if self.probes > AFTER:
            self.instance = str(uuid.UUID(int=0))
        return super().hello(request)


@liar("G5", "E3", because="gateway instance since the link stage")
class RestartsAfterTheFill(Gateway):
    """Another instance answers from the first reading of the watch on."""

    def hello(self, request: Row) -> Row:
        if self.has_filled:
            self.instance = str(uuid.UUID(int=0))
        return super().hello(request)
