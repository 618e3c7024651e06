"""A baseline: what the features look like when all is well, from where, when, and at which interval.

It fixes the bins that every later sample is counted in. Its digest binds its content, so that one that was edited by
hand is refused, and so is one of another symbol or another sampling interval than the plan's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from mt5canary.errors import Finding, Unproven
from mt5canary.guardian import stability
from mt5canary.guardian.column_file import ColumnSpan
from mt5canary.guardian.stability import BinCounts

if TYPE_CHECKING:
    from mt5canary.guardian.stability import Column

SCHEMA = 2


class FeatureBaseline(BinCounts, frozen=True, kw_only=True):
    """One feature's rows in its bins, and the inner edges of these."""

    edges: list[float]


class Baseline(Struct, frozen=True, kw_only=True):
    """The features' bins and counts with their provenance; ``digest`` is the SHA-256 of all the rest."""

    schema: int
    symbol: str
    point: float
    sample_ms: int
    recorded_at: str
    seconds: float
    source: dict[str, str]
    features: dict[str, FeatureBaseline]
    column_span: ColumnSpan | None = None
    digest: str = ""

    @property
    def rows(self) -> int:
        """The rows of its shortest feature."""
        return min(feature.rows for feature in self.features.values())

    def sealed(self) -> Baseline:
        """The same baseline with its digest."""
        return msgspec.structs.replace(self, digest=self._digest())

    def _digest(self) -> str:
        plain = msgspec.to_builtins(msgspec.structs.replace(self, digest=""))
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def require_whole(self) -> None:
        """Raise Finding where the content is not what the digest was made of, or cannot be a baseline's."""
        if self.digest != self._digest():
            raise Finding("the baseline's content is not what its digest says: record it again")
        for name, feature in self.features.items():
            rising = all(one < next_one for one, next_one in zip(feature.edges, feature.edges[1:], strict=False))
            fits = len(feature.counts) == len(feature.edges) + 1 and min(feature.counts) >= 0 and feature.rows > 0
            if not (rising and fits and 0 < feature.effective_rows <= feature.rows and 0 < feature.evenness <= 1):
                raise Finding(f"the baseline's bins of {name} are none: record it again")


def read_baseline(path: Path, symbol: str, sample: timedelta, features: Sequence[str]) -> tuple[Baseline, str]:
    """A baseline and its file's text; raises Unproven where there is none, Finding where it cannot serve this plan."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise Unproven(
            f"there is no drift baseline {path} ({error.strerror}): record one from this target with "
            f"mt5canary baseline --for 10m --out {path}"
        ) from None
    except UnicodeDecodeError as error:
        raise Finding(f"the drift baseline {path} is no text in UTF-8: {error}; record another") from None
    return parse_baseline(text, str(path), symbol, sample, features), text


def parse_baseline(text: str, name: str, symbol: str, sample: timedelta, features: Sequence[str]) -> Baseline:
    """A baseline from its file's text; raises Finding where it cannot serve this plan."""
    try:
        baseline = msgspec.json.decode(text, type=Baseline)
    except msgspec.DecodeError as error:
        raise Finding(f"the drift baseline {name} cannot be read: {error}; record another") from None
    wanted = (SCHEMA, symbol, sample / timedelta(milliseconds=1))
    found = (baseline.schema, baseline.symbol, baseline.sample_ms)
    if wanted != found:
        raise Finding(
            f"the drift baseline {name} is of (schema, symbol, sample in ms) {found}, the plan needs {wanted}: "
            "record another"
        )
    baseline.require_whole()
    missing = [feature for feature in features if feature not in baseline.features]
    if missing:
        raise Finding(
            f"the drift baseline {name} does not know {', '.join(missing)}, only {', '.join(baseline.features)}: "
            "record another"
        )
    return baseline


def describe(columns: Mapping[str, Column]) -> dict[str, FeatureBaseline]:
    """The features that a baseline is made of; raises Finding for one that is empty or holds what is no number."""
    return {name: _described(name, column) for name, column in columns.items()}


def _described(name: str, column: Column) -> FeatureBaseline:
    try:
        edges = stability.quantile_edges(column)
        counted = stability.count(column, edges)
    except Finding as finding:
        raise Finding(f"{name}: {finding}") from None
    return FeatureBaseline(edges=edges, **msgspec.structs.asdict(counted))
