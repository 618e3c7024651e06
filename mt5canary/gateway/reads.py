"""The actions that only read: each asks the terminal and puts its answer into the protocol's words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from mt5canary.gateway import constants as c
from mt5canary.gateway import words
from mt5canary.gateway.freshness import Freshness
from mt5canary.gateway.refusals import Refusal
from mt5canary.gateway.results import AccountInfo, SymbolInfo, TradeDeal, TradeOrder, TradePosition
from mt5canary.gateway.terminal import TradingInterface
from mt5canary.wire.requests import GetDeals, GetOrders, GetPositions, GetSymbol, GetTick, SyncAll

Answer = TypeVar("Answer")

LATEST_SECOND = 2**31 - 1
"""The package keeps history dates in 32 bits."""

_NO_TERMINAL = (
    c.RES_E_INTERNAL_FAIL,
    c.RES_E_INTERNAL_FAIL_SEND,
    c.RES_E_INTERNAL_FAIL_RECEIVE,
    c.RES_E_INTERNAL_FAIL_INIT,
    c.RES_E_INTERNAL_FAIL_CONNECT,
    c.RES_E_INTERNAL_FAIL_TIMEOUT,
)


def not_answered(terminal: TradingInterface, code: str, what: str) -> Refusal:
    """The refusal for a call that answered ``None``: the connection is named where it is to blame."""
    number, text = terminal.last_error()
    return Refusal("MT5_NOT_CONNECTED" if number in _NO_TERMINAL else code, f"{what}: {text} ({number})")


def account_info(terminal: TradingInterface) -> AccountInfo:
    """The account. Raises Refusal."""
    account = terminal.account_info()
    if account is None:
        raise not_answered(terminal, "ACCOUNT_ERROR", "no account information")
    return account


def symbol_info(terminal: TradingInterface, name: str) -> SymbolInfo:
    """A symbol, put into the Market Watch where it was not. Raises Refusal."""
    symbol = terminal.symbol_info(name)
    if symbol is None:
        raise not_answered(terminal, "UNKNOWN_SYMBOL", f"symbol {name!r}")
    if not symbol.select and terminal.symbol_select(name, True):
        return terminal.symbol_info(name) or symbol
    return symbol


def get_account(terminal: TradingInterface) -> dict[str, Any]:
    """``GET_ACCOUNT``."""
    account = account_info(terminal)
    return {
        "balance": account.balance, "equity": account.equity, "margin": account.margin,
        "free_margin": account.margin_free, "margin_level": account.margin_level, "currency": account.currency,
        "timestamp": words.rfc3339(time.time()), "login": account.login, "server": account.server,
        "trade_mode": words.word(words.TRADE_MODES, account.trade_mode), "leverage": account.leverage,
        "credit": account.credit, "profit": account.profit,
    }  # fmt: skip


def open_positions(terminal: TradingInterface, **filters: Any) -> tuple[TradePosition, ...]:
    """Open positions. Raises Refusal where the terminal does not say; nothing open is an empty tuple."""
    positions = terminal.positions_get(**filters)
    if positions is None:
        raise not_answered(terminal, "ACCOUNT_ERROR", "no position list")
    return positions


def get_positions(terminal: TradingInterface, request: GetPositions) -> dict[str, Any]:
    """``GET_POSITIONS``."""
    filters = {} if isinstance(request.symbol, UnsetType) else {"symbol": request.symbol}
    digits: dict[str, int] = {}
    listed = []
    for held in sorted(open_positions(terminal, **filters), key=lambda held: held.ticket):
        if held.symbol not in digits:
            digits[held.symbol] = symbol_info(terminal, held.symbol).digits
        listed.append(_position(held, digits[held.symbol]))
    return {"positions": _after(listed, request.after), "timestamp": words.rfc3339(time.time())}


def _position(held: TradePosition, digits: int) -> dict[str, Any]:
    return {
        "ticket": held.ticket, "symbol": held.symbol, "type": words.word(words.SIDES, held.type),
        "volume": held.volume, "open_price": held.price_open, "current_price": held.price_current,
        "profit": held.profit, "identifier": held.identifier, "time_msc": held.time_msc, "sl": held.sl,
        "tp": held.tp, "swap": held.swap, "magic": held.magic, "comment": held.comment, "symbol_digits": digits,
    }  # fmt: skip


def _after(listed: list[dict[str, Any]], ticket: int | UnsetType) -> list[dict[str, Any]]:
    return listed if ticket is UNSET else [entry for entry in listed if entry["ticket"] > ticket]


def get_tick(terminal: TradingInterface, request: GetTick) -> dict[str, Any]:
    """``GET_TICK``."""
    symbol_info(terminal, request.symbol)
    tick = terminal.symbol_info_tick(request.symbol)
    if tick is None:
        raise not_answered(terminal, "UNKNOWN_SYMBOL", f"no quote of {request.symbol!r}")
    fields = ("bid", "ask", "last", "volume", "time_msc", "flags")
    return {"tick": {name: getattr(tick, name) for name in fields}}


def get_symbol(terminal: TradingInterface, freshness: Freshness, request: GetSymbol) -> dict[str, Any]:
    """``GET_SYMBOL``."""
    symbol = symbol_info(terminal, request.symbol)
    return {"spec": {
        "symbol": symbol.name, "digits": symbol.digits, "point": symbol.point,
        "contract_size": symbol.trade_contract_size, "tick_size": symbol.trade_tick_size,
        "tick_value": symbol.trade_tick_value, "volume_min": symbol.volume_min, "volume_max": symbol.volume_max,
        "volume_step": symbol.volume_step, "volume_limit": symbol.volume_limit,
        "trade_mode": words.word(words.SYMBOL_TRADE_MODES, symbol.trade_mode),
        "execution": words.word(words.EXECUTIONS, symbol.trade_exemode),
        "filling": words.fillings(symbol.filling_mode, symbol.trade_exemode),
        "stops_level": symbol.trade_stops_level, "freeze_level": symbol.trade_freeze_level,
        "currency_base": symbol.currency_base, "currency_profit": symbol.currency_profit,
        "currency_margin": symbol.currency_margin, "session_open": freshness.is_open(symbol),
    }}  # fmt: skip


def sync_all(terminal: TradingInterface, request: SyncAll) -> dict[str, Any]:
    """``SYNC_ALL``: part A's account and the positions of a magic number."""
    account = account_info(terminal)
    held = [position for position in open_positions(terminal) if position.magic == request.magic_number]
    return {
        "account": {
            "balance": account.balance, "equity": account.equity, "margin_free": account.margin_free,
            "margin_used": account.margin, "margin_level": account.margin_level, "leverage": account.leverage,
        },
        "positions": [{
            "symbol": position.symbol, "ticket": position.ticket, "volume": position.volume,
            "profit": position.profit, "price_current": position.price_current,
            "price_open": position.price_open, "type": words.word(words.SIDES, position.type),
            "time_open": position.time,
        } for position in held],
        "message": f"{len(held)} positions",
    }  # fmt: skip


