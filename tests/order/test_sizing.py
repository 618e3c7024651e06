"""The volume and what it puts at risk, against specifications made by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.link.exchange import Refused
from mt5canary.link.session import OrderFields
from mt5canary.measurement import Measurement, Outcome, worst
from mt5canary.order.sizing import (
    accepted,
    challenges,
    exposure,
    inside_limits,
    may_be_traded,
    order_fields,
    refused_as_predicted,
    volume_choices,
    volume_is_legal,
)
from mt5canary.plan import Limits, Resolved
from mt5canary.wire.replies import AccountReply, CheckReply, Reply, SymbolSpecification, Tick

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
        ("0.005", {"volume_min": 0.01}, Outcome.FAIL),
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


RETAIL = {"volume_min": 0.01, "volume_step": 0.01}


@pytest.mark.parametrize(
    ("changes", "spec", "said"),
    [
        ({}, RETAIL, ("0.001 lot (0.01 max_lot x 0.1) is below the minimum of 0.01 lot", "order.volume: 0.01 in the")),
        ({"volume": Decimal("0.002")}, RETAIL, ("0.002 lot (order.volume) is below",)),
        ({}, {"volume_min": 0.1, "volume_step": 0.1}, ("order.volume: 0.1", "order.max_lot raised to it (it is 0.01)")),
        ({"volume": Decimal("0.0025")}, {}, ("lies between two steps of 0.001 lot", "order.volume: 0.002")),
    ],
)
def test_volume_that_is_not_legal_comes_with_the_choices(
    plan: Resolved, changes: dict[str, Any], spec: dict[str, Any], said: tuple[str, ...]
) -> None:
    """The person reads how the volume came about, what the symbol allows, and every way out."""
    text = volume_choices(msgspec.structs.replace(plan.plan.order, **changes), symbol(**spec)) or ""
    for part in (*said, "nothing is rounded up", "another symbol", "another type of account"):
        assert part in text, text


def test_legal_volume_needs_no_choice(plan: Resolved) -> None:
    """Where the symbol allows the plan's volume nobody is told to choose."""
    assert volume_choices(plan.plan.order, symbol()) is None


ACCOUNT = AccountReply(
    uuid="u", status="ok", balance=200, equity=200, margin=0, free_margin=200, margin_level=0, currency="USD",
    leverage=3000,
)  # fmt: skip
CHECK = CheckReply(uuid="u", status="ok", retcode=0, margin=0.04, margin_free=199.96, margin_level=500_000.0)


@pytest.mark.parametrize(
    ("side", "worst_loss"),
    [("BUY", "0.20"), ("SELL", "0.20")],
)
def test_exposure_is_in_the_accounts_money(side: str, worst_loss: str) -> None:
    """0.001 lot of EURUSD at 1.08008: 108.01 USD of notional, 4 cents of margin, 20 cents to a stop 200 points away."""
    order = order_fields("EURUSD", side, Decimal("0.001"), 200, 20, 1196, TICK, symbol())
    risk = exposure(order, symbol(), TICK, ACCOUNT, CHECK)
    assert (str(risk.margin), str(risk.worst_loss), risk.currency) == ("0.04", worst_loss, "USD")
    assert str(risk.notional) == ("108.01" if side == "BUY" else "108.00")


@pytest.mark.parametrize(
    ("changes", "limit", "broken"),
    [
        ({}, {}, []),
        ({"notional": Decimal(600_001)}, {}, ["notional"]),
        ({"margin": Decimal(201)}, {}, ["margin the order takes"]),
        ({"margin_level_after": 499.0}, {}, ["margin level after the order"]),
        ({"leverage": 3001}, {}, ["account leverage"]),
        ({"worst_loss": Decimal("5.01")}, {"max_percent": Decimal(99)}, ["worst loss to the stop"]),
        ({"worst_loss": Decimal("5.01")}, {"max_money": Decimal(99)}, ["worst loss to the stop over the balance"]),
        ({"spread_points": 61.0}, {}, ["spread"]),
        ({"stops_level": 193}, {}, ["stop's distance against the symbol's stops level"]),
        ({"stop_points": 0.0}, {}, ["stop's distance from the market"]),
    ],
)
def test_each_limit_of_the_risk_breaks_on_its_own(
    limits: Limits, changes: dict[str, Any], limit: dict[str, Any], broken: list[str]
) -> None:
    """Notional, margin, leverage, worst loss, spread and the stop's distance, one after the other."""
    order = order_fields("EURUSD", "BUY", Decimal("0.001"), 200, 20, 1196, TICK, symbol())
    risk = msgspec.structs.replace(exposure(order, symbol(), TICK, ACCOUNT, CHECK), **changes)
    plan = msgspec.structs.replace(limits, loss=msgspec.structs.replace(limits.loss, **limit))
    assert [one.name for one in inside_limits(risk, plan) if one.outcome is not Outcome.PASS] == broken


