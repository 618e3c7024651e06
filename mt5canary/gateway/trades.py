"""The actions that trade: each sends one request to the terminal, or several for ``CLOSE_ALL``, and tells the truth.

``FILLED`` is said only with a deal behind it. Where the terminal's answer leaves it open whether the order was
executed, the reply is ``MT5_TIMEOUT`` with status ``error``, never ``REJECTED``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import UnsetType

from mt5canary.gateway import constants as c
from mt5canary.gateway import reads, words
from mt5canary.gateway.refusals import Refusal
from mt5canary.gateway.results import OrderSendResult, SymbolInfo, Tick, TradeDeal, TradePosition
from mt5canary.gateway.terminal import TradingInterface
from mt5canary.wire.requests import CheckOrder, Close, CloseAll, Open, OrderRequest

DEAL_DEADLINE_SECONDS = 5.0
"""How long a fill's deal may be missing from the history before its outcome counts as unknown."""

CLOSE_DEVIATION = 20
EMERGENCY_ATTEMPTS = 3

_UNKNOWN = (c.TRADE_RETCODE_PLACED, c.TRADE_RETCODE_ERROR, c.TRADE_RETCODE_TIMEOUT, c.TRADE_RETCODE_CONNECTION)
_NEVER_SENT = (c.RES_E_INVALID_PARAMS, c.RES_E_AUTO_TRADING_DISABLED)
_PASSING = (c.TRADE_RETCODE_REQUOTE, c.TRADE_RETCODE_PRICE_CHANGED, c.TRADE_RETCODE_PRICE_OFF)


class Outcome(NamedTuple):
    """A reply's fields, the terminal's orders that the request made, and whether the outcome stayed unknown."""

    fields: dict[str, Any]
    orders: tuple[int, ...] = ()


class Unknown(Refusal):
    """Nobody can say yet whether the order was executed; ``order`` is its ticket where the terminal named one."""

    def __init__(self, text: str, retcode: int | None = None, order: int = 0) -> None:
        fields = {} if retcode is None else {"retcode": retcode}
        super().__init__("MT5_TIMEOUT", text, rejected=False, **fields)
        self.order = order


Trading = Open | Close | CloseAll

BeforeSending = Callable[[], None]
"""Called at the last moment before a request goes to the terminal; raises Refusal to stop it."""


def filling(symbol: SymbolInfo) -> int:
    """The filling type of a market order: FOK where the symbol has it, else IOC, else RETURN (mt5-facts 5.5)."""
    names = words.fillings(symbol.filling_mode, symbol.trade_exemode)
    choice = {"fok": c.ORDER_FILLING_FOK, "ioc": c.ORDER_FILLING_IOC}
    return next((choice[name] for name in names if name in choice), c.ORDER_FILLING_RETURN)


def _market_order(terminal: TradingInterface, request: OrderRequest) -> tuple[dict[str, Any], int]:
    """The terminal's request, and the time of the quote that it was made on, in ms; 0 where there is none."""
    symbol = reads.symbol_info(terminal, request.symbol)
    tick = terminal.symbol_info_tick(symbol.name)
    order = {
        "action": c.TRADE_ACTION_DEAL, "symbol": request.symbol, "volume": float(request.volume),
        "type": c.ORDER_TYPE_BUY if request.type == "BUY" else c.ORDER_TYPE_SELL,
        "price": float(request.price) or _quoted(tick, request.type == "BUY"),
        "sl": float(request.sl), "tp": float(request.tp), "deviation": request.deviation, "magic": request.magic,
        "comment": request.comment, "type_time": c.ORDER_TIME_GTC, "type_filling": filling(symbol),
    }  # fmt: skip
    return order, 0 if tick is None else tick.time_msc


def _quoted(tick: Tick | None, buys: bool) -> float:
    if tick is None:
        return 0.0
    return tick.ask if buys else tick.bid


