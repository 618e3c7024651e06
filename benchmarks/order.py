"""What the order waits for before it leaves, and how soon a breach is answered by a closing request.

Between the decision and the order's bytes lies one durable write, the intent's; its share is told beside the order's
own round trip. From a breach to the closing request lie the breaker's writes, a connection of its own and the
signature; what the network and the gateway took of that time is taken off to leave this program's own.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.alternating import Ratio
from benchmarks.figure import Figure
from mt5canary.catalogue import Catalogue, load
from mt5canary.evidence import chain
from mt5canary.evidence.run import Run
from mt5canary.link.clock import ServerZone
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.measurement import Outcome
from mt5canary.operation import Operation
from mt5canary.order.canary import prepare, take_snapshot
from mt5canary.order.journal import Journal
from mt5canary.order.placement import place
from mt5canary.plan import Resolved
from mt5canary.plan import load as load_plan
from mt5canary.rehearsal import SimulatedGateway, own_gateway

ROOT = Path(__file__).resolve().parents[1]
ROUNDS, ORDERS, BREACHES = 7, 20, 9
OWN_LIMIT_MS = 20.0
ORDER = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=1196)


def measure() -> list[Ratio | Figure]:
    """The order's rows and the breach's."""
    return [*_of_the_order(), *_of_the_breach()]


def _of_the_order() -> list[Ratio | Figure]:
    wholes: list[float] = []
    trips: list[float] = []
    writes: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        gateway = SimulatedGateway(Path(folder) / "gateway.log")
        signer = Signer(gateway.secret, "JustMarkets-Demo2", 1100212251)
        journal, evidence = Journal(Path(folder) / "state"), chain.Chain(Path(folder) / "evidence.jsonl")
        try:
            with TradingSession(Route(url=gateway.url), evidence.append, signer, lambda: None) as session:
                for _ in range(ROUNDS):
                    figures = [_placed(session, journal, evidence) for _ in range(ORDERS)]
                    wholes.append(statistics.median(before + trip for before, trip, _ in figures))
                    trips.append(statistics.median(trip for _, trip, _ in figures))
                    writes += [float(count) for _, _, count in figures]
        finally:
            evidence.close()
            gateway.stop()
    rounds = tuple(whole / trip for whole, trip in zip(wholes, trips, strict=True))
    name = "the order from the decision to the reply, its intent on the disk first / its round trip alone"
    ratio = Ratio(name, statistics.median(wholes), statistics.median(trips), "ms", rounds, None)
    return [ratio, Figure("durable writes between the decision and the order's bytes", tuple(writes), "", 1)]


def _placed(session: TradingSession, journal: Journal, evidence: chain.Chain) -> tuple[float, float, int]:
    """One order: from the decision to its bytes and its round trip, in ms, and the durable writes in between."""
    before = take_snapshot(session, ORDER.symbol)
    canary = prepare(ORDER, "benchmark", before, ServerZone(offset_seconds=7200, residual_ms=0.0))
    with _synchronised() as times:
        place(canary, session, journal, evidence.append, timedelta(seconds=5))
    exchange = canary.exchange
    assert exchange is not None
    assert exchange.round_trip_ms is not None
    assert canary.decided is not None
    assert canary.milliseconds_before_sending is not None
    session.close_position(canary.position_ticket or 0)
    within = sum(canary.decided <= at <= exchange.sent for at in times)
    return canary.milliseconds_before_sending, exchange.round_trip_ms, within


@contextmanager
def _synchronised() -> Iterator[list[int]]:
    """When this process waited for the disk, in monotonic nanoseconds."""
    times: list[int] = []
    whole = os.fsync

    def fsync(descriptor: Any) -> None:
        whole(descriptor)
        times.append(time.monotonic_ns())

    os.fsync = fsync
    try:
        yield times
    finally:
        os.fsync = whole


def _of_the_breach() -> list[Ratio | Figure]:
    plan = load_plan(ROOT / "canary.yaml", target="simulator", environment={})
    catalogue = load(ROOT / "verification" / "catalogue.yaml")
    with tempfile.TemporaryDirectory() as folder:
        answers = [_breach(Path(folder) / str(number), plan, catalogue) for number in range(BREACHES)]
    whole, own = tuple(each[0] for each in answers), tuple(each[1] for each in answers)
    interval = plan.limits.watch.every.total_seconds() * 1000
    return [
        Figure("from a breach to the closing request, on loopback", whole, "ms", interval),
        Figure("of that, this program's own time", own, "ms", OWN_LIMIT_MS),
    ]


def _breach(folder: Path, plan: Resolved, catalogue: Catalogue) -> tuple[float, float]:
    """Answer one breach; from its detection to the closing request, and this program's part of that, in ms."""
    run = Run(folder, "live", catalogue, task="119.6", target="simulator", rehearsal=True)
    operation = Operation(run, plan, catalogue, own_gateway(plan, run.folder))
    for criterion in catalogue.needs(catalogue["X6"]):
        run.outcome(criterion, Outcome.PASS, "benchmark")
    operation.read_session().hello()
    session = operation.trading_session(timedelta(0))
    session.open(ORDER, new_uuid())
    detected = time.monotonic_ns()
    operation.break_off("guard loss: benchmark")
    operation.finish()
    run.close()
    records = [record for record in chain.read(run.chain.path) if record["monotonic"] >= detected]
    closing = next(record for record in records if record.get("action") == "CLOSE_ALL")
    earlier = [record for record in records if record["kind"] == "exchange" and record["sent"] < closing["sent"]]
    waited = sum(record["received"] - record["sent"] for record in earlier) / 1e6
    handshake = next(record["ends"]["handshake_ms"] for record in records if record["kind"] == "connection")
    whole = (closing["sent"] - detected) / 1e6
    return whole, whole - waited - float(handshake)
