"""Whether a run spoke to one gateway throughout, from records made by hand."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mt5canary.evidence.continuity import one_gateway_throughout
from mt5canary.measurement import Outcome, worst

Record = dict[str, Any]


def connection(peer: str) -> Record:
    return {"kind": "connection", "connection": 0, "ends": {"local": "192.0.2.10:4", "peer": peer}}


def hello(instance: str, failure: str | None = None) -> Record:
    reply = json.dumps({"uuid": "u", "status": "ok", "gateway": {"instance": instance}}).encode()
    record: Record = {
        "kind": "exchange",
        "seq": 0,
        "action": "HELLO",
        "uuid": "u",
        "sent_wall": 0,
        "sent": 1,
        "request": base64.b64encode(b"{}").decode(),
    }
    if failure is not None:
        return record | {"failure": failure}
    return record | {"received": 2, "reply": base64.b64encode(reply).decode()}


def outcome(*records: Record) -> Outcome:
    return worst([one.outcome for one in one_gateway_throughout(records)])


THERE = "198.51.100.20:5555"


def test_one_gateway_throughout() -> None:
    """Several connections to one far end and one instance pass."""
    assert outcome(connection(THERE), hello("a"), connection(THERE), hello("a")) is Outcome.PASS


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param((connection(THERE), hello("a"), hello("b")), Outcome.FAIL, id="other-instance"),
        pytest.param((connection(THERE), connection("198.51.100.21:5555")), Outcome.FAIL, id="other-peer"),
        pytest.param((connection(THERE), hello("a"), hello("a", "no reply")), Outcome.UNPROVEN, id="lost-exchange"),
        pytest.param(
            (connection(THERE), {"kind": "event", "name": "reconnected", "lost": "garbage"}, connection(THERE)),
            Outcome.UNPROVEN,
            id="reconnected",
        ),
    ],
)
def test_what_is_no_one_gateway(records: tuple[Record, ...], expected: Outcome) -> None:
    """Another instance or far end fails; a loss leaves it unproven. Each says what was seen."""
    assert outcome(*records) is expected


def test_second_witness_is_another_gateway() -> None:
    """Its far end and its instance are its own, and what it loses is not lost to the gateway."""
    elsewhere = connection("198.51.100.99:5555") | {"connection": 1, "role": "witness"}
    theirs = hello("other") | {"connection": 1}
    lost = hello("other", "no reply") | {"connection": 1}
    ours = (connection(THERE) | {"role": "gateway"}, hello("a") | {"connection": 0})
    assert outcome(*ours, elsewhere, theirs, lost) is Outcome.PASS


def test_no_connection_says_nothing() -> None:
    """A run that never connected has other criteria to fail by."""
    assert one_gateway_throughout([]) == []
