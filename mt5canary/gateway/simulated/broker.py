"""The simulated broker: one account, judged requests, carried-out trades, saved at once.

Everything is evaluated when somebody asks: before an answer the account is brought up to the present, so that a
stop loss that the market reached in between was executed at its own time and price.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import TradeRequest
from mt5canary.gateway.simulated.book import Book
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.execution import Execution, Fill, Intent
from mt5canary.gateway.simulated.faults import Faults
from mt5canary.gateway.simulated.judgement import COMMENTS, Judgement, Refused
from mt5canary.gateway.simulated.market import open_market
from mt5canary.gateway.simulated.monitor import Monitor
from mt5canary.gateway.simulated.pending import PendingOrders
from mt5canary.gateway.simulated.position_changes import PositionChanges
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.storage import Storage
from mt5canary.gateway.simulated.valuation import Figures, NoPrice, Snapshot, Valuation

Change = Callable[[Book], Fill]


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
        self.storage = Storage(state / "simulated-terminal.sqlite", scenario, clock.now())
        self.book = self.storage.book
        self.market = open_market(self.storage.seed, scenario.symbols, clock, self.storage.created_ms)
        self.valuation = Valuation(scenario)
        self.faults = Faults(scenario.faults, scenario.outages, scenario.seed)
        random = Random()
        self._judgement = Judgement(scenario, clock)
        self._execution = Execution(scenario, self.valuation, random)
        self._pending = PendingOrders(scenario, self._judgement, clock, random)
        self._positions = PositionChanges(scenario, self._judgement, self.valuation, random)
        self._monitor = Monitor(scenario, self.market, self.valuation, self._execution, clock)
        self._last_seen_ms = clock.now()

    def now_ms(self) -> int:
        """The instant that the terminal shows: it stands still while there is no connection."""
        if self.faults.is_on("connected"):
            self._last_seen_ms = self.clock.now()
        return self._last_seen_ms

    def present(self) -> Snapshot:
        """Bring the account up to now and return now's prices."""
        now_ms = self.now_ms()
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
            return Checked(0, "Done", self._tried(self._judge(request, snapshot), snapshot))
        except Refused as refusal:
            figures = self.valuation.figures(self.book, snapshot)
            return Checked(refusal.retcode, COMMENTS[refusal.retcode], figures)

    def send(self, request: TradeRequest, fraction: Decimal | None = None) -> Sent:
        """Carry out a request, or refuse it; what happened is on disk before this returns.

        ``fraction`` makes a market order fill only in part.
        """
        snapshot = self.present()
        try:
            change = self._judge(request, snapshot, fraction)
            if not request.position:
                self._tried(change, snapshot)
        except Refused as refusal:
            return Sent(refusal.retcode, COMMENTS[refusal.retcode], None)
        fill = change(self.book)
        self.storage.save()
        if fraction is not None and fill.deal:
            return Sent(c.TRADE_RETCODE_DONE_PARTIAL, "Request executed partially", fill)
        return Sent(c.TRADE_RETCODE_DONE, "Request executed", fill)

    def _judge(self, request: TradeRequest, snapshot: Snapshot, fraction: Decimal | None = None) -> Change:
        self._check_switches()
        match request.action:
            case c.TRADE_ACTION_DEAL:
                return self._market_order(request, snapshot, fraction)
            case c.TRADE_ACTION_PENDING:
                return self._pending.place(self._labelled(request), self.book, snapshot)
            case c.TRADE_ACTION_SLTP:
                return self._positions.stops(request, self.book, snapshot)
            case c.TRADE_ACTION_MODIFY:
                return self._pending.modify(request, self.book, snapshot)
            case c.TRADE_ACTION_REMOVE:
                return self._pending.remove(request, self.book, snapshot)
            case c.TRADE_ACTION_CLOSE_BY:
                return self._positions.close_by(self._labelled(request), self.book, snapshot)
        raise Refused(c.TRADE_RETCODE_INVALID)

    def _check_switches(self) -> None:
        for switch, retcode in (
            ("connected", c.TRADE_RETCODE_CONNECTION),
            ("tradeapi", c.TRADE_RETCODE_CLIENT_DISABLES_AT),
            ("terminal_trade_allowed", c.TRADE_RETCODE_CLIENT_DISABLES_AT),
            ("account_trade_allowed", c.TRADE_RETCODE_TRADE_DISABLED),
            ("trade_expert", c.TRADE_RETCODE_SERVER_DISABLES_AT),
        ):
            if not self.faults.is_on(switch):
                raise Refused(retcode)

    def _labelled(self, request: TradeRequest) -> TradeRequest:
        """The request with the comment that this broker stores."""
        comment = self.scenario.stored_comment(request.comment)
        if comment == request.comment:
            return request
        return TradeRequest((request._asdict() | {"comment": comment}).values())

    def _market_order(self, request: TradeRequest, snapshot: Snapshot, fraction: Decimal | None) -> Change:
        intent = self._judgement.market_order(self._labelled(request), self.book, snapshot)
        if fraction is not None:
            intent = _in_part(intent, fraction)
        return lambda book: self._execution.trade(book, intent, snapshot, snapshot.utc_ms)

    def _tried(self, change: Change, snapshot: Snapshot) -> Figures:
        """The account's money as after a change. Raises Refused with 10019 where margin would be missing."""
        trial = self.book.trial()
        try:
            before = self.valuation.figures(self.book, snapshot)
            change(trial)
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


def _in_part(intent: Intent, fraction: Decimal) -> Intent:
    """An intent of which only a fraction is filled; the rest is cancelled, which takes IOC (mt5-facts 5.4)."""
    if intent.filling != c.ORDER_FILLING_IOC:
        return intent
    filled = max(1, int(intent.steps * fraction))
    return replace(intent, steps=filled, unfilled=intent.steps - filled)
