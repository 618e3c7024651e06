"""The volume and what it puts at risk, against specifications made by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.measurement import Measurement, Outcome, worst
from mt5canary.order.sizing import challenges, may_be_traded, order_fields, volume_choices, volume_is_legal
from mt5canary.wire.replies import SymbolSpecification, Tick

TICK = Tick(bid=1.08, ask=1.08008, time_msc=1)


def symbol(**changes: Any) -> SymbolSpecification:
    """EURUSD as the simulator's default account has it, with some members changed."""
    fields: dict[str, Any] = {
        "symbol": "EURUSD", "digits": 5, "point": 1e-05, "contract_size": 100_000.0, "tick_size": 1e-05,
        "tick_value": 1.0, "volume_min": 0.001, "volume_max": 100.0, "volume_step": 0.001, "volume_limit": 0.0,
        "trade_mode": "full", "execution": "market", "filling": ["ioc"], "stops_level": 0, "freeze_level": 0,
        "currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR", "session_open": True,
    }  # fmt: skip
    return SymbolSpecification(**(fields | changes))


def outcome(measurements: list[Measurement]) -> Outcome:
    return worst([one.outcome for one in measurements])


@pytest.mark.parametrize(
    ("changes", "side", "expected"),
    [
        ({}, "BUY", Outcome.PASS),
        ({"session_open": False}, "BUY", Outcome.FAIL),
        ({"trade_mode": "disabled"}, "BUY", Outcome.FAIL),
        ({"trade_mode": "close_only"}, "BUY", Outcome.FAIL),
        ({"trade_mode": "long_only"}, "BUY", Outcome.PASS),
        ({"trade_mode": "long_only"}, "SELL", Outcome.FAIL),
        ({"trade_mode": "short_only"}, "SELL", Outcome.PASS),
        ({"trade_mode": "short_only"}, "BUY", Outcome.FAIL),
    ],
)
def test_symbol_may_be_traded(changes: dict[str, Any], side: str, expected: Outcome) -> None:
    """Mode and session decide, by side."""
    assert outcome(may_be_traded(symbol(**changes), side)) is expected


@pytest.mark.parametrize(
    ("planned", "changes", "expected"),
    [
        ("0.001", {}, Outcome.PASS),
        ("0.001", {"volume_min": 0.01, "volume_step": 0.01}, Outcome.FAIL),
        ("0.0015", {}, Outcome.FAIL),
        ("100.001", {}, Outcome.FAIL),
        ("0.3", {"volume_step": 0.1}, Outcome.PASS),
        ("0.002", {"volume_limit": 0.001}, Outcome.FAIL),
    ],
)
def test_volume_against_the_symbols_rules(planned: str, changes: dict[str, Any], expected: Outcome) -> None:
    """Minimum, maximum, grid and total limit; nothing is rounded."""
    volume = Decimal(planned)
    assert outcome(volume_is_legal(volume, volume, symbol(**changes))) is expected


@given(st.decimals("0.001", "1", places=3), st.decimals("0.001", "1", places=3))
def test_volume_that_is_not_the_plans_never_passes(planned: Decimal, asked: Decimal) -> None:
    """Any other volume than the plan's fails, legal or not."""
    assert (outcome(volume_is_legal(planned, asked, symbol())) is Outcome.PASS) == (planned == asked)


def test_too_small_a_volume_comes_with_the_choices() -> None:
    """The person reads what the minimum is and what can be done."""
    said = volume_choices(Decimal("0.001"), symbol(volume_min=0.01, volume_step=0.01))
    assert said is not None
    assert "0.01" in said
    assert "nothing is rounded up" in said
    assert volume_choices(Decimal("0.001"), symbol()) is None


@given(st.sampled_from(["BUY", "SELL"]), st.integers(1, 5000))
def test_stop_lies_on_the_losing_side(side: str, points: int) -> None:
    """So many points from the opening price, below a BUY and above a SELL."""
    order = order_fields("EURUSD", side, Decimal("0.001"), points, 20, 1196, TICK, symbol())
    opening = TICK.ask if side == "BUY" else TICK.bid
    distance = (opening - order.sl) if side == "BUY" else (order.sl - opening)
    assert distance == pytest.approx(points * 1e-05, abs=1e-9)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("stops_level", [0, 50])
def test_every_challenge_is_impossible_for_its_own_reason(side: str, stops_level: int) -> None:
    """Volumes outside the rules, stops on the wrong side or too near, a symbol that does not exist."""
    spec = symbol(stops_level=stops_level)
    order = order_fields("EURUSD", side, Decimal("0.001"), 200, 20, 1196, TICK, spec)
    asked = {challenge.name: challenge.order for challenge in challenges(order, spec, TICK)}
    assert asked["volume zero"].volume == 0
    assert 0 < asked["volume below the minimum"].volume < spec.volume_min
    assert asked["volume above the maximum"].volume > spec.volume_max
    assert (asked["volume off the step"].volume / spec.volume_step) % 1 == pytest.approx(0.1)
    wrong = asked["stop on the wrong side"].sl
    assert (wrong > TICK.bid) if side == "BUY" else (wrong < TICK.ask)
    assert asked["unknown symbol"].symbol != "EURUSD"
    assert ("stop too near" in asked) == (stops_level > 0)
    for name, challenge in asked.items():
        changed = [field for field in ("symbol", "volume", "sl") if getattr(challenge, field) != getattr(order, field)]
        assert len(changed) == 1, name
