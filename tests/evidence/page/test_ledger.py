"""The account before and after, and the deals that explain it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mt5canary.evidence.page.facts import gather
from mt5canary.evidence.page.ledger import read_ledger
from mt5canary.evidence.page.static import static_part


def _account(records: Any, balance: float, **rest: Any) -> None:
    reply = {"status": "ok", "balance": balance, "equity": balance, "margin": 0.0, "currency": "USD", **rest}
    records.exchange("GET_ACCOUNT", {}, reply)


def _deal(ticket: int, profit: float = 0.0, **rest: Any) -> dict[str, Any]:
    made = {"ticket": ticket, "type": "BUY", "entry": "in", "volume": 0.001, "symbol": "EURUSD", "price": 1.08}
    return made | {"profit": profit, "commission": 0.0, "swap": 0.0, "fee": 0.0, **rest}


def _run(records: Any, after: float, *deals: dict[str, Any]) -> None:
    """An account that held 250 at first, 200 right before the order, and an old deal in its history."""
    _account(records, 250.0)
    records.exchange("OPEN", {}, {"status": "REJECTED"})
    _account(records, 200.0)
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": [_deal(1, 999.0)]})
    records.exchange("OPEN", {}, {"status": "FILLED", "ticket": 7})
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": [_deal(1, 999.0), deals[0]]})
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": [_deal(1, 999.0), *deals]})
    _account(records, after)


def test_the_deals_explain_the_balance(records) -> None:  # type: ignore[no-untyped-def]
    """Profit, commission, swap and fee of each new deal, once; what was there before the order is no part of it."""
    _run(records, 199.83, _deal(2, commission=-0.07), _deal(3, -0.1, entry="out", swap=-0.02, fee=0.02))

    ledger = read_ledger(gather(records.all))

    assert ledger is not None
    assert [deal.ticket for deal in ledger.deals] == [2, 3]
    assert (ledger.moved, ledger.explained, ledger.difference) == (Decimal("-0.17"), Decimal("-0.17"), 0)


def test_a_cent_that_no_deal_explains_is_shown(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The difference is a figure of its own, marked as a failure."""
    _run(records, 199.89, _deal(2), _deal(3, -0.1))

    ledger = read_ledger(gather(records.all))
    part = static_part(records.all, verdict())

    assert ledger is not None
    assert ledger.difference == Decimal("-0.01")
    assert "unexplained: -0.01." in part
    assert 'class="equation"><span class="outcome outcome-FAIL">' in part


def test_one_reading_is_no_ledger(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """Without a second reading nothing is made up."""
    _account(records, 200.0)
    records.exchange("GET_ACCOUNT", {}, None, failure="no reply")

    assert read_ledger(gather(records.all)) is None
    assert "The account was not read twice" in static_part(records.all, verdict())


def test_a_reply_without_a_balance_leaves_it_open(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """A missing number is a dash, and no equation is claimed."""
    records.exchange("GET_ACCOUNT", {}, {"status": "ok", "currency": "USD"})
    _account(records, 200.0)

    part = static_part(records.all, verdict())

    assert "A reply without a balance leaves this open." in part
    assert "unexplained" not in part.partition("</style>")[2]
