"""Liars about the fill: what OPEN says, and what the books show of it (X7 to X10)."""

from __future__ import annotations

import copy

from tests.zoo.base import Gateway
from tests.zoo.market import POINT
from tests.zoo.registry import liar
from tests.zoo.serving import Row


@liar("X7", because="ticket")
class TicketZero(Gateway):
    """Says FILLED with the ticket 0, as a result nobody looked at has it."""

    def open(self, request: Row) -> Row:
        return {**super().open(request), "ticket": 0}


@liar("X7", because="ended before a reply came")
class FilledButReplyLost(Gateway):
    """Executes the order and hangs up instead of answering."""

    def handle(self, frame: bytes) -> bytes | None:
        before = len(self.books.positions)
        answer = super().handle(frame)
        return None if len(self.books.positions) > before else answer


@liar("X7", because="is adopted so that it can be closed")
class GarbledFill(Gateway):
    """Executes the order and answers with half a reply."""

    def handle(self, frame: bytes) -> bytes | None:
        before = len(self.books.positions)
        answer = super().handle(frame)
        return answer[:80] if answer is not None and len(self.books.positions) > before else answer


@liar("X7", because="volume filled")
class TwiceTheVolume(Gateway):
    """Fills twice the volume that was ordered, and says so as if it were nothing."""

    def open(self, request: Row) -> Row:
        return super().open({**request, "volume": request["volume"] * 2})


@liar("X8", because="opening deals of the order in the history")
class ReplyWithoutFill(Gateway):
    """Says FILLED with a ticket, and nothing happened."""

    def open(self, request: Row) -> Row:
        kept = copy.deepcopy((self.books.balance, self.books.positions, self.books.orders, self.books.deals))
        told = super().open(request)
        if told["status"] == "FILLED":
            self.books.balance, self.books.positions, self.books.orders, self.books.deals = kept
        return told


@liar("X8", because="opening deals of the order in the history")
class ConstantTicket(Gateway):
    """Answers every fill with the ticket that its author saw first."""

    def open(self, request: Row) -> Row:
        return {**super().open(request), "ticket": 100234567}


@liar("X8", because="opening deals of the order in the history")
class FillWithoutDeal(Gateway):
    """Says FILLED and lists the position, but the history holds no deal of it."""

    def get_deals(self, request: Row) -> Row:
        rows = super().get_deals(request)["deals"]
        return {"deals": [row for row in rows if row["type"] == "BALANCE"]}


@liar("X8", because="orders behind the deal")
class DealWithoutOrder(Gateway):
    """The history holds the deal, and no order that it could come from."""

    def get_orders(self, request: Row) -> Row:
        return {"orders": []}


class _Rewriting(Gateway):
    """Shows the deals of this run with something changed."""

    changes: Row = {}

    def get_deals(self, request: Row) -> Row:
        rows = super().get_deals(request)["deals"]
        return {"deals": [{**row, **self.changes} if row["type"] != "BALANCE" else row for row in rows]}


@liar("X8", because="deal's magic")
class AnothersMagic(Gateway):
    """Books the deal under another magic number."""

    def open(self, request: Row) -> Row:
        return super().open({**request, "magic": request["magic"] + 1})


@liar("X8", because="deal's side")
class OtherSide(Gateway):
    """Sells where it was told to buy."""

    def open(self, request: Row) -> Row:
        return super().open({**request, "type": "SELL", "sl": 0.0})


@liar("X8", because="deal's volume")
class OtherVolumeInTheBooks(_Rewriting):
    """Says that 0.001 lot was filled, and the books say 0.01."""

    changes = {"volume": 0.01}


@liar("X8", because="deal's symbol")
class OtherSymbolInTheBooks(_Rewriting):
    """Says EURUSD, and the books say EURUSD.m."""

    changes = {"symbol": "EURUSD.m"}


@liar("X8", because="deal carries this order's nonce")
class ReplayOfAnEarlierFill(Gateway):
    """Answers an order with the fill of an earlier run, its times shifted to now, its books and all."""

    def open(self, request: Row) -> Row:
        earlier = {**request, "comment": "K7QH2VYB4M3XNAZC", "uuid": "5c0e7f6e-3f0e-4e61-9d3c-1f3a5f2f9a11"}
        return super().open(earlier)


@liar("X9", because="deal's price")
class PriceOutsideTheQuotes(Gateway):
    """Fills 150 points above every quote around the order."""

    def open(self, request: Row) -> Row:
        self._dear = round(self.market.ask + 150 * POINT, 5)
        return super().open(request)

    def filled(self, order: Row, deal: Row, position: Row) -> Row:
        deal["price"] = position["open_price"] = self._dear
        return super().filled(order, deal, position)


@liar("X9", because="price on the tick grid")
class PriceOffTheGrid(Gateway):
    """Fills at an average price, between two ticks."""

    def filled(self, order: Row, deal: Row, position: Row) -> Row:
        deal["price"] = position["open_price"] = deal["price"] + 0.4 * POINT
        return super().filled(order, deal, position)


@liar("X10", because="new positions of this magic")
class OrderWithoutPosition(Gateway):
    """Says FILLED and shows a deal, but no position is there."""

    def get_positions(self, request: Row) -> Row:
        return {**super().get_positions(request), "positions": []}


@liar("X10", because="new positions of this magic")
class DuplicateExecutor(Gateway):
    """Sends the order to the terminal twice, for good measure."""

    def open(self, request: Row) -> Row:
        first = super().open(request)
        super().open(request)
        return first


@liar("X10", because="position's stop")
class StopForgotten(Gateway):
    """Opens the position without its stop."""

    def open(self, request: Row) -> Row:
        code = self.retcode(request)
        return super().open(request if code else {**request, "sl": 0.0})


@liar("X10", because="position's volume")
class PositionOfAnotherSize(Gateway):
    """Deal and order are right, and the position is ten times as large."""

    def get_positions(self, request: Row) -> Row:
        reply = super().get_positions(request)
        return {**reply, "positions": [{**row, "volume": row["volume"] * 10} for row in reply["positions"]]}


@liar("X10", because="ticket that the gateway remembers for the order's uuid")
class ForgetsWhatItDid(Gateway):
    """Its idempotency forgets: the same uuid again would be a second order."""

    def remember(self, request_uuid: str, body: str, reply: Row | None) -> None:
        pass
