"""The admission record and its hash."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mt5canary.decision import (
    AdmissionRecord,
    exists_and_parses,
    figures_examined,
    hash_findings,
    hash_recomputes,
    inside_limits,
    read,
    says_go,
    scheme_of,
    unproven_figures,
)
from mt5canary.errors import Finding
from mt5canary.measurement import Outcome, worst

SHIPPED = Path(__file__).resolve().parents[1] / "decision" / "admission.json"
HASH = "1ac7db5b277d4dd1"
Write = Callable[[str | bytes], AdmissionRecord]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a record and read it."""

    def make(content: str | bytes) -> AdmissionRecord:
        path = tmp_path / "admission.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path)

    return make


def changed(old: str, new: str) -> str:
    """The shipped record with one place changed."""
    text = SHIPPED.read_text()
    assert text.count(old) == 1
    return text.replace(old, new)


def test_shipped_record_has_the_plans_hash() -> None:
    """The repository's own record recomputes to the hash of the plan, and by hand to the same."""
    record = read(SHIPPED)
    by_hand = hashlib.sha256(b"2026-01-16T18:17:13.285050Z:0:0").hexdigest()[:16]
    assert record.hash("legacy16") == by_hand == HASH
    assert worst([one.outcome for one in hash_recomputes(record, HASH)]) is Outcome.PASS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("285050Z", "285051Z"),
        ("285050Z", "285050+00:00"),
        ('"p99_latency_ms": 0', '"p99_latency_ms": 0.0'),
        ('"p99_latency_ms": 0', '"p99_latency_ms": -0'),
        ('"p99_latency_ms": 0', '"p99_latency_ms": 0e0'),
        ('"critical_errors": 0', '"critical_errors": 1'),
    ],
)
def test_hash_is_over_the_text_as_written(write: Write, old: str, new: str) -> None:
    """Another spelling of the same value is another hash."""
    assert worst([one.outcome for one in hash_recomputes(write(changed(old, new)), HASH)]) is Outcome.FAIL


def test_legacy_hash_does_not_see_the_decision(write: Write) -> None:
    """GO made NO-GO keeps the legacy hash; the report says what it leaves unbound, and D3 fails all the same."""
    record = write(changed('"GO"', '"NO-GO"'))
    assert record.hash("legacy16") == HASH
    assert says_go(record)[0].outcome is Outcome.FAIL
    assert "decision" in hash_findings(HASH)[0]
    assert hash_findings("a" * 64) == []


@pytest.mark.parametrize("decision", ["go", "GO ", "GO!", "NO-GO", "", "YES"])
def test_go_is_one_word(write: Write, decision: str) -> None:
    """Nothing that merely resembles GO is GO."""
    assert says_go(write(changed('"GO"', json.dumps(decision))))[0].outcome is Outcome.FAIL


def test_whole_file_hash_sees_every_byte(write: Write) -> None:
    """sha256 is over the bytes as they stand, a trailing blank included."""
    text = SHIPPED.read_text()
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert scheme_of(digest) == "sha256"
    assert hash_recomputes(write(text), digest)[0].outcome is Outcome.PASS
    assert hash_recomputes(write(text + " "), digest)[0].outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "does not parse", id="empty"),
        pytest.param("{", "does not parse", id="cut-off"),
        pytest.param("[]", "does not parse", id="array"),
        pytest.param(b"\xff\xfe{}", "does not parse", id="not-utf-8"),
        pytest.param(changed('"confidence": 0.8662', '"confidence": NaN'), "does not parse", id="nan"),
        pytest.param(changed('"confidence": 0.8662', '"confidence": 1e999'), "does not parse", id="overflow"),
        pytest.param(changed('"decision":', '"decision": "NO-GO", "decision":'), "twice", id="key-twice"),
        pytest.param(changed('  "decision": "GO",\n', ""), "decision is missing", id="missing"),
        pytest.param(changed('"critical_errors": 0', '"critical_errors": "0"'), "critical_errors", id="text"),
        pytest.param(changed('"critical_errors": 0', '"critical_errors": false'), "critical_errors", id="boolean"),
        pytest.param(changed('"critical_errors": 0', '"critical_errors": 0.5'), "critical_errors", id="half-error"),
        pytest.param(changed('"critical_errors": 0', '"critical_errors": -1'), "critical_errors", id="negative"),
        pytest.param(changed('"GO"', "null"), "decision", id="null"),
        pytest.param(changed("285050Z", "285050"), "zone", id="no-zone"),
        pytest.param(changed("2026-01-16T18", "yesterday"), "timestamp", id="no-time"),
        pytest.param(changed("0.8662", "1" + "0" * 400), "confidence", id="huge-confidence"),
        pytest.param(changed('"GO",', '"GO", "latency_samples": "many",'), "latency_samples", id="samples-in-words"),
        pytest.param(changed('"GO",', '"GO", "drift_samples": [],'), "drift_samples", id="samples-in-a-list"),
    ],
)
def test_record_that_cannot_be_used_is_a_finding(write: Write, content: str | bytes, said: str) -> None:
    """The text names the file, the field and what is wrong; nothing else than a Finding is raised."""
    with pytest.raises(Finding, match=said) as caught:
        write(content)
    assert "admission.json" in str(caught.value)


