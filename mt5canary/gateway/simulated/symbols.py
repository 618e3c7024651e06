"""What the simulated broker offers: each symbol's contract, rules and kind of market.

Volumes are lots as Decimal, prices are whole points inside the simulation, levels are points.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.sessions import ALWAYS_OPEN, Sessions


class Walk(Struct, frozen=True):
    """How a symbol's price moves: a seeded random walk with a floating spread.

    ``start`` is a price, ``volatility`` points per square root of a second, spreads points, ``interval_ms`` the
    mean time between quotes.
    """

    start: Decimal
    volatility: float
    spread_min: int = 6
    spread_max: int = 15
    interval_ms: float = 130.0


_LARGEST_POINTS = Decimal(10**15)
_NO_PRICE = Decimal(0)


class Symbol(Struct, frozen=True, eq=False, dict=True):
    """One symbol's contract and rules."""

    name: str
    description: str
    path: str
    digits: int
    contract_size: Decimal
    currency_base: str
    currency_profit: str
    walk: Walk | None
    cross: tuple[str, str] | None = None
    """For a symbol without its own walk: its price is the first symbol's divided by the second's."""
    volume_min: Decimal = Decimal("0.001")
    volume_step: Decimal = Decimal("0.001")
    volume_max: Decimal = Decimal(50)
    volume_limit: Decimal = Decimal(0)
    trade_mode: int = c.SYMBOL_TRADE_MODE_FULL
    execution: int = c.SYMBOL_TRADE_EXECUTION_MARKET
    filling_mask: int = 3
    stops_level: int = 10
    freeze_level: int = 0
    swap_long: Decimal = Decimal(0)
    swap_short: Decimal = Decimal(0)
    margin_rate: Decimal = Decimal(1)
    margin_hedged: Decimal = Decimal(0)
    calculation: int = c.SYMBOL_CALC_MODE_FOREX
    sessions: Sessions = ALWAYS_OPEN
    in_market_watch: bool = True
    replay: Path | None = None
    """A file of quotes that takes the place of the walk."""

    @property
    def currency_margin(self) -> str:
        """The currency that the margin formula gives; the base currency."""
        return self.currency_base

    @cached_property
    def point(self) -> Decimal:
        """The smallest step of the price."""
        return Decimal(1).scaleb(-self.digits)

    @cached_property
    def _scale(self) -> float:
        return float(10**self.digits)

    @cached_property
    def step_units(self) -> Decimal:
        """Units of the base currency in one volume step."""
        return self.volume_step * self.contract_size

    @cached_property
    def point_value(self) -> Decimal:
        """What one point is worth on one volume step, in the profit currency."""
        return self.point * self.step_units

    def price(self, points: Decimal | int) -> float:
        """A price in whole points as the float that the call surface shows."""
        return float(points) / self._scale if isinstance(points, int) else float(points * self.point)

    def points(self, price: float) -> Decimal:
        """A price of the call surface in points; exact where it lies on the grid, cut off far beyond any market."""
        if not price:
            return _NO_PRICE
        exact = Decimal(repr(price)) / self.point
        within = max(-_LARGEST_POINTS, min(_LARGEST_POINTS, exact))
        return within.quantize(Decimal("1e-6")).normalize()

    def lots(self, steps: int) -> float:
        """A volume in steps as the float that the call surface shows."""
        return float(steps * self.volume_step)

    def steps(self, lots: float) -> int | None:
        """A volume of the call surface in steps; None where it is off the grid (mt5-facts section 3)."""
        exact = Decimal(repr(lots)) / self.volume_step
        whole = exact.to_integral_value()
        return int(whole) if abs(exact - whole) < Decimal("1e-6") else None


def catalogue() -> dict[str, Symbol]:
    """The broker's symbols by name, as the default scenario has them."""
    symbols = (
        _forex("EURUSD", "Euro vs US Dollar", Walk(Decimal("1.08450"), 2.5)),
        _forex("GBPUSD", "Great Britain Pound vs US Dollar", Walk(Decimal("1.26310"), 2.9, 8, 18)),
        _forex("EURGBP", "Euro vs Great Britain Pound", None, ("EURUSD", "GBPUSD")),
        Symbol(
            name="XAUUSD", description="Gold vs US Dollar", path="Metals\\XAUUSD", digits=2,
            contract_size=Decimal(100), currency_base="XAU", currency_profit="USD",
            walk=Walk(Decimal("2650.00"), 9.0, 12, 30), calculation=c.SYMBOL_CALC_MODE_CFDLEVERAGE,
        ),
    )  # fmt: skip
    return {symbol.name: symbol for symbol in symbols}


def _forex(name: str, description: str, walk: Walk | None, cross: tuple[str, str] | None = None) -> Symbol:
    return Symbol(
        name=name,
        description=description,
        path=f"Forex\\{name}",
        digits=5,
        contract_size=Decimal(100_000),
        currency_base=name[:3],
        currency_profit=name[3:],
        walk=walk,
        cross=cross,
        margin_hedged=Decimal(50_000),
    )
