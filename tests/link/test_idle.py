"""A connection that ends while nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mt5canary.link import session as sessions
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, Signer, TradingSession
from tests.canary.harness import eventually
from tests.link.between import Between, pong


@pytest.fixture
def records() -> list[tuple[str, Any]]:
    return []


@pytest.fixture
def session(records: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[TradingSession]:
    """A session whose gateway was restarted on the same address after its first answer."""
    monkeypatch.setattr(sessions, "IDLE_NANOSECONDS", 0)
    first = Between(lambda request, pass_on: pong(request))
    signer = Signer(b"s" * 32, "Demo", 1)
    record = records.append
    with TradingSession(Route(url=first.url), lambda kind, body: record((kind, body)), signer, lambda: None) as made:
        made.ping()
        first.__exit__()
        eventually(lambda: "DISCONNECTED" in made.socket_events(), 5)
        with Between(lambda request, pass_on: pong(request), url=first.url):
            yield made


def test_question_goes_over_a_new_connection(session: TradingSession, records: list[tuple[str, Any]]) -> None:
    """Nothing was under way, so nothing can be sent twice; the loss is an event of the evidence."""
    assert session.ping().status == "ok"
    assert [kind for kind, _ in records] == ["connection", "exchange", "connection", "event", "exchange"]
    event = records[3][1]
    assert event.name == "reconnected"
    assert event.lost == "the connection ended while nothing was asked"
    numbers = [body.connection for kind, body in records if kind == "connection"]
    assert numbers[0] != numbers[1]
    assert records[-1][1].connection == numbers[1]


def test_order_does_not(session: TradingSession) -> None:
    """An order whose connection was lost is not sent over another: the gateway may be another."""
    exchange = session.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001), new_uuid())
    assert exchange.reply is None
    assert "nothing was sent" in str(exchange.failure)
