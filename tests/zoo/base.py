"""The honest gateway that every member of the zoo bends in one place.

Written from docs/wire-protocol.md alone: the standard library, pyzmq, and nothing of this project. A member
overrides one action, or ``reply`` or ``serve`` where its lie is in the envelope or on the socket.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from tests.zoo.books import CONTRACT, Books, Row
from tests.zoo.market import DIGITS, POINT, Market
from tests.zoo.serving import Refusal, Server, now, rejected


class Gateway(Server):
    """One gateway with its terminal, its account and its broker; ``reports`` is where the run writes its bundle.

    The last group of class attributes steers the run that is flown against a member: what its plan says beside the
    ordinary, the text of its decision record (none at all where it is empty), the host that it names, where the
    gateway listens, whether it sits on the node itself, whose market the drift baseline is of, how many runs are
    flown, the last of which counts, what the command line says beside, and a rule by which the node sends elsewhere
    what goes out.
    """

    books_kind: ClassVar[type[Books]] = Books
    market_kind: ClassVar[type[Market]] = Market
    zone_hours: ClassVar[float] = 2.0
    balance: ClassVar[str] = "200.00"
    account: ClassVar[Row] = {}
    terminal: ClassVar[Row] = {}
    spec: ClassVar[Row] = {}

    plan: ClassVar[Row] = {}
    record: ClassVar[str | None] = None
    host: ClassVar[str | None] = None
    listens_at: ClassVar[str | None] = None
    on_the_node: ClassVar[bool] = False
    baseline_of: ClassVar[str] = "honest"
    runs: ClassVar[int] = 1
    options: ClassVar[tuple[str, ...]] = ()
    redirect: ClassVar[str | None] = None

    def __init__(self, folder: Path, secret: bytes, reports: Path) -> None:
        super().__init__(folder, secret)
        self.reports = reports
        self.market = self.market_kind(self.zone_hours)
        self.books = self.books_kind(self.market, self.balance)
        self.leases: dict[int, float] = {}

    # who is there

    def account_identity(self) -> Row:
        """Whose account it is."""
        return {
            "login": 1100212251,
            "server": "JustMarkets-Demo2",
            "company": "Just Global Markets Ltd.",
            "trade_mode": "demo",
            "margin_mode": "hedging",
            "leverage": self.books.leverage,
            "currency": "USD",
            "trade_allowed": True,
            "trade_expert": True,
        } | self.account

    def ping(self, request: Row) -> Row:
        """A sign of life."""
        return {"latency_ms": 0.05}

    def hello(self, request: Row) -> Row:
        """Who answers, from the gateway down to the account."""
        if not request.get("nonce"):
            raise Refusal("MISSING_NONCE", "HELLO needs a nonce")
        return {
            "protocol": "4.3",
            "gateway": {
                "name": "zoo",
                "version": "1",
                "instance": self.instance,
                "started_at": self.started_at,
            },
            "capabilities": list(self.capabilities()),
            "terminal": {
                "kind": "metatrader5",
                "name": "MetaTrader 5",
                "company": "MetaQuotes Ltd.",
                "build": 5430,
                "connected": True,
                "trade_allowed": True,
                "tradeapi_disabled": False,
                "ping_last_us": 41_000,
            }
            | self.terminal,
            "account": self.account_identity(),
            "halted": self.is_halted(),
            "halt_reason": self._halt_file.read_text() if self.is_halted() else "",
        }

    def get_account(self, request: Row) -> Row:
        """The account's money."""
        who = self.account_identity()
        told = {name: who[name] for name in ("login", "server", "trade_mode", "leverage", "currency")}
        return {**self.books.money(), **told, "timestamp": now()}

    # the market

    def specification(self) -> Row:
        """What the broker allows for the symbol."""
        return {
            "symbol": "EURUSD",
            "digits": DIGITS,
            "point": POINT,
            "contract_size": float(CONTRACT),
            "tick_size": POINT,
            "tick_value": 1.0,
            "volume_min": 0.001,
            "volume_max": 100.0,
            "volume_step": 0.001,
            "volume_limit": 0.0,
            "trade_mode": "full",
            "execution": "market",
            "filling": ["fok", "ioc"],
            "stops_level": 0,
            "freeze_level": 0,
            "currency_base": "EUR",
            "currency_profit": "USD",
            "currency_margin": "EUR",
            "session_open": True,
        } | self.spec

    def require_symbol(self, request: Row) -> None:
        """Refuse a symbol that the broker does not have."""
        if request["symbol"] != self.specification()["symbol"]:
            raise Refusal("UNKNOWN_SYMBOL", f"unknown symbol {request['symbol']}")

    def get_symbol(self, request: Row) -> Row:
        """The symbol's specification."""
        self.require_symbol(request)
        return {"spec": self.specification()}

    def get_tick(self, request: Row) -> Row:
        """The symbol's latest quote."""
        self.require_symbol(request)
        return {"tick": self.market.look()}

    # the books

    def get_positions(self, request: Row) -> Row:
        """What is open."""
        wanted = request.get("symbol")
        rows = [self.books.shown(each) for each in self.books.positions.values() if wanted in (None, each["symbol"])]
        return {"positions": rows, "timestamp": now()}

    def get_deals(self, request: Row) -> Row:
        """The history's deals."""
        return {"deals": [deal for deal in self.books.deals if _is_selected(deal, request, "order", "time_msc")]}

    def get_orders(self, request: Row) -> Row:
        """The orders, active and historical."""
        return {
            "orders": [order for order in self.books.orders if _is_selected(order, request, "ticket", "time_setup_msc")]
        }

    def find_request(self, request: Row) -> Row:
        """What became of an earlier request."""
        known = self._known.get(request["request_uuid"])
        if known is None:
            return {"known": False}
        _, answered = known
        if answered is None:
            return {"known": True, "state": "in_flight"}
        return {"known": True, "state": "done", "reply": {"uuid": request["request_uuid"], **answered}}

    def sync_all(self, request: Row) -> Row:
        """Account and positions in the base protocol's words."""
        money = self.books.money()
        account = {"margin_free": money["free_margin"], "margin_used": money["margin"], "leverage": self.books.leverage}
        account |= {name: money[name] for name in ("balance", "equity", "margin_level")}
        rows = [self.books.shown(each) for each in self.books.positions.values()]
        mine = [
            {
                **{name: row[name] for name in ("symbol", "ticket", "volume", "profit", "type")},
                "price_current": row["current_price"],
                "price_open": row["open_price"],
                "time_open": row["time_msc"] // 1000,
            }
            for row in rows
            if row["magic"] == request["magic_number"]
        ]
        return {"status": "OK", "account": account, "positions": mine, "message": ""}

    # what the terminal says to an order

    def retcode(self, request: Row) -> int:
        """The terminal's word on an order: 0, or why not."""
        spec, volume = self.specification(), Decimal(str(request["volume"]))
        least, most, step = (Decimal(str(spec[name])) for name in ("volume_min", "volume_max", "volume_step"))
        if not least <= volume <= most or volume % step:
            return 10014
        if spec["trade_mode"] in ("disabled", "close_only"):
            return 10017
        if not spec["session_open"]:
            return 10018
        nearest = spec["stops_level"] * POINT
        stop = request.get("sl") or 0.0
        if stop:
            away = self.market.bid - stop if request["type"] == "BUY" else stop - self.market.ask
            if away < nearest or away <= 0:
                return 10016
        return 0

    def check_order(self, request: Row) -> Row:
        """What the terminal would say; never trades."""
        self.require_symbol(request)
        code = self.retcode(request)
        if code:
            raise rejected("MT5_ORDER_FAILED", f"retcode {code}", code)
        price = self.market.ask if request["type"] == "BUY" else self.market.bid
        money = self.books.money(self.books.margin_for(request["volume"], price))
        shown = {"margin": money["margin"], "margin_free": money["free_margin"], "margin_level": money["margin_level"]}
        return {"retcode": 0, **shown, "comment": "Done"}

    def open(self, request: Row) -> Row:
        """Send a market order."""
        self.require_symbol(request)
        code = self.retcode(request)
        if code:
            raise rejected("MT5_ORDER_FAILED", f"retcode {code}", code)
        order, deal, position = self.books.open(request)
        return self.filled(order, deal, position)

    def filled(self, order: Row, deal: Row, position: Row) -> Row:
        """The words of a fill."""
        self.has_filled = True
        return {
            "status": "FILLED",
            "ticket": order["ticket"],
            "symbol": deal["symbol"],
            "volume": deal["volume"],
            "price": deal["price"],
            "execution_time": now(),
            "latency_ms": 1.0,
            "retcode": 10009,
            "order": order["ticket"],
            "deal": deal["ticket"],
            "position": position["ticket"],
            "bid": self.market.bid,
            "ask": self.market.ask,
        }

    def close(self, request: Row) -> Row:
        """Close one position."""
        ticket = request["ticket"]
        if ticket not in self.books.positions:
            raise rejected("MT5_CLOSE_FAILED", f"no position {ticket}", 10036)
        order, deal = self.books.close(ticket, request.get("volume"))
        return {
            "status": "FILLED",
            "ticket": ticket,
            "close_price": deal["price"],
            "execution_time": now(),
            "latency_ms": 1.0,
            "retcode": 10009,
            "order": order["ticket"],
            "deal": deal["ticket"],
            "position": ticket,
            "bid": self.market.bid,
            "ask": self.market.ask,
        }

    def close_all(self, request: Row) -> Row:
        """Close every position of a magic number, or of the account."""
        whole = request.get("scope") == "account"
        if not whole and request.get("magic") is None:
            raise Refusal("MISSING_FIELD", "magic, or scope: account")
        closed = []
        for ticket, position in list(self.books.positions.items()):
            if whole or position["magic"] == request["magic"]:
                order, deal = self.books.close(ticket)
                numbers = {"position": ticket, "order": order["ticket"], "deal": deal["ticket"]}
                closed.append({**numbers, **{name: deal[name] for name in ("volume", "price", "profit")}})
        return {"closed": closed, "failed": []}

    def lease(self, request: Row) -> Row:
        """Close the positions of a magic number by itself unless this is said again in time."""
        self.leases.pop(request["magic"], None)
        if request["seconds"]:
            self.leases[request["magic"]] = time.monotonic() + request["seconds"]
        end = datetime.now(UTC) + timedelta(seconds=request["seconds"])
        return {"expires_at": end.isoformat().replace("+00:00", "Z")}

    def idle(self) -> None:
        """Close what a lease that ran out protected."""
        for magic in [magic for magic, end in self.leases.items() if time.monotonic() > end]:
            del self.leases[magic]
            for ticket in [row["ticket"] for row in self.books.positions.values() if row["magic"] == magic]:
                self.books.close(ticket)


def _is_selected(row: Row, request: Row, number: str, instant: str) -> bool:
    """Whether a row of the history is one that a request asks for."""
    if number in request:
        chosen = row["order" if number == "order" else "ticket"] == request[number]
    elif "position" in request:
        chosen = row["position_id"] == request["position"]
    else:
        chosen = request["from_msc"] <= row[instant] <= request["to_msc"]
    return bool(chosen) and request.get("magic") in (None, row["magic"])
