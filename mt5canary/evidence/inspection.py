"""The evidence stage: what was written down is whole, in order, and agrees with itself (criteria E3 to E5).

Everything here is read back from the disk; nothing is taken from memory that the chain should hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.evidence import chain, continuity
from mt5canary.evidence.batches import kept_raw, read_batches
from mt5canary.evidence.books import BOOKS, render
from mt5canary.evidence.run import CHAIN_NAME, Run
from mt5canary.link.clock import parse_time
from mt5canary.measurement import Measurement, Outcome, at_least, at_most, by_rule, equal, unproven, within

CLOCK_STEP_LIMIT_MS = 1_000
"""How far the wall clock may wander from the monotonic one over a run before its times cannot be compared."""


class EvidenceInspection:
    """One run's evidence as it stands on the disk."""

    def __init__(
        self,
        run: Run,
        exchanges_made: Callable[[], int],
        fill_times: Callable[[], tuple[float, float, float] | None],
        required_level: str,
        resolves_as_before: Callable[[], list[Measurement]] = list,
        gateway_clock: Callable[[], tuple[float, float] | None] = lambda: None,
        ask_again_who_answers: Callable[[], object] = lambda: None,
    ) -> None:
        self._run = run
        self._exchanges_made = exchanges_made
        self._fill_times = fill_times
        self._required_level = required_level
        self._resolves_as_before = resolves_as_before
        self._gateway_clock = gateway_clock
        self._ask_again_who_answers = ask_again_who_answers

    @cached_property
    def _records(self) -> list[dict[str, Any]]:
        self._run.chain.settle()
        return chain.read(self._run.folder / CHAIN_NAME)

    @cached_property
    def _exchanges(self) -> list[dict[str, Any]]:
        return [record for record in self._records if record["kind"] == "exchange"]

    def every_exchange_is_recorded(self) -> list[Measurement]:
        """E3: the exchanges made are all there and in order, ticket and deal in replies of several kinds."""
        self._ask_again_who_answers()
        made, order = self._exchanges_made(), self._run.order
        exchanges = self._exchanges
        batched = read_batches(self._records, kept_raw(exchanges))
        uuids = [record["uuid"] for record in exchanges]
        answered = [record for record in exchanges if record.get("reply") is not None]
        own = [record for record in answered if reply_of(record).get("uuid") == record["uuid"]]
        measurements = [
            equal("exchanges in the evidence", len(exchanges) + batched.exchanges, made, samples=made),
            *batched.measurements(),
            at_least("exchanges answered", len(answered), 1, samples=len(exchanges)),
            equal("replies that repeat their request's uuid", len(own), len(answered), samples=len(answered)),
            equal("requests with a uuid of their own", len(set(uuids)), len(uuids), samples=len(uuids)),
            equal(
                "exchanges of each connection in the order they were sent",
                _in_order(exchanges),
                True,
                samples=len(exchanges),
            ),
            equal("record numbers run on", [r["seq"] for r in self._records] == list(range(len(self._records))), True),
            *continuity.one_gateway_throughout(self._records),
            *self._resolves_as_before(),
        ]
        if order is not None:
            measurements += shown_by_several(answered, order.ticket, order.deal, len(answered))
            measurements.append(level_reached(self._run.evidence_level, self._required_level))
        return measurements

    def times_agree(self) -> list[Measurement]:
        """E4: this host's clocks agree with each other, and the deal lies in its exchange."""
        records = self._records
        if not records:
            return [unproven("records", "at least one record")]
        offsets = [record["at"] - record["monotonic"] for record in records]
        monotonic = [record["monotonic"] for record in records]
        received = [record for record in self._exchanges if record.get("received") is not None]
        measurements = [
            at_most(
                "wall clock against monotonic clock",
                (max(offsets) - min(offsets)) / 1e6,
                CLOCK_STEP_LIMIT_MS,
                "ms",
                len(records),
            ),
            equal("records in monotonic order", monotonic == sorted(monotonic), True, samples=len(records)),
            equal(
                "replies received after their requests were sent",
                all(record["received"] > record["sent"] for record in received),
                True,
                samples=len(received),
            ),
        ]
        clock = self._gateway_clock()
        if clock is not None:
            measurements.append(told_in_time(received, *clock))
        fill = self._fill_times()
        if fill is not None:
            after_request, length, slack = fill
            measurements += [
                within("deal after its request, by the server's clock", after_request, -slack, length + slack, "ms")
            ]
        elif self._run.order is not None:
            measurements.append(unproven("deal after its request", "the deal's time from the history"))
        return measurements

    def chain_is_whole(self) -> list[Measurement]:
        """E5: seal the chain, read it back, and compare every document and log written so far."""
        run = self._run
        run.chain.settle()
        count, head = run.chain.count, run.chain.head
        run.record("seal", {"count": count, "head": head}, durable=True)
        stored = list(chain.lines(run.folder / CHAIN_NAME))
        records = [chain.parse(line) for line in stored]
        seal = records[-1]
        documents = [record for record in records if record["kind"] == "document"]
        measurements = [
            equal("records up to the seal", seal["seq"], count, samples=len(records)),
            equal("head at the seal", hashlib.sha256(stored[count - 1]).hexdigest(), seal["head"]),
            at_least("documents bound into the chain", len(documents), 2, samples=len(documents)),
        ]
        for document in documents:
            measurements.append(as_bound(run.folder, document))
        for book, name in BOOKS.items():
            written = (run.folder / name).read_text(encoding="utf-8")
            measurements.append(equal(f"{name} is the view of its records", written == render(records, book), True))
        return measurements


