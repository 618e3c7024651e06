"""The guardrails' criteria, judged again from the raw records, as far as these hold what the guardian saw.

Probes and quotes are there one by one; of the readings only those that were kept raw (the first, the last, one a
minute, every one on which a guard tripped). When the watch began and ended, and its largest gap, are the node's own
word.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec

from mt5canary.errors import Finding
from mt5canary.guardian import drift, judgement, self_test
from mt5canary.guardian.baseline import Baseline, parse_baseline
from mt5canary.guardian.drift import DriftCheck
from mt5canary.guardian.guards import Reading, tripped
from mt5canary.guardian.latencies import Latencies
from mt5canary.guardian.market import Market
from mt5canary.guardian.probing import Probe, count, probe_timeout_ms
from mt5canary.guardian.record import Breach, Problem, WatchRecord
from mt5canary.measurement import Measurement, equal
from mt5canary.money import booked
from mt5canary.order.journal import RecordedIntent
from mt5canary.order.reconciliation import Books, Discrepancy, Kind, reconcile
from mt5canary.verify.execution_stage import Flight
from mt5canary.verify.world import NotThere, World, read
from mt5canary.wire.replies import AccountReply, Deal, DealsReply, HelloReply, Position, PositionsReply, TickReply

OWN_WORD = frozenset(
    {
        "largest gap of the watch",
        "readings of position, account, gateway and quote",
        "guards run",
        "gateway's clock off by, at least",
    }
)
"""What the records hold only as the node's own count."""


class Watched:
    """A watch as the records show it."""

    def __init__(self, world: World, flight: Flight) -> None:
        self._world = world
        self._flight = flight

    @cached_property
    def record(self) -> WatchRecord:
        """The watch, with the readings that were kept raw."""
        plan = self._world.limits.watch
        told = next(self._world.evidence.of_kind("watch"), None)
        if told is None:
            raise NotThere("no watch is in the evidence")
        limits, readings = self._world.limits, self.readings
        trips = (name for reading in readings for name in tripped(readings[0], reading, limits))
        return WatchRecord(
            planned_seconds=plan.duration.total_seconds(),
            every_seconds=plan.every.total_seconds(),
            latencies=self._latencies(int(told["started"] * 1e9)),
            market=Market(told["started"]),
            started=told["started"],
            ended=told["ended"],
            first=readings[0] if readings else None,
            readings=len(readings),
            tripped=Counter(trips),
            drift_checks=[msgspec.convert(each, DriftCheck) for each in self._world.evidence.of_kind("drift")],
            errors=[Problem(told["started"], text) for text in told["errors"]],
            largest_gap_seconds=told["largest_gap_seconds"],
            largest_clock_offset_ms=told["largest_clock_offset_ms"],
            guards_run=told["guards_run"],
            breach=self._breach,
        )

    def _latencies(self, started: int) -> Latencies:
        """The probes counted again, from their raw times."""
        limits = self._world.limits.latency
        latencies = Latencies(limits.p99_ms, limits.confidence)
        for probe in self.probes:
            count(latencies, probe, started, probe_timeout_ms(limits.p99_ms))
        return latencies

    @property
    def _breach(self) -> Breach | None:
        for event in self._world.evidence.of_kind("event"):
            if event["name"] == "breach":
                return Breach(event["guard"], event["text"], 0.0)
        return None

    @cached_property
    def baseline(self) -> Baseline:
        """The baseline that drift was held against."""
        record = next(self._world.evidence.of_kind("baseline"), None)
        if record is None:
            raise NotThere("no baseline is in the evidence")
        plan = self._world.limits.drift
        return parse_baseline(record["text"], record["file"], self._world.spec.symbol, plan.sample, plan.features)

    @cached_property
    def probes(self) -> list[Probe]:
        """Every paced probe."""
        return [probe for batch in self._world.evidence.of_kind("probes") for probe in probes_of(batch)]

    @cached_property
    def readings(self) -> list[Reading]:
        """The readings that were kept raw: HELLO, account, positions and quote, one after the other."""
        world, ticket = self._world, self._flight.canary.position_ticket
        first, last = world.span("G1")
        closes = [each for action in ("CLOSE", "CLOSE_ALL") for each in world.evidence.asked(action, first, last)]
        last = min([last, *map(world.evidence.number_of, closes)])  # what is asked after a close is no reading
        hellos = world.evidence.asked("HELLO", first, last)
        starts = [world.evidence.number_of(hello) for hello in hellos]
        found: list[Reading] = []
        for hello, start, end in zip(hellos, starts, [*starts[1:], last], strict=True):
            accounts, ticks = world.between("GET_ACCOUNT", start, end), world.between("GET_TICK", start, end)
            pages = world.pages(world.between("GET_POSITIONS", start, end), PositionsReply)
            if not (accounts and ticks and pages):
                continue
            positions = [position for page in pages[-1] for position in page.positions]
            mine = [position for position in positions if position.ticket == ticket]
            account = read(accounts[-1], AccountReply)
            total = self._booked(start, end, found[0].booked if found else Decimal(0))
            before, since = (found[0].account, total - found[0].booked) if found else (account, Decimal(0))
            found.append(
                Reading(
                    hello=read(hello, HelloReply),
                    account=account,
                    position=mine[0] if mine else None,
                    tick=read(ticks[-1], TickReply).tick,
                    spec=world.spec,
                    booked=total,
                    discrepancies=self._discrepancies(
                        positions, self._deals(start, end), (before.balance, account.balance), since
                    ),
                )
            )
        return found

    def _discrepancies(
        self, positions: list[Position], deals: list[Deal], balance: tuple[float, float], since: Decimal
    ) -> tuple[Discrepancy, ...]:
        """What the books of a reading did not say alike, beside this run's intent; those kept by earlier runs apart."""
        canary, plan = self._flight.canary, self._world.plan.plan.order
        sent = 0 if canary.exchange is None else canary.exchange.sent_wall
        facts = {"position": canary.position_ticket, "volume": canary.order.volume}
        own = RecordedIntent(intent=canary.intent, step="FILLED", facts=facts, begun=sent, at=sent)
        books = Books(
            phase="watch",
            magic=plan.magic,
            symbol=plan.symbol,
            run=canary.intent.run,
            now=sent,
            settle_seconds=0,
            intents=[own],
            positions=[position for position in positions if position.ticket not in self._kept],
            deals=deals,
            balance=balance,
            booked_since=since,
        )
        return reconcile(books).discrepancies

    @cached_property
    def _kept(self) -> frozenset[int]:
        """The positions that earlier runs keep by plan: the journal's word at the start, which is the node's own."""
        return frozenset(
            one["ticket"]
            for record in self._world.evidence.of_kind("reconciliation")
            if record["phase"] == "start"
            for one in record["discrepancies"]
            if one["kind"] == Kind.KEPT
        )

    def _booked(self, start: int, end: int, unasked: Decimal) -> Decimal:
        """What the deals since the order came to at a reading; ``unasked`` where its balance stood as at the first."""
        if not self._world.between("GET_DEALS", start, end):
            return unasked
        return booked(deal for deal in self._deals(start, end) if deal.ticket not in self._flight.deals_before)

    def _deals(self, start: int, end: int) -> list[Deal]:
        """The deals that a reading asked for last; none where it asked for none."""
        pages = self._world.pages(self._world.between("GET_DEALS", start, end), DealsReply)
        return [deal for page in pages[-1:] for one in page for deal in one.deals]


