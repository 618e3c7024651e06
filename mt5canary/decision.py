"""The admission record: a strategy's own decision that it may go live (criteria D1 to D5).

Two hash schemes. ``legacy16`` is the first 16 hex digits of SHA-256 over ``<timestamp>:<critical_errors>:
<p99_latency_ms>`` exactly as these stand in the JSON text; it binds neither the decision nor the confidence, and
the report says so. ``sha256`` is over the record file's bytes as they stand.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.measurement import Measurement, Outcome, at_least, at_most, by_rule, equal
from mt5canary.plan import Decision
from mt5canary.wire.frames import FrameError, parse

_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?"
_Kind = tuple[type, ...]
_TEXT: _Kind = (str,)
_FIGURE: _Kind = (int, float)
_COUNT: _Kind = (int,)
_REQUIRED: dict[str, _Kind] = {
    "timestamp": _TEXT,
    "decision": _TEXT,
    "confidence": _FIGURE,
    "critical_errors": _COUNT,
    "p99_latency_ms": _FIGURE,
    "drift_events_24h": _COUNT,
}
_OPTIONAL = {"latency_samples": _COUNT, "drift_samples": _COUNT}
_WANTED = {_TEXT: "a text", _FIGURE: "a number", _COUNT: "a whole number"}
_LONGEST_RECORD = 1_048_576
_LARGEST_FIGURE = 1_000_000_000


class AdmissionRecord(Struct, frozen=True, dict=True):
    """A decision record as it was read: its bytes, and its members by name."""

    path: Path
    content: bytes
    members: dict[str, Any]
    read_at: int
    """When it was read, in nanoseconds since 1970; its age is as of then."""

    @property
    def decision(self) -> str:
        """What it decided; GO is the one word that lets a canary fly."""
        return str(self.members["decision"])

    @property
    def confidence(self) -> float:
        """How sure it says it was; 1 is certain."""
        return float(self.members["confidence"])

    @property
    def decided_at(self) -> datetime:
        """When it decided."""
        return datetime.fromisoformat(str(self.members["timestamp"]))

    def hash(self, scheme: str) -> str:
        """Compute its hash again from its bytes."""
        if scheme == "sha256":
            return hashlib.sha256(self.content).hexdigest()
        text = self.content.decode("utf-8")
        return hashlib.sha256(":".join(_as_written(text, name) for name in _LEGACY_FIELDS).encode()).hexdigest()[:16]


_LEGACY_FIELDS = ("timestamp", "critical_errors", "p99_latency_ms")


def _as_written(text: str, name: str) -> str:
    """A member's value exactly as it stands in the JSON text, quotes left off."""
    found = re.findall(rf'"{name}"\s*:\s*(?:"([^"\\]*)"|({_NUMBER}))', text)
    if len(found) != 1:
        raise Finding(f"the decision record names {name!r} {len(found)} times as a plain value; it must be once")
    return str(found[0][0] or found[0][1])


def read(path: Path) -> AdmissionRecord:
    """Read a decision record; raises Finding naming the file, the field and what would be right."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Finding(f"the decision record {path} cannot be read: {error.strerror or error}") from None
    return parsed(path, content, time.time_ns())


def parsed(path: Path, content: bytes, read_at: int) -> AdmissionRecord:
    """A decision record from its bytes, as they were read at some instant; raises Finding as ``read`` does."""
    if len(content) > _LONGEST_RECORD:
        raise Finding(f"the decision record {path} has {len(content)} bytes; at most {_LONGEST_RECORD} are read")
    try:
        members = parse(content)
    except FrameError as error:
        raise Finding(f"the decision record {path} does not parse: {error}") from None
    problems = list(_problems(members))
    if problems:
        raise Finding(f"the decision record {path}: " + "; ".join(problems))
    return AdmissionRecord(path, content, members, read_at)


def _problems(members: dict[str, Any]) -> list[str]:
    problems = []
    for name, kind in (_REQUIRED | _OPTIONAL).items():
        value: Any = members.get(name)
        if name not in members:
            if name in _REQUIRED:
                problems.append(f"{name} is missing")
        elif not isinstance(value, kind) or isinstance(value, bool):
            problems.append(f"{name} is {value!r}, must be {_WANTED[kind]}")
        elif kind is not _TEXT and not 0 <= members[name] <= _LARGEST_FIGURE:
            problems.append(f"{name} is {str(value)[:40]}, must be from 0 to {_LARGEST_FIGURE}")
    if not problems:
        try:
            if datetime.fromisoformat(members["timestamp"]).tzinfo is None:
                problems.append(f"timestamp is {members['timestamp']!r}, must name a zone such as Z")
        except ValueError:
            problems.append(f"timestamp is {members['timestamp']!r}, must be a time of RFC 3339")
    return problems


def scheme_of(expected_hash: str) -> str:
    """Which scheme a plan's hash is of: 16 hex digits are ``legacy16``, 64 are ``sha256``."""
    return "sha256" if len(expected_hash) == 64 else "legacy16"


