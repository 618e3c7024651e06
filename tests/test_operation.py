"""The operation of one run: who gets a trading session, and the way out that nothing may stop."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from mt5canary.catalogue import Catalogue, load
from mt5canary.errors import Finding
from mt5canary.evidence.run import Run
from mt5canary.guardian.breaker import Breaker
from mt5canary.link.connection import Connection
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, TradingSession
from mt5canary.measurement import Outcome
from mt5canary.operation import WATCHDOG_LOG, Operation
from mt5canary.order.flatten import Flattened
from mt5canary.plan import Resolved
from mt5canary.rehearsal import own_gateway

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = load(ROOT / "verification" / "catalogue.yaml")
BEFORE_THE_ORDER = [criterion.id for criterion in CATALOGUE.needs(CATALOGUE["X6"])]

MakeOperation = Callable[..., Operation]


@pytest.fixture
def operate(tmp_path: Path, plan: Resolved) -> Iterator[MakeOperation]:
    """Begin operations over the built-in simulator, with criteria that came to what a test says."""
    made: list[Operation] = []

    def begin(mode: str = "live", **outcomes: str) -> Operation:
        run = Run(tmp_path / "reports", mode, CATALOGUE, task="119.6", target="simulator", rehearsal=True)
        operation = Operation(run, plan, Catalogue(CATALOGUE.criteria), own_gateway(plan, run.folder))
        made.append(operation)
        for name, outcome in (dict.fromkeys(BEFORE_THE_ORDER, "PASS") | outcomes).items():
            if outcome != "none":
                run.outcome(CATALOGUE[name], Outcome(outcome), "as the test says")
        return operation

    yield begin
    for operation in made:
        operation.finish()
        operation.run.close()
        if operation._watchdog is not None and operation._watchdog._process.stdin is not None:
            operation._watchdog._process.stdin.close()
            operation._watchdog._process.wait(20)


def open_a_position(operation: Operation, session: TradingSession) -> None:
    """An order, as a flight or a drill sends it."""
    session.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=1196), new_uuid())


def trading(operation: Operation) -> TradingSession:
    """The session that can open, after the gateway answered HELLO as it does in the link stage."""
    if operation.gateway is not None and not operation.exchanges_made:
        operation.read_session().hello()
    return operation.trading_session(timedelta(0))


@pytest.mark.parametrize("missing", ["L1", "D5", "X1", "X5"])
@pytest.mark.parametrize("outcome", ["none", "UNPROVEN", "FAIL", "BLOCKED"])
def test_no_trading_session_unless_all_before_it_passed(operate: MakeOperation, missing: str, outcome: str) -> None:
    """One criterion short of X6 there is no session that can open, and no watchdog either."""
    operation = operate(**{missing: outcome})
    with pytest.raises(Finding, match=f"no trading session: .*{missing}"):
        trading(operation)
    assert operation._watchdog is None


def test_no_trading_session_in_a_preflight(operate: MakeOperation) -> None:
    """The dry check cannot trade even where everything passed."""
    with pytest.raises(Finding, match="only in a live run"):
        trading(operate("preflight"))


def test_way_out_is_armed_before_the_session_exists(operate: MakeOperation) -> None:
    """The watchdog runs, and knows no secret by its command line."""
    operation = operate()
    trading(operation)
    assert operation._watchdog is not None
    assert operation._watchdog.is_alive()
    words = " ".join(psutil.Process(operation._watchdog.process_id).cmdline())
    assert operation.secret.decode() not in words
    assert not operation.needs_flatten


def test_flatten_without_an_order_does_nothing(operate: MakeOperation) -> None:
    """Where nothing can be open, nothing is asked."""
    operation = operate()
    assert operation.flatten("test", "me") is None
    trading(operation)
    assert operation.flatten("test", "me") is None


def test_flatten_closes_and_is_on_record(operate: MakeOperation) -> None:
    """After an intent a flatten is needed until it was seen flat, and then no more."""
    operation = operate()
    open_a_position(operation, trading(operation))
    assert operation.needs_flatten
    result = operation.flatten("test", "me")
    assert result is not None
    assert result.flat is True
    assert len(result.closed) == 1
    assert operation.run.flat is True
    assert not operation.needs_flatten
    assert operation.flatten("again", "me") is None


def test_flatten_without_a_gateway_trips_the_breaker(operate: MakeOperation) -> None:
    """Not known to be flat: said in the log, the breaker opens, and a flatten is still needed."""
    operation = operate()
    open_a_position(operation, trading(operation))
    assert operation.gateway is not None
    os.kill(operation.gateway.process_id, signal.SIGKILL)
    result = operation.flatten("test", "me")
    assert result is not None
    assert result.flat is None
    assert operation.needs_flatten
    assert "did not end flat" in (operation.breaker.why_open() or "")
    assert "NOT KNOWN TO BE FLAT" in (operation.run.folder / "VERIFY_LOG.log").read_text()


def test_breach_closes_while_the_breaker_is_brought_to_the_disk(
    operate: MakeOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The closing request waits for no disk; no order leaves meanwhile, and in the end the breaker is latched there."""
    operation = operate()
    open_a_position(operation, trading(operation))
    closing, waited = threading.Event(), []
    send, store = Connection.send, Breaker._store

    def sends(self: Connection, frame: bytes) -> None:
        if b'"action":"CLOSE_ALL"' in frame:
            assert operation.breaker.why_open() == "guard loss: too much"
            closing.set()
        send(self, frame)

    def stores(self: Breaker, state: dict[str, Any]) -> None:
        waited.append(closing.wait(20))
        store(self, state)

    monkeypatch.setattr(Connection, "send", sends)
    monkeypatch.setattr(Breaker, "_store", stores)
    operation.break_off("guard loss: too much")
    assert waited == [True]
    assert operation.flattened[-1].flat is True
    assert Breaker(operation.breaker.path.parent).why_open() == "guard loss: too much"


