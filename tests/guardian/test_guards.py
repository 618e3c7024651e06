"""Every guard trips on what it watches for, and stays quiet on a true reading."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from mt5canary.guardian.guards import (
    GUARDS,
    WARNED,
    Reading,
    first_breach,
    seeded,
    warning_levels,
    warnings,
)
from mt5canary.guardian.latencies import Share
from mt5canary.guardian.market import is_weeks_end
from mt5canary.plan import Limits

NAMES = tuple(GUARDS)


def test_the_guards_are_these() -> None:
    """A guard that disappears is noticed here, one that is new needs its test."""
    assert set(NAMES) == {
        "position", "gateway", "permissions", "balance", "loss", "spread", "margin", "errors", "heartbeat", "latency",
        "drift", "slippage", "market", "clock", "books",
    }  # fmt: skip


def test_true_reading_trips_nothing(reading: Reading, limits: Limits) -> None:
    """On what a gateway really says every guard is quiet."""
    assert reading.position is not None
    assert first_breach(reading, reading, limits) is None


@pytest.mark.parametrize("name", NAMES)
def test_seeded_reading_trips_its_guard(reading: Reading, limits: Limits, name: str) -> None:
    """Each guard has a seeded reading, and trips on it with a text for a person."""
    bad = seeded(reading, limits)[name]
    said = GUARDS[name](reading, bad, limits)
    assert said
    assert first_breach(reading, bad, limits) is not None


def test_seeded_latency_is_one_in_twenty(reading: Reading, limits: Limits) -> None:
    """The seeded series is one that could be, of which most round trips are fast."""
    said = GUARDS["latency"](reading, seeded(reading, limits)["latency"], limits)
    assert (said or "").startswith("50 of 1000 round trips")


def test_every_guard_is_seeded(reading: Reading, limits: Limits) -> None:
    """The self-test leaves none out."""
    assert set(seeded(reading, limits)) == set(NAMES)


@pytest.mark.parametrize(
    ("field", "value"),
    [("ticket", 1), ("symbol", "GBPUSD"), ("type", "SELL"), ("volume", 0.002), ("open_price", 9.9), ("sl", 0.0),
     ("magic", 7)],
)  # fmt: skip
def test_position_guard_sees_each_change(reading: Reading, limits: Limits, field: str, value: Any) -> None:
    """Whatever of the position is not to change is named when it does."""
    assert reading.position is not None
    changed = replace(reading, position=msgspec.structs.replace(reading.position, **{field: value}))
    assert field in (GUARDS["position"](reading, changed, limits) or "")


@pytest.mark.parametrize("field", ["current_price", "profit", "swap"])
def test_position_guard_lets_the_market_move(reading: Reading, limits: Limits, field: str) -> None:
    """Price and profit of the position are the market's."""
    assert reading.position is not None
    moved = replace(reading, position=msgspec.structs.replace(reading.position, **{field: 0.77}))
    assert GUARDS["position"](reading, moved, limits) is None


@pytest.mark.parametrize(
    ("part", "field", "value", "guard"),
    [
        ("gateway", "instance", "another", "gateway"),
        ("account", "login", 7, "gateway"),
        ("account", "server", "Elsewhere", "gateway"),
        ("terminal", "connected", False, "permissions"),
        ("terminal", "trade_allowed", False, "permissions"),
        ("terminal", "tradeapi_disabled", True, "permissions"),
        ("account", "trade_allowed", False, "permissions"),
        ("account", "trade_expert", False, "permissions"),
    ],
)
def test_identity_and_permissions(
    reading: Reading, limits: Limits, part: str, field: str, value: Any, guard: str
) -> None:
    """A change of any of these trips its guard and no other before it."""
    changed = msgspec.structs.replace(getattr(reading.hello, part), **{field: value})
    bad = replace(reading, hello=msgspec.structs.replace(reading.hello, **{part: changed}))
    assert (first_breach(reading, bad, limits) or ("", ""))[0] == guard


def test_halted_gateway_trips_permissions(reading: Reading, limits: Limits) -> None:
    """A halt while the position lives is a change of permissions."""
    bad = replace(reading, hello=msgspec.structs.replace(reading.hello, halted=True))
    assert "halted" in (GUARDS["permissions"](reading, bad, limits) or "")


def account(reading: Reading, **changes: float) -> Reading:
    return replace(reading, account=msgspec.structs.replace(reading.account, **changes))


@pytest.mark.parametrize(("moved", "trips"), [(0.0, False), (0.004, False), (0.01, True), (-0.01, True)])
def test_balance_to_the_cent(reading: Reading, limits: Limits, moved: float, trips: bool) -> None:
    """A cent either way trips; what is no cent is no movement."""
    bad = account(reading, balance=round(reading.account.balance, 2) + moved)
    first = account(reading, balance=round(reading.account.balance, 2))
    assert (GUARDS["balance"](first, bad, limits) is not None) == trips


@pytest.mark.parametrize(
    ("equity", "lost", "trips"),
    [(200.0, 5.0, False), (200.0, 5.01, True), (100.0, 2.5, False), (100.0, 2.51, True), (0.0, 0.0, True)],
)
def test_loss_in_money_and_percent(reading: Reading, limits: Limits, equity: float, lost: float, trips: bool) -> None:
    """Both limits hold, the limit itself included; an account without equity trips."""
    first, now = account(reading, equity=equity), account(reading, equity=equity - lost)
    assert (GUARDS["loss"](first, now, limits) is not None) == trips


