"""What became of a request whose reply was never written down, or said that nobody knows.

The terminal is asked: an order that this request made carries its magic number, symbol, side, volume and comment,
lies after the request was written down, and belongs to no other request. Requests go to the terminal one at a
time, so at most one order fits. Where none does, a request was never carried out once the history has had its
time to settle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from mt5canary.gateway import constants as c
from mt5canary.gateway import reads, words
from mt5canary.gateway.journal import Journal, Record
from mt5canary.gateway.refusals import Refusal, refusal_reply
from mt5canary.gateway.results import TradeDeal, TradeOrder
from mt5canary.gateway.terminal import AttachedTerminal, TradingInterface
from mt5canary.gateway.trades import Unknown
from mt5canary.wire.requests import Close, CloseAll, Open, Request

Encode = Callable[[Any], bytes]
Fields = dict[str, Any]

_CLOCK_SLACK_SECONDS = 2.0  # of the host's clock against the server's, below the quarter hours of its zone


def resolve(terminal: AttachedTerminal, journal: Journal, record: Record, now: float, encode: Encode) -> Fields | None:
    """Find out and write down the reply; None where the request was never carried out and never answered.

    Raises Unknown where it cannot be told yet.
    """
    request = msgspec.json.decode(
        record.frame, type={"OPEN": Open, "CLOSE": Close, "CLOSE_ALL": CloseAll}[record.action]
    )
    deals = _own_deals(terminal.interface, journal, record, request)
    if isinstance(request, CloseAll):
        fields, orders = _close_all(terminal.interface, request, deals)
    elif deals:
        fields, orders = _filled(request, deals[-1]), (deals[-1].order,)
    elif now - record.begun < terminal.settle_seconds:
        raise Unknown(f"the outcome is still unknown {now - record.begun:.1f} s after the request")
    elif record.reply is None:
        journal.withdraw(record.uuid)
        return None
    else:
        refusal = Refusal("MT5_ORDER_FAILED", "not executed: the terminal's history holds no trace of it", retcode=0)
        fields, orders = refusal_reply(record.action, refusal), ()
    reply = {"uuid": record.uuid, "server_time": words.rfc3339(now)} | fields
    journal.finish(record.uuid, encode(reply), orders, now)
    return fields


def _own_deals(terminal: TradingInterface, journal: Journal, record: Record, request: Request) -> list[TradeDeal]:
    """The deals that this request made, the oldest first."""
    deals = reads.historical_deals(terminal, 1, reads.LATEST_SECOND)
    since = record.begun - _CLOCK_SLACK_SECONDS
    late = [deal for deal in deals if deal.order and _utc_earliest(deal) >= since]
    free = [deal for deal in late if journal.owner(deal.order) in (None, record.uuid)]
    orders = {order.ticket: order for order in reads.historical_orders(terminal, 1, reads.LATEST_SECOND)}
    return [deal for deal in free if _fits(request, deal, orders.get(deal.order))]


def _utc_earliest(deal: TradeDeal) -> float:
    return deal.time_msc / 1000 + 12 * 3600  # server time is ahead of UTC by -12 h at the least


def _fits(request: Request, deal: TradeDeal, order: TradeOrder | None) -> bool:
    match request:
        case Open():
            side = c.DEAL_TYPE_BUY if request.type == "BUY" else c.DEAL_TYPE_SELL
            labels = deal.magic == request.magic and _same_comment(request.comment, deal.comment)
            whole = order is None or abs(order.volume_initial - request.volume) < 1e-9
            return labels and whole and deal.symbol == request.symbol and deal.type == side
        case Close():
            return deal.entry != c.DEAL_ENTRY_IN and deal.position_id == request.ticket
        case CloseAll():
            mine = not isinstance(request.magic, int) or deal.magic == request.magic
            return mine and deal.entry != c.DEAL_ENTRY_IN and deal.comment == "close all"
    return False


def _same_comment(sent: str, stored: str) -> bool:
    """Brokers cut comments: what is stored is then a beginning of what was sent (mt5-facts 5.6)."""
    return stored == sent or (len(stored) >= 8 and sent.startswith(stored))


def _filled(request: Request, deal: TradeDeal) -> Fields:
    fields: Fields = {
        "status": "FILLED", "execution_time": words.rfc3339(deal.time_msc / 1000), "latency_ms": 0.0,
        "retcode": c.TRADE_RETCODE_DONE, "order": deal.order, "deal": deal.ticket, "position": deal.position_id,
        "bid": 0.0, "ask": 0.0,
    }  # fmt: skip
    if isinstance(request, Close):
        return fields | {"ticket": request.ticket, "close_price": deal.price}
    return fields | {"ticket": deal.order, "symbol": deal.symbol, "volume": deal.volume, "price": deal.price}


def _close_all(terminal: TradingInterface, request: CloseAll, deals: list[TradeDeal]) -> tuple[Fields, tuple[int, ...]]:
    closed = [{
        "position": deal.position_id, "order": deal.order, "deal": deal.ticket, "volume": deal.volume,
        "price": deal.price, "profit": deal.profit,
    } for deal in deals]  # fmt: skip
    left = [held for held in reads.open_positions(terminal) if request.magic in (msgspec.UNSET, held.magic)]
    text = "still open: the gateway was stopped while it closed the others"
    failed = [{"position": held.ticket, "retcode": 0, "error_msg": text} for held in left]
    fields: Fields = {"status": "ok", "closed": closed, "failed": failed}
    if failed:
        told = f"{len(failed)} of {len(closed) + len(failed)} positions could not be closed"
        fields |= {"status": "error", "error_code": "CLOSE_INCOMPLETE", "error_msg": told}
    return fields, tuple(deal.order for deal in deals)
