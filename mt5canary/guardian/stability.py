"""The population stability index: bins fixed by one sample, another sample counted in them, and what chance explains.

The index compares the shares of two samples over fixed bins: ``sum((p - q) * ln(p / q))``. The bins are the first
sample's own quantiles with open ends, so no value falls outside. A value on an edge always goes to the upper side. A
value that many rows share gets a bin of its own, or a move to one side of it would stay in the bin. Every bin that
holds a row of either sample has half a count added in both, so that no share is zero; a bin that neither has a row
in says nothing and is left out.

The usual limits 0.10 and 0.25 know nothing of sample sizes: on small samples they cry wolf, on large ones they
sleep. Without drift the index behaves like chi-square with B - 1 degrees of freedom times (1/N + 1/M), for B bins and
samples of N and M independent rows (B. Yurdakul, "Statistical Properties of Population Stability Index", Western
Michigan University, 2018, chapter 3). Rows that lie close in time repeat each other. How much is seen from the sample
itself: it is cut into blocks, and the blocks' counts differ from each other by a factor phi more than independent
rows would (Pearson's statistic of blocks against bins over its degrees of freedom; P. McCullagh and J. A. Nelder,
"Generalized Linear Models", 2nd edition, 1989, section 4.5). N rows are then worth N / phi. Bins do not repeat
themselves alike, so fewer than B - 1 degrees count (J. N. K. Rao and A. J. Scott, "The Analysis of Categorical Data
from Complex Sample Surveys", J. Am. Stat. Assoc. 76, 1981: the second-order correction); and because phi is itself an
estimate, the point is F's instead of chi-square's (D. R. Thomas and J. N. K. Rao, J. Am. Stat. Assoc. 82, 1987). Behind
phi stand no more degrees than blocks but one: theirs are as many for each bin, which rows that come in calm and lively
stretches pass too often, for all bins rise and fall together (simulated in docs/drift.md).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.statistics import f_quantile

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Column = numpy.typing.NDArray[numpy.float64]

BINS = 10
MOST_BLOCKS = 32
FEWEST_BLOCKS = 8
"""Few, so that a block is long beside the time over which rows repeat each other; fewer would show nothing."""


class BinCounts(Struct, frozen=True, kw_only=True):
    """One sample in the bins: the rows of each, and how many independent rows they are worth together.

    ``evenness`` is the share of the degrees of freedom that counts: 1 where all bins repeat themselves alike.
    """

    counts: list[int]
    effective_rows: float
    evenness: float
    constant: bool

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.counts)


def quantile_edges(column: Column) -> list[float]:
    """The inner edges of the bins: the column's own quantiles, each a value of the column.

    A value that is two quantiles at once holds more than a bin's share: its bin ends at the next value above it.
    """
    import numpy

    require_numbers(column)
    shares = numpy.arange(1, BINS) / BINS
    quantiles = numpy.quantile(column, shares, method="inverted_cdf")
    values, times = numpy.unique(quantiles, return_counts=True)
    ends = [_next_above(column, value) for value in values[times > 1]]
    return [float(edge) for edge in numpy.unique(numpy.concatenate([values, ends]))]


def _next_above(column: Column, value: float) -> float:
    above = column[column > value]
    return float(above.min()) if len(above) else math.nextafter(value, math.inf)


def require_numbers(column: Column) -> None:
    """Raise Finding where there is no row, or a row that is no finite number."""
    import numpy

    if not len(column):
        raise Finding("no row was sampled: nothing can be said of drift")
    if not numpy.isfinite(column).all():
        where = int(numpy.argmin(numpy.isfinite(column)))
        raise Finding(f"row {where} of {len(column)} holds {column[where]}: drift cannot be worked out from it")


def count(column: Column, edges: Sequence[float]) -> BinCounts:
    """A column in the bins; raises Finding for an empty one and for one that holds NaN or an infinite value."""
    require_numbers(column)
    blocks = _block_counts(column, edges)
    dispersion, evenness = max(_dispersion(joined) for joined in _joined(blocks))
    return BinCounts(
        counts=[int(rows) for rows in blocks.sum(axis=0)],
        effective_rows=len(column) / dispersion,
        evenness=evenness,
        constant=bool(column.min() == column.max()),
    )


def blocks_of(rows: int) -> int:
    """How many blocks a column of so many rows is cut into."""
    return max(1, min(MOST_BLOCKS, math.isqrt(rows)))


def _block_counts(column: Column, edges: Sequence[float]) -> Any:
    """The rows of each block in each bin.

    An edge at a time, over a block that fits the processor's cache: faster than a search for each row's bin.
    """
    import numpy

    bounds = numpy.linspace(0, len(column), blocks_of(len(column)) + 1).astype(int)
    reaching = numpy.zeros((len(bounds) - 1, len(edges) + 2), dtype=numpy.int64)
    for number, (start, end) in enumerate(itertools.pairwise(bounds)):
        rows = column[start:end]
        reaching[number, 0] = len(rows)
        for edge, value in enumerate(edges, 1):
            reaching[number, edge] = numpy.count_nonzero(rows >= value)
    return reaching[:, :-1] - reaching[:, 1:]


def _joined(blocks: Any) -> Iterator[Any]:
    """The blocks, and two and two of them joined, as long as enough are left.

    Rows that repeat each other over longer than a block show it in longer ones alone.
    """
    while True:
        yield blocks
        if len(blocks) < 2 * FEWEST_BLOCKS:
            return
        even = blocks[: len(blocks) // 2 * 2]
        blocks = even[::2] + even[1::2]


def _dispersion(blocks: Any) -> tuple[float, float]:
    """How much more the blocks differ than independent rows would, at least 1, and how evenly over the bins.

    The sum of the eigenvalues of the blocks' covariance in units of the independent rows' is Pearson's statistic over
    the blocks' degrees of freedom; the sum of their squares has the sampling noise of so few blocks taken off
    (M. S. Srivastava, "Some tests concerning the covariance matrix in high dimensional data", 2005, theorem 2.1).
    """
    used = blocks[:, blocks.sum(axis=0) > 0]
    free, degrees = used.shape[0] - 1, used.shape[1] - 1
    if not free or not degrees:
        return 1.0, 1.0
    expected = used.sum(axis=1, keepdims=True) * used.sum(axis=0) / used.sum()
    apart = (used - expected) / expected**0.5
    covariance = apart.T @ apart / free
    total, squares = float(covariance.trace()), float((covariance**2).sum())
    if free < 2 or total <= degrees:
        return 1.0, 1.0
    squares = (squares - total**2 / free) * free**2 / ((free - 1) * (free + 2))
    evenness = 1.0 if squares <= 0 else total**2 / squares / degrees
    return total / degrees, min(1.0, max(1 / degrees, evenness))


def stability_index(expected: Sequence[int], found: Sequence[int]) -> float:
    """The index over two rows of counts in the same bins, half a count added to each that either has a row in."""
    used = _used(expected, found)
    total_expected = sum(one for one, _ in used) + len(used) / 2
    total_found = sum(other for _, other in used) + len(used) / 2
    shares = [((one + 0.5) / total_expected, (other + 0.5) / total_found) for one, other in used]
    return math.fsum((p - q) * math.log(p / q) for q, p in shares)


def _used(expected: Sequence[int], found: Sequence[int]) -> list[tuple[int, int]]:
    return [(one, other) for one, other in zip(expected, found, strict=True) if one or other]


def worth(expected: BinCounts, found: BinCounts) -> float:
    """How many independent rows the second sample is worth.

    Each of its rows is never worth more than one of the first sample: without drift they repeat each other as much,
    and a short sample cannot show what the long one does.
    """
    return min(found.effective_rows, found.rows * expected.effective_rows / expected.rows)


def chance_point(expected: BinCounts, found: BinCounts, share: float) -> float:
    """What the index does not pass with this probability where nothing drifted, for samples of these sizes."""
    degrees = len(_used(expected.counts, found.counts)) - 1
    if degrees < 1:
        return 0.0
    scale = 1 / expected.effective_rows + 1 / worth(expected, found)
    counting = max(1.0, degrees * min(expected.evenness, found.evenness))
    behind = max(1, blocks_of(found.rows) - 1)
    return degrees * f_quantile(share, counting, behind) * scale
