"""The way out, against a gateway with a liar before it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mt5canary.link import session as sessions
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.order import flatten as flattening
from mt5canary.order.flatten import WayOut
from tests.link.between import Answer, Between, PassOn, answer
from tests.order.conftest import MAGIC

Request = dict[str, Any]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses and time-outs, for loopback."""
    monkeypatch.setattr(flattening, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(flattening, "HISTORY_SECONDS", 0.5)
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 400)
    monkeypatch.setitem(sessions.TIMEOUTS_MS, "CLOSE_ALL", 400)
    monkeypatch.setitem(sessions.TIMEOUTS_MS, "CLOSE", 400)


@pytest.fixture
def opened(trading: TradingSession) -> Callable[..., None]:
    """Open positions."""

    def open_positions(count: int = 1, magic: int = MAGIC) -> None:
        for _ in range(count):
            order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=magic)
            exchange = trading.open(order, new_uuid())
            assert json.loads(exchange.reply or b"{}")["status"] == "FILLED"

    return open_positions


def magics(trading: TradingSession) -> list[int | None]:
    return [position.magic for position in trading.positions()]


def without_close_all(request: Request, pass_on: PassOn) -> Answer:
    """A gateway of part A: it does not know CLOSE_ALL."""
    if request["action"] == "CLOSE_ALL":
        return answer(request, status="error", error_code="UNKNOWN_ACTION", error_msg="Unknown Command")
    if request["action"] == "HELLO":
        members = json.loads(pass_on())
        members["capabilities"].remove("CLOSE_ALL")
        return json.dumps(members).encode()
    return pass_on()


def first(times: int, actions: list[str], said: Callable[[Request], Answer]) -> Any:
    """A rule by which the first so many requests of these actions get another answer."""
    left = [times]

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] in actions and left[0] > 0:
            left[0] -= 1
            return said(request)
        return pass_on()

    return rule


def test_everything_of_the_magic_is_closed_and_nothing_else(
    way_out: WayOut, opened: Callable[..., None], trading: TradingSession
) -> None:
    """Three positions go, another's stays, and calling it again finds nothing to do."""
    opened(3)
    opened(1, magic=7)
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert len(result.closed) == 3
    assert result.left == []
    assert magics(trading) == [7]
    again = way_out.flatten("test", "me")
    assert again.flat is True
    assert again.closed == []


def test_nothing_open_is_flat(way_out: WayOut, between: Between) -> None:
    """Where nothing is open nothing is closed, and positions and orders show it."""
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert result.closed == []
    assert between.actions == ["HELLO", "CLOSE_ALL", "GET_POSITIONS", "GET_ORDERS"]


def test_gateway_without_close_all_is_closed_by_ticket(
    way_out: WayOut, opened: Callable[..., None], trading: TradingSession, between: Between
) -> None:
    """Each position is closed by its own CLOSE."""
    opened(2)
    between.rule = without_close_all
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert len(result.closed) == 2
    assert between.actions.count("CLOSE") == 2
    assert magics(trading) == []


@pytest.mark.parametrize(("closings", "refusals"), [(["CLOSE_ALL"], 1), (["CLOSE_ALL", "CLOSE"], 3)])
def test_refusals_then_success(
    way_out: WayOut,
    opened: Callable[..., None],
    trading: TradingSession,
    between: Between,
    closings: list[str],
    refusals: int,
) -> None:
    """A gateway that says no at first is asked again, all at once and one by one; every refusal is in the result."""
    opened(1)
    between.rule = first(
        refusals,
        closings,
        lambda request: answer(request, status="error", error_code="MARKET_CLOSED", error_msg="market closed"),
    )
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert len(result.problems) == refusals
    assert "MARKET_CLOSED" in result.problems[0]
    assert magics(trading) == []