def exists_and_parses(record: AdmissionRecord) -> list[Measurement]:
    """The record's length and its fields (D1); reading it has already refused what does not parse."""
    present = sum(name in record.members for name in _REQUIRED)
    return [
        at_least("bytes of the decision record", len(record.content), 1, "bytes"),
        equal("required fields present", present, len(_REQUIRED), samples=len(_REQUIRED)),
    ]


def hash_recomputes(record: AdmissionRecord, expected: str) -> list[Measurement]:
    """The hash over the record as it stands is the plan's (D2)."""
    scheme = scheme_of(expected)
    return [equal(f"DECISION_HASH ({scheme})", record.hash(scheme), expected)]


def hash_findings(expected: str) -> list[str]:
    """What the plan's hash scheme leaves unbound."""
    if scheme_of(expected) == "sha256":
        return []
    return [
        "legacy16 binds timestamp, critical_errors and p99_latency_ms only: decision, confidence and every other "
        "field can be changed without changing this hash"
    ]


def says_go(record: AdmissionRecord) -> list[Measurement]:
    """The decision is GO (D3)."""
    return [equal("decision", record.decision, "GO")]


def inside_limits(
    record: AdmissionRecord,
    min_confidence: Decimal,
    max_age: timedelta | None,
    max_critical: int,
) -> list[Measurement]:
    """Confidence, age and error count are inside the plan's (D4); an age of None is the plan's ``none``."""
    age = datetime.fromtimestamp(record.read_at / 1e9, UTC) - record.decided_at
    hours = age.total_seconds() / 3600
    measurements = [
        at_least("confidence", record.confidence, min_confidence),
        at_most("confidence is a share", record.confidence, 1),
        at_least("age of the decision", hours, 0, "h"),
        at_most("critical errors", record.members["critical_errors"], max_critical),
    ]
    if max_age is not None:
        measurements.append(at_most("age of the decision", hours, max_age.total_seconds() / 3600, "h"))
    return measurements


def unproven_figures(record: AdmissionRecord) -> list[str]:
    """What the record's own figures leave unproven (D5)."""
    members = record.members
    found = []
    latency, samples = members["p99_latency_ms"], members.get("latency_samples")
    if not samples:
        found.append(f"p99_latency_ms is {latency} with no number of samples beside it: it claims nothing")
    elif samples < 299:
        found.append(f"p99_latency_ms rests on {samples} samples; 299 are needed for a claim at 95 %")
    if latency == 0:
        found.append("p99_latency_ms is 0: no round trip takes no time, so this was not measured")
    if not members.get("drift_samples"):
        found.append(
            f"drift_events_24h is {members['drift_events_24h']} with no number of checks beside it: "
            "no events among no checks is no evidence"
        )
    if "model_digest" not in members:
        found.append("no model_digest: the record does not say which strategy it admits")
    return found


def figures_examined(record: AdmissionRecord, require_evidence: bool) -> list[Measurement]:
    """The figures were examined; where the plan requires evidence, none may be left unproven (D5)."""
    left = "; ".join(unproven_figures(record))
    outcome = Outcome.UNPROVEN if require_evidence and left else Outcome.PASS
    return [by_rule("figures left unproven", left or "none", outcome, "none with require_evidence")]


class DecisionInspection:
    """The decision stage over one record, read once, when it is first needed."""

    def __init__(
        self,
        path: Path,
        plan: Decision,
        max_critical: int,
        finding: Callable[[str, str], object],
        log: Callable[[str, str], object],
        keep: Callable[[AdmissionRecord], object] = lambda record: None,
    ) -> None:
        self._keep = keep
        self._path = path
        self._plan = plan
        self._max_critical = max_critical
        self._finding = finding
        self._log = log

    @cached_property
    def record(self) -> AdmissionRecord:
        """The record, a copy of it in the evidence; raises Finding where it cannot be used."""
        record = read(self._path)
        self._keep(record)
        return record

    def parses(self) -> list[Measurement]:
        """D1: the record exists and parses."""
        return exists_and_parses(self.record)

    def hash_is_the_plans(self) -> list[Measurement]:
        """D2: its hash recomputes to the plan's."""
        scheme = scheme_of(self._plan.hash)
        computed = self.record.hash(scheme)
        agrees = "is the plan's" if computed == self._plan.hash else f"is not the plan's {self._plan.hash}"
        self._log("decision", f"DECISION_HASH: {computed} ({scheme}) recomputed, {agrees}")
        for text in hash_findings(self._plan.hash):
            self._finding("D2", text)
        return hash_recomputes(self.record, self._plan.hash)

    def says_go(self) -> list[Measurement]:
        """D3: it says GO."""
        return says_go(self.record)

    def is_inside_limits(self) -> list[Measurement]:
        """D4: confidence, age and error count are inside the plan's limits."""
        if self._plan.max_age is None:
            self._finding("D4", f"the plan sets no max_age; the decision is of {self.record.members['timestamp']}")
        return inside_limits(self.record, self._plan.min_confidence, self._plan.max_age, self._max_critical)

    def figures_are_examined(self) -> list[Measurement]:
        """D5: what its own figures leave unproven is listed."""
        for text in unproven_figures(self.record):
            self._finding("D5", text)
        return figures_examined(self.record, self._plan.require_evidence)
