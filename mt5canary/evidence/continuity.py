"""Whether a run spoke to one and the same gateway from its first connection to its last (part of criterion E3).

Read from the chain alone: every session's connections with their far ends, every ``HELLO`` with the instance that
answered it, every loss of a connection. What happened between two connections nobody saw, so a run that lost one is
UNPROVEN at best; one that came back to another peer or another instance is a failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mt5canary.evidence.exchanges import exchanges
from mt5canary.measurement import Measurement, Outcome, by_rule, equal


def one_gateway_throughout(records: Iterable[dict[str, Any]]) -> list[Measurement]:
    """The far end, the gateway's instance, and the connections that were lost."""
    kept = _of_the_gateway(list(records))
    peers = list(dict.fromkeys(_peer(record) for record in kept if record["kind"] == "connection"))
    instances = list(dict.fromkeys(_instances(kept)))
    lost = [str(record["failure"]) for record in kept if record["kind"] == "exchange" and record.get("failure")]
    lost = lost or [str(record.get("lost")) for record in kept if record.get("name") == "reconnected"]
    measurements = [_only_one("far ends of all connections", peers)] if peers else []
    if instances:
        measurements.append(_only_one("gateway instances that answered HELLO", instances))
    if peers:
        outcome = Outcome.UNPROVEN if lost else Outcome.PASS
        shown = f"{len(lost)}, the first by: {lost[0]}" if lost else 0
        rule = "= 0; what happened between two connections nobody saw"
        measurements.append(by_rule("connections that were lost", shown, outcome, rule, samples=len(peers)))
    return measurements


def _of_the_gateway(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records without those of connections to a second witness, which is another gateway on purpose."""
    others = {
        record["connection"]
        for record in records
        if record["kind"] == "connection" and record.get("role", "gateway") != "gateway"
    }
    return [record for record in records if record.get("connection") not in others]


def _only_one(name: str, found: list[str]) -> Measurement:
    return equal(name, ", then ".join(found), found[0], samples=len(found))


def _peer(record: dict[str, Any]) -> str:
    ends = record.get("ends")
    return str(ends.get("peer")) if isinstance(ends, dict) else "unknown"


def _instances(records: Iterable[dict[str, Any]]) -> Iterable[str]:
    for told in exchanges(records, {"HELLO"}):
        gateway = (told.reply or {}).get("gateway")
        if isinstance(gateway, dict):
            yield str(gateway.get("instance"))
