"""One pass over a chain: every link checked, every record read once, the many ``PING`` kept small.

What holds for the whole file is judged on the way: that each record follows the one before, that its head says what
its body says, that every exchange's frames are of the exchange that they stand in. The first record that does not hold
ends the readable part.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from mt5canary.evidence.batches import hash_of
from mt5canary.evidence.chain import FIRST
from mt5canary.link.exchange import Exchange

_HEAD = re.compile(rb'\{"prev":"([0-9a-f]{64})","seq":(\d+),"at":(\d+),"monotonic":(\d+),"kind":"([a-z_]+)"')
_PING = b'"kind":"exchange","action":"PING",'
_HEAD_LENGTH = 110
"""Where a record's kind stands at the latest, after its number: two times of nineteen digits are between."""


class Ping(Struct, frozen=True, gc=False):
    """A ``PING`` exchange, its frames left out once they were judged."""

    seq: int
    connection: int
    sent: int
    received: int | None
    gave_up: int | None
    failure: str | None


class StoredPing(Exchange, frozen=True, kw_only=True, gc=False):
    """A ``PING`` exchange's record."""

    seq: int
    at: int
    monotonic: int
    kind: str


class Asked(Struct, frozen=True, gc=False):
    """What is judged of every request."""

    action: str
    uuid: str


class Answered(Struct, frozen=True, gc=False):
    """What is judged of every reply that is one."""

    uuid: str | None = None


_read_ping = msgspec.json.Decoder(StoredPing).decode
_read_record = msgspec.json.Decoder().decode
_read_asked = msgspec.json.Decoder(Asked).decode
_read_answered = msgspec.json.Decoder(Answered).decode

FULL_PINGS = 400
"""So many ``PING`` exchanges keep their frames: those of the link stage, which its criteria are derived from."""


class Broken(Exception):
    """A record does not hold; the text says which and why. ``torn`` where the file merely ends inside it."""

    def __init__(self, text: str, *, torn: bool = False) -> None:
        super().__init__(text)
        self.torn = torn


class Counted(NamedTuple):
    """So many exchanges, replies, replies to other requests, and identifiers of requests."""

    exchanges: int
    answered: int
    misdirected: int
    uuids: int


class Evidence:
    """The readable part of a chain.

    ``records`` are all but the ``PING`` exchanges, ``pings`` are those, both in order. ``trouble`` says what ended the
    readable part early, ``oddities`` what records say against themselves.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.pings: list[Ping] = []
        self.count = 0
        self.head = FIRST
        self.trouble: Broken | None = None
        self.oddities: list[str] = []
        self.uuids: set[str] = set()
        self.answered = 0
        self.exchanges = 0
        self.misdirected = 0
        """How many replies are none to their requests."""
        self.counted: dict[str, Counted] = {}
        """What had been counted when a criterion's outcome was recorded."""
        self.answered_too_soon = 0
        self.is_watching = False
        self.raw_probes: dict[tuple[int, int | None], str | None] = {}
        """The replies of the watch's ``PING`` that were kept raw, as its batches name them."""
        self.last_monotonic = 0
        self.is_in_order = True
        self._least: int | None = None
        self._largest = 0
        self._by_action: dict[str, tuple[list[int], list[Exchange]]] = {}

    def of_kind(self, kind: str) -> Iterator[dict[str, Any]]:
        """The records of one kind."""
        return (record for record in self.records if record["kind"] == kind)

    def asked(self, action: str, first: int, last: int) -> list[Exchange]:
        """The exchanges of one action whose records lie between two numbers, both included."""
        numbers, exchanges = self._by_action.get(action, ([], []))
        return exchanges[bisect_left(numbers, first) : bisect_right(numbers, last)]

    def number_of(self, exchange: Exchange) -> int:
        """The number of an exchange's record."""
        numbers, exchanges = self._by_action[exchange.action]
        return numbers[next(place for place, each in enumerate(exchanges) if each is exchange)]

    @property
    def wandering(self) -> int:
        """By how much the wall clock moved against the monotonic one, in nanoseconds."""
        return 0 if self._least is None else self._largest - self._least

    def judge_clocks(self, wall: int, monotonic: int) -> None:
        """Take a record's two times."""
        if monotonic < self.last_monotonic:
            self.is_in_order = False
        self.last_monotonic = monotonic
        ahead = wall - monotonic
        if self._least is None:
            self._least = self._largest = ahead
        elif ahead < self._least:
            self._least = ahead
        elif ahead > self._largest:
            self._largest = ahead

    def keep(self, seq: int, exchange: Exchange) -> None:
        """Take an exchange, with its record's number."""
        numbers, exchanges = self._by_action.setdefault(exchange.action, ([], []))
        numbers.append(seq)
        exchanges.append(exchange)


