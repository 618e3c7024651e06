"""The evidence stage's criteria, judged again from the raw records."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import Any

from mt5canary.errors import Finding
from mt5canary.evidence import continuity, inspection
from mt5canary.evidence.batches import read_batches
from mt5canary.measurement import Measurement, Outcome, at_least, at_level, at_most, describe, equal, within
from mt5canary.order import drill, proof
from mt5canary.order.reconciliation import is_active
from mt5canary.verify.execution_stage import Flight, drill_nonces
from mt5canary.verify.world import NotThere, World


def is_closed(world: World, flight: Flight) -> list[Measurement]:
    """E1: the position is closed; one that was kept is the gateway's list alone."""
    if world.plan.plan.order.hold == "keep" and not world.asked("E1", "GET_ORDERS"):
        raise NotThere("the position was kept by plan")
    magic = world.plan.plan.order.magic
    deals, orders, after = flight.deals("E1"), world.orders("E1"), flight.after("E1")
    active = [order for order in orders if order.magic == magic and is_active(order)]
    traces = drill.traces_of(drill_nonces(world), [*deals, *orders, *after.positions])
    return [*at_level("E2", proof.is_closed(flight.canary, after, deals, active)), drill.no_trace(traces)]


def ledger_balances(world: World, flight: Flight) -> list[Measurement]:
    """E2: the ledger."""
    account = world.account("E2")
    deals = flight.deals("E2")
    before = flight.canary.before.account.balance
    return at_level("E2", proof.ledger_balances(before, account.balance, deals, account.currency))


def every_exchange_is_recorded(world: World) -> list[Measurement]:
    """E3: how many exchanges there are, that each is answered by its own reply, and that one gateway gave them all.

    The criterion says this of what had been asked by then: a run that ends open asks on, and what comes of that is in
    its verdict, not in E3.
    """
    evidence = world.evidence
    _, last = world.span("E3")
    exchanges, answered, misdirected, uuids = evidence.counted["E3"]
    failed = [
        {"seq": ping.seq, "kind": "exchange", "action": "PING", "connection": ping.connection, "failure": ping.failure}
        for ping in evidence.pings
        if ping.failure
    ]
    records = sorted([*evidence.records, *failed], key=itemgetter("seq")) if failed else evidence.records
    records = records[: bisect_right(records, last, key=itemgetter("seq"))]
    batched = read_batches(records, evidence.raw_probes)
    made = exchanges + batched.exchanges
    order = next(reversed([record for record in records if record["kind"] == "order"]), None)
    return [
        equal("exchanges in the evidence", made, made, samples=made),  # told, and held against what the run told
        *batched.measurements(),
        at_least("exchanges answered", answered, 1, samples=exchanges),
        equal("replies that repeat their request's uuid", answered - misdirected, answered, samples=answered),
        equal("requests with a uuid of their own", uuids, exchanges, samples=exchanges),
        *continuity.one_gateway_throughout(records),
        *([] if order is None else _shown_by_several(world, order, records, answered)),
    ]


def _shown_by_several(
    world: World, order: dict[str, Any], records: list[dict[str, Any]], samples: int
) -> list[Measurement]:
    """Ticket and deal in replies of several kinds, and the level of evidence that this amounts to."""
    answered = [each for each in records if each["kind"] == "exchange" and each.get("reply") is not None]
    shown = inspection.shown_by_several(answered, order["ticket"], order["deal"], samples)
    return [*shown, inspection.level_reached(order["level"], world.plan.plan.evidence.require)]


def clocks_agree(world: World) -> list[Measurement]:
    """E4, of a run without an order: the clocks of all its records; raises Finding where one wandered."""
    evidence = world.evidence
    wandered = at_most("clocks", evidence.wandering / 1e6, inspection.CLOCK_STEP_LIMIT_MS, "ms", evidence.count)
    if wandered.outcome is not Outcome.PASS:
        raise Finding(f"over all records, wall clock against monotonic clock: {describe(wandered)}")
    return [
        equal("records in monotonic order", evidence.is_in_order, True),
        equal("replies received after their requests were sent", evidence.answered_too_soon == 0, True),
    ]


def times_agree(world: World, flight: Flight) -> list[Measurement]:
    """E4: the clocks, and the deal's time within its exchange where there was an order."""
    slack = world.offset.uncertainty_ms + world.limits.clock.max_offset_ms
    received = [each for each in world.evidence.of_kind("exchange") if each.get("received") is not None]
    judged = [*clocks_agree(world), inspection.told_in_time(received, world.offset.offset_ms, slack)]
    if not any(world.evidence.of_kind("order")):
        return judged
    if flight.times is None:
        return judged
    after_request, length, slack = flight.times
    name = "deal after its request, by the server's clock"
    return [*judged, within(name, after_request, -slack, length + slack, "ms")]


def seal_holds(world: World) -> list[Measurement]:
    """E5: the seal names the records before it and the head that they end in; documents and logs are theirs."""
    seal = world.last_record("E5", "seal")
    if seal is None:
        raise NotThere("no seal is in the evidence")
    documents = [record for record in world.evidence.of_kind("document") if record["seq"] < seal["seq"]]
    return [
        equal("records up to the seal", seal["seq"], seal["count"], samples=seal["seq"] + 1),
        equal("head at the seal", seal["prev"], seal["head"]),
        at_least("documents bound into the chain", len(documents), 2, samples=len(documents)),
        *(inspection.as_bound(world.folder, document) for document in documents),
    ]
