"""What the page needs of a run's records, gathered in one pass.

A day's chain holds close to a million probes, so nothing is kept of a batch but two numbers for each probe.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field

from mt5canary.evidence.records import environment_of, settings_of

PROBE_TIMEOUT_MS = 1_000.0
"""A probe that was never answered counts as at least this, here as in criterion G2."""


class RoundTrips(Struct):
    """When each round trip was due (nanoseconds, monotonic) and how long it took (ms); ``lost`` had no reply."""

    due: array[int] = field(default_factory=lambda: array("q"))
    milliseconds: array[float] = field(default_factory=lambda: array("d"))
    lost: int = 0

    def __len__(self) -> int:
        return len(self.due)

    def add_batch(self, record: dict[str, Any]) -> None:
        """Take a ``probes`` record: each probe counts from when it was due."""
        base, dues, replies = record["base"], record["due"], record["received"]
        self.due.extend([base + due for due in dues])
        self.lost += replies.count(None)
        self.milliseconds.extend(
            [
                max((ended - due) / 1e6, PROBE_TIMEOUT_MS) if received is None else (received - due) / 1e6
                for due, received, ended in zip(dues, replies, record["ended"], strict=True)
            ]
        )

    def add_exchange(self, record: dict[str, Any]) -> None:
        """Take a ``PING`` that was no paced probe: it counts from when it was sent."""
        received = record.get("received")
        self.due.append(record["sent"])
        self.lost += received is None
        self.milliseconds.append(PROBE_TIMEOUT_MS if received is None else (received - record["sent"]) / 1e6)


class Facts(Struct):
    """The records by what they are for; those of exchanges, intents, events and settings in their order."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    drift: list[dict[str, Any]] = field(default_factory=list)
    probes: RoundTrips = field(default_factory=RoundTrips)
    pings: RoundTrips = field(default_factory=RoundTrips)
    answered: dict[str, int] = field(default_factory=dict)
    """Each action with the number of the first record that holds a reply to it."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """Each criterion with the number of its last ``outcome`` record."""
    counts: Counter[str] = field(default_factory=Counter)
    batched: int = 0
    """How many exchanges are kept in batches alone, without a record of their own."""
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    challenge: str = ""
    signed_by: str = ""
    """The fingerprint of the key that signs the bundle; empty where none does."""

    def setting(self, name: str) -> Any:
        """A value of the plan in effect; None where it was not recorded."""
        entry = self.settings.get(name)
        return entry.get("value") if isinstance(entry, dict) else None

    def number(self, name: str) -> float | None:
        """A value of the plan as a number; None where there is none."""
        value = self.setting(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def gather(records: Iterable[dict[str, Any]]) -> Facts:
    """Read the records once, up to the one that says what the run came to."""
    facts = Facts()
    for record in records:
        kind = record["kind"]
        if kind == "verdict":
            break
        facts.counts[kind] += 1
        take = _TAKES.get(kind)
        if take is not None:
            take(facts, record)
    facts.settings = settings_of(facts.kept)
    return facts


def _exchange(facts: Facts, record: dict[str, Any]) -> None:
    facts.exchanges.append(record)
    if record.get("reply") is not None:
        facts.answered.setdefault(record["action"], record["seq"])
    if record["action"] == "PING":
        facts.pings.add_exchange(record)
    else:
        facts.kept.append(record)


def _probes(facts: Facts, record: dict[str, Any]) -> None:
    facts.batched += len(record["sent"]) - record["sent"].count(None) - len(record.get("raw", ()))
    facts.answered.setdefault("PING", record["seq"])
    facts.probes.add_batch(record)


def _quotes(facts: Facts, record: dict[str, Any]) -> None:
    facts.batched += len(record["sent"])
    facts.answered.setdefault("GET_TICK", record["seq"])


def _reading(facts: Facts, record: dict[str, Any]) -> None:
    facts.batched += record.get("exchanges", 0)


def _event(facts: Facts, record: dict[str, Any]) -> None:
    if record.get("name") == "progress":
        return  # one every ten seconds: a day of them would bury what happened
    facts.events.append(record)
    facts.kept.append(record)


def _run(facts: Facts, record: dict[str, Any]) -> None:
    facts.environment = environment_of([record])
    facts.challenge, facts.signed_by = (str(record.get(name, "")) for name in ("challenge", "signed_by"))


def _outcome(facts: Facts, record: dict[str, Any]) -> None:
    facts.outcomes[record["criterion"]] = record["seq"]


_TAKES: dict[str, Callable[[Facts, dict[str, Any]], None]] = {
    "run": _run,
    "exchange": _exchange,
    "probes": _probes,
    "quotes": _quotes,
    "event": _event,
    "outcome": _outcome,
    "intent": lambda facts, record: facts.kept.append(record),
    "settings": lambda facts, record: facts.kept.append(record),
    "kill_matrix": lambda facts, record: facts.kept.append(record),
    "finding": lambda facts, record: facts.findings.append(record),
    "drift": lambda facts, record: facts.drift.append(record),
    "reading": _reading,
}
