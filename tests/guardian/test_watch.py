"""The watch over a real position, with a liar between it and the gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from mt5canary.guardian import judgement
from mt5canary.guardian import watch as watching
from mt5canary.guardian.watch import Probe, Watch, WatchRecord
from mt5canary.link import session as sessions
from mt5canary.link.session import TradingSession
from mt5canary.measurement import Outcome, worst
from mt5canary.plan import Limits
from mt5canary.wire.replies import SymbolSpecification
from tests.guardian.conftest import MAGIC
from tests.link.between import Answer, Between, PassOn, answer

Request = dict[str, Any]
Look = Callable[..., WatchRecord]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings five times a second, probes and reads that give up soon."""
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 250)
    monkeypatch.setattr(watching, "SET_SECONDS", 0.2)
    monkeypatch.setattr(watching, "PROBE_TIMEOUT_MS", 100)


@pytest.fixture
def spec(trading: TradingSession) -> SymbolSpecification:
    """The symbol, asked with the patience of a run: a gateway may wait for a quote to see that the session is open."""
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(sessions, "READ_TIMEOUT_MS", 5_000)
        return trading.symbol("EURUSD")


@pytest.fixture
def look(trading: TradingSession, spec: SymbolSpecification, ticket: int, limits: Limits) -> Look:
    """Watch the position for a while; latency is no matter here, whatever else this machine is doing."""
    patient = msgspec.structs.replace(limits, latency=msgspec.structs.replace(limits.latency, p99_ms=10_000.0))

    def run(seconds: float = 1.0, every: float = 0.01, *, lease: bool = False) -> WatchRecord:
        tell: Callable[[str, dict[str, Any]], None] = lambda name, facts: None  # noqa: E731 -- typed for mypy
        return Watch(trading, spec, ticket, MAGIC, patient, tell, sampler=None, lease=lease).run(seconds, every)

    return run


def after(count: int, action: str, rule: Callable[[Request, PassOn], Answer]) -> Callable[[Request, PassOn], Answer]:
    """Lie from so many requests of an action on."""
    seen = [0]

    def lying(request: Request, pass_on: PassOn) -> Answer:
        seen[0] += request["action"] == action
        return rule(request, pass_on) if seen[0] > count else pass_on()

    return lying


def outcome(measurements: list[Any]) -> Outcome:
    return worst([one.outcome for one in measurements])


def test_quiet_watch_is_whole(look: Look, limits: Limits) -> None:
    """Every probe due was made, every reading judged, nothing tripped, and the time is covered."""
    record = look()
    assert record.breach is None
    assert record.errors == []
    assert len(record.probes) == pytest.approx(100, abs=2)
    assert len(record.readings) >= 4
    assert record.seconds >= 1.0
    assert outcome(judgement.guardian_was_healthy(record, limits)) is Outcome.PASS
    assert outcome(judgement.covered_its_time(record, limits)) is Outcome.PASS
    assert outcome(judgement.nothing_changed(record, limits)) is Outcome.PASS
    assert outcome(judgement.latency_inside_limit(record, limits)) is Outcome.UNPROVEN


def test_lease_is_kept_and_asked_for_at_once(look: Look, between: Between) -> None:
    """The dead man's switch is renewed from the watch's first moment."""
    record = look(0.3, lease=True)
    assert record.lease_renewals == 1
    assert "LEASE" in between.actions


def test_stall_counts_for_every_probe_that_it_delayed(look: Look, between: Between) -> None:
    """A gateway that stands still once delays all that were due meanwhile: each is timed from when it was due."""
    stalled = [False]

    def stall(request: Request, pass_on: PassOn) -> Answer:
        if not stalled[0]:
            stalled[0] = True
            end = time.monotonic() + 0.08
            while time.monotonic() < end:
                time.sleep(0.005)
        return pass_on()

    between.rule = after(20, "PING", stall)
    record = look(0.6)
    delayed = [probe for probe in record.probes if probe.latency_ms > 20]
    slow_by_naive_count = [probe for probe in record.probes if (probe.naive_ms or 0) > 20]
    assert len(delayed) >= 5
    assert len(slow_by_naive_count) < len(delayed)


def test_probe_without_a_reply_counts_at_least_its_time_out() -> None:
    """Silence is never faster than the time-out, and a naive figure does not exist for it."""
    silent = Probe(due=0, sent=5_000_000, received=None, ended=20_000_000)
    assert silent.latency_ms == watching.PROBE_TIMEOUT_MS
    assert silent.naive_ms is None
    assert Probe(due=0, sent=5_000_000, received=7_000_000, ended=7_100_000).latency_ms == 7.0


