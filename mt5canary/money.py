"""Money and volumes as exact numbers; floats exist only at the wire."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from mt5canary.wire.replies import Deal

CENT = Decimal("0.01")
"""The last digit of an account's money; accounts with another number of digits are not supported yet."""


def exact(number: float | int | str | Decimal) -> Decimal:
    """A number as it is written in its shortest form: 0.1 is one tenth."""
    return number if isinstance(number, Decimal) else Decimal(str(number))


def cents(amount: float | int | Decimal) -> Decimal:
    """An amount of money rounded to the cent."""
    return exact(amount).quantize(CENT, ROUND_HALF_UP)


def booked(deals: Iterable[Deal]) -> Decimal:
    """What deals moved the balance by: profit, swap, commission and fee, to the cent each."""
    return sum(
        (cents(deal.profit) + cents(deal.swap) + cents(deal.commission) + cents(deal.fee) for deal in deals),
        Decimal("0.00"),
    )


def whole_steps(value: float | Decimal, step: float | Decimal) -> int | None:
    """How many whole steps a value is, or None where it lies between two of them."""
    steps = exact(value) / exact(step)
    return int(steps) if steps == steps.to_integral_value() else None
