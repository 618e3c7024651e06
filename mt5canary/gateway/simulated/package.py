"""The simulated terminal as the ``MetaTrader5`` package shows a real one (mt5-facts sections 1.1 and 2.4).

A call that fails answers ``None`` (or ``False``) and leaves its reason in ``last_error``; nothing there is
``()``. Each call first sets last_error back to success.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Concatenate, ParamSpec, TypeVar

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
from mt5canary.gateway.simulated.broker import Broker
from mt5canary.gateway.simulated.symbols import Symbol

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def call(
    function: Callable[Concatenate[SimulatedTerminal, Arguments], Answer],
) -> Callable[Concatenate[SimulatedTerminal, Arguments], Answer | None]:
    """Make a method a call of the package: last_error reset, ``None`` for a failure."""

    @functools.wraps(function)
    def answer(terminal: SimulatedTerminal, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer | None:
        terminal.error = (c.RES_S_OK, "Success")
        try:
            if not terminal.initialised:
                raise CallFailed(c.RES_E_INTERNAL_FAIL_CONNECT, "No IPC connection")
            return function(terminal, *args, **kwargs)
        except CallFailed as failure:
            terminal.error = (failure.code, str(failure))
            return None

    return answer


class SimulatedTerminal:
    """One terminal, logged in to its broker's one account. That it is simulated is not said here."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._random = Random()
        self._selected = {name for name, symbol in broker.scenario.symbols.items() if symbol.in_market_watch}
        self._request_id = 0
        self.initialised = False
        self.error = (c.RES_S_OK, "Success")

    # -- the terminal ---------------------------------------------------------------------------------------

    def initialize(self, path: str | None = None, /, **options: Any) -> bool:
        """Attach to the terminal."""
        self.error = (c.RES_S_OK, "Success")
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
        if login in (None, 0, scenario.login) and server in (None, "", scenario.server):
            return True
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
        switches, folder = self._broker.switches, Path("C:/Program Files/MetaTrader 5")
        home = "C:\\Users\\trader\\AppData\\Roaming\\MetaQuotes\\Terminal\\"
        return build(TerminalInfo, {
            **dict.fromkeys(("community_account", "community_connection", "dlls_allowed", "email_enabled"), False),
            **dict.fromkeys(("ftp_enabled", "notifications_enabled", "mqid"), False),
            "connected": switches.connected, "trade_allowed": switches.terminal_trade_allowed,
            "tradeapi_disabled": switches.tradeapi_disabled, "build": self._broker.scenario.build,
            "maxbars": 100000, "codepage": 0, "ping_last": 38_000 + int(self._random.expovariate(1 / 4000)),
            "community_balance": 0.0, "retransmission": round(self._random.uniform(0.0, 0.4), 6),
            "company": self._broker.scenario.company, "name": f"{self._broker.scenario.company} MT5 Terminal",
            "language": "English", "path": str(folder).replace("/", "\\"),
            "data_path": home + "D0E8209F77C8CF37AD8BF550E51FF075", "commondata_path": home + "Common",
        })  # fmt: skip

    @call
    def account_info(self) -> AccountInfo:
        """The account's state."""
        return showing.account(self._broker, self._broker.figures())

    # -- symbols --------------------------------------------------------------------------------------------

    def _symbol(self, name: Any) -> Symbol:
        symbol = self._broker.scenario.symbols.get(arguments.text(name, "symbol"))
        if symbol is None:
            raise CallFailed(c.RES_E_FAIL, "Terminal: Call failed")
        return symbol

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
        quote = self._broker.market[known.name].latest(self._broker.clock.now())
        if quote is None:
            raise CallFailed(c.RES_E_NOT_FOUND, "Terminal: Not found")
        return showing.tick(self._broker, known, quote)

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Put a symbol into the Market Watch, or take it out."""
        return self._select(symbol, enable) is not None

    @call
    def _select(self, symbol: str, enable: bool) -> bool:
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
        sent = self._broker.send(request)
        if sent.retcode not in (c.TRADE_RETCODE_CLIENT_DISABLES_AT, c.TRADE_RETCODE_CONNECTION):
            self._request_id += 1 + self._random.randrange(3)
        request_id = self._request_id if sent.retcode != c.TRADE_RETCODE_CLIENT_DISABLES_AT else 0
        if sent.fill is None:
            return self._refusal(sent.retcode, sent.comment, request_id, request)
        symbol, fill = self._broker.scenario.symbols[request.symbol], sent.fill
        return OrderSendResult((
            sent.retcode, fill.deal, fill.order, symbol.lots(fill.steps), symbol.price(fill.price),
            symbol.price(fill.quote.bid), symbol.price(fill.quote.ask), sent.comment, request_id, 0, request,
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
        self._broker.present()
        return len(self._broker.book.positions)

    @call
    def positions_get(
        self, *, symbol: str | None = None, group: str | None = None, ticket: int | None = None
    ) -> tuple[TradePosition, ...]:
        """Open positions, all or those of a ticket, a symbol or a group."""
        snapshot = self._broker.present()
        held = _chosen(self._broker.book.positions.values(), symbol, group, ticket)
        return tuple(showing.position(self._broker, position, snapshot) for position in held)

    @call
    def orders_total(self) -> int:
        """How many orders are active."""
        self._broker.present()
        return len(self._broker.book.active)

    @call
    def orders_get(
        self, *, symbol: str | None = None, group: str | None = None, ticket: int | None = None
    ) -> tuple[TradeOrder, ...]:
        """Active orders, all or those of a ticket, a symbol or a group."""
        self._broker.present()
        active = _chosen(self._broker.book.active.values(), symbol, group, ticket)
        return tuple(showing.order(self._broker, order) for order in active)

    # -- history --------------------------------------------------------------------------------------------

    @call
    def history_orders_get(self, *dates: Any, **filters: Any) -> tuple[TradeOrder, ...]:
        """Historical orders: between two server times, of one ticket, or of a position."""
        self._broker.present()
        window = Window.read(dates, filters)
        chosen = (o for o in self._broker.book.history.values() if window.has_order(o.ticket, o.position_id, o.symbol))
        return tuple(o for o in (showing.order(self._broker, o) for o in chosen) if window.has_time(o.time_setup))

    @call
    def history_deals_get(self, *dates: Any, **filters: Any) -> tuple[TradeDeal, ...]:
        """Historical deals: between two server times, of an order's ticket, or of a position."""
        self._broker.present()
        window = Window.read(dates, filters)
        chosen = (d for d in self._broker.book.deals.values() if window.has_order(d.order, d.position_id, d.symbol))
        return tuple(d for d in (showing.deal(self._broker, d) for d in chosen) if window.has_time(d.time))

    @call
    def history_orders_total(self, date_from: Any, date_to: Any, /) -> int:
        """How many historical orders lie between two server times."""
        return len(self.history_orders_get(date_from, date_to) or ())

    @call
    def history_deals_total(self, date_from: Any, date_to: Any, /) -> int:
        """How many historical deals lie between two server times."""
        return len(self.history_deals_get(date_from, date_to) or ())


