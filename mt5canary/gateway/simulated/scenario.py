"""A scenario: the account, the broker's rules and the market that a simulated terminal shows."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.clock import DaylightRule
from mt5canary.gateway.simulated.faults import Fault, Lag, Outage
from mt5canary.gateway.simulated.symbols import Symbol, catalogue


class Commission(Struct, frozen=True):
    """What the broker takes for a trade: money in the account's currency for each lot of one deal.

    ``policy`` says on which deals it is booked: ``none``, ``in`` (both sides' on the opening deal) or ``half``
    (each deal its own).
    """

    policy: str = "none"
    per_lot: Decimal = Decimal(0)


NO_LAG = Lag()


class Scenario(Struct, frozen=True):
    """Everything that distinguishes one simulated terminal from another; money in the account's currency."""

    name: str = "default"
    login: int = 1100212251
    server: str = "JustMarkets-Demo2"
    company: str = "JustMarkets"
    owner: str = "Canary Demo"
    trade_mode: int = c.ACCOUNT_TRADE_MODE_DEMO
    margin_mode: int = c.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
    currency: str = "USD"
    currency_digits: int = 2
    balance: Decimal = Decimal("200.00")
    leverage: int = 3000
    leverage_tiers: tuple[tuple[Decimal, int], ...] = ()
    """From this equity on, this leverage; ascending. Below the first, ``leverage`` holds."""
    margin_call: Decimal = Decimal(50)
    stop_out: Decimal = Decimal(30)
    fifo_close: bool = False
    limit_orders: int = 200
    commission: Commission = Commission()
    daylight: DaylightRule = "us"
    standard_hours: int = 2
    seed: str | None = None
    """Chooses the market and the tickets; None draws one when the account is created."""
    symbols: dict[str, Symbol] = field(default_factory=catalogue)
    build: int = 5260
    build_date: str = "14 Nov 2025"
    comment_cut: int | None = None
    """How many characters of a comment the broker keeps (mt5-facts 5.6)."""
    comment_rewrite: str | None = None
    """What the broker writes in place of any comment."""
    tradeapi_answers_none: bool = False
    """With the Python API switched off in the terminal: whether order_send answers None and -8, or 10027."""
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()
    lag: Lag = NO_LAG

    @property
    def hedging(self) -> bool:
        """Whether each opening deal is a position of its own."""
        return self.margin_mode == c.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING

    def stored_comment(self, comment: str) -> str:
        """What the broker stores of a request's comment."""
        stored = comment if self.comment_rewrite is None else self.comment_rewrite
        return stored if self.comment_cut is None else stored[: self.comment_cut]


def _retail() -> Scenario:
    step = Decimal("0.01")
    symbols = {name: replace(symbol, volume_min=step, volume_step=step) for name, symbol in catalogue().items()}
    return Scenario(name="retail", symbols=symbols)


BUILT_IN = {"default": Scenario, "retail": _retail}
"""Scenarios that have a name instead of a file."""
