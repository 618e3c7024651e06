"""What positions are worth and what margin they bind (mt5-facts section 4), in the account's minor units.

All arithmetic is in integers and Decimal; an amount is rounded once, to whole minor units, half away from zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.book import Book, Position
from mt5canary.gateway.simulated.market import Quote, QuoteSource
from mt5canary.gateway.simulated.scenario import Scenario

BUY, SELL = c.POSITION_TYPE_BUY, c.POSITION_TYPE_SELL
_ONE = Decimal(1)


class Snapshot(dict[str, Quote | None]):
    """Every symbol's latest quote at one instant, looked up when first asked for."""

    def __init__(self, market: Mapping[str, QuoteSource], utc_ms: int) -> None:
        super().__init__()
        self._market = market
        self.utc_ms = utc_ms

    def __missing__(self, symbol: str) -> Quote | None:
        quote = self[symbol] = self._market[symbol].latest(self.utc_ms)
        return quote

    def quote(self, symbol: str) -> Quote:
        """A symbol's latest quote; NoPrice where there never was one."""
        quote = self[symbol]
        if quote is None:
            raise NoPrice(symbol)
        return quote


class NoPrice(LookupError):
    """A symbol has no quote, so nothing that depends on it can be valued."""


class Figures(NamedTuple):
    """The account's money: equity = balance + credit + profit, free = equity - margin, level in percent."""

    balance: int
    credit: int
    profit: int
    equity: int
    margin: int
    free: int
    level: float


class Valuation:
    """Values positions of one account under one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._symbols = scenario.symbols
        self._minor_units: int = 10**scenario.currency_digits

    def minor(self, amount: Decimal) -> int:
        """Round money in account currency to whole minor units, half away from zero."""
        return int(amount.scaleb(self._scenario.currency_digits).quantize(_ONE, ROUND_HALF_UP))

    def major(self, minor: int) -> float:
        """Minor units as the float that the call surface shows."""
        return minor / self._minor_units

    def rate(self, currency: str, snapshot: Snapshot, at_ask: bool) -> Decimal:
        """What one unit of a currency is worth in the account's, at the ask or the bid of the pair."""
        own = self._scenario.currency
        if currency == own:
            return _ONE
        if direct := self._symbols.get(currency + own):
            quote = snapshot.quote(direct.name)
            return (quote.ask if at_ask else quote.bid) * direct.point
        if inverse := self._symbols.get(own + currency):
            quote = snapshot.quote(inverse.name)
            return _ONE / ((quote.bid if at_ask else quote.ask) * inverse.point)
        raise NoPrice(f"{currency}{own}")

    def profit(
        self,
        symbol: str,
        side: int,
        steps: Decimal | int,
        opened: Decimal | int,
        closed: Decimal | int,
        snapshot: Snapshot,
    ) -> int:
        """Profit between two prices in points, without swap and commission."""
        contract = self._symbols[symbol]
        points = Decimal(closed - opened if side == BUY else opened - closed)
        amount = points * steps * contract.point_value
        if contract.currency_profit == self._scenario.currency:
            return self.minor(amount)
        if contract.currency_base == self._scenario.currency:
            return self.minor(amount / (closed * contract.point))
        return self.minor(amount * self.rate(contract.currency_profit, snapshot, at_ask=amount < 0))

    def unit_value(self, symbol: str, side: int, price: Decimal, snapshot: Snapshot) -> Decimal:
        """What margin is charged on for one unit of the contract: buys at the ask, sells at the bid."""
        contract = self._symbols[symbol]
        at_ask = side == BUY
        if contract.calculation in (c.SYMBOL_CALC_MODE_CFD, c.SYMBOL_CALC_MODE_CFDLEVERAGE):
            return price * contract.point * self.rate(contract.currency_profit, snapshot, at_ask)
        if contract.currency_profit == self._scenario.currency:
            return price * contract.point
        return self.rate(contract.currency_base, snapshot, at_ask)

    def floating(self, position: Position, snapshot: Snapshot) -> int:
        """An open position's profit at the price that it would close at, without swap."""
        quote = snapshot.quote(position.symbol)
        close = quote.bid if position.side == BUY else quote.ask
        return self.profit(position.symbol, position.side, position.steps, position.open_points, close, snapshot)

    def leverage(self, equity: int) -> int:
        """The leverage that this equity gets."""
        leverage = self._scenario.leverage
        for threshold, tier in self._scenario.leverage_tiers:
            if equity >= self.minor(threshold):
                leverage = tier
        return leverage

    def order_margin(self, symbol: str, side: int, steps: Decimal | int, price: Decimal, snapshot: Snapshot,
                     leverage: int) -> int:  # fmt: skip
        """Margin of one order by itself, without regard to what is open."""
        units = steps * self._symbols[symbol].step_units
        return self.minor(self._charge(symbol, units * self.unit_value(symbol, side, price, snapshot), leverage))

    def _charge(self, symbol: str, worth: Decimal, leverage: int) -> Decimal:
        contract = self._symbols[symbol]
        leveraged = contract.calculation in (c.SYMBOL_CALC_MODE_FOREX, c.SYMBOL_CALC_MODE_CFDLEVERAGE)
        return worth * contract.margin_rate / (leverage if leveraged else 1)

    def margin(self, positions: Iterable[Position], leverage: int) -> int:
        """Margin of all open positions; hedged volume is charged by the symbol's hedged contract size."""
        by_symbol: dict[str, list[Position]] = defaultdict(list)
        for position in positions:
            by_symbol[position.symbol].append(position)
        return sum(self._symbol_margin(symbol, held, leverage) for symbol, held in by_symbol.items())

    def _symbol_margin(self, symbol: str, held: list[Position], leverage: int) -> int:
        contract = self._symbols[symbol]
        steps, worth = [0, 0], [Decimal(0), Decimal(0)]
        for position in held:
            steps[position.side] += position.steps
            worth[position.side] += position.steps * position.unit_value
        larger = BUY if steps[BUY] >= steps[SELL] else SELL
        covered = steps[1 - larger]
        amount = (steps[larger] - covered) * contract.step_units * worth[larger] / steps[larger]
        if covered:
            mean = (worth[BUY] + worth[SELL]) / (steps[BUY] + steps[SELL])
            amount += covered * contract.volume_step * contract.margin_hedged * mean
        return self.minor(self._charge(symbol, amount, leverage))

    def figures(self, book: Book, snapshot: Snapshot) -> Figures:
        """The account's money at the snapshot's prices."""
        profit = sum(self.floating(position, snapshot) + position.swap for position in book.positions.values())
        equity = book.balance + book.credit + profit
        margin = self.margin(book.positions.values(), self.leverage(equity))
        level = self.major(equity) / self.major(margin) * 100 if margin else 0.0
        return Figures(book.balance, book.credit, profit, equity, margin, equity - margin, level)
