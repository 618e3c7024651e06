"""The features that the gateway's own quotes give, sampled at a fixed interval.

``log_return`` is the middle's log-return from sample to sample in points, ``spread`` the spread in points, and
``tick_rate`` whether a sample brought a new quote: its mean is the rate of new quotes at the rate of sampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mt5canary.guardian.stability import Column

CLOSEST, FURTHEST = 0.5, 2.0
"""Two samples are an interval apart when the second was asked for after so many intervals: at least, and less than."""


class QuoteWindow:
    """Quotes as they were sampled, and the rows that they make.

    A row belongs to two samples that are an interval apart. One that comes too soon after the one before it, as after
    a stall, is left out; between two that are too far apart there is no row.
    """

    def __init__(self, interval_seconds: float, point: float) -> None:
        self._interval = interval_seconds * 1e9
        self._point = point
        self._quotes: list[tuple[int, float, float, int]] = []

    def add(self, sent: int, bid: float, ask: float, time_msc: int) -> None:
        """Take a quote that was asked for at an instant, in monotonic nanoseconds."""
        if self._quotes and sent - self._quotes[-1][0] < CLOSEST * self._interval:
            return
        self._quotes.append((sent, bid, ask, time_msc))

    def take(self) -> Mapping[str, Column]:
        """The columns of what was sampled since the last call; the last quote stays, for the row that it begins."""
        import numpy

        quotes, self._quotes = self._quotes, self._quotes[-1:]
        sent, bid, ask, times = (numpy.array([quote[place] for quote in quotes]) for place in range(4))
        return columns(sent, bid, ask, times, self._interval, self._point)


def columns(sent: Column, bid: Column, ask: Column, times: Column, interval: float, point: float) -> dict[str, Column]:
    """The features' columns; one row for every two samples that are an interval apart.

    A log-return times the price is a move in points, and rounded to the half point that a middle moves by: bare
    log-returns sit on a lattice that stretches with the price, and would drift for that alone.
    """
    import numpy

    regular = numpy.diff(sent) < FURTHEST * interval
    middle = (bid + ask) / 2
    with numpy.errstate(all="ignore"):  # a price that has no logarithm gives NaN, and NaN is an error of its own
        moves = numpy.diff(numpy.log(middle)) * middle[1:] / point
    return {
        "log_return": (numpy.round(2 * moves) / 2)[regular],
        "spread": numpy.round((ask - bid)[1:] / point)[regular],
        "tick_rate": (numpy.diff(times) > 0).astype(numpy.float64)[regular],
    }