def check_order(terminal: TradingInterface, request: CheckOrder) -> dict[str, Any]:
    """``CHECK_ORDER``: what the terminal would say; never trades."""
    result = terminal.order_check(_market_order(terminal, request)[0])
    if result is None:
        raise reads.not_answered(terminal, "MT5_ORDER_FAILED", "no answer to the check")
    if result.retcode != 0:
        text = result.comment or "refused"
        raise Refusal("MT5_ORDER_FAILED", text, rejected=True, retcode=result.retcode)
    return {
        "retcode": 0, "margin": result.margin, "margin_free": result.margin_free,
        "margin_level": result.margin_level, "comment": result.comment,
    }  # fmt: skip


def _send(
    terminal: TradingInterface, request: dict[str, Any], code: str, before: BeforeSending = lambda: None
) -> OrderSendResult:
    """Send a request. Raises Refusal where it was refused and Unknown where nobody can tell."""
    before()
    result = terminal.order_send(request)
    if result is None:
        number, text = terminal.last_error()
        if number in _NEVER_SENT:
            raise Refusal(code, f"{text} ({number})", rejected=True, retcode=0)
        if number == c.RES_E_INTERNAL_FAIL_CONNECT:
            raise Refusal("MT5_NOT_CONNECTED", f"{text} ({number})", rejected=True, retcode=0)
        raise Unknown(f"the terminal did not say what became of the order: {text} ({number})")
    if result.retcode in _UNKNOWN:
        raise Unknown(result.comment or "outcome unknown", result.retcode, result.order)
    if result.retcode not in (c.TRADE_RETCODE_DONE, c.TRADE_RETCODE_DONE_PARTIAL):
        raise Refusal(code, result.comment or "refused", rejected=True, retcode=result.retcode)
    return result


def _deal_behind(terminal: TradingInterface, result: OrderSendResult, position: int = 0) -> TradeDeal:
    """The deal of a fill, waited for where the history lags. Raises Unknown where it does not come."""
    deadline = time.monotonic() + DEAL_DEADLINE_SECONDS
    while result.order:
        try:
            deals = reads.deals_of_order(terminal, result.order, position)
        except Refusal:
            deals = []
        if deals:
            return deals[-1]
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    text = f"retcode {result.retcode} for order {result.order}, and no deal in the history"
    raise Unknown(text, result.retcode, result.order)


class Prepared(NamedTuple):
    """A request made ready to be carried out.

    ``server_msc`` is the trade server's time as the latest quote tells it, 0 where there is none: it bounds from
    below the time of whatever the request will make. ``order`` is what an ``OPEN`` sends to the terminal.
    """

    request: Trading
    server_msc: int
    order: dict[str, Any]


def prepare(terminal: TradingInterface, request: Trading) -> Prepared:
    """Ask the terminal what has to be known before a request is written down. Raises Refusal."""
    if isinstance(request, Open):
        order, quoted_msc = _market_order(terminal, request)
        return Prepared(request, quoted_msc, order)
    symbols = {held.symbol for held in terminal.positions_get() or ()}
    ticks = [tick for symbol in symbols if (tick := terminal.symbol_info_tick(symbol)) is not None]
    return Prepared(request, max((tick.time_msc for tick in ticks), default=0), {})


def open_position(terminal: TradingInterface, request: Open, order: dict[str, Any], before: BeforeSending) -> Outcome:
    """``OPEN``."""
    started = time.perf_counter()
    result = _send(terminal, order, "MT5_ORDER_FAILED", before)
    milliseconds = (time.perf_counter() - started) * 1000
    deal = _deal_behind(terminal, result)
    fields = {"ticket": result.order, "symbol": request.symbol, "volume": result.volume or deal.volume,
              "price": result.price or deal.price}  # fmt: skip
    return Outcome(fields | _execution(result, deal, milliseconds), (result.order,))


def _execution(result: OrderSendResult, deal: TradeDeal, milliseconds: float) -> dict[str, Any]:
    return {
        "status": "FILLED", "execution_time": words.rfc3339(time.time()), "latency_ms": round(milliseconds, 3),
        "retcode": result.retcode, "order": result.order, "deal": result.deal or deal.ticket,
        "position": deal.position_id, "bid": result.bid, "ask": result.ask,
    }  # fmt: skip


