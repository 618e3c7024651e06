"""Whose account it is: what the gateway says of itself, held against the plan and against its own other answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mt5canary.link.identity import is_expected
from mt5canary.measurement import Outcome
from mt5canary.plan import Account
from mt5canary.wire.replies import AccountReply, HelloReply

WANTED = Account(
    login=7, server="Demo", trade_mode="demo", currency="USD", leverage=100, min_balance=Decimal(100), company="Broker"
)


def hello(**account: Any) -> HelloReply:
    """The reply of a gateway beside the wanted account, but for what is given."""
    identity = {"login": 7, "server": "Demo", "company": "Broker", "trade_mode": "demo", "margin_mode": "hedging"}
    terminal = {"kind": "metatrader5", "name": "T", "company": "T", "build": 5000, "connected": True}
    return msgspec.convert(
        {
            "uuid": "u",
            "status": "ok",
            "nonce": "n",
            "server_time": "2026-01-01T00:00:00Z",
            "protocol": "4.3",
            "gateway": {"name": "g", "version": "1", "instance": "i", "started_at": "2026-01-01T00:00:00Z"},
            "capabilities": [],
            "terminal": {**terminal, "trade_allowed": True, "tradeapi_disabled": False, "ping_last_us": 1},
            "account": {
                **identity,
                "leverage": 100,
                "currency": "USD",
                "trade_allowed": True,
                "trade_expert": True,
                **account,
            },
            "halted": False,
        },
        HelloReply,
    )


def money(**fields: Any) -> AccountReply:
    """The wanted account's money, but for what is given."""
    figures = {"balance": 200, "equity": 200, "margin": 0, "free_margin": 200, "margin_level": 0, "currency": "USD"}
    known = {"uuid": "u", "status": "ok", "login": 7, "server": "Demo", "trade_mode": "demo", "leverage": 100}
    return msgspec.convert({**known, **figures, **fields}, AccountReply)


def test_the_wanted_account_passes() -> None:
    """All alike, all pass."""
    found = is_expected(hello(), money(), "metatrader5", WANTED)
    assert {measurement.outcome for measurement in found} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("said", "shown", "outcome"),
    [
        ({"login": 8}, {}, Outcome.FAIL),
        ({"server": "Live"}, {}, Outcome.FAIL),
        ({"company": "Other"}, {}, Outcome.FAIL),
        ({"trade_mode": "real"}, {}, Outcome.FAIL),
        ({"trade_mode": "2"}, {}, Outcome.UNPROVEN),
        ({"currency": "EUR"}, {}, Outcome.FAIL),
        ({"leverage": 101}, {}, Outcome.FAIL),
        ({}, {"balance": 99.99}, Outcome.FAIL),
        ({}, {"login": 8}, Outcome.FAIL),
        ({}, {"server": "Live"}, Outcome.FAIL),
        ({}, {"trade_mode": "real"}, Outcome.FAIL),
        ({}, {"currency": "EUR"}, Outcome.FAIL),
    ],
)
def test_another_account_does_not(said: dict[str, Any], shown: dict[str, Any], outcome: Outcome) -> None:
    """One difference from the plan, or between two of the gateway's own answers, and it is not the wanted account."""
    found = is_expected(hello(**said), money(**shown), "metatrader5", WANTED)
    assert outcome in {measurement.outcome for measurement in found}


def test_another_kind_of_terminal_does_not() -> None:
    """A simulation behind a plan that means MetaTrader 5 is refused."""
    found = is_expected(hello(), money(), "simulated", WANTED)
    assert Outcome.FAIL in {measurement.outcome for measurement in found}


def test_a_company_that_the_plan_does_not_name_may_be_any() -> None:
    """The company is held against the plan only where the plan says one."""
    anyone = msgspec.structs.replace(WANTED, company=None)
    found = is_expected(hello(company="Whoever"), money(), "metatrader5", anyone)
    assert {measurement.outcome for measurement in found} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("account login", {"login": 8}),
        ("account server", {"server": "Live"}),
        ("account trade mode", {"trade_mode": "real"}),
        ("account currency", {"currency": "EUR"}),
        ("account leverage", {"leverage": 500}),
        ("account company", {"company": "Another"}),
    ],
)
def test_each_difference_is_told_by_its_own_name(name: str, other: dict[str, Any]) -> None:
    """Also where the gateway's own two answers agree about it: then the plan alone can tell."""
    shown = {key: value for key, value in other.items() if key != "company"}
    found = {each.name: each.outcome for each in is_expected(hello(**other), money(**shown), "metatrader5", WANTED)}
    assert found[name] is Outcome.FAIL
