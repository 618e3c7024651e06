"""Liars about money: what the account shows while the position is open (X11)."""

from __future__ import annotations

from decimal import Decimal

from tests.zoo.base import Gateway
from tests.zoo.books import Row
from tests.zoo.registry import liar


class _Telling(Gateway):
    """Tells the account's money in its own way once it has filled."""

    def told(self, money: Row) -> Row:
        """What it makes of the true figures."""
        return money

    def get_account(self, request: Row) -> Row:
        money = super().get_account(request)
        return self.told(money) if self.has_filled and self.books.positions else money


@liar("X11", because="margin taken")
class MarginUnmoved(_Telling):
    """The position is there, and no margin is bound for it."""

    def told(self, money: Row) -> Row:
        return {**money, "margin": 0.0, "free_margin": money["equity"], "margin_level": 0.0}


@liar("X11", because="margin taken")
class RealQuotesInventedFills(Gateway):
    """Quotes, account and terminal are real; order, deal and position are made up beside them."""

    def get_account(self, request: Row) -> Row:
        held, self.books.positions = self.books.positions, {}
        try:
            return super().get_account(request)
        finally:
            self.books.positions = held


@liar("X11", "E2", because="balance moved by")
class BalanceDebitedOnOpening(Gateway):
    """Takes the margin off the balance when the position is opened: who wrote it never had an account."""

    def filled(self, order: Row, deal: Row, position: Row) -> Row:
        self.books.balance -= self.books.margin
        return super().filled(order, deal, position)


@liar("X11", "E2", because="balance moved by")
class CommissionWithoutDeal(Gateway):
    """Books a commission that no deal names."""

    def filled(self, order: Row, deal: Row, position: Row) -> Row:
        self.books.balance -= Decimal("0.07")
        return super().filled(order, deal, position)


@liar("X11", because="equity is balance, credit and profit")
class EquityOneCentOff(_Telling):
    """The equity is one cent from what balance, credit and profit make."""

    def told(self, money: Row) -> Row:
        equity = round(money["equity"] + 0.01, 2)
        return {**money, "equity": equity, "free_margin": round(equity - money["margin"], 2)}


@liar("X11", because="free margin is equity less margin")
class FreeMarginMadeUp(_Telling):
    """The free margin is the balance, always."""

    def told(self, money: Row) -> Row:
        return {**money, "free_margin": money["balance"]}


@liar("X11", because="margin level")
class MarginLevelMadeUp(_Telling):
    """The margin level is a nice round number."""

    def told(self, money: Row) -> Row:
        return {**money, "margin_level": 10_000.0}


@liar("X11", because="position's profit marks the market")
class ProfitMadeUp(_Telling):
    """The position stands at a profit from its first moment, and the account agrees with it."""

    def told(self, money: Row) -> Row:
        equity = round(money["balance"] + 0.42, 2)
        level = round(100 * equity / money["margin"], 4)
        free = round(equity - money["margin"], 2)
        return {**money, "profit": 0.42, "equity": equity, "free_margin": free, "margin_level": level}

    def get_positions(self, request: Row) -> Row:
        reply = super().get_positions(request)
        return {**reply, "positions": [{**row, "profit": 0.42} for row in reply["positions"]]}
