"""The way out from 1, 10, 100 and 1000 positions: its round trips, and its time to flat beside the gateway's own part.

The part that no client can take away is the gateway's ``CLOSE_ALL`` itself, so that is what the whole is held against:
connecting, signing, closing, and the proof by positions, orders and history. ``by ticket`` is a gateway without it.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from benchmarks.alternating import Ratio
from benchmarks.figure import Figure
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.exchange import Exchange
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.order.flatten import Flattened, WayOut
from mt5canary.rehearsal import SimulatedGateway

COUNTS = (1, 10, 100, 1000)
MAGIC = 1196
MANY = 100
"""From so many positions on one round is enough to be steady, and more would take minutes to open."""

ROUNDS = 7


def measure() -> list[Ratio | Figure]:
    """Time and round trips of each number of positions."""
    rows: list[Ratio | Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        gateway = SimulatedGateway(Path(folder) / "gateway.log")
        try:
            signer = Signer(gateway.secret, "JustMarkets-Demo2", 1100212251)
            with TradingSession(Route(url=gateway.url), lambda kind, body: None, signer, lambda: None) as session:
                capabilities = frozenset(session.hello().capabilities)
                for count in COUNTS:
                    rows += _all_at_once(session, signer, count, capabilities)
                for count in COUNTS[:3]:
                    rows.append(_by_ticket(session, signer, count, capabilities - {"CLOSE_ALL"}))
        finally:
            gateway.stop()
    return rows


def _rounds(count: int) -> int:
    return ROUNDS if count < MANY else 1


def _flattened(
    session: TradingSession, signer: Signer, count: int, known: frozenset[str], record: Callable[..., object]
) -> Flattened:
    for _ in range(count):
        order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=MAGIC)
        assert json.loads(session.open(order, new_uuid()).reply or b"{}")["status"] == "FILLED"
    result = WayOut(session.route, signer, MAGIC, record, capabilities=known).flatten("benchmark", "benchmarks")
    assert result.flat is True, result.describe()
    assert len(result.closed) == count
    return result


def _all_at_once(session: TradingSession, signer: Signer, count: int, known: frozenset[str]) -> list[Ratio | Figure]:
    wholes, parts, trips = [], [], []
    for _ in range(_rounds(count)):
        seen: list[Struct] = []
        result = _flattened(session, signer, count, known, lambda kind, body, seen=seen: seen.append(body))
        took = [each.round_trip_ms for each in seen if isinstance(each, Exchange) and each.action == "CLOSE_ALL"]
        wholes.append(result.seconds * 1000)
        parts.append(took[0] or 0.0)
        trips.append(float(result.round_trips))
    rounds = tuple(whole / part for whole, part in zip(wholes, parts, strict=True))
    name = f"close-all of {count}, proven flat / the gateway's CLOSE_ALL alone"
    ratio = Ratio(name, statistics.median(wholes), statistics.median(parts), "ms", rounds, None)
    return [ratio, Figure(f"close-all of {count}: round trips", tuple(trips), "", 5)]


def _by_ticket(session: TradingSession, signer: Signer, count: int, known: frozenset[str]) -> Figure:
    done = [_flattened(session, signer, count, known, lambda kind, body: None) for _ in range(_rounds(count))]
    trips = tuple(float(result.round_trips) for result in done)
    return Figure(f"closing {count} by ticket: round trips", trips, "", count + 4)