def in_group(name: str, group: str) -> bool:
    """Whether a symbol is in a group such as ``*USD*,!GBP*``: any pattern, and no pattern after ``!``."""
    patterns = [pattern.strip() for pattern in group.split(",")]
    wanted = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns if not pattern.startswith("!"))
    return wanted and not any(fnmatch.fnmatchcase(name, p[1:]) for p in patterns if p.startswith("!"))


Record = TypeVar("Record", bound=Any)


def _chosen(records: Iterable[Record], symbol: str | None, group: str | None, ticket: int | None) -> list[Record]:
    if ticket is not None:
        wanted = arguments.integer(ticket, "ticket", 64)
        return [record for record in records if record.ticket == wanted]
    if symbol is not None:
        return [record for record in records if record.symbol == arguments.text(symbol, "symbol")]
    return [record for record in records if group is None or in_group(record.symbol, group)]


class Window:
    """Which part of the history a call asks for."""

    def __init__(self, start: int, end: int, ticket: int, position: int, group: str | None) -> None:
        self._start, self._end = start, end
        self._ticket, self._position, self._group = ticket, position, group

    @classmethod
    def read(cls, dates: tuple[Any, ...], filters: dict[str, Any]) -> Window:
        """Read two dates, or ``ticket`` or ``position``; anything else is -2."""
        if set(filters) - {"ticket", "position", "group"} or len(dates) not in (0, 2):
            raise CallFailed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
        ticket, position = (arguments.integer(filters.get(k, 0), k, 64) for k in ("ticket", "position"))
        if not dates and not ticket and not position:
            raise CallFailed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
        start, end = (_seconds(dates[0]), _seconds(dates[1])) if dates else (0, 2**31 - 1)
        return cls(start, end, ticket, position, filters.get("group"))

    def has_order(self, order: int, position: int, symbol: str) -> bool:
        """Whether a record's order, position and symbol are asked for."""
        if self._ticket:
            return order == self._ticket
        if self._position:
            return position == self._position
        return self._group is None or in_group(symbol, self._group)

    def has_time(self, seconds: int) -> bool:
        """Whether a server time lies in the window."""
        return self._start <= seconds <= self._end


def _seconds(date: Any) -> int:
    if isinstance(date, datetime):
        return int(date.timestamp())
    if isinstance(date, (int, float)):
        return int(date)
    raise CallFailed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
