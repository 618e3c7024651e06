"""Money and volumes as exact numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.money import booked, cents, exact, whole_steps
from mt5canary.wire.replies import Deal


def deal(**money: float) -> Deal:
    """A deal with some money in it."""
    fields = {"profit": 0.0, "swap": 0.0, "commission": 0.0, "fee": 0.0} | money
    return Deal(
        ticket=1, order=1, position_id=1, time_msc=1, type="BUY", entry="in", symbol="EURUSD", volume=0.001, price=1.1,
        magic=1, comment="", reason="EXPERT", **fields,
    )  # fmt: skip


def test_a_tenth_is_a_tenth() -> None:
    """A float is taken as it is written and not as it is stored."""
    assert exact(0.1) + exact(0.2) == exact(0.3)
    assert exact(Decimal("0.10")) is not None


@pytest.mark.parametrize(("amount", "expected"), [(0.005, "0.01"), (-0.005, "-0.01"), (1.004, "1.00"), (2, "2.00")])
def test_half_a_cent_is_rounded_away_from_zero(amount: float, expected: str) -> None:
    """Rounding is commercial, both ways."""
    assert cents(amount) == Decimal(expected)


@given(st.integers(-(10**9), 10**9))
def test_cents_of_a_wire_amount_are_its_cents(amount: int) -> None:
    """A whole number of cents survives the way through a float."""
    assert cents(amount / 100) == Decimal(amount) / 100


@given(st.lists(st.integers(-(10**6), 10**6), max_size=20))
def test_booked_is_the_exact_sum(amounts: list[int]) -> None:
    """The sum over deals loses no cent."""
    assert booked(deal(profit=amount / 100) for amount in amounts) == Decimal(sum(amounts)) / 100


def test_booked_counts_everything_that_moves_the_balance() -> None:
    """Profit, swap, commission and fee all count."""
    assert booked([deal(profit=1.0, swap=-0.01, commission=-0.02, fee=-0.03)]) == Decimal("0.94")
    assert booked([]) == 0


@given(st.integers(0, 10**6), st.sampled_from(["0.001", "0.01", "0.1", "1", "0.00001"]))
def test_whole_steps_come_back(steps: int, step: str) -> None:
    """So many steps as a float are recognised as so many; a value between two is none."""
    value = float(Decimal(steps) * Decimal(step))
    assert whole_steps(value, float(step)) == steps
    assert whole_steps(Decimal(steps) * Decimal(step) + Decimal(step) / 2, float(step)) is None