def test_breach_on_a_full_disk_is_flat_and_raises_what_the_disk_says(
    operate: MakeOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written keeps no position open, and the breaker is open in this process all the same."""
    operation = operate()
    open_a_position(operation, trading(operation))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Breaker, "_store", full)
    with pytest.raises(OSError, match="No space left"):
        operation.break_off("guard loss: too much")
    assert operation.flattened[-1].flat is True
    assert operation.breaker.why_open() == "guard loss: too much"


def test_unreadable_journal_does_not_stop_the_way_out(operate: MakeOperation) -> None:
    """A journal that was broken after the order stops the next order, never the flatten."""
    operation = operate()
    open_a_position(operation, trading(operation))
    operation.journal.path.write_bytes(b"[]\n")
    result = operation.flatten("test", "me")
    assert result is not None
    assert result.flat is True
    assert operation.run.flat is True


def test_order_cut_off_under_way_is_looked_for_again(operate: MakeOperation, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order whose outcome nobody read may arrive after the first look; flat is said after its last moment only."""
    monkeypatch.setattr("mt5canary.order.canary.GHOST_SECONDS", 0.3)
    operation = operate()
    session = trading(operation)
    operation._permit()
    late = TradingSession(operation.route, lambda kind, body: None, session.signer, lambda: None)
    way_out = operation._way_out
    assert way_out is not None
    look = way_out.flatten

    def look_and_then_it_arrives(reason: str, by: str, **how: bool) -> Flattened:
        result = look(reason, by, **how)
        if len(operation.flattened) == 0:
            late.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=1196), new_uuid())
            late.close()
        return result

    monkeypatch.setattr(way_out, "flatten", look_and_then_it_arrives)
    operation.flatten("test", "me")
    assert [len(result.closed) for result in operation.flattened] == [0, 1]
    assert operation.run.flat is True


def test_answered_order_is_looked_for_once(operate: MakeOperation) -> None:
    """Where the order's outcome was read, one look is enough."""
    operation = operate()
    open_a_position(operation, trading(operation))
    operation.flatten("test", "me")
    assert [len(result.closed) for result in operation.flattened] == [1]


def test_watchdog_stays_armed_where_something_may_be_open(operate: MakeOperation) -> None:
    """An operation that ends without being flat leaves it to the watchdog, which then closes what is open."""
    operation = operate()
    session = trading(operation)
    open_a_position(operation, session)
    watchdog, gateway = operation._watchdog, operation.gateway
    assert watchdog is not None
    assert gateway is not None
    assert watchdog._process.stdin is not None
    watchdog._process.stdin.close()
    report = operation.run.folder / WATCHDOG_LOG
    deadline = time.monotonic() + 20
    while not (report.exists() and report.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert json.loads(report.read_text())["flat"] is True
    watchdog._process.wait(10)


def test_finish_leaves_nothing_and_may_be_called_twice(operate: MakeOperation) -> None:
    """Watchdog, gateway, sessions and the simulation's own state are gone."""
    operation = operate()
    open_a_position(operation, trading(operation))
    operation.flatten("test", "me")
    assert operation.gateway is not None
    assert operation._watchdog is not None
    state = operation.journal.path.parent
    processes = [operation.gateway.process_id, operation._watchdog.process_id]
    operation.finish()
    operation.finish()
    assert not [process for process in processes if psutil.pid_exists(process)]
    assert not state.exists()
    assert not (operation.run.folder / WATCHDOG_LOG).exists()


def test_exchanges_are_counted_over_every_session(operate: MakeOperation) -> None:
    """What the evidence stage compares with the chain counts the way out too."""
    operation = operate()
    session = operation.read_session()
    session.hello()
    session.ping()
    open_a_position(operation, trading(operation))
    before = operation.exchanges_made
    assert before == 3
    result = operation.flatten("test", "me")
    assert result is not None
    assert operation.exchanges_made == before + result.round_trips