@given(st.sampled_from(["BUY", "SELL"]), st.integers(100, 5000), st.sampled_from([0.00001, 0.00005, 0.00025, 0.01]))
def test_stop_lies_on_the_grid_and_never_further_than_planned(side: str, points: int, tick_size: float) -> None:
    """A grid coarser than a point pulls the stop nearer, so that the worst loss is not above the plan's."""
    order = order_fields("EURUSD", side, Decimal("0.001"), points, 20, 1196, TICK, symbol(tick_size=tick_size))
    opening = Decimal(str(TICK.ask if side == "BUY" else TICK.bid))
    distance = opening - Decimal(str(order.sl)) if side == "BUY" else Decimal(str(order.sl)) - opening
    assert Decimal(str(order.sl)) % Decimal(str(tick_size)) == 0
    assert 0 <= points * Decimal("0.00001") - distance < Decimal(str(tick_size))


@given(st.sampled_from(["BUY", "SELL"]), st.integers(1, 5000))
def test_stop_lies_on_the_losing_side(side: str, points: int) -> None:
    """So many points from the opening price, below a BUY and above a SELL."""
    order = order_fields("EURUSD", side, Decimal("0.001"), points, 20, 1196, TICK, symbol())
    opening = TICK.ask if side == "BUY" else TICK.bid
    distance = (opening - order.sl) if side == "BUY" else (order.sl - opening)
    assert distance == pytest.approx(points * 1e-05, abs=1e-9)


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("stops_level", [0, 1, 50, 51])
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
    if stops_level:
        near = asked["stop too near"].sl
        points = (TICK.bid - near if side == "BUY" else near - TICK.ask) / spec.point
        assert -1e-6 < points < stops_level - 1e-6
    for name, challenge in asked.items():
        changed = [field for field in ("symbol", "volume", "sl") if getattr(challenge, field) != getattr(order, field)]
        assert len(changed) == 1, name


class Terminal:
    """A terminal in check that says the same to every order."""

    def __init__(self, retcode: int, error_code: str | None = None) -> None:
        self._retcode, self._error_code = retcode, error_code

    def check(self, order: OrderFields) -> CheckReply:
        """Accept with retcode 0, or refuse."""
        if not self._retcode:
            return CHECK
        refusal = Reply(uuid="u", status="error", error_code=self._error_code, retcode=self._retcode)
        raise Refused("no", refusal)


@pytest.mark.parametrize(
    ("terminal", "predicted"),
    [
        (
            Terminal(10014),
            {"volume zero", "volume below the minimum", "volume off the step", "volume above the maximum"},
        ),
        (Terminal(10016), {"stop on the wrong side", "stop too near"}),
        (Terminal(10013), {"unknown symbol"}),
        (Terminal(1, "UNKNOWN_SYMBOL"), {"unknown symbol"}),
        (Terminal(0), set()),
        (Terminal(10019, "NO_MONEY"), set()),
    ],
    ids=["volume", "stops", "invalid", "by-name", "accepts-all", "no-money"],
)
def test_refusal_must_be_the_predicted_one(terminal: Terminal, predicted: set[str]) -> None:
    """Each impossible order has a retcode of its own; another one, or none, is not a real terminal's."""
    spec = symbol(stops_level=20)
    order = order_fields("EURUSD", "BUY", Decimal("0.001"), 200, 20, 1196, TICK, spec)
    asked = challenges(order, spec, TICK)
    said = zip(asked, refused_as_predicted(terminal, asked), strict=True)
    assert {challenge.name for challenge, one in said if one.outcome is Outcome.PASS} == predicted


@pytest.mark.parametrize(
    ("changes", "failed"),
    [({}, []), ({"retcode": 10014}, ["retcode of CHECK_ORDER"]), ({"margin": 0.0}, ["margin projected"])],
    ids=["accepted", "retcode", "no-margin"],
)
def test_order_itself_is_accepted_in_check(changes: dict[str, Any], failed: list[str]) -> None:
    """Retcode 0, and a margin that it would take."""
    measured = accepted(msgspec.structs.replace(CHECK, **changes))
    assert [one.name for one in measured if one.outcome is Outcome.FAIL] == failed
