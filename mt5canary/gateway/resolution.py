"""What became of a request whose reply was never written down, or said that nobody knows.

The terminal is asked: an order that this request made carries its magic number, symbol, side, volume and comment,
is no older than the quote that was current when the request was written down, and belongs to no other request.
Requests go to the terminal one at a time, so at most one order fits. Where none does once the history has had its
time to settle, the request was never carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from mt5canary.gateway import constants as c
from mt5canary.gateway import reads, trades, words
from mt5canary.gateway.journal import Journal, Record
from mt5canary.gateway.refusals import Refusal, refusal_reply
from mt5canary.gateway.results import TradeDeal, TradeOrder
from mt5canary.gateway.terminal import AttachedTerminal
from mt5canary.gateway.trades import Trading
from mt5canary.wire.requests import Close, CloseAll, Open

Fields = dict[str, Any]

_KINDS: dict[str, type[Trading]] = {"OPEN": Open, "CLOSE": Close, "CLOSE_ALL": CloseAll}
_SHORTEST_CUT = 8  # of a comment that the broker stored in part


class Resolution:
    """Finds out, and writes down what it found."""

    def __init__(self, terminal: AttachedTerminal, journal: Journal, encode: Callable[[Any], bytes]) -> None:
        self._terminal = terminal.interface
        self._settle_seconds = terminal.settle_seconds
        self._journal = journal
        self._encode = encode

    def resolve(self, record: Record, now: float) -> Fields | None:
        """A request's reply; None where it was never carried out and never answered, so that it may come again.

        Raises trades.Unknown where it cannot be told yet.
        """
        request = msgspec.json.decode(record.frame, type=_KINDS[record.action])
        try:
            deals = self._own_deals(record, request)
            fields = self._carried_out(request, record, deals) if deals else None
        except Refusal as refusal:
            raise trades.Unknown(f"the outcome is unknown, and the terminal does not say: {refusal}") from None
        if fields is None:
            fields = self._never_carried_out(record, now)
        if fields is None:
            self._journal.withdraw(record.uuid)
            return None
        reply = {"uuid": record.uuid, "server_time": words.rfc3339(now)} | fields
        self._journal.finish(record.uuid, self._encode(reply), tuple(deal.order for deal in deals), now)
        return fields

    def _never_carried_out(self, record: Record, now: float) -> Fields | None:
        """The refusal of a request that left no trace; None where nobody was told anything about it yet."""
        if now - record.begun < self._settle_seconds:
            raise trades.Unknown(f"the outcome is still unknown {now - record.begun:.1f} s after the request")
        if record.reply is None:
            return None
        text = "not executed: the terminal's history holds no trace of it"
        return refusal_reply(record.action, Refusal("MT5_ORDER_FAILED", text))

    def _own_deals(self, record: Record, request: Trading) -> list[TradeDeal]:
        """The deals that this request made, the oldest first."""
        if not record.server_msc:  # there was no quote, or no position, to do anything with
            return []
        since = record.server_msc // 1000
        deals = reads.historical_deals(self._terminal, since, reads.LATEST_SECOND)
        orders = {o.ticket: o for o in reads.historical_orders(self._terminal, since, reads.LATEST_SECOND)}
        return [
            deal
            for deal in deals
            if deal.order and deal.time_msc >= record.server_msc and deal.reason == c.DEAL_REASON_EXPERT
            if self._journal.owner(deal.order) in (None, record.uuid) and _fits(request, deal, orders.get(deal.order))
        ]

    def _carried_out(self, request: Trading, record: Record, deals: list[TradeDeal]) -> Fields:
        if isinstance(request, CloseAll):
            closed = [trades.closed_entry(deal) for deal in deals]
            left = [held for held in reads.open_positions(self._terminal) if trades.is_meant(request, held)]
            text = "still open: the gateway was stopped while it closed the others"
            failed = [{"position": held.ticket, "retcode": 0, "error_msg": text} for held in left]
            return trades.close_all_told(closed, failed)
        return _filled(request, record, deals[-1])


def _fits(request: Trading, deal: TradeDeal, order: TradeOrder | None) -> bool:
    match request:
        case Open():
            side = c.DEAL_TYPE_BUY if request.type == "BUY" else c.DEAL_TYPE_SELL
            labels = deal.magic == request.magic and _same_comment(request.comment, deal.comment)
            whole = order is None or abs(order.volume_initial - request.volume) < 1e-9
            return labels and whole and deal.symbol == request.symbol and deal.type == side
        case Close():
            return deal.entry != c.DEAL_ENTRY_IN and deal.position_id == request.ticket
        case CloseAll():
            return deal.entry != c.DEAL_ENTRY_IN and trades.is_meant(request, deal)


def _same_comment(sent: str, stored: str) -> bool:
    """Brokers cut comments: what is stored is then a beginning of what was sent (mt5-facts 5.6)."""
    return stored == sent or (len(stored) >= _SHORTEST_CUT and sent.startswith(stored))


def _filled(request: Open | Close, record: Record, deal: TradeDeal) -> Fields:
    """A fill as far as the history tells it: no quote, and times by the distance from the last quote before it."""
    milliseconds = deal.time_msc - record.server_msc if record.server_msc else 0
    fields: Fields = {
        "status": "FILLED", "execution_time": words.rfc3339(record.begun + milliseconds / 1000),
        "latency_ms": float(milliseconds), "retcode": c.TRADE_RETCODE_DONE, "order": deal.order,
        "deal": deal.ticket, "position": deal.position_id, "resolved": True,
    }  # fmt: skip
    if isinstance(request, Close):
        return fields | {"ticket": request.ticket, "close_price": deal.price}
    return fields | {"ticket": deal.order, "symbol": deal.symbol, "volume": deal.volume, "price": deal.price}
