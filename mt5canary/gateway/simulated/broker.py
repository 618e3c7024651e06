"""The simulated broker: one account, judged requests, carried-out trades, saved at once.

Everything is evaluated when somebody asks: before an answer the account is brought up to the present, so that a
stop loss that the market reached in between was executed at its own time and price.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import TradeRequest
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.execution import Execution, Fill
from mt5canary.gateway.simulated.judgement import COMMENTS, Judged, Judgement, Refused
from mt5canary.gateway.simulated.market import open_market
from mt5canary.gateway.simulated.monitor import Monitor
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.storage import Storage
from mt5canary.gateway.simulated.valuation import Figures, NoPrice, Snapshot, Valuation


@dataclass
class Switches:
    """What a person or the broker can turn off."""

    connected: bool = True
    terminal_trade_allowed: bool = True
    account_trade_allowed: bool = True
    trade_expert: bool = True
    tradeapi_disabled: bool = False


class Checked(NamedTuple):
    """What the broker would say: retcode 0 where it would accept, the account's money as after the trade."""

    retcode: int
    comment: str
    figures: Figures


class Sent(NamedTuple):
    """What became of a request; no fill where it was refused."""

    retcode: int
    comment: str
    fill: Fill | None


class Broker:
    """One account at a broker with a market."""

    def __init__(self, scenario: Scenario, state: Path, clock: ServerClock) -> None:
        self.scenario = scenario
        self.clock = clock
        self.switches = Switches()
        self.storage = Storage(state / "simulated-terminal.sqlite", scenario, clock.now())
        self.book = self.storage.book
        self.market = open_market(self.storage.seed, scenario.symbols, clock)
        self.valuation = Valuation(scenario)
        self._judgement = Judgement(scenario, clock)
        self._execution = Execution(scenario, self.valuation, Random())
        self._monitor = Monitor(scenario, self.market, self.valuation, self._execution)

    def present(self) -> Snapshot:
        """Bring the account up to now and return now's prices."""
        now_ms = self.clock.now()
        self._monitor.advance(self.book, now_ms)
        if self.book.unsaved:
            self.storage.save()
        return Snapshot(self.market, now_ms)

    def figures(self) -> Figures:
        """The account's money now."""
        snapshot = self.present()
        return self.valuation.figures(self.book, snapshot)

    def check(self, request: TradeRequest) -> Checked:
        """Say what would become of a request, without trading."""
        snapshot = self.present()
        try:
            judged = self._judge(request, snapshot)
            return Checked(0, "Done", self._affordable(judged, snapshot))
        except Refused as refusal:
            figures = self.valuation.figures(self.book, snapshot)
            return Checked(refusal.retcode, COMMENTS[refusal.retcode], figures)

    def send(self, request: TradeRequest) -> Sent:
        """Carry out a request, or refuse it; what happened is on disk before this returns."""
        snapshot = self.present()
        try:
            judged = self._judge(request, snapshot)
            if not judged.intent.position:
                self._affordable(judged, snapshot)
        except Refused as refusal:
            return Sent(refusal.retcode, COMMENTS[refusal.retcode], None)
        fill = self._execution.trade(self.book, judged.intent, snapshot, snapshot.utc_ms)
        self.storage.save()
        return Sent(c.TRADE_RETCODE_DONE, "Request executed", fill)

    def _judge(self, request: TradeRequest, snapshot: Snapshot) -> Judged:
        if not self.switches.connected:
            raise Refused(c.TRADE_RETCODE_CONNECTION)
        if not self.switches.terminal_trade_allowed or self.switches.tradeapi_disabled:
            raise Refused(c.TRADE_RETCODE_CLIENT_DISABLES_AT)
        if not self.switches.account_trade_allowed:
            raise Refused(c.TRADE_RETCODE_TRADE_DISABLED)
        if not self.switches.trade_expert:
            raise Refused(c.TRADE_RETCODE_SERVER_DISABLES_AT)
        if request.action != c.TRADE_ACTION_DEAL:
            raise Refused(c.TRADE_RETCODE_INVALID)
        return self._judgement.market_order(request, self.book, snapshot)

    def _affordable(self, judged: Judged, snapshot: Snapshot) -> Figures:
        """The account's money as after the trade. Raises Refused with 10019 where margin would be missing."""
        trial = self.book.fork()
        before = self.valuation.figures(trial, snapshot)
        try:
            self._execution.trade(trial, judged.intent, snapshot, snapshot.utc_ms)
            after = self.valuation.figures(trial, snapshot)
        except NoPrice:
            raise Refused(c.TRADE_RETCODE_PRICE_OFF) from None
        if after.free < 0 and after.margin > before.margin:
            raise Refused(c.TRADE_RETCODE_NO_MONEY)
        return after

    def close(self) -> None:
        """Bring the account up to now, save it and close its file."""
        self.present()
        self.storage.close()
