"""A simulated gateway with a liar in front of it, and sessions that trade there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mt5canary.link.clock import ServerZone
from mt5canary.link.connection import Route
from mt5canary.link.session import OrderFields, ReadSession, Signer, TradingSession
from mt5canary.order.canary import Canary, prepare, take_snapshot
from mt5canary.order.flatten import WayOut
from mt5canary.order.journal import Journal
from mt5canary.order.reconciler import StateReconciler
from mt5canary.rehearsal import SimulatedGateway
from tests.link.between import Between

MAGIC = 1196


def reconciler(
    session: ReadSession,
    journal: Journal,
    log: Callable[..., object],
    *,
    run: str = "this-run",
    writes: bool = False,
    history_seconds: float = 10,
    record: Callable[..., object] = lambda kind, body: None,
) -> StateReconciler:
    """A state reconciler of the shipped plan's magic number and symbol."""
    deadline = timedelta(seconds=history_seconds)
    return StateReconciler(
        session, journal, MAGIC, "EURUSD", run, deadline, lambda: False, record, log, may_write=lambda: writes
    )


@pytest.fixture
def between(simulated: SimulatedGateway) -> Iterator[Between]:
    """A gateway that passes everything on until its rule is changed."""
    with Between(upstream=simulated.url) as made:
        yield made


@pytest.fixture
def signer(simulated: SimulatedGateway) -> Signer:
    return Signer(simulated.secret, "JustMarkets-Demo2", 1100212251)


@pytest.fixture
def trading(between: Between, signer: Signer) -> Iterator[TradingSession]:
    """A trading session with the liar."""
    with TradingSession(Route(url=between.url), lambda kind, body: None, signer, lambda: None) as session:
        session.hello()
        yield session


@pytest.fixture
def way_out(between: Between, signer: Signer) -> WayOut:
    return WayOut(Route(url=between.url), signer, MAGIC, lambda kind, body: None)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


@pytest.fixture
def canary(trading: TradingSession) -> Canary:
    """An order that is ready to go."""
    before = take_snapshot(trading, "EURUSD")
    order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, deviation=20, magic=MAGIC)
    return prepare(order, "a-run", before, ServerZone(offset_seconds=7200, residual_ms=0.0))
