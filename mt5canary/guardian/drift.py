"""Drift: whether the features that the strategy lives on still look as they did when the baseline was recorded.

At the plan's interval the rows sampled since the last check are counted in the baseline's bins, feature by feature,
and compared by the population stability index (see ``stability``). A check is an event when a feature passes both the
plan's hard limit and the point that chance reaches on samples of these sizes. That point is such that a whole day
without drift passes it with 5 % at most: the 5 % are shared among the day's checks and the features (Bonferroni; C. E.
Bonferroni, "Teoria statistica delle classi e calcolo delle probabilita", 1936). Rows worth too few independent ones
for their bins can say nothing, whatever the index: W. G. Cochran's five a bin (Annals of Mathematical Statistics 23,
1952) are eight here, because what rows are worth is itself an estimate (docs/drift.md has the simulation).

Everything can be worked out again from the evidence. ``quotes`` records hold what was sampled, a ``drift`` record what
was made of it: its window is the quotes since the ``drift`` record before it and the last one before that. ``recheck``
does so: it takes the records of both kinds, in the chain's order, with the baseline that the ``baseline`` record holds,
and says what does not agree. Of a column file the evidence holds the counts in the bins, and which bytes of the file
they were made of, by their SHA-256.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.guardian import stability
from mt5canary.guardian.baseline import Baseline, FeatureBaseline
from mt5canary.guardian.column_file import ColumnFile, ColumnSpan
from mt5canary.guardian.features import QuoteWindow
from mt5canary.plan import Limits
from mt5canary.plan.schema import BUILT_IN_FEATURES

if TYPE_CHECKING:
    from mt5canary.guardian.stability import Column

DAY = timedelta(hours=24)
FALSE_ALARMS_A_DAY = 0.05
CHECKS_A_DAY = 24
LEAST_IN_A_BIN = 8.0
"""Independent rows that each bin should hold."""


class FeatureDrift(Struct, frozen=True, kw_only=True):
    """One feature in one check.

    ``psi`` is its index, ``chance`` the point that chance alone reaches, ``rows`` the sample and ``worth`` how many
    independent rows that is; ``constant``: it had one value, the same in baseline and sample; ``still``: it had one
    value in the sample, and several in the baseline.
    """

    feature: str
    psi: float
    chance: float
    rows: int
    constant: bool
    worth: float
    still: bool
    counts: list[int]

    def is_event(self, max_psi: float) -> bool:
        """Whether it passes the fixed limit and what chance explains, on rows enough to say so."""
        return self.is_enough and self.psi >= max_psi and self.psi >= self.chance

    @property
    def is_enough(self) -> bool:
        """Whether the rows are worth enough independent ones."""
        return self.constant or self.worth >= LEAST_IN_A_BIN * sum(count > 0 for count in self.counts)


class DriftCheck(Struct, frozen=True, kw_only=True):
    """One check of all features, so many seconds into the watch; ``problem`` says what could not be worked out.

    ``closed_seconds`` is how long the session was closed in its time: then it may have few rows, or none.
    """

    after_seconds: float
    rows: int
    features: list[FeatureDrift]
    problem: str | None = None
    share: float = 0.0
    column_span: ColumnSpan | None = None
    closed_seconds: float = 0.0

    def events(self, max_psi: float) -> list[FeatureDrift]:
        """The features that drifted."""
        return [feature for feature in self.features if feature.is_event(max_psi)]


class DriftSampler:
    """Takes the watch's samples and makes the checks of them."""

    def __init__(self, baseline: Baseline, limits: Limits, column_file: ColumnFile | None = None) -> None:
        self._baseline = baseline
        self._features = limits.drift.features
        self._window = QuoteWindow(baseline.sample_ms / 1000, baseline.point)
        self._column_file = column_file
        self._share = share_of_a_check(limits)
        self._sample = baseline.sample_ms / 1000
        self._last_check = 0.0

    def add(self, sent: int, bid: float, ask: float, time_msc: int) -> None:
        """Take a quote that was asked for at an instant, in monotonic nanoseconds."""
        self._window.add(sent, bid, ask, time_msc)

    def read_columns(self) -> None:
        """Read the rows that the strategy added; call it every second or so, and it is never much."""
        if self._column_file is not None:
            self._column_file.poll()

    def check(self, after_seconds: float) -> DriftCheck:
        """Hold what was sampled since the last check against the baseline; what goes wrong is the check's problem."""
        seconds, self._last_check = after_seconds - self._last_check, after_seconds
        columns: dict[str, Column] = dict(self._window.take())
        span, problems = None, []
        if self._column_file is not None:
            try:
                own, span = self._column_file.take()
                columns.update(own)
                _require_interval(self._column_file, span.rows, seconds / self._sample)
            except Finding as finding:
                problems.append(str(finding))
        return check_columns(
            self._baseline,
            {name: columns[name] for name in self._features if name in columns},
            self._share,
            after_seconds=after_seconds,
            problems=problems,
            span=span,
        )


def _require_interval(column_file: ColumnFile, rows: int, samples: float) -> None:
    """Raise Finding where the file has rows, yet at another interval than the plan's: they are no samples of it."""
    if rows and not 0.5 <= rows / samples <= 2:
        raise Finding(
            f"the column file {column_file.path} gained {rows} rows in the time of {samples:.0f} samples: "
            "it must gain one row a sample (limits.drift.sample)"
        )