def probes_of(batch: dict[str, Any]) -> list[Probe]:
    """The probes of one ``probes`` record."""
    base = batch["base"]
    rows = zip(batch["due"], batch["sent"], batch["received"], batch["ended"], batch["status"], strict=True)
    return [
        Probe(
            base + due,
            base + (due if sent is None else sent),
            None if received is None or status != "ok" else base + received,
            base + ended,
        )
        for due, sent, received, ended, status in rows
    ]


def was_healthy(world: World, watched: Watched) -> list[Measurement]:
    """G1: probes on schedule, errors inside their budget."""
    judged = judgement.guardian_was_healthy(watched.record, world.limits)
    return [measurement for measurement in judged if measurement.name not in OWN_WORD]


def latency_is_inside_limit(world: World, watched: Watched) -> list[Measurement]:
    """G2: the probes' 99th percentile."""
    return judgement.latency_inside_limit(watched.record, world.limits)


def drift_is_inside_limits(world: World, watched: Watched) -> list[Measurement]:
    """G3: the drift checks on time, on enough rows, within limits."""
    if not watched.record.drift_checks:
        raise NotThere("no drift check is in the evidence")
    wrong = next(drift.recheck(watched.baseline, world.evidence.records), None)
    if wrong is not None:
        raise Finding(wrong)
    return judgement.drift_inside_limits(watched.record, world.limits)


def every_guard_trips(world: World, watched: Watched) -> list[Measurement]:
    """G4: every guard on the first reading and on what is seeded from it; the breach, where there was one."""
    if not watched.readings:
        raise NotThere("no reading of the watch was kept raw")
    breach = watched.record.breach
    return [
        *self_test.guards_trip(watched.readings[0], world.limits),
        *self_test.heartbeat_trips(world.limits),
        *self_test.drift_trips(watched.baseline, world.limits),
        equal("breach", breach.text if breach else "none", "none"),
    ]


def nothing_changed(world: World, watched: Watched) -> list[Measurement]:
    """G5: position, gateway, permissions and balance in the readings that were kept raw."""
    judged = judgement.nothing_changed(watched.record, world.limits, world.hello)
    return [measurement for measurement in judged if measurement.name not in OWN_WORD]


def covered_its_time(world: World, watched: Watched) -> list[Measurement]:
    """G6: the watch's length, held against the probes that were made in it."""
    record = watched.record
    outside = [probe for probe in watched.probes if not record.started - 1 <= probe.due / 1e9 <= record.ended + 1]
    if outside:
        raise NotThere(f"{len(outside)} probes lie outside the watch that the node says it made")
    return judgement.covered_its_time(record, world.limits)


CRITERIA = {
    "G1": was_healthy,
    "G2": latency_is_inside_limit,
    "G3": drift_is_inside_limits,
    "G4": every_guard_trips,
    "G5": nothing_changed,
    "G6": covered_its_time,
}