def test_silent_gateway_uses_up_the_budget_and_ends_the_watch(look: Look, between: Between) -> None:
    """More errors than the budget allows break the watch off; nothing is raised."""
    between.rule = after(10, "PING", lambda request, pass_on: None)
    record = look(20.0)
    assert record.breach is not None
    assert record.breach.guard == "errors"
    assert record.seconds < 10


def test_gateway_that_never_answers_leaves_no_reading(look: Look, between: Between, limits: Limits) -> None:
    """Without a single reading nothing is proven: not unchanged, not healthy."""
    between.rule = after(0, "HELLO", lambda request, pass_on: b"garbage")
    record = look(20.0)
    assert record.readings == []
    assert record.breach is not None
    assert outcome(judgement.nothing_changed(record, limits)) is Outcome.UNPROVEN
    assert outcome(judgement.guardian_was_healthy(record, limits)) is not Outcome.PASS
    assert outcome(judgement.covered_its_time(record, limits)) is not Outcome.PASS


@pytest.mark.parametrize("garbage", [b"", b"{}", b'{"status": "ok"}'])
def test_garbage_is_an_error_and_no_reading(look: Look, between: Between, garbage: bytes) -> None:
    """A reading that cannot be read is counted and does not end the watch by itself."""
    between.rule = lambda request, pass_on: garbage if request["action"] == "GET_TICK" else pass_on()
    record = look(0.5)
    assert record.errors
    assert record.readings == []


def closed_elsewhere(request: Request, pass_on: PassOn) -> Answer:
    return answer(request, positions=[]) if request["action"] == "GET_POSITIONS" else pass_on()


def another_instance(request: Request, pass_on: PassOn) -> Answer:
    reply = pass_on()
    if request["action"] != "HELLO":
        return reply
    members = json.loads(reply)
    members["gateway"]["instance"] = "another"
    return json.dumps(members).encode()


def money_gone(request: Request, pass_on: PassOn) -> Answer:
    reply = pass_on()
    if request["action"] != "GET_ACCOUNT":
        return reply
    members = json.loads(reply)
    members["equity"] -= 50
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("rule", "guard"),
    [
        pytest.param(closed_elsewhere, "position", id="position"),
        pytest.param(another_instance, "gateway", id="gateway"),
        pytest.param(money_gone, "loss", id="loss"),
    ],
)
def test_breach_ends_the_watch_at_the_next_reading(
    look: Look, between: Between, limits: Limits, rule: Callable[[Request, PassOn], Answer], guard: str
) -> None:
    """What a guard sees ends the watch at once, by name; the time is then not covered."""
    between.rule = after(2, "HELLO", rule)
    record = look(20.0)
    assert record.breach is not None
    assert record.breach.guard == guard
    assert record.seconds < 5
    assert outcome(judgement.covered_its_time(record, limits)) is not Outcome.PASS


def test_first_reading_that_failed_leaves_no_watch_without_guards(look: Look, between: Between) -> None:
    """Where the very first reading fails, the next one is what later ones are held against, and guards do trip."""
    hellos = [0]

    def rule(request: Request, pass_on: PassOn) -> Answer:
        hellos[0] += request["action"] == "HELLO"
        if request["action"] == "HELLO" and hellos[0] == 1:
            return b"garbage"
        return another_instance(request, pass_on) if hellos[0] > 2 else pass_on()

    between.rule = rule
    record = look(20.0)
    assert record.breach is not None
    assert record.breach.guard == "gateway"


def test_standstill_is_a_breach_without_a_reading_too(
    look: Look, between: Between, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that falls silent is left after the plan's longest gap, not only once the errors are used up."""
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 5_500)
    between.rule = after(1, "HELLO", lambda request, pass_on: None)
    record = look(60.0)
    assert record.breach is not None
    assert record.breach.guard == "heartbeat"
    assert record.seconds < 7


def test_watch_that_never_began_proves_nothing(limits: Limits) -> None:
    """A record without probes and readings passes no criterion."""
    empty = WatchRecord(planned_seconds=30, every_seconds=0.02)
    for judged in (
        judgement.guardian_was_healthy(empty, limits),
        judgement.latency_inside_limit(empty, limits),
        judgement.nothing_changed(empty, limits),
        judgement.covered_its_time(empty, limits),
    ):
        assert outcome(judged) is not Outcome.PASS
