"""The simulated terminal as the ``MetaTrader5`` package shows a real one (mt5-facts sections 1.1 and 2.4).

A call that fails answers ``None`` (or ``False``) and leaves its reason in ``last_error``; nothing there is
``()``. Each call first sets last_error back to success.
"""

from __future__ import annotations

from random import Random
from typing import Any

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
    build,
)
from mt5canary.gateway.simulated import arguments, showing
from mt5canary.gateway.simulated.arguments import CallFailed
from mt5canary.gateway.simulated.broker import Broker, Sent
from mt5canary.gateway.simulated.execution import Fill
from mt5canary.gateway.simulated.judgement import COMMENTS
from mt5canary.gateway.simulated.pipe import call
from mt5canary.gateway.simulated.quote_copies import QuoteCopies
from mt5canary.gateway.simulated.selection import Window, chosen, in_group


class SimulatedTerminal(QuoteCopies):
    """One terminal, logged in to its broker's one account. That it is simulated is not said here."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker)
        self._random = Random()
        self._request_id = 0

    # -- the terminal ---------------------------------------------------------------------------------------

    def initialize(self, path: str | None = None, **options: Any) -> bool:
        """Attach to the terminal."""
        self.error = (c.RES_S_OK, "Success")
        if not self._broker.faults.is_on("ipc"):
            self.error = (c.RES_E_INTERNAL_FAIL_TIMEOUT, "IPC timeout")
            return False
        self.initialised = True
        return self._login_fits(options.get("login"), options.get("server"))

    def login(self, login: int, **options: Any) -> bool:
        """Log in; the terminal has one account."""
        self.error = (c.RES_S_OK, "Success")
        if not self.initialised:
            self.error = (c.RES_E_INTERNAL_FAIL_CONNECT, "No IPC connection")
            return False
        return self._login_fits(login, options.get("server"))

    def _login_fits(self, login: int | None, server: str | None) -> bool:
        scenario = self._broker.scenario
        fits = login in (None, 0, scenario.login) and server in (None, "", scenario.server)
        if fits and self._broker.faults.is_on("login"):
            return True
        self.initialised = False
        self.error = (c.RES_E_AUTH_FAILED, "Terminal: Authorization failed")
        return False

    def shutdown(self) -> bool:
        """Detach from the terminal."""
        self.error = (c.RES_S_OK, "Success")
        self.initialised = False
        return True

    def last_error(self) -> tuple[int, str]:
        """The latest call's outcome."""
        return self.error

    @call
    def version(self) -> tuple[int, int, str]:
        """The terminal's version, build and build date."""
        return 500, self._broker.scenario.build, self._broker.scenario.build_date

    @call
    def terminal_info(self) -> TerminalInfo:
        """The terminal's state; ping and retransmission vary as they do on a real line."""
        is_on = self._broker.faults.is_on
        home = "C:\\Users\\trader\\AppData\\Roaming\\MetaQuotes\\Terminal\\"
        return build(TerminalInfo, {
            **dict.fromkeys(("community_account", "community_connection", "dlls_allowed", "email_enabled"), False),
            **dict.fromkeys(("ftp_enabled", "notifications_enabled", "mqid"), False),
            "connected": is_on("connected"), "trade_allowed": is_on("terminal_trade_allowed"),
            "tradeapi_disabled": not is_on("tradeapi"), "build": self._broker.scenario.build,
            "maxbars": 100000, "codepage": 0, "ping_last": 38_000 + int(self._random.expovariate(1 / 4000)),
            "community_balance": 0.0, "retransmission": round(self._random.uniform(0.0, 0.4), 6),
            "company": self._broker.scenario.company, "name": f"{self._broker.scenario.company} MT5 Terminal",
            "language": "English", "path": "C:\\Program Files\\MetaTrader 5",
            "data_path": home + "D0E8209F77C8CF37AD8BF550E51FF075", "commondata_path": home + "Common",
        })  # fmt: skip

    @call
    def account_info(self) -> AccountInfo:
        """The account's state."""
        return showing.account(self._broker, self._broker.figures())

    # -- symbols --------------------------------------------------------------------------------------------

    @call
    def symbols_total(self) -> int:
        """How many symbols the broker offers."""
        return len(self._broker.scenario.symbols)

    @call
    def symbols_get(self, group: str | None = None) -> tuple[SymbolInfo, ...]:
        """The broker's symbols, all or those of a group such as ``*USD*,!GBP*``."""
        names = [name for name in self._broker.scenario.symbols if group is None or in_group(name, group)]
        snapshot = self._broker.present()
        symbols = (self._broker.scenario.symbols[name] for name in names)
        return tuple(showing.symbol_info(self._broker, s, s.name in self._selected, snapshot) for s in symbols)

    @call
    def symbol_info(self, symbol: str, /) -> SymbolInfo:
        """A symbol's specification and latest quote."""
        known = self._symbol(symbol)
        return showing.symbol_info(self._broker, known, known.name in self._selected, self._broker.present())

    @call
    def symbol_info_tick(self, symbol: str, /) -> Tick:
        """A symbol's latest quote."""
        known = self._symbol(symbol)
        if known.name not in self._selected:
            raise CallFailed(c.RES_E_NOT_FOUND, "Terminal: Not found")
        quote = self._broker.market[known.name].latest(self._broker.now_ms())
        if quote is None:
            raise CallFailed(c.RES_E_NOT_FOUND, "Terminal: Not found")
        return showing.tick(self._broker, known, quote)

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Put a symbol into the Market Watch, or take it out."""
        return self._symbol_select(symbol, enable) is not None

    @call
    def _symbol_select(self, symbol: str, enable: bool) -> bool:
        known = self._symbol(symbol)
        (self._selected.add if enable else self._selected.discard)(known.name)
        return True

    # -- trading --------------------------------------------------------------------------------------------

    @call
    def order_check(self, *args: Any, **kwargs: Any) -> OrderCheckResult:
        """What the terminal would say to a request: retcode 0, ``Done``, where it would accept."""
        request = arguments.trade_request(args, kwargs)
        checked, major = self._broker.check(request), self._broker.valuation.major
        figures = checked.figures
        return OrderCheckResult((
            checked.retcode, major(figures.balance), major(figures.equity), major(figures.profit),
            major(figures.margin), major(figures.free), figures.level, checked.comment, request,
        ))  # fmt: skip

    @call
    def order_send(self, *args: Any, **kwargs: Any) -> OrderSendResult:
        """Send a request: 10009, ``Request executed``, with order and deal, where it was filled."""
        request = arguments.trade_request(args, kwargs)
        if self._broker.scenario.tradeapi_answers_none and not self._broker.faults.is_on("tradeapi"):
            raise CallFailed(c.RES_E_AUTO_TRADING_DISABLED, "Auto trading disabled")
        sent = self._sent(request)
        if sent.retcode not in (c.TRADE_RETCODE_CLIENT_DISABLES_AT, c.TRADE_RETCODE_CONNECTION):
            self._request_id += 1 + self._random.randrange(3)
        request_id = self._request_id if sent.retcode != c.TRADE_RETCODE_CLIENT_DISABLES_AT else 0
        if sent.fill is None:
            return self._refusal(sent.retcode, sent.comment, request_id, request)
        if not _shows_quote(request.action):
            order = 0 if request.action == c.TRADE_ACTION_SLTP else sent.fill.order
            volume = request.volume if request.action == c.TRADE_ACTION_PENDING else 0.0
            return OrderSendResult(
                (sent.retcode, 0, order, volume, 0.0, 0.0, 0.0, sent.comment, request_id, 0, request)
            )
        return self._filled(sent, sent.fill, request_id, request)

    def _sent(self, request: TradeRequest) -> Sent:
        """Send, or have the scenario's faults answer instead."""
        if "requote" in self._due:
            return Sent(c.TRADE_RETCODE_REQUOTE, COMMENTS[c.TRADE_RETCODE_REQUOTE], None)
        fault = self._due.get("retcode")
        if fault is not None:
            if fault.executed:
                self._broker.send(request)
            return Sent(fault.retcode, COMMENTS.get(fault.retcode, f"Retcode {fault.retcode}"), None)
        partial = self._due.get("partial")
        return self._broker.send(request, partial.fraction if partial else None)

    def _filled(self, sent: Sent, fill: Fill, request_id: int, request: TradeRequest) -> OrderSendResult:
        symbol = self._broker.scenario.symbols[fill.symbol]
        deal = 0 if "deal_zero" in self._due else fill.deal
        price = 0.0 if "price_zero" in self._due else symbol.price(fill.price)
        return OrderSendResult((
            sent.retcode, deal, fill.order, symbol.lots(fill.steps), price, symbol.price(fill.quote.bid),
            symbol.price(fill.quote.ask), sent.comment, request_id, 0, request,
        ))  # fmt: skip

    @staticmethod
    def _refusal(retcode: int, comment: str, request_id: int, request: TradeRequest) -> OrderSendResult:
        return OrderSendResult((retcode, 0, 0, 0.0, 0.0, 0.0, 0.0, comment, request_id, 0, request))

    @call
    def order_calc_margin(self, action: int, symbol: str, volume: float, price: float, /) -> float:
        """Margin of one order by itself, in account currency."""
        known, side = self._symbol(symbol), arguments.integer(action, "action", 32)
        lots, points = arguments.number(volume, "volume"), known.points(arguments.number(price, "price"))
        if side > c.ORDER_TYPE_SELL or lots <= 0 or points <= 0:
            raise CallFailed(c.RES_E_INVALID_PARAMS, "Terminal: Invalid params")
        snapshot, valuation = self._broker.present(), self._broker.valuation
        leverage = valuation.leverage(valuation.figures(self._broker.book, snapshot).equity)
        steps = arguments.exact(lots) / known.volume_step
        return valuation.major(valuation.order_margin(known.name, side, steps, points, snapshot, leverage))

    @call
    def order_calc_profit(
        self, action: int, symbol: str, volume: float, price_open: float, price_close: float, /
    ) -> float:
        """Profit between two prices in account currency, without commission and swap."""
        known, side = self._symbol(symbol), arguments.integer(action, "action", 32)
        lots = arguments.number(volume, "volume")
        opened = known.points(arguments.number(price_open, "price_open"))
        closed = known.points(arguments.number(price_close, "price_close"))
        if side > c.ORDER_TYPE_SELL or lots <= 0 or opened <= 0 or closed <= 0:
            raise CallFailed(c.RES_E_INVALID_PARAMS, "Terminal: Invalid params")
        steps = arguments.exact(lots) / known.volume_step
        snapshot, valuation = self._broker.present(), self._broker.valuation
        return valuation.major(valuation.profit(known.name, side, steps, opened, closed, snapshot))

    # -- positions and orders -------------------------------------------------------------------------------

    @call
    def positions_total(self) -> int:
        """How many positions are open."""
        self._connected()
        self._broker.present()
        return len(self._broker.book.positions)

    def _connected(self) -> None:
        if not self._broker.faults.is_on("connected"):
            raise CallFailed(c.RES_E_FAIL, "Terminal: Call failed")

    @call
    def positions_get(
        self, *, symbol: str | None = None, group: str | None = None, ticket: int | None = None
    ) -> tuple[TradePosition, ...]:
        """Open positions, all or those of a ticket, a symbol or a group."""
        snapshot = self._broker.present()
        lag = self._broker.scenario.lag
        shown = (
            held
            for held in self._broker.book.positions.values()
            if lag.shows("position", held.ticket, held.time_ms, snapshot.utc_ms)
        )
        held = chosen(shown, symbol, group, ticket)
        return tuple(showing.position(self._broker, position, snapshot) for position in held)

    @call
    def orders_total(self) -> int:
        """How many orders are active."""
        self._connected()
        self._broker.present()
        return len(self._broker.book.active)

    @call
    def orders_get(
        self, *, symbol: str | None = None, group: str | None = None, ticket: int | None = None
    ) -> tuple[TradeOrder, ...]:
        """Active orders, all or those of a ticket, a symbol or a group."""
        self._broker.present()
        active = chosen(self._broker.book.active.values(), symbol, group, ticket)
        return tuple(showing.order(self._broker, order) for order in active)

    # -- history --------------------------------------------------------------------------------------------

    @call
    def history_orders_get(self, *dates: Any, **filters: Any) -> tuple[TradeOrder, ...]:
        """Historical orders: between two server times, of one ticket, or of a position."""
        now_ms, lag = self._broker.present().utc_ms, self._broker.scenario.lag
        window = Window.read(dates, filters)
        found = (
            showing.order(self._broker, order)
            for order in window.orders(self._broker.book)
            if lag.shows("order", order.ticket, order.done_ms, now_ms)
        )
        return tuple(order for order in found if window.has_time(order.time_setup))

    @call
    def history_deals_get(self, *dates: Any, **filters: Any) -> tuple[TradeDeal, ...]:
        """Historical deals: between two server times, of an order's ticket, or of a position."""
        now_ms, lag = self._broker.present().utc_ms, self._broker.scenario.lag
        window = Window.read(dates, filters)
        found = (
            showing.deal(self._broker, deal)
            for deal in window.deals(self._broker.book)
            if lag.shows("deal", deal.ticket, deal.time_ms, now_ms)
        )
        return tuple(deal for deal in found if window.has_time(deal.time))

    @call
    def history_orders_total(self, date_from: Any, date_to: Any, /) -> int:
        """How many historical orders lie between two server times."""
        return len(self.history_orders_get(date_from, date_to) or ())

    @call
    def history_deals_total(self, date_from: Any, date_to: Any, /) -> int:
        """How many historical deals lie between two server times."""
        return len(self.history_deals_get(date_from, date_to) or ())


def _shows_quote(action: int) -> bool:
    """Whether an action's result names deal, price and quote: one that trades does (mt5-facts 2.2)."""
    return action in (c.TRADE_ACTION_DEAL, c.TRADE_ACTION_CLOSE_BY)
