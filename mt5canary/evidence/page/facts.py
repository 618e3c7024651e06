"""What the page needs of a run's records, gathered in one pass.

A day's chain holds close to a million probes, so nothing is kept of a batch but two numbers for each probe.
"""

from __future__ import annotations

import binascii
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Struct, field

from mt5canary.evidence.chain import is_ping, parse
from mt5canary.evidence.exchanges import told
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

    def add_trip(self, sent: int, received: int | None) -> None:
        """Take a ``PING`` that was no paced probe: it counts from when it was sent."""
        self.due.append(sent)
        self.lost += received is None
        self.milliseconds.append(PROBE_TIMEOUT_MS if received is None else (received - sent) / 1e6)


SHOWN_ENDS = 3
"""How many exchanges of each action are shown from the start of the run and from its end."""

SHOWN_FAILED = 10
"""How many that failed are shown from the start and from the end, at most."""


class Ends:
    """The first and the last of many lines; what lies between is let go."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._first: list[bytes] = []
        self._last: deque[bytes] = deque(maxlen=each)

    def add(self, line: bytes) -> None:
        """Take the next."""
        (self._first if len(self._first) < self._each else self._last).append(line)

    @property
    def lines(self) -> list[bytes]:
        """Those that were kept, in their order."""
        return [*self._first, *self._last]


class _Ping(Struct, gc=False):
    """What is read of a spared ``PING``."""

    seq: int
    sent: int
    received: int | None = None
    failure: str | None = None
    reply: str | None = None


_read_ping = msgspec.json.Decoder(_Ping).decode


def spared(line: bytes) -> dict[str, Any] | bytes:
    """A chain's line as its record; as it is where it is one of the many ``PING``, for few of them are ever shown."""
    return line if is_ping(line) else parse(line)


REFUSALS = ("error", "ERROR", "REJECTED")


def is_failed(record: dict[str, Any]) -> bool:
    """Whether no reply to an exchange counts, or the reply says no."""
    failure, reply = record.get("failure"), record.get("reply")
    if failure or reply is None:
        return True
    return not _says_ok(reply) and told(record).status in REFUSALS


def _says_ok(reply: str) -> bool:
    """Whether a reply plainly says ``ok``: its bytes are searched, for parsing a day of them takes long."""
    frame = binascii.a2b_base64(reply)
    return b'"status":"ok"' in frame or b'"status": "ok"' in frame


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


def gather(records: Iterable[dict[str, Any] | bytes]) -> Facts:
    """Read the records, or what ``spared`` left of them, once, up to the one that says what the run came to."""
    facts, pings, failed = Facts(), Ends(SHOWN_ENDS), Ends(SHOWN_FAILED)
    for record in records:
        if isinstance(record, bytes):
            ping = _read_ping(record)
            facts.counts["exchange"] += 1
            facts.pings.add_trip(ping.sent, ping.received)
            if ping.reply is not None and "PING" not in facts.answered:
                facts.answered["PING"] = ping.seq
            is_fine = not ping.failure and ping.reply is not None and _says_ok(ping.reply)
            (pings if is_fine or not is_failed(parse(record)) else failed).add(record)
            continue
        kind = record["kind"]
        if kind == "verdict":
            break
        facts.counts[kind] += 1
        take = _TAKES.get(kind)
        if take is not None:
            take(facts, record)
    facts.exchanges += map(parse, (*pings.lines, *failed.lines))
    facts.exchanges.sort(key=itemgetter("seq"))
    facts.settings = settings_of(facts.kept)
    return facts


def _exchange(facts: Facts, record: dict[str, Any]) -> None:
    facts.exchanges.append(record)
    if record.get("reply") is not None:
        facts.answered.setdefault(record["action"], record["seq"])
    if record["action"] == "PING":
        facts.pings.add_trip(record["sent"], record.get("received"))
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
