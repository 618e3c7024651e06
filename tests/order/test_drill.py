"""The drill before the order: refusals are real, against a gateway with a liar before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mt5canary.link.clock import ServerZone
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, TradingSession
from mt5canary.measurement import Measurement, Outcome, worst
from mt5canary.order.canary import new_nonce
from mt5canary.order.drill import judged, refusals_are_real
from tests.link.between import Answer, Between, PassOn, answer
from tests.order.conftest import MAGIC


def drill(trading: TradingSession) -> list[Measurement]:
    """The drill, as the flight makes it."""
    order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, sl=0.9, magic=MAGIC)
    zone = ServerZone(offset_seconds=7200, residual_ms=0.0)
    return refusals_are_real(
        trading, order, trading.symbol("EURUSD"), zone, lambda *_: None, (new_nonce(), new_nonce())
    )


def failed(measurements: list[Measurement]) -> list[str]:
    return [one.name for one in measurements if one.outcome is not Outcome.PASS]


def test_real_gateway_refuses_and_is_left_as_it_was(trading: TradingSession, between: Between) -> None:
    """Halted it refuses, resumed the terminal does, the books hold nothing, and orders are possible again."""
    assert worst([one.outcome for one in drill(trading)]) is Outcome.PASS
    assert not trading.hello().halted
    assert trading.positions() == []
    asked = [request for request in between.received if request["action"] == "OPEN"]
    assert len(asked) == 2
    assert all(0 < request["volume"] < 0.001 for request in asked), "the drill must not be able to fill"
    exchange = trading.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=MAGIC), new_uuid())
    assert json.loads(exchange.reply or b"{}")["status"] == "FILLED"


def fills(request: dict[str, Any], pass_on: PassOn) -> Answer:
    """A stub that fills whatever it is asked."""
    if request["action"] != "OPEN":
        return pass_on()
    fill = {"ticket": 4242, "symbol": request["symbol"], "volume": request["volume"], "price": 1.08}
    return answer(request, status="FILLED", execution_time=request["timestamp"], latency_ms=0.0, **fill)


def test_stub_that_fills_everything_fails(trading: TradingSession, between: Between) -> None:
    """The first canary's stub, a constant ticket for every order, is found out at the cost of nothing."""
    between.rule = fills
    assert {"OPEN while halted", "OPEN below the minimum"} <= set(failed(drill(trading)))


def test_halt_that_is_only_claimed_fails(trading: TradingSession, between: Between) -> None:
    """A gateway that answers HALT with ok and goes on taking orders is not halted."""
    between.rule = lambda request, pass_on: answer(request, halted=True) if request["action"] == "HALT" else pass_on()
    assert "OPEN while halted" in failed(drill(trading))


def test_gateway_is_resumed_although_the_drill_breaks(
    trading: TradingSession, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens while halted, the halt is lifted again."""

    def breaks(*_: object) -> None:
        raise RuntimeError("in the drill")

    monkeypatch.setattr(trading, "open", breaks)
    with pytest.raises(RuntimeError, match="in the drill"):
        drill(trading)
    assert not trading.hello().halted


def test_refused_order_in_the_history_fails(trading: TradingSession, between: Between) -> None:
    """A trace of a refused order in the books means that it was not refused."""
    comments: list[str] = []

    def leaves_a_trace(request: dict[str, Any], pass_on: PassOn) -> Answer:
        if request["action"] == "OPEN":
            comments.append(request["comment"])
        if request["action"] == "GET_POSITIONS" and comments:
            ghost = {"ticket": 5, "symbol": "EURUSD", "type": "BUY", "volume": 0.001, "open_price": 1.1}
            ghost |= {"current_price": 1.1, "profit": 0.0, "magic": MAGIC, "comment": comments[0]}
            return answer(request, positions=[ghost])
        return pass_on()

    between.rule = leaves_a_trace
    assert failed(drill(trading)) == ["deals, orders and positions of the two refused orders"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, None),
        ({"halted": False}, "HALT is answered by halted"),
        ({"while_halted": ("BUSY", None)}, "OPEN while halted"),
        ({"resumed": True}, "RESUME is answered by halted"),
        ({"below": ("ORDER_REJECTED", 10019)}, "OPEN below the minimum"),
        ({"below": ("FILLED with ticket 1", None)}, "OPEN below the minimum"),
        ({"traces": 1}, "deals, orders and positions of the two refused orders"),
    ],
    ids=str,
)
def test_each_answer_of_the_drill_counts(changes: dict[str, Any], name: str | None) -> None:
    """One answer that is another than it must be fails by its own name."""
    answers: dict[str, Any] = {
        "halted": True, "while_halted": ("HALTED", None), "resumed": False, "below": ("ORDER_REJECTED", 10014),
        "traces": 0,
    }  # fmt: skip
    assert failed(judged(**(answers | changes))) == ([name] if name else [])