@pytest.mark.parametrize(("points", "trips"), [(60, False), (61, True)])
def test_spread_limit(reading: Reading, limits: Limits, points: int, trips: bool) -> None:
    """The spread in points, the limit itself included."""
    bid = 1.08
    ask = round(bid + points * reading.spec.point, reading.spec.digits)
    now = replace(reading, tick=msgspec.structs.replace(reading.tick, bid=bid, ask=ask))
    assert (GUARDS["spread"](reading, now, limits) is not None) == trips


@pytest.mark.parametrize(
    ("margin", "level", "trips"), [(0.04, 500.0, False), (0.04, 499.0, True), (0.0, 0.0, False), (0.04, 0.0, True)]
)
def test_margin_limit(reading: Reading, limits: Limits, margin: float, level: float, trips: bool) -> None:
    """A level under the limit trips; an account that holds nothing has no level."""
    now = account(reading, margin=margin, margin_level=level)
    assert (GUARDS["margin"](reading, now, limits) is not None) == trips


@pytest.mark.parametrize(
    ("shares", "trips"),
    [
        ([Share(0, 1000)], False),
        ([Share(2, 100)], False),
        ([Share(10, 100)], True),
        ([Share(0, 0)], False),
        ([Share(100, 864_000), Share(3, 36_000), Share(97, 1_000, "hour 2")], True),
    ],
)
def test_latency_guard_acts_on_proof_alone(reading: Reading, limits: Limits, shares: list[Share], trips: bool) -> None:
    """Two slow round trips in a hundred prove nothing; ten do; and one bad hour is not drowned in a good day."""
    assert (GUARDS["latency"](reading, replace(reading, latency=tuple(shares)), limits) is not None) == trips


@pytest.mark.parametrize(
    ("count", "recent", "trips"),
    [(5, 0, False), (6, 0, True), (2, 2, False), (3, 3, True), (4, 2, False), (5, 3, True)],
)
def test_error_budget_and_its_burn_rate(reading: Reading, limits: Limits, count: int, recent: int, trips: bool) -> None:
    """So many errors are allowed and no more; and fewer where they come so fast that the rest would soon be gone."""
    now = replace(reading, errors=count, recent_errors=recent)
    assert (GUARDS["errors"](reading, now, limits) is not None) == trips


@pytest.mark.parametrize(
    ("session_open", "frozen", "weeks_end", "trips"),
    [(True, 299, False, False), (True, 301, False, True), (False, 100_000, True, False), (False, 899, False, False),
     (False, 901, False, True), (True, 301, True, True)],
)  # fmt: skip
def test_weekend_is_no_outage_and_an_outage_no_weekend(
    reading: Reading, limits: Limits, session_open: bool, frozen: float, weeks_end: bool, trips: bool
) -> None:
    """Frozen quotes in an open session trip; a closed one trips too, but not at the week's end."""
    now = replace(reading, session_open=session_open, frozen_seconds=frozen, closing_expected=weeks_end)
    assert (GUARDS["market"](reading, now, limits) is not None) == trips


@pytest.mark.parametrize(
    ("when", "rests"),
    [
        ("2026-01-16T20:29:00+00:00", False),
        ("2026-01-16T22:30:00+00:00", True),
        ("2026-01-17T12:00:00+00:00", True),
        ("2026-01-18T21:59:00+00:00", True),
        ("2026-01-18T22:31:00+00:00", False),
        ("2026-01-21T12:00:00+00:00", False),
    ],
)
def test_the_weeks_end(when: str, rests: bool) -> None:
    """From Friday's close to Sunday's opening in New York, and at no other time."""
    assert is_weeks_end(int(datetime.fromisoformat(when).timestamp() * 1e9)) == rests


@pytest.mark.parametrize(("offset", "trips"), [(1000.0, False), (1001.0, True)])
def test_clock_limit(reading: Reading, limits: Limits, offset: float, trips: bool) -> None:
    """A gateway whose clock has run away trips."""
    assert (GUARDS["clock"](reading, replace(reading, clock_offset_ms=offset), limits) is not None) == trips


@pytest.mark.parametrize(("points", "trips"), [(-30.0, False), (20.0, False), (20.5, True)])
def test_slippage_limit(reading: Reading, limits: Limits, points: float, trips: bool) -> None:
    """A fill further from the quote than planned, to our disadvantage, trips."""
    assert (GUARDS["slippage"](reading, replace(reading, slippage_points=points), limits) is not None) == trips


@pytest.mark.parametrize("name", WARNED)
def test_each_guard_warns_before_it_halts(reading: Reading, limits: Limits, name: str) -> None:
    """A reading at the warning level warns and does not halt; a true one does neither."""
    levels = warning_levels(limits)
    near = seeded(reading, levels)[name]
    near = replace(near, latency=(), latency_warned=near.latency)
    assert name in warnings(reading, near, levels)
    assert GUARDS[name](reading, near, limits) is None
    assert warnings(reading, reading, levels) == {}


@pytest.mark.parametrize(("gap", "trips"), [(5.0, False), (5.001, True)])
def test_heartbeat(reading: Reading, limits: Limits, gap: float, trips: bool) -> None:
    """A watch that stood still for longer than the plan's gap is a breach of its own."""
    assert (GUARDS["heartbeat"](reading, replace(reading, gap_seconds=gap), limits) is not None) == trips
