"""Drift: whether the market that the order lives in still looks like the one that the strategy knows.

The population stability index compares two samples over fixed bins: ``sum((p - q) * ln(p / q))``. Bins are the
baseline's own quantiles with open ends, so no value falls outside; a value on an edge always goes to the upper
side; every bin has half a count added, so none is empty.

The usual limits 0.10 and 0.25 know nothing of sample sizes: on small samples they cry wolf. Without drift the
index behaves like chi-square with B - 1 degrees of freedom times (1/N + 1/M) (B. Yurdakul, "Statistical
Properties of Population Stability Index", Western Michigan University, 2018). So a check is an event only when it
passes the fixed limit and the point of that distribution that a day without drift passes with 5 %, shared among
the day's checks and features (Bonferroni). Rows close in time repeat each other: a sample of n rows with lag-one
correlation r counts as n(1 - r)/(1 + r) (M. S. Bartlett, J. R. Stat. Soc. 98, 1935).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mt5canary.errors import Finding, Unproven
from mt5canary.plan import Limits
from mt5canary.statistics import chi_square_quantile
from mt5canary.wire.replies import SymbolSpecification, Tick

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Column = numpy.typing.NDArray[numpy.float64]

SCHEMA = 1
BINS = 10
FALSE_ALARMS_A_DAY = 0.05
CHECKS_A_DAY = 24
FEATURES = ("log_return", "spread", "new_quote")
"""What the gateway's own quotes give: the middle's log-return from sample to sample and the spread, both in points,
and whether a sample brought a new quote, whose mean is the tick rate."""


class FeatureBaseline(Struct, frozen=True, kw_only=True):
    """One feature's bins: the inner edges, the rows in each bin, how many independent rows they are worth."""

    edges: list[float]
    counts: list[int]
    effective_rows: float
    constant: bool


class Baseline(Struct, frozen=True, kw_only=True):
    """What the market's features looked like, from where, when, at which interval; ``digest`` binds the rest."""

    schema: int
    symbol: str
    point: float
    sample_ms: int
    recorded_at: str
    seconds: float
    rows: int
    source: dict[str, str]
    features: dict[str, FeatureBaseline]
    digest: str = ""

    def sealed(self) -> Baseline:
        """The same baseline with its digest."""
        return msgspec.structs.replace(self, digest=self._digest())

    def _digest(self) -> str:
        plain = msgspec.to_builtins(msgspec.structs.replace(self, digest=""))
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def require_whole(self) -> None:
        """Raise Finding where the content is not what the digest was made of."""
        if self.digest != self._digest():
            raise Finding("the baseline's content is not what its digest says: record it again")


class FeatureDrift(Struct, frozen=True, kw_only=True):
    """One feature in one check: its index, the point that chance alone reaches, and the rows behind both."""

    feature: str
    psi: float
    chance: float
    rows: int
    constant: bool

    def is_event(self, max_psi: float) -> bool:
        """Whether it passes the fixed limit and what chance explains."""
        return self.psi >= max_psi and self.psi >= self.chance


class DriftCheck(Struct, frozen=True, kw_only=True):
    """One check of all features, so many seconds into the watch."""

    after_seconds: float
    rows: int
    features: list[FeatureDrift]
    problem: str | None = None

    def events(self, max_psi: float) -> list[FeatureDrift]:
        """The features that drifted."""
        return [feature for feature in self.features if feature.is_event(max_psi)]


