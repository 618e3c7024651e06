"""A simulated gateway with an open canary position, and a true reading of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from mt5canary.guardian.guards import Reading
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.rehearsal import SimulatedGateway
from tests.link.between import Between

MAGIC = 1196


@pytest.fixture
def between(simulated: SimulatedGateway) -> Iterator[Between]:
    """A gateway that passes everything on until its rule is changed."""
    with Between(upstream=simulated.url) as made:
        yield made


@pytest.fixture
def trading(between: Between, simulated: SimulatedGateway) -> Iterator[TradingSession]:
    """A trading session with it."""
    signer = Signer(simulated.secret, "JustMarkets-Demo2", 1100212251)
    with TradingSession(Route(url=between.url), lambda kind, body: None, signer, lambda: None) as session:
        yield session


@pytest.fixture
def ticket(trading: TradingSession) -> int:
    """An open position."""
    order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=MAGIC)
    return int(json.loads(trading.open(order, new_uuid()).reply or b"{}")["ticket"])


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    """What a gateway really says while a position is open."""
    gateway = SimulatedGateway(tmp_path_factory.mktemp("reading") / "gateway.log")
    signer = Signer(gateway.secret, "JustMarkets-Demo2", 1100212251)
    try:
        with TradingSession(Route(url=gateway.url), lambda kind, body: None, signer, lambda: None) as session:
            session.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001, sl=0.5, magic=MAGIC), new_uuid())
            (position,) = session.positions()
            yield Reading(
                hello=session.hello(),
                account=session.account(),
                position=position,
                tick=session.tick("EURUSD"),
                spec=session.symbol("EURUSD"),
            )
    finally:
        gateway.stop()
