"""What one bundle says, and whether it counts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from mt5canary.evidence.chain import BrokenChain, read
from mt5canary.measurement import Outcome
from mt5canary.plan import Resolved
from mt5canary.promotion.examination import examine
from mt5canary.verify.verification import verify
from tests.promotion.conftest import Flown
from tests.promotion.made import MONDAY, SECOND, Clock, fly, verified


def test_run_is_read_from_its_raw_records(flown: Flown) -> None:
    """Coverage in real time, probes, checks, errors, slippage by the quote before the order, result with all costs."""
    one = flown(2.5, drifted=(2,), errors=3, profit="-0.03")
    assert one.counts
    assert one.covered_seconds == pytest.approx(9_000)
    assert one.watched[0][0] / SECOND == pytest.approx(MONDAY, abs=1)
    assert (len(one.due), set(one.latency_ms)) == (300, {10.0})
    assert [bool(check.events(0.25)) for _, check in one.checks] == [False, True]
    assert one.errors == 3
    assert one.slippage_points == 3.0
    assert one.result == Decimal("-0.03")
    assert one.step == Decimal("0.1")


def test_closed_market_covers_nothing(flown: Flown) -> None:
    """Of ten hours with the market closed for five in the middle and one at the end, four are covered."""
    one = flown(10, closed={3: 2_400.0, 4: 3_600.0, 5: 3_600.0, 6: 3_600.0, 7: 3_600.0, 8: 1_200.0, 0: 3_600.0})
    assert one.covered_seconds == pytest.approx(4 * 3_600, abs=1)


def test_sold_fill_slips_the_other_way(flown: Flown) -> None:
    """A price below the bid is against a sale, one above it is for it."""
    assert flown(side="SELL").slippage_points == -10.0


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ({"rehearsal": True}, "a rehearsal"),
        ({"mode": "preflight", "order": False}, "a preflight"),
        ({"settings": {"order.magic": 7}}, "of another plan: magic 7"),
        ({"settings": {"order.symbol": "GBPUSD"}}, "of another plan: symbol GBPUSD"),
        ({"settings": {"targets.demo.account.login": 5}}, "of another plan: login 5"),
        ({"settings": {"targets.demo.account.server": "Real"}}, "of another plan: server Real"),
    ],
)
def test_run_of_something_else_does_not_count(flown: Flown, rest: dict[str, object], why: str) -> None:
    """Rehearsals, preflights and other accounts, symbols and magic numbers are shown, never counted."""
    one = flown(**rest)
    assert not one.counts
    assert why in one.excluded
    assert not one.suspicious


def test_bundle_made_by_hand_does_not_verify(clock: Clock, tmp_path: Path, real_plan: Resolved) -> None:
    """Made of the run's own classes, whole in chain and manifest, and seen through by the verifier: it never counts."""
    folder = fly(clock, tmp_path, hours=1)
    one = examine(folder, verify(folder), real_plan)
    assert "its bundle is not whole" in one.excluded
    assert one.suspicious


@pytest.mark.parametrize("place", [0.0, 0.5, 0.99])
def test_tampered_bundle_does_not_count(clock: Clock, tmp_path: Path, real_plan: Resolved, place: float) -> None:
    """One changed byte anywhere in the chain, and the run is not counted, and somebody must look."""
    folder = fly(clock, tmp_path, hours=1)
    chain = folder / "evidence.jsonl"
    content = bytearray(chain.read_bytes())
    content[int(len(content) * place)] ^= 1
    chain.write_bytes(content)
    with pytest.raises(BrokenChain):
        read(chain)
    one = examine(folder, verify(folder), real_plan)
    assert not one.counts
    assert one.suspicious


def test_run_that_was_cut_off_does_not_count(clock: Clock, tmp_path: Path, real_plan: Resolved) -> None:
    """A verification that found no verdict is none of a whole run, whatever else holds."""
    folder = fly(clock, tmp_path, hours=1)
    found = verified(folder)
    found.verdict = None
    assert not examine(folder, found, real_plan).counts


@pytest.mark.parametrize(("settings", "step"), [({"order.volume": 0.0025}, "0.25"), ({}, "0.1")])
def test_step_is_the_share_that_was_traded(flown: Flown, settings: dict[str, object], step: str) -> None:
    """Of the largest lot, by coefficient or by volume."""
    assert flown(settings=settings).step == Decimal(step)


def test_failed_run_counts_as_one(flown: Flown) -> None:
    """A verified bundle of a run that failed is evidence too."""
    assert flown(outcome=Outcome.FAIL).counts