def load_numbers() -> None:
    """Import the numeric library, and use it once, ahead of the first check."""
    import numpy

    column = numpy.arange(40.0)
    counted = stability.count(column, stability.quantile_edges(column))
    stability.chance_point(counted, counted, 0.5)


def check_columns(
    baseline: Baseline,
    columns: Mapping[str, Column],
    share: float,
    *,
    after_seconds: float = 0.0,
    problems: Sequence[str] = (),
    span: ColumnSpan | None = None,
) -> DriftCheck:
    """Hold columns against a baseline that knows them; ``share`` is the probability that chance stays below."""
    drifts, wrong = [], list(problems)
    for name, column in columns.items():
        try:
            drifts.append(_compare(name, baseline.features[name], column, share))
        except Finding as finding:
            wrong.append(f"{name}: {finding}")
    return DriftCheck(
        after_seconds=after_seconds,
        rows=min((len(column) for column in columns.values()), default=0),
        features=drifts,
        problem="; ".join(wrong) or None,
        share=share,
        column_span=span,
    )


def _compare(name: str, expected: FeatureBaseline, column: Column, share: float) -> FeatureDrift:
    found = stability.count(column, expected.edges)
    both_constant = expected.constant and found.constant and found.counts[1] == found.rows
    return FeatureDrift(
        feature=name,
        psi=0.0 if both_constant else stability.stability_index(expected.counts, found.counts),
        chance=stability.chance_point(expected, found, share),
        rows=found.rows,
        constant=both_constant,
        worth=stability.worth(expected, found),
        still=found.constant and not both_constant,
        counts=found.counts,
    )


def share_of_a_check(limits: Limits) -> float:
    """The probability with which one feature of one check stays below the point that chance reaches."""
    checks = max(CHECKS_A_DAY, min(checks_planned(limits), int(DAY / limits.drift.every)))
    return 1 - FALSE_ALARMS_A_DAY / (checks * len(limits.drift.features))


def checks_planned(limits: Limits) -> int:
    """How many checks the watch has time for."""
    return int(limits.watch.duration / limits.drift.every)


def events_allowed(limits: Limits) -> int:
    """How many events 24 hours may not reach: the plan's figure, or one where the watch has no time for as many."""
    checks = checks_planned(limits)
    return limits.drift.max_events_24h if checks >= limits.drift.max_events_24h > 0 else 1


def count_events(checks: Sequence[DriftCheck], limits: Limits) -> int:
    """The checks in which a feature drifted: the most in any 24 hours of the watch."""
    times = [check.after_seconds for check in checks if check.events(limits.drift.max_psi)]
    day = DAY.total_seconds()
    return max((sum(last - day < time <= last for time in times) for last in times), default=0)


def recheck(baseline: Baseline, records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Work every drift check out again from the chain's ``quotes`` and ``drift`` records; says what does not agree.

    Args:
        baseline: as ``parse_baseline`` reads it from the chain's ``baseline`` record.
        records: the chain's records in their order; those of other kinds are passed over.

    """
    window = QuoteWindow(baseline.sample_ms / 1000, baseline.point)
    for record in records:
        try:
            if record["kind"] == "quotes":
                batch = msgspec.convert(dict(record), _Quotes)
                for quote in zip(batch.sent, batch.bid, batch.ask, batch.time_msc, strict=True):
                    window.add(batch.base + quote[0], *quote[1:])
            elif record["kind"] == "drift":
                said = msgspec.convert(dict(record), DriftCheck)
                yield from _disagreements(baseline, said, window.take())
        except ValueError as error:  # msgspec's own, and columns that are not of one length
            yield f"record {record.get('seq')} holds no {record['kind']}: {error}"


class _Quotes(Struct):
    """The parts of a ``quotes`` record that the features are made of."""

    base: int
    sent: list[int]
    time_msc: list[int]
    bid: list[float]
    ask: list[float]


def _disagreements(baseline: Baseline, said: DriftCheck, columns: Mapping[str, Column]) -> Iterator[str]:
    where = f"the drift check after {said.after_seconds:.0f} s"
    for feature in said.features:
        expected = baseline.features.get(feature.feature)
        if expected is None:
            yield f"{where} compares {feature.feature}, which the baseline does not know"
            continue
        if len(feature.counts) != len(expected.counts):
            yield f"{where}: {feature.feature} has {len(feature.counts)} bins, the baseline {len(expected.counts)}"
            continue
        if feature.feature in BUILT_IN_FEATURES:
            try:
                found = _compare(feature.feature, expected, columns[feature.feature], said.share)
            except Finding as finding:
                yield f"{where}: {feature.feature} cannot be worked out from its quotes: {finding}"
                continue
            if (feature.counts, feature.rows) != (found.counts, found.rows):
                yield f"{where}: {feature.feature} says rows {feature.counts}, its quotes give {found.counts}"
            if not math.isclose(feature.chance, found.chance, rel_tol=1e-9, abs_tol=1e-12):
                yield f"{where}: {feature.feature} says chance {feature.chance:.6f}, its quotes give {found.chance:.6f}"
        psi = 0.0 if feature.constant else stability.stability_index(expected.counts, feature.counts)
        if not math.isclose(feature.psi, psi, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{where}: {feature.feature} says PSI {feature.psi:.6f}, its counts give {psi:.6f}"
        if feature.constant and not expected.constant:
            yield f"{where}: {feature.feature} is said to be constant, which its baseline is not"