def _closing(terminal: TradingInterface, held: TradePosition, volume: float, comment: str) -> dict[str, Any]:
    symbol = reads.symbol_info(terminal, held.symbol)
    buys = held.type == c.POSITION_TYPE_SELL
    return {
        "action": c.TRADE_ACTION_DEAL, "position": held.ticket, "symbol": held.symbol, "volume": volume,
        "type": c.ORDER_TYPE_BUY if buys else c.ORDER_TYPE_SELL,
        "price": _quoted(terminal.symbol_info_tick(symbol.name), buys),
        "deviation": CLOSE_DEVIATION, "magic": held.magic, "comment": comment, "type_time": c.ORDER_TIME_GTC,
        "type_filling": filling(symbol),
    }  # fmt: skip


def close_position(terminal: TradingInterface, request: Close, before: BeforeSending) -> Outcome:
    """``CLOSE``."""
    started = time.perf_counter()
    held = next(iter(reads.open_positions(terminal, ticket=request.ticket)), None)
    if held is None:
        raise Refusal("MT5_CLOSE_FAILED", f"no open position {request.ticket}")
    volume = held.volume if isinstance(request.volume, UnsetType) else float(request.volume)
    result = _send(terminal, _closing(terminal, held, volume, ""), "MT5_CLOSE_FAILED", before)
    milliseconds = (time.perf_counter() - started) * 1000
    deal = _deal_behind(terminal, result, held.identifier)
    fields = {"ticket": request.ticket, "close_price": result.price or deal.price}
    return Outcome(fields | _execution(result, deal, milliseconds), (result.order,))


def is_meant(request: CloseAll, item: TradePosition | TradeDeal) -> bool:
    """Whether a position, or the deal that closed one, is among those that a ``CLOSE_ALL`` is about."""
    return not isinstance(request.magic, int) or item.magic == request.magic


def close_all(terminal: TradingInterface, magic: int | None, comment: str) -> Outcome:
    """Close every position of a magic number, or of the account; both lists say what became of each."""
    closed: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    orders: list[int] = []
    for held in reads.open_positions(terminal):
        if magic is not None and held.magic != magic:
            continue
        try:
            result = _close_stubbornly(terminal, held, comment)
            deal = _deal_behind(terminal, result, held.identifier)
        except Refusal as refusal:
            orders += [refusal.order] if isinstance(refusal, Unknown) and refusal.order else []
            retcode = refusal.fields.get("retcode", 0)
            failed.append({"position": held.ticket, "retcode": retcode, "error_msg": str(refusal)})
            continue
        orders.append(result.order)
        closed.append(closed_entry(deal))
    return Outcome(close_all_told(closed, failed), tuple(orders))


def closed_entry(deal: TradeDeal) -> dict[str, Any]:
    """What ``CLOSE_ALL`` says of a position that a deal closed."""
    return {
        "position": deal.position_id, "order": deal.order, "deal": deal.ticket, "volume": deal.volume,
        "price": deal.price, "profit": deal.profit,
    }  # fmt: skip


def close_all_told(closed: list[dict[str, Any]], failed: list[dict[str, Any]]) -> dict[str, Any]:
    """The reply of ``CLOSE_ALL``: an error where any position could not be closed."""
    fields: dict[str, Any] = {"status": "ok", "closed": closed, "failed": failed}
    if failed:
        text = f"{len(failed)} of {len(closed) + len(failed)} positions could not be closed"
        fields |= {"status": "error", "error_code": "CLOSE_INCOMPLETE", "error_msg": text}
    return fields


def _close_stubbornly(terminal: TradingInterface, held: TradePosition, comment: str) -> OrderSendResult:
    """Close a position, trying again where only the price was in the way."""
    for _ in range(EMERGENCY_ATTEMPTS - 1):
        try:
            return _send(terminal, _closing(terminal, held, held.volume, comment), "MT5_CLOSE_FAILED")
        except Refusal as refusal:
            if refusal.fields.get("retcode") not in _PASSING:
                raise
    return _send(terminal, _closing(terminal, held, held.volume, comment), "MT5_CLOSE_FAILED")