def test_record_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    """A missing record and a folder in its place are findings too."""
    with pytest.raises(Finding, match=r"nowhere\.json cannot be read"):
        read(tmp_path / "nowhere.json")
    with pytest.raises(Finding, match="cannot be read"):
        read(tmp_path)


def test_record_of_any_size_is_not_read(write: Write) -> None:
    """A record longer than a megabyte is refused before it is parsed."""
    with pytest.raises(Finding, match="bytes"):
        write(SHIPPED.read_text() + " " * 1_048_576)


def test_field_that_stands_twice_as_text_has_no_hash(write: Write) -> None:
    """A nested object that repeats a hashed field leaves two readings, so there is none."""
    record = write(changed('"GO",', '"GO", "note": {"critical_errors": 7},'))
    with pytest.raises(Finding, match="2 times"):
        record.hash("legacy16")


def test_field_inside_a_text_is_not_the_field(write: Write) -> None:
    """A remark that quotes the field does not change the hash."""
    record = write(changed('"GO",', '"GO", "note": "\\"critical_errors\\": 7",'))
    assert record.hash("legacy16") == HASH


def test_escaped_value_has_no_hash_as_written(write: Write) -> None:
    """A value that is written with an escape is not a plain one, and is refused."""
    with pytest.raises(Finding, match="0 times"):
        write(changed("285050Z", "285050\\u005a")).hash("legacy16")


def outcome_inside(record: AdmissionRecord, **limits: Any) -> Outcome:
    """D4's outcome an hour after the decision, under limits that the record keeps where not said."""
    values: dict[str, Any] = {"min_confidence": Decimal("0.8"), "max_age": timedelta(hours=24), "max_critical": 5}
    at = limits.pop("now", datetime(2026, 1, 16, 19, 17, tzinfo=UTC))
    read_then = replace(record, read_at=int(at.timestamp()) * 1_000_000_000)
    return worst([one.outcome for one in inside_limits(read_then, **(values | limits))])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, Outcome.PASS),
        ({"min_confidence": Decimal("0.8662")}, Outcome.PASS),
        ({"min_confidence": Decimal("0.8663")}, Outcome.FAIL),
        ({"max_age": timedelta(minutes=59)}, Outcome.FAIL),
        ({"max_age": timedelta(hours=1)}, Outcome.PASS),
        ({"now": datetime(2026, 1, 16, 18, tzinfo=UTC)}, Outcome.FAIL),
        ({"now": datetime(2036, 1, 16, 18, tzinfo=UTC), "max_age": None}, Outcome.PASS),
        ({"now": datetime(2036, 1, 16, 18, tzinfo=UTC)}, Outcome.FAIL),
    ],
)
def test_confidence_and_age_against_their_limits(limits: dict[str, Any], expected: Outcome) -> None:
    """The limits are inclusive, a decision from the future fails, and ``none`` sets no age."""
    assert outcome_inside(read(SHIPPED), **limits) is expected


def test_errors_and_confidence_over_one_fail(write: Write) -> None:
    """More critical errors than allowed, or a confidence that is no share, fail."""
    assert outcome_inside(write(changed('"critical_errors": 0', '"critical_errors": 6'))) is Outcome.FAIL
    assert outcome_inside(write(changed("0.8662", "1.01"))) is Outcome.FAIL


def test_figures_without_samples_are_listed(write: Write) -> None:
    """The shipped record proves neither latency nor drift; with its samples it leaves nothing unproven."""
    listed = " ".join(unproven_figures(read(SHIPPED)))
    for words in ("p99_latency_ms is 0", "drift_events_24h", "model_digest"):
        assert words in listed
    evidenced = write(
        changed('"p99_latency_ms": 0,', '"p99_latency_ms": 3.2, "latency_samples": 5000, "drift_samples": 24,').replace(
            '"GO",', '"GO", "model_digest": "ab",'
        )
    )
    assert unproven_figures(evidenced) == []
    assert worst([one.outcome for one in figures_examined(evidenced, True)]) is Outcome.PASS
    assert worst([one.outcome for one in figures_examined(read(SHIPPED), True)]) is Outcome.UNPROVEN
    assert worst([one.outcome for one in figures_examined(read(SHIPPED), False)]) is Outcome.PASS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_a_file_holds_is_read_or_a_finding(write: Write, content: bytes) -> None:
    """No content at all breaks the reader."""
    with contextlib.suppress(Finding):
        write(content)


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, []),
        ({"content": b""}, ["bytes of the decision record"]),
        ({"members": {"decision": "GO"}}, ["required fields present"]),
    ],
    ids=["shipped", "empty", "one-field"],
)
def test_record_that_shows_nothing(changes: dict[str, Any], failed: list[str]) -> None:
    """However it came into memory: a record without bytes or without its fields proves no decision."""
    measured = exists_and_parses(replace(read(SHIPPED), **changes))
    assert [one.name for one in measured if one.outcome is Outcome.FAIL] == failed
