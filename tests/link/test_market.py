"""Whether the market lives, from quotes made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mt5canary.link.market import QuotesSeen, market_moves
from mt5canary.measurement import Outcome, worst
from mt5canary.wire.replies import Tick


def quotes(*ticks: tuple[float, float, int], is_open: bool | None = None) -> QuotesSeen:
    made = tuple(Tick(bid=bid, ask=ask, time_msc=time_msc) for bid, ask, time_msc in ticks)
    return QuotesSeen(ticks=made, received_wall=0, session_open=is_open)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(quotes((1.1, 1.1001, 1), (1.1001, 1.1002, 2)), Outcome.PASS, id="moves"),
        pytest.param(quotes((1.1, 1.1001, 1), is_open=True), Outcome.FAIL, id="still-while-open"),
        pytest.param(quotes((1.1, 1.1001, 1), is_open=False), Outcome.UNPROVEN, id="closed"),
        pytest.param(quotes((1.1, 1.1001, 2), (1.1, 1.1001, 1)), Outcome.FAIL, id="backwards"),
        pytest.param(quotes((0.0, 1.1001, 1), (0.0, 1.1002, 2)), Outcome.FAIL, id="no-price"),
        pytest.param(quotes((1.1, 1.0999, 1), (1.1, 1.0999, 2)), Outcome.FAIL, id="crossed"),
        pytest.param(quotes((1.1, 1.2, 1), (1.1, 1.2, 2)), Outcome.FAIL, id="spread-of-9-percent"),
        pytest.param(quotes((1.1, 1.1001, 1), (1.2, 1.2001, 2)), Outcome.FAIL, id="step-of-9-percent"),
    ],
)
def test_market(seen: QuotesSeen, expected: Outcome) -> None:
    """Two times and prices as prices are; closed is unproven, still while open is a stub's price."""
    assert worst([one.outcome for one in market_moves(seen)]) is expected


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        pytest.param(quotes((1.1, 1.1001, 1), is_open=True), {"distinct quote times"}, id="still"),
        pytest.param(quotes((1.1, 1.1001, 2), (1.1, 1.1001, 1)), {"quote times run forward"}, id="backwards"),
        pytest.param(quotes((1.1, 1.1001, 1), (0.0, 0.0, 2)), {"lowest bid", "largest step between quotes"}, id="zero"),
        pytest.param(quotes((-1.1, -1.0, 1), (1.1, 1.1001, 2)), {"lowest bid"}, id="below-zero"),
        pytest.param(quotes((1.1, 1.0999, 1), (1.1, 1.0999, 2)), {"narrowest spread"}, id="crossed"),
        pytest.param(quotes((1.1, 1.2, 1), (1.1, 1.2, 2)), {"widest spread"}, id="wide"),
        pytest.param(quotes((1.1, 1.1001, 1), (1.2, 1.2001, 2)), {"largest step between quotes"}, id="step"),
        pytest.param(quotes((1.1, 1.1001, 1), (1.1001, 1.1002, 2)), set(), id="moves"),
    ],
)
def test_what_is_no_market_is_told_by_its_own_name(seen: QuotesSeen, names: set[str]) -> None:
    """Each oddity by itself, so that a reader knows what to look at."""
    assert {one.name for one in market_moves(seen) if one.outcome is Outcome.FAIL} == names


def test_closed_session_says_what_to_do() -> None:
    """The text names the way out, not only the state."""
    said: Any = market_moves(quotes((1.1, 1.1001, 1), is_open=False))[0].limit
    assert "the session is closed" in said
    assert "run again when it opens" in said
