"""The features of sampled quotes: rows of one interval each, in points."""

from __future__ import annotations

import pytest

from mt5canary.guardian.features import QuoteWindow
from tests.guardian.sampled import POINT

MS = 1_000_000
Quote = tuple[int, float, float, int]


def window(*quotes: Quote) -> QuoteWindow:
    """Quotes sampled every 100 ms."""
    made = QuoteWindow(0.1, POINT)
    for quote in quotes:
        made.add(*quote)
    return made


def at(milliseconds: float, bid: int = 108_450, spread: int = 7, time_msc: int = 0) -> Quote:
    """A quote in whole points, asked for after so many milliseconds."""
    return int(milliseconds * MS), bid * POINT, (bid + spread) * POINT, time_msc


def test_features_of_three_quotes() -> None:
    """Moves of the middle and spreads in points, and whether the quote is a new one."""
    columns = window(at(0, time_msc=1), at(100, bid=108_452, spread=8, time_msc=2), at(200, 108_452, 8, 2)).take()
    assert {name: list(column) for name, column in columns.items()} == {
        "log_return": [2.5, 0.0],
        "spread": [8.0, 8.0],
        "tick_rate": [1.0, 0.0],
    }


@pytest.mark.parametrize("level", [50_000, 108_450, 265_000])
def test_move_is_the_same_at_any_price(level: int) -> None:
    """Returns are in points, on the half points that a middle moves by, whatever the price."""
    assert list(window(at(0, level), at(100, level + 3)).take()["log_return"]) == [3.0]


def test_row_over_a_gap_is_left_out() -> None:
    """Two samples that are two intervals apart make no row: their move is of a longer time."""
    columns = window(at(0), at(199), at(399, bid=108_460), at(499)).take()
    assert list(columns["log_return"]) == [0.0, -10.0]


def test_sample_that_comes_too_soon_is_left_out() -> None:
    """Samples made up for after a stall are none of their interval; the next in time is compared with the last kept."""
    columns = window(at(0), at(49, bid=108_500), at(100, bid=108_452)).take()
    assert list(columns["log_return"]) == [2.0]


def test_last_quote_begins_the_next_row() -> None:
    """No row is lost between one check and the next."""
    made = window(at(0), at(100))
    assert len(made.take()["spread"]) == 1
    made.add(*at(200))
    assert len(made.take()["spread"]) == 1
    assert len(made.take()["spread"]) == 0