def test_broken_close_all_does_not_keep_a_position_open(
    way_out: WayOut, opened: Callable[..., None], trading: TradingSession, between: Between
) -> None:
    """A gateway that says it knows CLOSE_ALL and always refuses it is closed by ticket."""
    opened(2)
    between.rule = first(1000, ["CLOSE_ALL"], lambda request: answer(request, status="error", error_code="INTERNAL"))
    assert way_out.flatten("test", "me").flat is True
    assert magics(trading) == []


def test_lost_reply_to_the_closing_is_asked_after(
    way_out: WayOut, opened: Callable[..., None], trading: TradingSession, between: Between
) -> None:
    """A closing without a reply is no closing until the position list shows it."""
    opened(1)
    between.rule = first(1, ["CLOSE_ALL"], lambda request: None)
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert "no reply" in result.problems[0]
    assert magics(trading) == []


def test_gateway_that_only_claims_to_close_is_not_believed(
    way_out: WayOut, opened: Callable[..., None], between: Between
) -> None:
    """``ok`` with a list of closed positions is not flat while the position list still shows them."""
    opened(1)

    def claims(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "CLOSE":
            members = {"close_price": 1.1, "execution_time": request["timestamp"], "latency_ms": 1.0}
            return answer(request, status="FILLED", ticket=request["ticket"], **members)
        return answer(request, closed=[], failed=[]) if request["action"] == "CLOSE_ALL" else pass_on()

    between.rule = claims
    result = way_out.flatten("test", "me")
    assert result.flat is False
    assert len(result.left) == 1
    assert "NOT FLAT" in result.describe()
    assert str(result.left[0]) in result.describe()


def test_failed_closings_are_named(way_out: WayOut, opened: Callable[..., None], between: Between) -> None:
    """A refusal that carries both lists says which position could not be closed and why."""
    opened(1)
    failed = [{"position": 42, "retcode": 10018, "error_msg": "Market closed"}]

    def refuses(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "CLOSE":
            return answer(request, status="error", error_code="MARKET_CLOSED", error_msg="not now")
        if request["action"] != "CLOSE_ALL":
            return pass_on()
        return answer(request, status="error", error_code="PARTIAL", error_msg="", closed=[], failed=failed)

    between.rule = refuses
    result = way_out.flatten("test", "me")
    assert result.flat is False
    assert any("position 42: 10018 Market closed" in problem for problem in result.problems)


@pytest.mark.parametrize("answered", [b"", b"garbage", None])
def test_gateway_that_does_not_answer_is_not_known_to_be_flat(
    way_out: WayOut, between: Between, answered: bytes | None
) -> None:
    """Nothing is raised; the result says that it is not known, and why."""
    between.rule = lambda request, pass_on: answered
    result = way_out.flatten("test", "me")
    assert result.flat is None
    assert result.problems
    assert "NOT KNOWN TO BE FLAT" in result.describe()


def test_gateway_that_is_gone_is_not_known_to_be_flat(way_out: WayOut, between: Between) -> None:
    """A closed port is a result too."""
    between.__exit__()
    result = way_out.flatten("test", "me")
    assert result.flat is None
    assert "no TCP connection" in result.describe()


def test_hello_that_lies_does_not_stop_the_way_out(
    way_out: WayOut, opened: Callable[..., None], trading: TradingSession, between: Between
) -> None:
    """A HELLO that cannot be read must not keep a position open."""
    opened(1)
    between.rule = lambda request, pass_on: b"{}" if request["action"] == "HELLO" else pass_on()
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert magics(trading) == []


def test_evidence_that_cannot_be_written_does_not_stop_the_way_out(
    between: Between, way_out: WayOut, opened: Callable[..., None], trading: TradingSession
) -> None:
    """A full disk is said, and the positions are closed all the same."""
    opened(1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    result = WayOut(Route(url=between.url), way_out.signer, MAGIC, full).flatten("test", "me")
    assert result.flat is True
    assert any("No space left" in problem for problem in result.problems)
    assert magics(trading) == []


@pytest.fixture
def patient(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's own patience: a thousand positions take their time, and what is asked again is another round trip."""
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 5_000)
    monkeypatch.setattr(flattening, "HISTORY_SECONDS", 10.0)
    monkeypatch.setitem(sessions.TIMEOUTS_MS, "CLOSE_ALL", 60_000)
    monkeypatch.setitem(sessions.TIMEOUTS_MS, "CLOSE", 15_000)


MANY = [pytest.param(count, marks=pytest.mark.nightly) for count in (100, 1000)]


@pytest.mark.parametrize("count", [0, 1, 10, *MANY])
@pytest.mark.usefixtures("patient")
def test_close_all_takes_five_round_trips_at_most_whatever_there_is(
    way_out: WayOut, opened: Callable[..., None], between: Between, count: int
) -> None:
    """Who is there, close all, positions, orders and their history, and the halt."""
    opened(count)
    before = len(between.received)
    result = way_out.flatten("test", "me", halt=True)
    assert result.flat is True
    assert len(result.closed) == count
    assert len(between.received) - before == result.round_trips == 5


@pytest.mark.parametrize("count", [1, 10, *MANY])
@pytest.mark.usefixtures("patient")
def test_closing_by_ticket_takes_four_round_trips_more_than_positions(
    way_out: WayOut, opened: Callable[..., None], between: Between, count: int
) -> None:
    """Without CLOSE_ALL: who is there, what is open, one CLOSE each, positions, orders and their history."""
    opened(count)
    between.rule = without_close_all
    before = len(between.received)
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert len(result.closed) == count
    assert len(between.received) - before == result.round_trips == count + 4


def test_known_capabilities_are_not_asked_for_again(between: Between, way_out: WayOut, trading: TradingSession) -> None:
    """In a run the first request of the way out is the closing itself."""
    known = trading.hello().capabilities
    before = len(between.received)
    WayOut(way_out.route, way_out.signer, MAGIC, lambda *_: None, capabilities=known).flatten("test", "me")
    assert between.actions[before:] == ["CLOSE_ALL", "GET_POSITIONS", "GET_ORDERS"]


@pytest.mark.parametrize("rule", [None, without_close_all])
def test_whole_account_is_closed(
    way_out: WayOut, opened: Callable[..., None], between: Between, trading: TradingSession, rule: Any
) -> None:
    """Without a magic number every position goes, whosever it is, all at once or one by one."""
    opened(2)
    opened(1, magic=7)
    between.rule = rule or between.rule
    everything = WayOut(way_out.route, way_out.signer, None, lambda *_: None)
    result = everything.flatten("test", "me")
    assert result.flat is True
    assert len(result.closed) == 3
    assert magics(trading) == []
    asked = [request for request in between.received if request["action"] == "CLOSE_ALL"]
    assert [request.get("scope") for request in asked] == ([] if rule else ["account"])
    assert "3 of the account" in result.describe()


def test_spared_position_stays(way_out: WayOut, opened: Callable[..., None], trading: TradingSession) -> None:
    """What an earlier run keeps by plan is left alone, although it carries the magic number."""
    opened(3)
    kept = trading.positions()[0].ticket
    sparing = WayOut(way_out.route, way_out.signer, MAGIC, lambda *_: None, spared=[kept])
    result = sparing.flatten("test", "me")
    assert result.flat is True
    assert [position.ticket for position in trading.positions()] == [kept]


def test_reason_that_cannot_be_signed_keeps_nothing_open(
    way_out: WayOut, opened: Callable[..., None], trading: TradingSession
) -> None:
    """A guard's text may quote a gateway: what no signature can carry is left out of it, not the closing."""
    opened(1)
    result = way_out.flatten("guard errors: it said |\x00\n" + "x" * 100_000, "me", halt=True)
    assert result.flat is True
    assert result.problems == []
    assert magics(trading) == []
    trading.resume("test")


def test_clock_that_jumped_keeps_nothing_open(
    between: Between, way_out: WayOut, opened: Callable[..., None], trading: TradingSession, signer: Signer
) -> None:
    """A signature that is out of time by our clock is made again by the gateway's."""
    opened(1)
    late = signer.by_clock(timedelta(hours=-1))
    result = WayOut(way_out.route, late, MAGIC, lambda *_: None).flatten("test", "me")
    assert result.flat is True
    assert any("expired" in problem for problem in result.problems)
    assert magics(trading) == []


def changed(action: str, change: Callable[[dict[str, Any]], None]) -> Any:
    """A rule by which the replies to an action are changed on their way."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        members = json.loads(pass_on())
        if request["action"] == action:
            change(members)
        return json.dumps(members).encode()

    return rule


def test_positions_without_magic_numbers_are_not_taken_for_others(
    way_out: WayOut, opened: Callable[..., None], between: Between
) -> None:
    """A gateway of part A cannot show whose a position is: that is not flat, and a person is told what to do."""
    opened(1)

    def nameless(members: dict[str, Any]) -> None:
        for position in members["positions"]:
            del position["magic"]

    def rule(request: Request, pass_on: PassOn) -> Answer:
        return changed("GET_POSITIONS", nameless)(request, lambda: without_close_all(request, pass_on))  # type: ignore

    between.rule = rule
    result = way_out.flatten("test", "me")
    assert result.flat is None
    assert "--everything" in result.describe()


def test_pending_order_of_ours_is_not_flat(way_out: WayOut, between: Between) -> None:
    """An order that waits for its price opens a position later: it is named, for nothing here can delete it."""

    def add(members: dict[str, Any]) -> None:
        order = {"ticket": 99, "position_id": 0, "state": "PLACED", "type": "BUY_LIMIT", "symbol": "EURUSD"}
        numbers = {"volume_initial": 0.001, "volume_current": 0.001, "price_open": 1.0, "magic": MAGIC}
        members["orders"].append({**order, **numbers, "time_setup_msc": 1, "time_done_msc": 0, "comment": ""})

    between.rule = changed("GET_ORDERS", add)
    result = way_out.flatten("test", "me")
    assert result.flat is False
    assert result.pending == [99]
    assert "deleted in the terminal: 99" in result.describe()


def test_closing_that_the_history_does_not_hold_is_unproven(
    way_out: WayOut, opened: Callable[..., None], between: Between
) -> None:
    """An empty position list beside a history without the closing is no proof of a flat account."""
    opened(1)
    between.rule = changed("GET_ORDERS", lambda members: members.update(orders=[]))
    result = way_out.flatten("test", "me")
    assert result.flat is None
    assert result.unproven == result.closed
    assert "NOT KNOWN TO BE FLAT" in result.describe()
    assert "without a trace in the history" in result.describe()


def test_history_that_lags_is_waited_for(way_out: WayOut, opened: Callable[..., None], between: Between) -> None:
    """The closing appears in the history a moment later."""
    opened(1)
    left = [3]

    def lagging(members: dict[str, Any]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            members["orders"] = []

    between.rule = changed("GET_ORDERS", lagging)
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert left[0] < 0


def test_position_that_the_list_does_not_show_yet_is_closed(
    way_out: WayOut, opened: Callable[..., None], between: Between, trading: TradingSession
) -> None:
    """A position that is known to be there is not flat because the list lags: it is closed by its ticket."""
    opened(1)
    ticket = trading.positions()[0].ticket
    way_out.expected.add(ticket)

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "CLOSE_ALL":
            return answer(request, closed=[], failed=[])
        members = json.loads(pass_on())
        if request["action"] == "GET_POSITIONS":
            members["positions"] = []
        return json.dumps(members).encode()

    between.rule = rule
    result = way_out.flatten("test", "me")
    assert result.flat is True
    assert result.closed == [ticket]


def test_position_that_somebody_else_closed_is_proven_by_its_own_history(
    way_out: WayOut, opened: Callable[..., None], trading: TradingSession
) -> None:
    """The known position is gone already: its closing order in the history is the proof."""
    opened(1)
    ticket = trading.positions()[0].ticket
    trading.close_position(ticket)
    way_out.expected.add(ticket)
    assert way_out.flatten("test", "me").flat is True