def historical_orders(terminal: TradingInterface, *dates: int, **filters: int) -> tuple[TradeOrder, ...]:
    """Historical orders. Raises Refusal where the terminal does not say."""
    orders = terminal.history_orders_get(*dates, **filters)
    if orders is None:
        raise not_answered(terminal, "ACCOUNT_ERROR", "no order history")
    return orders


def historical_deals(terminal: TradingInterface, *dates: int, **filters: int) -> tuple[TradeDeal, ...]:
    """Historical deals. Raises Refusal where the terminal does not say."""
    deals = terminal.history_deals_get(*dates, **filters)
    if deals is None:
        raise not_answered(terminal, "ACCOUNT_ERROR", "no deal history")
    return deals


def deals_of_order(terminal: TradingInterface, order: int, position: int = 0) -> list[TradeDeal]:
    """An order's deals, by way of its position: what history_deals_get(ticket=) means is unconfirmed (1.1).

    An order that opens a position gives it its number as a rule; ``position`` is where the caller knows better.
    """
    if deals := _deals_in(terminal, position or order, order):
        return deals
    identifiers = {record.position_id for record in historical_orders(terminal, ticket=order)}
    return [deal for found in identifiers for deal in _deals_in(terminal, found, order)]


def _deals_in(terminal: TradingInterface, position: int, order: int) -> list[TradeDeal]:
    return [deal for deal in historical_deals(terminal, position=position) if deal.order == order]