def read(path: Path) -> Evidence:
    """Read a chain as far as it holds."""
    evidence = Evidence()
    number, previous = -1, FIRST.encode()
    with path.open("rb") as file:
        try:
            for number, line in enumerate(file):
                start = b'{"prev":"%b","seq":%d,' % (previous, number)
                if not line.startswith(start) or not line.endswith(b"\n"):
                    raise _broken(number, line, previous)
                take = _take_record if line.find(_PING, len(start), len(start) + _HEAD_LENGTH) < 0 else _take_ping
                take(evidence, number, line)
                previous = hashlib.sha256(line).hexdigest().encode()
                evidence.count = number + 1
        except Broken as broken:
            evidence.trouble = broken
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            evidence.trouble = Broken(f"record {number} cannot be read: {error}")
    evidence.head = previous.decode()
    return evidence


def _broken(number: int, line: bytes, previous: bytes) -> Broken:
    """What is wrong with a line that does not begin, or end, as the next record does."""
    if not line.endswith(b"\n"):
        return Broken(f"record {number} is cut off: its line has no end", torn=True)
    head = _HEAD.match(line)
    if head is None:
        return Broken(f"record {number} does not begin as a record does")
    if head[1] != previous:
        return Broken(f"record {number} does not follow the record before it: one was changed, removed, added or moved")
    return Broken(f"record {number} carries the number {int(head[2])}")


def _take_ping(evidence: Evidence, number: int, line: bytes) -> None:
    ping = _read_ping(line)
    if ping.seq != number or ping.kind != "exchange" or ping.action != "PING":
        raise Broken(f"record {number} says one thing at its beginning and another after it")
    evidence.judge_clocks(ping.at, ping.monotonic)
    if len(evidence.pings) < FULL_PINGS:
        evidence.keep(number, ping)
    if evidence.is_watching:
        evidence.raw_probes[ping.sent, ping.received] = hash_of(ping.reply)
    evidence.pings.append(Ping(number, ping.connection, ping.sent, ping.received, ping.gave_up, ping.failure))
    _judge_frames(evidence, number, ping)


def _take_record(evidence: Evidence, number: int, line: bytes) -> None:
    record = _read_record(line)
    if record["seq"] != number or (record["kind"] == "exchange" and record["action"] == "PING"):
        raise Broken(f"record {number} says one thing at its beginning and another after it")
    evidence.judge_clocks(record["at"], record["monotonic"])
    evidence.records.append(record)
    evidence.is_watching = evidence.is_watching or (record["kind"] == "event" and record.get("name") == "watching")
    if record["kind"] == "outcome":
        counted = Counted(evidence.exchanges, evidence.answered, evidence.misdirected, len(evidence.uuids))
        evidence.counted.setdefault(record["criterion"], counted)
    if record["kind"] == "exchange":
        exchange = msgspec.convert(record, Exchange)
        evidence.keep(number, exchange)
        _judge_frames(evidence, number, exchange)


def _judge_frames(evidence: Evidence, number: int, exchange: Exchange) -> None:
    """Hold an exchange's frames against its record and against each other."""
    asked = _read_asked(exchange.request)
    if asked.uuid != exchange.uuid or asked.action != exchange.action:
        evidence.oddities.append(
            f"record {number}: its request is {asked.action} {asked.uuid}, not {exchange.action} {exchange.uuid}"
        )
    evidence.exchanges += 1
    evidence.uuids.add(exchange.uuid)
    if exchange.reply is None:
        return
    evidence.answered += 1
    evidence.answered_too_soon += exchange.received is not None and exchange.received <= exchange.sent
    try:
        answered = _read_answered(exchange.reply)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answered = Answered()  # what a gateway sends need not be a frame; the criteria judge it
    if answered.uuid != exchange.uuid:
        evidence.misdirected += 1
