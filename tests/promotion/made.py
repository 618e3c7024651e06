"""Bundles of real targets, written by the run's own classes on a clock that the test drives: days pass at once.

They are whole, and nothing in them was ever on a wire: ``mt5canary verify`` sees through each of them. What a test
takes for verified it says so by hand.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from mt5canary import catalogue
from mt5canary.evidence import bundle
from mt5canary.evidence.run import Run
from mt5canary.guardian.batches import OK, ProbeBook
from mt5canary.guardian.drift import DriftCheck, FeatureDrift
from mt5canary.guardian.latencies import Latencies
from mt5canary.guardian.market import Market
from mt5canary.guardian.record import Problem, WatchRecord, summary
from mt5canary.link.exchange import Exchange
from mt5canary.measurement import Outcome
from mt5canary.plan import Resolved
from mt5canary.promotion.examination import Examined, examine
from mt5canary.verify.findings import State, Verification

ROOT = Path(__file__).resolve().parents[2]
SECOND = 1_000_000_000
MONDAY = 1_768_780_800
"""2026-01-19T00:00:00Z, in seconds."""


class Clock:
    """Both clocks of the node; ``time`` of the modules that write a chain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        stand_in = SimpleNamespace(
            time_ns=lambda: int((MONDAY + self.seconds) * SECOND),
            monotonic_ns=lambda: int((5_000 + self.seconds) * SECOND),
            monotonic=lambda: 5_000 + self.seconds,
        )
        monkeypatch.setattr("mt5canary.evidence.chain.time", stand_in)
        monkeypatch.setattr("mt5canary.evidence.run.time", stand_in)

    @property
    def monotonic(self) -> float:
        """The monotonic clock in seconds."""
        return 5_000 + self.seconds


def fly(
    clock: Clock,
    reports: Path,
    *,
    hours: float,
    target: str = "demo",
    rehearsal: bool = False,
    mode: str = "live",
    settings: dict[str, Any] | None = None,
    outcome: Outcome = Outcome.PASS,
    latency_ms: Any = lambda number: 10.0,
    every: float = 30.0,
    drifted: tuple[float, ...] = (),
    errors: int = 0,
    profit: str = "-0.01",
    order: bool = True,
    side: str = "BUY",
    closed: dict[int, float] | None = None,
) -> Path:
    """One run of so many hours; its bundle's folder. Afterwards the clock is a minute further.

    ``closed`` has for the number of a drift check how many seconds before it the session was closed, for 0 how many
    after the last.
    """
    run = Run(
        reports, mode, catalogue.load(ROOT / "verification" / "catalogue.yaml"), task="119.6", target=target,
        rehearsal=rehearsal,
    )  # fmt: skip
    account = {"login": 1100212251, "server": "JustMarkets-Demo2"}
    values = {f"targets.{target}.account.{name}": value for name, value in account.items()}
    values |= {"order.symbol": "EURUSD", "order.magic": 1196, "order.max_lot": 0.01, "order.risk_coefficient": 0.1}
    shown = {name: {"value": value, "source": "made"} for name, value in (values | (settings or {})).items()}
    run.record("settings", {"values": shown})
    if order:
        _trade(clock, run, side)
        _watch(clock, run, hours, latency_ms, every, drifted, errors, closed or {})
        deals = [_deal(8, "in", 0.0), _deal(10, "out", float(Decimal(profit) + Decimal("0.02")))]
        _exchange(clock, run, "GET_DEALS", {"status": "ok", "deals": deals})
    for criterion in run.required:
        run.outcome(criterion, outcome if criterion.id == "G2" else Outcome.PASS, "made by hand")
    bundle.close(run)
    clock.seconds += 60
    return run.folder


def _trade(clock: Clock, run: Run, side: str) -> None:
    spec = {"symbol": "EURUSD", "point": 0.00001}
    _exchange(clock, run, "GET_SYMBOL", {"status": "ok", "spec": spec})
    _exchange(clock, run, "GET_TICK", {"status": "ok", "tick": {"bid": 1.08450, "ask": 1.08457, "time_msc": 1}})
    uuid = _exchange(clock, run, "OPEN", {"status": "FILLED", "ticket": 7})
    run.fill("E2", uuid=uuid, ticket=7, deal=8, position=7, symbol="EURUSD", side=side, volume=0.001, price=1.08460)


def _deal(ticket: int, entry: str, profit: float) -> dict[str, Any]:
    return {
        "ticket": ticket, "order": ticket - 1, "position_id": 7, "time_msc": 1, "type": "BUY", "entry": entry,
        "symbol": "EURUSD", "volume": 0.001, "price": 1.0846, "commission": -0.01, "swap": 0.0, "fee": 0.0,
        "profit": profit, "magic": 1196, "comment": "", "reason": "EXPERT",
    }  # fmt: skip


def _exchange(clock: Clock, run: Run, action: str, reply: dict[str, Any]) -> str:
    uuid, sent = f"{action}-{run.chain.count}", int(clock.monotonic * SECOND)
    clock.seconds += 0.01
    exchange = Exchange(
        action=action, uuid=uuid, connection=1, request=b"{}", sent_wall=0, sent=sent,
        received=sent + 5_000_000, reply=json.dumps(reply).encode(),
    )  # fmt: skip
    run.record("exchange", exchange)
    return uuid


def _watch(
    clock: Clock,
    run: Run,
    hours: float,
    latency_ms: Any,
    every: float,
    drifted: tuple[float, ...],
    errors: int,
    closed: dict[int, float],
) -> None:
    started = clock.monotonic
    book, checked = ProbeBook(run.record, 1e9), 0
    for number in range(int(hours * 3_600 / every)):
        due = int((started + number * every) * SECOND)
        received = due + int(latency_ms(number) * 1e6)
        clock.seconds = started + number * every - 5_000
        probe = Exchange(
            action="PING", uuid="p", connection=1, request=b"{}", sent_wall=0, sent=due, received=received, reply=b"{}"
        )
        book.add(probe, due, received, OK)
        while number * every >= (checked + 1) * 3_600:
            checked += 1
            found = check(checked * 3_600.0, is_event=checked in drifted)
            run.record("drift", msgspec.structs.replace(found, closed_seconds=closed.get(checked, 0.0)))
    book.flush()
    ended = started + hours * 3_600
    clock.seconds = ended - 5_000
    watched = WatchRecord(hours * 3_600, every, Latencies(100.0, 0.95), Market(started), started=started, ended=ended)
    watched.errors = [Problem(started, "a quote was not sampled")] * errors
    watched.market.closed_seconds = sum(closed.values())
    run.record("watch", summary(watched))


def check(after_seconds: float, *, is_event: bool = False) -> DriftCheck:
    """A drift check, an event or none."""
    feature = FeatureDrift(
        feature="spread", psi=0.9 if is_event else 0.01, chance=0.02, rows=36_000, worth=30_000.0, constant=False,
        still=False, counts=[18_000, 18_000],
    )  # fmt: skip
    return DriftCheck(after_seconds=after_seconds, rows=36_000, features=[feature], share=0.999)


def verified(folder: Path, verdict: Outcome = Outcome.PASS) -> Verification:
    """What a verification says of a bundle of which everything holds."""
    found = Verification(bundle=folder.name, run=folder.name, verdict=verdict, signed_by="SHA256:made")
    found.add("chain", State.HOLDS, "every record")
    return found


def examined(folder: Path, plan: Resolved, verdict: Outcome = Outcome.PASS) -> Examined:
    """A bundle read as a verified one."""
    return examine(folder, verified(folder, verdict), plan)
