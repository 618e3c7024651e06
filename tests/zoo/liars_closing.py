"""Liars about the way out and the books after it (E1, E2)."""

from __future__ import annotations

from decimal import Decimal

from tests.zoo.base import Gateway
from tests.zoo.books import Books, Row
from tests.zoo.registry import liar
from tests.zoo.serving import rejected


@liar("E1", because="positions of this magic")
class CloseReportedStillOpen(Gateway):
    """Reports every position closed, with an order and a deal, and closes none."""

    def close_all(self, request: Row) -> Row:
        mine = [row for row in self.books.positions.values() if row["magic"] == request.get("magic")]
        told = {"order": 1, "deal": 2, "price": self.market.bid, "profit": 0.0}
        return {"closed": [{"position": row["ticket"], "volume": row["volume"], **told} for row in mine], "failed": []}

    def close(self, request: Row) -> Row:
        return {
            "status": "FILLED",
            "ticket": request["ticket"],
            "close_price": self.market.bid,
            "execution_time": self.started_at,
            "latency_ms": 1.0,
        }


@liar("E1", because="closing deals of the position")
class ClosedWithoutADeal(Gateway):
    """Lists the position no more, and no deal closed it."""

    def get_deals(self, request: Row) -> Row:
        return {"deals": [row for row in super().get_deals(request)["deals"] if row["entry"] != "out"]}


@liar("E1", because="volume closed")
class ClosesAPart(Gateway):
    """Closes half of the position and lists none."""

    spec = {"volume_step": 0.0005, "volume_min": 0.001}

    def close_all(self, request: Row) -> Row:
        for ticket, position in list(self.books.positions.items()):
            self.books.close(ticket, position["volume"] / 2)
            self.books.positions.clear()
        return {"closed": [], "failed": []}


@liar("E1", because="closing deals of the position")
class ClosesSomebodyElses(Gateway):
    """Closes another's position in place of the canary's, and hides the canary's."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        foreign = {"symbol": "EURUSD", "type": "BUY", "volume": 0.001, "magic": 77, "comment": "somebody"}
        self._foreign = self.books.open(foreign)[2]["ticket"]
        self._hidden = False

    def close_all(self, request: Row) -> Row:
        self._hidden = True
        if self._foreign in self.books.positions:
            self.books.close(self._foreign)
        return {"closed": [], "failed": []}

    def close(self, request: Row) -> Row:
        raise rejected("MT5_CLOSE_FAILED", "no such position", 10036)

    def get_positions(self, request: Row) -> Row:
        reply = super().get_positions(request)
        mine = [row for row in reply["positions"] if row["magic"] != 1196 or not self._hidden]
        return {**reply, "positions": mine}


@liar("E1", because="pending orders of this magic")
class PendingOrderLeft(Gateway):
    """Closes the position and leaves a pending order of the same magic number behind."""

    def close_all(self, request: Row) -> Row:
        if self.books.positions:
            row = {**self.books.orders[-1], "ticket": self.books.ticket(), "state": "PLACED", "type": "BUY_STOP"}
            self.books.orders.append(row)
        return super().close_all(request)


class _Commissioned(Books):
    commission = Decimal("-1.00")


@liar("E2", because="balance moved by the sum of the deals")
class BalanceNotMovedOnClosing(Gateway):
    """The closing deal has a result and a commission, and the balance stands where it stood."""

    books_kind = _Commissioned

    def close_all(self, request: Row) -> Row:
        before = self.books.balance
        reply = super().close_all(request)
        self.books.balance = before
        return reply


@liar("E2", because="balance moved by the sum of the deals")
class OneCentOff(Gateway):
    """After closing, the balance is one cent from what the deals make."""

    def close_all(self, request: Row) -> Row:
        if self.books.positions:
            self.books.balance -= Decimal("0.01")
        return super().close_all(request)


@liar("E2", because="balance moved by the sum of the deals")
class MoneyFromNowhere(Gateway):
    """Fifty dollars arrive during the run, and no deal says so."""

    def close_all(self, request: Row) -> Row:
        if self.books.positions:
            self.books.balance += 50
        return super().close_all(request)