def _in_order(exchanges: list[dict[str, Any]]) -> bool:
    """Whether each connection's exchanges stand as they were sent; one that waited may come after another's."""
    last: dict[int, int] = {}
    for record in exchanges:
        if record["sent"] < last.get(record["connection"], 0):
            return False
        last[record["connection"]] = record["sent"]
    return True


def told_in_time(exchanges: list[dict[str, Any]], ahead_ms: float, slack_ms: float) -> Measurement:
    """Each time that the gateway tells, by the offset of its clock, lies in the exchange that told it."""
    told = outside = 0
    for record in exchanges:
        text = reply_of(record).get("server_time")
        if not isinstance(text, str):
            continue
        told += 1
        after_request = parse_time(text) / 1e6 - ahead_ms - record["sent_wall"] / 1e6
        lasted = (record["received"] - record["sent"]) / 1e6
        outside += not -slack_ms <= after_request <= lasted + slack_ms
    return equal("gateway's times that lie outside their exchanges", outside, 0, samples=told)


def shown_by_several(answered: list[dict[str, Any]], ticket: int, deal: int, samples: int) -> list[Measurement]:
    """Ticket and deal stand in replies of several kinds.

    A terminal may answer an order before its deal has a number: then the history alone can hold it.
    """
    told = any(record["action"] == "OPEN" and reply_of(record).get("deal") for record in answered)
    found = []
    for name, number, kinds in (("ticket", ticket, 2), ("deal", deal, 2 if told else 1)):
        actions = {record["action"] for record in answered if holds(reply_of(record), number)}
        found.append(at_least(f"kinds of replies that hold the {name} {number}", len(actions), kinds, samples=samples))
    return found


def level_reached(reached: str, required: str) -> Measurement:
    """The level of evidence that the fill came to, against the plan's."""
    outcome = Outcome.PASS if reached >= required else Outcome.UNPROVEN
    return by_rule("evidence level of the fill", reached, outcome, f">= {required}")


def as_bound(folder: Path, document: dict[str, Any]) -> Measurement:
    """A document's bytes against the digest that the chain has of them."""
    content = (folder / document["name"]).read_bytes()
    return equal(document["name"], hashlib.sha256(content).hexdigest(), document["sha256"])


def reply_of(record: dict[str, Any]) -> dict[str, Any]:
    """The reply of an ``exchange`` record, empty where there is none that can be read."""
    try:
        reply = msgspec.json.decode(chain.raw(record, "reply") or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return reply if isinstance(reply, dict) else {}


def holds(value: Any, number: int) -> bool:
    """Whether a reply holds a number anywhere."""
    if isinstance(value, dict):
        return any(holds(member, number) for member in value.values())
    if isinstance(value, list):
        return any(holds(member, number) for member in value)
    return type(value) is int and value == number