def _seconds(from_msc: int, to_msc: int) -> tuple[int, int]:
    return max(1, min(from_msc // 1000, LATEST_SECOND)), max(1, min(to_msc // 1000 + 1, LATEST_SECOND))


def get_deals(terminal: TradingInterface, request: GetDeals) -> dict[str, Any]:
    """``GET_DEALS``."""
    if not isinstance(request.order, UnsetType):
        deals = deals_of_order(terminal, request.order)
    elif not isinstance(request.position, UnsetType):
        deals = list(historical_deals(terminal, position=request.position))
    else:
        start, end = _window(request)
        found = historical_deals(terminal, *_seconds(start, end))
        deals = [deal for deal in found if start <= deal.time_msc <= end]
    chosen = sorted((deal for deal in deals if request.magic in (UNSET, deal.magic)), key=lambda deal: deal.ticket)
    return {"deals": _after([_deal(deal) for deal in chosen], request.after)}


def _window(request: GetDeals | GetOrders) -> tuple[int, int]:
    assert isinstance(request.from_msc, int)  # decoding.py saw to it
    assert isinstance(request.to_msc, int)
    return request.from_msc, request.to_msc


def _deal(deal: TradeDeal) -> dict[str, Any]:
    same = ("ticket", "order", "position_id", "time_msc", "symbol", "volume", "price", "commission", "swap")
    return {name: getattr(deal, name) for name in (*same, "fee", "profit", "magic", "comment")} | {
        "type": words.word(words.DEAL_TYPES, deal.type), "entry": words.word(words.DEAL_ENTRIES, deal.entry),
        "reason": words.word(words.DEAL_REASONS, deal.reason),
    }  # fmt: skip


def get_orders(terminal: TradingInterface, request: GetOrders) -> dict[str, Any]:
    """``GET_ORDERS``: active and historical."""
    active = terminal.orders_get()
    if active is None:
        raise not_answered(terminal, "ACCOUNT_ERROR", "no order list")
    orders: Sequence[TradeOrder]
    if not isinstance(request.ticket, UnsetType):
        ticket = request.ticket
        orders = [order for order in active if order.ticket == ticket]
        orders = orders or historical_orders(terminal, ticket=ticket)
    elif not isinstance(request.position, UnsetType):
        position = request.position
        orders = [order for order in active if order.position_id == position]
        orders = [*orders, *historical_orders(terminal, position=position)]
    else:
        start, end = _window(request)
        found = (*active, *historical_orders(terminal, *_seconds(start, end)))
        orders = [order for order in found if start <= order.time_setup_msc <= end]
    unique = {order.ticket: order for order in orders if request.magic in (UNSET, order.magic)}
    return {"orders": _after([_order(unique[ticket]) for ticket in sorted(unique)], request.after)}


def _order(order: TradeOrder) -> dict[str, Any]:
    same = ("ticket", "position_id", "symbol", "volume_initial", "volume_current", "price_open")
    return {name: getattr(order, name) for name in (*same, "time_setup_msc", "time_done_msc", "magic", "comment")} | {
        "state": words.word(words.ORDER_STATES, order.state), "type": words.word(words.ORDER_TYPES, order.type),
    }  # fmt: skip