def read_baseline(path: Path, symbol: str, sample: timedelta) -> Baseline:
    """Read a baseline; raises Unproven where there is none, Finding where it cannot serve this plan."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unproven(
            f"there is no drift baseline {path} ({error.strerror}): record one from this target with "
            f"mt5canary baseline --for 10m --out {path}"
        ) from None
    try:
        baseline = msgspec.json.decode(content, type=Baseline)
    except msgspec.DecodeError as error:
        raise Finding(f"the drift baseline {path} cannot be read: {error}") from None
    baseline.require_whole()
    wanted = (SCHEMA, symbol, sample / timedelta(milliseconds=1))
    found = (baseline.schema, baseline.symbol, baseline.sample_ms)
    if wanted != found:
        raise Finding(
            f"the drift baseline {path} is of (schema, symbol, sample in ms) {found}, the plan needs {wanted}: "
            "record another"
        )
    return baseline


def load_numbers() -> None:
    """Import the numeric library ahead of the first check."""
    columns([Tick(bid=1.0, ask=1.0, time_msc=0)] * 3, 1.0)


def columns(quotes: Sequence[Tick], point: float) -> dict[str, Column]:
    """The features' columns from quotes sampled at a fixed interval; one row less than there are quotes.

    A log-return times the price is a move in points, and rounded to the half point a middle moves by: bare
    log-returns sit on a lattice that stretches with the price, and would drift for that alone.
    """
    import numpy

    bid = numpy.array([quote.bid for quote in quotes])
    ask = numpy.array([quote.ask for quote in quotes])
    times = numpy.array([quote.time_msc for quote in quotes])
    middle = (bid + ask) / 2
    return {
        "log_return": numpy.round(2 * numpy.diff(numpy.log(middle)) * middle[1:] / point) / 2,
        "spread": numpy.round((ask - bid)[1:] / point),
        "new_quote": (numpy.diff(times) > 0).astype(numpy.float64),
    }


def make_baseline(
    quotes: Sequence[Tick], spec: SymbolSpecification, sample_ms: int, recorded_at: str, source: Mapping[str, str]
) -> Baseline:
    """A baseline from quotes sampled at a fixed interval."""
    features = {name: describe_feature(column) for name, column in columns(quotes, spec.point).items()}
    return Baseline(
        schema=SCHEMA,
        symbol=spec.symbol,
        point=spec.point,
        sample_ms=sample_ms,
        recorded_at=recorded_at,
        seconds=(len(quotes) - 1) * sample_ms / 1000,
        rows=len(quotes) - 1,
        source=dict(source),
        features=features,
    ).sealed()


def describe_feature(column: Column) -> FeatureBaseline:
    """Fix a feature's bins at its own quantiles; a constant one gets its value as a bin between two open ones."""
    import numpy

    _require_numbers(column)
    constant = bool(column.min() == column.max())
    if constant:
        edges = numpy.array([column[0], numpy.nextafter(column[0], math.inf)])
    else:
        edges = numpy.unique(numpy.quantile(column, numpy.arange(1, BINS) / BINS))
    return FeatureBaseline(
        edges=[float(edge) for edge in edges],
        counts=[int(count) for count in _counts(column, edges)],
        effective_rows=effective_rows(column),
        constant=constant,
    )


def _require_numbers(column: Column) -> None:
    import numpy

    if not len(column):
        raise Finding("a feature without rows has no drift: nothing was sampled")
    if not numpy.isfinite(column).all():
        raise Finding("a feature holds NaN or an infinite value: its drift cannot be worked out")


def _counts(column: Column, edges: Any) -> Any:
    import numpy

    return numpy.bincount(numpy.searchsorted(edges, column, side="right"), minlength=len(edges) + 1)


def effective_rows(column: Column) -> float:
    """How many independent rows a column is worth, from its lag-one correlation; never more than it has."""
    import numpy

    centred = column - column.mean()
    power = float(numpy.dot(centred, centred))
    if len(column) < 3 or power == 0.0:
        return float(len(column))
    correlation = min(0.999, max(0.0, float(numpy.dot(centred[1:], centred[:-1])) / power))
    return len(column) * (1 - correlation) / (1 + correlation)


def stability_index(expected: Sequence[int], found: Sequence[int]) -> float:
    """The index over two rows of counts in the same bins, half a count added to each."""
    bins = len(expected)
    total_expected, total_found = sum(expected) + bins / 2, sum(found) + bins / 2
    shares = [((a + 0.5) / total_expected, (b + 0.5) / total_found) for a, b in zip(expected, found, strict=True)]
    return math.fsum((p - q) * math.log(p / q) for q, p in shares)


def compare(baseline: Baseline, quotes: Sequence[Tick], checks: int, after_seconds: float = 0.0) -> DriftCheck:
    """Hold the quotes of one window against the baseline; ``checks`` is how many share the day's false alarms."""
    found = columns(quotes, baseline.point)
    share = 1 - FALSE_ALARMS_A_DAY / (max(checks, CHECKS_A_DAY) * len(found))
    drifts = []
    for name, column in found.items():
        _require_numbers(column)
        expected = baseline.features[name]
        counts = [int(count) for count in _counts(column, expected.edges)]
        both_constant = expected.constant and counts[1] == len(column)
        scale = 1 / expected.effective_rows + 1 / effective_rows(column)
        drifts.append(
            FeatureDrift(
                feature=name,
                psi=0.0 if both_constant else stability_index(expected.counts, counts),
                chance=chi_square_quantile(share, len(counts) - 1) * scale,
                rows=len(column),
                constant=both_constant,
            )
        )
    return DriftCheck(after_seconds=after_seconds, rows=len(quotes) - 1, features=drifts)


def checks_planned(limits: Limits) -> int:
    """How many checks the watch has time for."""
    return int(limits.watch.duration / limits.drift.every)


def events_allowed(limits: Limits) -> int:
    """How many events a watch may not reach: the plan's figure for a day, or one where it is too short for that."""
    checks = checks_planned(limits)
    return limits.drift.max_events_24h if checks >= limits.drift.max_events_24h > 0 else 1


def count_events(checks: Sequence[DriftCheck], limits: Limits) -> int:
    """The checks in which a feature drifted."""
    return sum(bool(check.events(limits.drift.max_psi)) for check in checks)
