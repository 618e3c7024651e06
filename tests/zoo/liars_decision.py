"""Lying decision records before an honest gateway (D1 to D5)."""

from __future__ import annotations

import hashlib
import json

from tests.zoo.base import Gateway
from tests.zoo.books import Row
from tests.zoo.registry import liar

TRUE: Row = {
    "timestamp": "2026-01-16T18:17:13.285050Z",
    "decision": "GO",
    "confidence": 0.8662,
    "critical_errors": 0,
    "p99_latency_ms": 0,
    "drift_events_24h": 0,
}


def _hashed(record: Row) -> Row:
    """The plan that means this record: its hash, by the legacy scheme."""
    text = f"{record['timestamp']}:{record['critical_errors']}:{record['p99_latency_ms']}"
    return {"decision": {"hash": hashlib.sha256(text.encode()).hexdigest()[:16]}}


@liar("D1", because="cannot be read")
class NoRecord(Gateway):
    """There is no decision record: somebody said GO in a chat."""

    record = ""


@liar("D1", because="does not parse")
class DecidedTwice(Gateway):
    """The record names its decision twice, NO_GO and GO; most parsers see the last one alone."""

    record = json.dumps({"decision": "NO_GO"})[:-1] + ", " + json.dumps(TRUE)[1:]


@liar("D1", because="confidence")
class ConfidenceInWords(Gateway):
    """Its confidence is a word."""

    record = json.dumps({**TRUE, "confidence": "high"})


@liar("D2", because="DECISION_HASH")
class EditedRecord(Gateway):
    """Somebody set the errors to 0 after the record was hashed with 3."""

    plan = _hashed({**TRUE, "critical_errors": 3})


@liar("D2", because="DECISION_HASH")
class AnotherRecord(Gateway):
    """It is last week's record, and it said GO as well."""

    record = json.dumps({**TRUE, "timestamp": "2026-01-09T18:17:13.285050Z"})


@liar("D3", because="decision")
class NoGoWithTheRightHash(Gateway):
    """It says NO_GO; its hash is right, because the hash does not bind the decision."""

    record = json.dumps({**TRUE, "decision": "NO_GO"})


@liar("D3", because="decision")
class GoInSmallLetters(Gateway):
    """It says `go (pending review)`."""

    record = json.dumps({**TRUE, "decision": "go (pending review)"})


@liar("D4", because="confidence")
class Unsure(Gateway):
    """It says GO with a confidence of 0.51; its hash does not bind that either."""

    record = json.dumps({**TRUE, "confidence": 0.51})


@liar("D4", because="confidence is a share")
class MoreThanSure(Gateway):
    """Its confidence is 86.62: a percentage where a share was meant."""

    record = json.dumps({**TRUE, "confidence": 86.62})


@liar("D4", because="age of the decision")
class DecidedTomorrow(Gateway):
    """It was decided in the future."""

    record = json.dumps(tomorrow := {**TRUE, "timestamp": "2096-01-16T18:17:13.285050Z"})
    plan = _hashed(tomorrow)


@liar("D4", because="age of the decision")
class DecidedLongAgo(Gateway):
    """The plan wants a decision of the last 24 hours, and it is months old."""

    plan = {"decision": {"max_age": "24h"}}


@liar("D4", because="critical errors")
class ErrorsCounted(Gateway):
    """It says GO over nine critical errors of its own."""

    record = json.dumps(erring := {**TRUE, "critical_errors": 9})
    plan = _hashed(erring)


@liar("D5", because="figures left unproven")
class FiguresWithoutSamples(Gateway):
    """A P99 of 0 ms and no drift events, of no samples, where the plan requires evidence."""

    plan = {"decision": {"require_evidence": "true"}}
