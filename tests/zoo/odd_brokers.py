"""Honest gateways: brokers as they are."""

from __future__ import annotations

import pickle
import random
import time
from decimal import Decimal

from tests.zoo.base import Gateway
from tests.zoo.books import Books
from tests.zoo.market import POINT, Market
from tests.zoo.registry import odd
from tests.zoo.serving import Row, rejected


@odd()
class Honest(Gateway):
    """An ordinary broker with a hedging account, its server two hours ahead of UTC."""


@odd()
class SummerTime(Gateway):
    """The trade server is three hours ahead of UTC: eastern European summer time."""

    zone_hours = 3.0


@odd()
class NewYorkTime(Gateway):
    """The trade server is five hours behind UTC."""

    zone_hours = -5.0


@odd()
class QuarterHourZone(Gateway):
    """The trade server is five hours and three quarters ahead of UTC."""

    zone_hours = 5.75


class _Changing(Gateway):
    """Its server changes to another zone while the position is open."""

    changes_by = 0.0

    def filled(self, order: Row, deal: Row, position: Row) -> Row:
        told = super().filled(order, deal, position)
        self.market.zone_hours = self.zone_hours + self.changes_by
        return told


@odd()
class SpringForward(_Changing):
    """The trade server changes to daylight saving while the position is open."""

    changes_by = 1.0


@odd()
class AutumnBack(_Changing):
    """The trade server changes back from daylight saving while the position is open: its clock repeats an hour."""

    changes_by = -1.0


@odd()
class HistoryLags(Gateway):
    """The broker's history shows a deal and its order half a second late."""

    lag_ms = 500

    def _late(self, rows: list[Row], instant: str) -> list[Row]:
        newest = self.market.now_msc() - self.lag_ms
        return [row for row in rows if row[instant] <= newest]

    def get_deals(self, request: Row) -> Row:
        return {"deals": self._late(super().get_deals(request)["deals"], "time_msc")}

    def get_orders(self, request: Row) -> Row:
        return {"orders": self._late(super().get_orders(request)["orders"], "time_done_msc")}


class _Cut(Books):
    def open(self, wanted: Row, price: float | None = None, reason: str = "EXPERT") -> tuple[Row, Row, Row]:
        return super().open({**wanted, "comment": wanted.get("comment", "")[:16]}, price, reason)


@odd()
class CommentCut(Gateway):
    """The broker keeps 16 characters of a comment."""

    books_kind = _Cut


class _Signed(Books):
    def open(self, wanted: Row, price: float | None = None, reason: str = "EXPERT") -> tuple[Row, Row, Row]:
        return super().open({**wanted, "comment": "my broker"}, price, reason)


@odd()
class CommentReplaced(Gateway):
    """The broker writes its own comment on everything."""

    books_kind = _Signed


class _Commissioned(Books):
    commission = Decimal("-0.07")


@odd()
class CommissionOnOpening(Gateway):
    """Each deal costs a commission, booked at once."""

    books_kind = _Commissioned


class _Credited(Books):
    credit = Decimal(50)


@odd()
class Bonus(Gateway):
    """The account has a credit of fifty dollars, which is no balance."""

    books_kind = _Credited


@odd()
class Netting(Gateway):
    """A netting account: one position for a symbol, whose number is its first order's."""

    account = {"margin_mode": "netting"}


class _Raw(Market):
    spreads = (0,)


@odd()
class ZeroSpread(Gateway):
    """A raw account: no spread at all, and a commission instead."""

    market_kind = _Raw
    books_kind = _Commissioned
    baseline_of = "zero-spread"


class _Wide(Market):
    spreads = (38, 40, 42, 44)


@odd()
class WideSpread(Gateway):
    """A wide spread, with a drift baseline that was recorded here."""

    market_kind = _Wide
    baseline_of = "wide-spread"


@odd()
class BusyAccount(Gateway):
    """Other programs and a person trade on the same account all the time."""

    balance = "5000.00"

    def act(self, request: Row) -> Row:
        reply = super().act(request)
        if request["action"] in ("GET_TICK", "OPEN") and random.random() < 0.1:
            self._trade()
        return reply

    def _trade(self) -> None:
        foreign = [row["ticket"] for row in self.books.positions.values() if row["magic"] == 4711]
        if len(foreign) > 4:
            self.books.close(foreign[0], reason="CLIENT")
        else:
            self.books.open({"symbol": "EURUSD", "type": "SELL", "volume": 0.01, "magic": 4711, "comment": "grid"})


@odd()
class BusyHistory(Gateway):
    """Two hundred deals of others in the last day."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        for number in range(100):
            row = {"symbol": "EURUSD", "type": "BUY", "volume": 0.02, "magic": number, "comment": "other"}
            self.books.close(self.books.open(row)[2]["ticket"])


@odd()
class StopsLevel(Gateway):
    """Stops must stay 30 points away from the market."""

    spec = {"stops_level": 30, "freeze_level": 5}


@odd()
class DealingDesk(Gateway):
    """Somebody looks at each order for half a second before it is filled."""

    def open(self, request: Row) -> Row:
        if not self.retcode(request):
            time.sleep(0.5)
        return super().open(request)


@odd()
class SlipsWithinDeviation(Gateway):
    """Fills five points worse than it quoted."""

    def open(self, request: Row) -> Row:
        self._slipped = round(self.market.ask + 5 * POINT, 5)
        return super().open(request)

    def filled(self, order: Row, deal: Row, position: Row) -> Row:
        deal["price"] = position["open_price"] = self._slipped
        return super().filled(order, deal, position)


@odd()
class SellsToo(Gateway):
    """The plan sells."""

    plan = {"order": {"side": "SELL"}}


@odd()
class RestartsBetweenRuns(Gateway):
    """The gateway and its terminal are restarted between two runs; the broker's books stay."""

    runs = 2

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._kept = self.folder / "books"
        if self._kept.exists():
            self.books = pickle.loads(self._kept.read_bytes())
            self.market = self.books.market

    def once(self, request: Row, perform: object) -> Row:
        fields = super().once(request, perform)  # type: ignore[arg-type]
        self._kept.write_bytes(pickle.dumps(self.books))
        return fields


@odd("FAIL", ("X2", "X3", "X4", "E1", "E2"), because="volume against the minimum")
class Retail(Gateway):
    """The usual minimum of 0.01 lot: the plan's 0.001 is refused here, saying so, and nothing is rounded up."""

    spec = {"volume_min": 0.01, "volume_step": 0.01}


@odd("FAIL", ("X7", "E3"), because="volume filled")
class PartialFill(Gateway):
    """Fills half of what was ordered, and its books say so: honest, and not what the plan meant."""

    plan = {"order": {"risk_coefficient": "0.2"}}

    def open(self, request: Row) -> Row:
        if self.retcode(request):
            return super().open(request)
        return {**super().open({**request, "volume": request["volume"] / 2}), "retcode": 10010}


@odd("FAIL", ("X7", "E2"), because="MT5_ORDER_FAILED")
class Requotes(Gateway):
    """The price has moved, and the terminal says so instead of filling."""

    def open(self, request: Row) -> Row:
        code = self.retcode(request) or 10004
        raise rejected("MT5_ORDER_FAILED", f"retcode {code}", code)
