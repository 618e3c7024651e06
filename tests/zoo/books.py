"""A broker's books for the zoo: balance, positions, orders and deals of a hedging account.

Money is Decimal, to the cent; rows are kept as the wire carries them (docs/wire-protocol.md, part B).
"""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.zoo.market import POINT, Market

CONTRACT = 100_000
TICK_VALUE = Decimal(1)
"""Account money per point and lot: EURUSD in an account of dollars."""

Row = dict[str, Any]


def cents(amount: Decimal | float) -> Decimal:
    """An amount of money to the cent."""
    return Decimal(str(amount)).quantize(Decimal("0.01"), ROUND_HALF_UP)


class Books:
    """What the broker has written down; ``commission`` is booked on each deal, negative as MetaTrader shows it."""

    leverage = 3000
    commission = Decimal(0)
    credit = Decimal(0)

    def __init__(self, market: Market, balance: str = "200.00") -> None:
        self.market = market
        self.balance = Decimal(balance)
        self.positions: dict[int, Row] = {}
        self.orders: list[Row] = []
        self.deals: list[Row] = []
        self._next = 700_000_000 + random.randrange(10_000_000)
        self.deposit(self.balance, ago_ms=86_400_000)

    def ticket(self) -> int:
        """A number that no order, deal or position has yet."""
        self._next += random.randrange(1, 9)
        return self._next

    def deposit(self, amount: Decimal, ago_ms: int = 0) -> None:
        """Write down money that came or went; the balance itself is the caller's."""
        row = self._deal(0, 0, "BALANCE", "in", "", 0.0, 0.0, {"magic": 0, "comment": "deposit"}, "CLIENT")
        row.update(profit=float(amount), commission=0.0, time_msc=self.market.now_msc() - ago_ms)
        self.deals.append(row)

    def open(self, wanted: Row, price: float | None = None, reason: str = "EXPERT") -> tuple[Row, Row, Row]:
        """Fill a market order: its order, its deal and its position."""
        side, volume = wanted["type"], wanted["volume"]
        at = price if price is not None else self.market.ask if side == "BUY" else self.market.bid
        number = self.ticket()
        order = self._order(number, number, side, wanted["symbol"], volume, wanted)
        deal = self._deal(number, number, side, "in", wanted["symbol"], volume, at, wanted, reason)
        position = {
            "ticket": number,
            "identifier": number,
            "symbol": wanted["symbol"],
            "type": side,
            "volume": volume,
            "open_price": at,
            "time_msc": deal["time_msc"],
            "sl": wanted.get("sl", 0.0),
            "tp": wanted.get("tp", 0.0),
            "swap": 0.0,
            "magic": wanted.get("magic", 0),
            "comment": wanted.get("comment", ""),
            "symbol_digits": 5,
        }
        self.orders.append(order)
        self.deals.append(deal)
        self.positions[number] = position
        self._book(deal)
        return order, deal, position

    def close(self, ticket: int, volume: float | None = None, reason: str = "EXPERT") -> tuple[Row, Row]:
        """Close a position, or a part of it, at the market: its order and its deal."""
        position = self.positions[ticket]
        closed = position["volume"] if volume is None else volume
        side = "SELL" if position["type"] == "BUY" else "BUY"
        at = self.market.bid if side == "SELL" else self.market.ask
        number = self.ticket()
        order = self._order(number, position["identifier"], side, position["symbol"], closed, position)
        deal = self._deal(number, position["identifier"], side, "out", position["symbol"], closed, at, position, reason)
        deal["profit"] = float(self.profit(position, closed, at))
        self.orders.append(order)
        self.deals.append(deal)
        self._book(deal)
        left = round(position["volume"] - closed, 8)
        if left > 0:
            position["volume"] = left
        else:
            del self.positions[ticket]
        return order, deal

    def _book(self, deal: Row) -> None:
        self.balance += sum(cents(deal[name]) for name in ("profit", "commission", "swap", "fee"))

    def _order(self, number: int, position: int, side: str, symbol: str, volume: float, of: Row) -> Row:
        now = self.market.now_msc()
        return {
            "ticket": number,
            "position_id": position,
            "state": "FILLED",
            "type": side,
            "symbol": symbol,
            "volume_initial": volume,
            "volume_current": 0.0,
            "price_open": 0.0,
            "time_setup_msc": now,
            "time_done_msc": now,
            "magic": of.get("magic", 0),
            "comment": of.get("comment", ""),
        }

    def _deal(
        self,
        order: int,
        position: int,
        side: str,
        entry: str,
        symbol: str,
        volume: float,
        price: float,
        of: Row,
        reason: str,
    ) -> Row:
        return {
            "ticket": self.ticket(),
            "order": order,
            "position_id": position,
            "time_msc": self.market.now_msc(),
            "type": side,
            "entry": entry,
            "symbol": symbol,
            "volume": volume,
            "price": price,
            "commission": float(self.commission),
            "swap": 0.0,
            "fee": 0.0,
            "profit": 0.0,
            "magic": of.get("magic", 0),
            "comment": of.get("comment", ""),
            "reason": reason,
        }

    def profit(self, position: Row, volume: float | None = None, price: float | None = None) -> Decimal:
        """What closing a position, or a part of it, would bring."""
        if price is None:
            price = self.market.bid if position["type"] == "BUY" else self.market.ask
        points = round((price - position["open_price"]) / POINT)
        signed = points if position["type"] == "BUY" else -points
        return cents(signed * TICK_VALUE * Decimal(str(position["volume"] if volume is None else volume)))

    def margin_for(self, volume: float, price: float) -> Decimal:
        """What a volume binds."""
        return cents(Decimal(str(volume)) * CONTRACT * Decimal(str(price)) / self.leverage)

    @property
    def margin(self) -> Decimal:
        """What all positions bind."""
        bound = (self.margin_for(each["volume"], each["open_price"]) for each in self.positions.values())
        return sum(bound, Decimal(0))

    @property
    def floating(self) -> Decimal:
        """What all positions stand at."""
        return sum((self.profit(position) for position in self.positions.values()), Decimal(0))

    def money(self, more_margin: Decimal = Decimal(0)) -> Row:
        """The account's figures, with so much more margin bound."""
        profit, margin = self.floating, self.margin + more_margin
        equity = self.balance + self.credit + profit
        return {
            "balance": float(self.balance),
            "credit": float(self.credit),
            "profit": float(profit),
            "equity": float(equity),
            "margin": float(margin),
            "free_margin": float(equity - margin),
            "margin_level": round(float(100 * equity / margin), 4) if margin else 0.0,
        }

    def shown(self, position: Row) -> Row:
        """A position as it stands now."""
        price = self.market.bid if position["type"] == "BUY" else self.market.ask
        return {**position, "current_price": price, "profit": float(self.profit(position))}
