"""The watch over a real position, with a liar between it and the gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mt5canary.errors import Finding
from mt5canary.guardian import judgement
from mt5canary.guardian import watch as watching
from mt5canary.guardian.latencies import PROBES, PROBES_FROM_SENT, Latencies
from mt5canary.guardian.market import Market
from mt5canary.guardian.probing import probe_timeout_ms
from mt5canary.guardian.readings import Watched
from mt5canary.guardian.record import Breach, WatchRecord
from mt5canary.guardian.telling import Teller
from mt5canary.guardian.watch import Watch
from mt5canary.link import session as sessions
from mt5canary.link.connection import Route
from mt5canary.link.session import ReadSession, TradingSession
from mt5canary.measurement import Outcome, worst
from mt5canary.order.journal import Intent, Journal
from mt5canary.order.reconciler import StateReconciler
from mt5canary.plan import Limits
from mt5canary.wire.replies import SymbolSpecification
from tests.guardian.conftest import MAGIC
from tests.link.between import Answer, Between, PassOn, answer
from tests.order.conftest import reconciler

Request = dict[str, Any]
Look = Callable[..., WatchRecord]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings five times a second, probes and reads that give up soon."""
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 250)
    monkeypatch.setattr(watching, "SET_SECONDS", 0.2)
    monkeypatch.setattr(watching, "probe_timeout_ms", lambda limit_ms: 100)


@pytest.fixture
def spec(trading: TradingSession) -> SymbolSpecification:
    """The symbol, asked with the patience of a run: a gateway may wait for a quote to see that the session is open."""
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(sessions, "READ_TIMEOUT_MS", 5_000)
        return trading.symbol("EURUSD")


@pytest.fixture
def probing(between: Between) -> Iterator[ReadSession]:
    """The session of the probes; HELLO has gone first, as in a run."""
    with ReadSession(Route(url=between.url), lambda kind, body: None) as session:
        yield session


@pytest.fixture
def look(probing: ReadSession, trading: TradingSession, spec: SymbolSpecification, ticket: int, limits: Limits) -> Look:
    """Watch the position for a while; latency is no matter here, whatever else this machine is doing."""
    change = msgspec.structs.replace

    def run(seconds: float = 1.0, every: float = 0.01, *, lease: bool = False, **more: Any) -> WatchRecord:
        patient = change(
            limits,
            latency=change(limits.latency, p99_ms=10_000.0, warn_ms=9_999.0),
            watch=change(limits.watch, duration=timedelta(seconds=seconds), every=timedelta(seconds=every)),
        )
        watched = Watched(ticket, MAGIC, spec)
        return Watch(probing, trading, watched, patient, Teller(), lease=lease, **more).run()

    return run


def after(count: int, action: str, rule: Callable[[Request, PassOn], Answer]) -> Callable[[Request, PassOn], Answer]:
    """Lie from so many requests of an action on."""
    seen = [0]

    def lying(request: Request, pass_on: PassOn) -> Answer:
        seen[0] += request["action"] == action
        return rule(request, pass_on) if seen[0] > count else pass_on()

    return lying


def hold_back(action: str, from_number: int) -> Callable[[Request, PassOn], Answer]:
    """Never answer an action from its so-many-th request on; everything else is passed on."""
    seen = [0]

    def rule(request: Request, pass_on: PassOn) -> Answer:
        seen[0] += request["action"] == action
        return None if request["action"] == action and seen[0] >= from_number else pass_on()

    return rule


def outcome(measurements: list[Any]) -> Outcome:
    return worst([one.outcome for one in measurements])


def test_quiet_watch_is_whole(look: Look, limits: Limits) -> None:
    """Every probe due was made, every reading judged, nothing tripped, and the time is covered."""
    record = look()
    assert record.breach is None
    assert record.errors == []
    assert record.probes == pytest.approx(100, abs=2)
    assert record.readings >= 4
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
    latencies = look(0.6).latencies
    delayed = latencies.count - latencies.series[PROBES].at_most([20.0])[0]
    slow_by_naive_count = latencies.count - latencies.series[PROBES_FROM_SENT].at_most([20.0])[0]
    assert delayed >= 5
    assert slow_by_naive_count < delayed


@pytest.mark.parametrize(("limit_ms", "waits_ms"), [(10.0, 1_000), (100.0, 1_000), (2_000.0, 4_000), (4_999.0, 5_000)])
def test_probe_waits_for_longer_than_its_limit(limit_ms: float, waits_ms: int) -> None:
    """One that is given up was over the limit, whatever the plan's limit is."""
    assert probe_timeout_ms(limit_ms) == waits_ms


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
    assert record.readings == 0
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
    assert record.readings == 0


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


def test_gateway_that_answers_probes_alone_is_left(
    look: Look, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where position and account cannot be read any more, the watch is blind, however well the probes do.

    They are not held up by the reading that hangs.
    """
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 20_000)
    between.rule = hold_back("GET_ACCOUNT", from_number=3)
    answered: list[Breach] = []
    record = look(60.0, answer=answered.append)
    assert record.breach is not None
    assert record.breach.guard == "heartbeat"
    assert "were not seen" in record.breach.text
    assert record.breach.after_seconds < 9
    assert answered == [record.breach]
    held = len(between.actions) - between.actions[::-1].index("GET_ACCOUNT")
    assert between.actions[held:].count("PING") > 100, "the reading that hangs held up the probes"


def test_readings_that_break_are_a_breach(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guardian of which half died is no guardian: what nobody foresaw ends the watch too."""
    from mt5canary.guardian.readings import Readings

    def broken(self: Readings, due: float) -> None:
        raise ZeroDivisionError("what nobody foresaw")

    monkeypatch.setattr(Readings, "sample", broken)
    record = look(20.0)
    assert record.breach is not None
    assert record.breach.guard == "guardian"
    assert record.seconds < 5


def test_breach_is_answered_where_it_is_seen(look: Look, between: Between) -> None:
    """The position's close leaves over the session that saw the breach, before anything else is asked."""
    between.rule = after(2, "HELLO", money_gone)
    record = look(20.0)
    assert record.breach is not None
    asked = [action for action in between.actions if action not in ("PING", "GET_TICK")]
    assert asked[-1] == "CLOSE"


def of_the_run(trading: TradingSession, folder: Path, ticket: int) -> StateReconciler:
    """The reconciler of a run whose journal knows the position."""
    journal = Journal(folder)
    intent = {"uuid": "u", "nonce": "NONCE", "run": "this-run", "symbol": "EURUSD", "side": "BUY", "volume": "0.001"}
    journal.begin(Intent(**intent, magic=MAGIC))
    journal.step("u", "FILLED", position=ticket, volume=0.001)
    return reconciler(trading, journal, lambda *_, **__: None)


def test_books_are_compared_at_each_reading_from_its_own_replies(
    look: Look, between: Between, trading: TradingSession, ticket: int, tmp_path: Path, limits: Limits
) -> None:
    """Journal, positions and history beside each other once for each reading, without one more question."""
    books = of_the_run(trading, tmp_path, ticket)
    compared: list[Any] = []
    record = look(compare=lambda *seen: compared.append(books.at_a_reading(*seen)) or compared[-1])
    assert record.readings >= 4
    assert compared == [()] * record.readings
    assert record.breach is None
    assert between.actions.count("GET_POSITIONS") == record.readings
    assert "GET_ORDERS" not in between.actions
    assert between.actions.count("GET_DEALS") == 0
    assert outcome(judgement.nothing_changed(record, limits)) is Outcome.PASS


def strangers(request: Request, pass_on: PassOn) -> Answer:
    """A second position of our magic number, which nobody has sent."""
    reply = json.loads(pass_on())
    reply["positions"].append(reply["positions"][0] | {"ticket": 99, "identifier": 99, "comment": ""})
    return json.dumps(reply).encode()


def test_position_that_no_intent_accounts_for_ends_the_watch(
    look: Look, between: Between, trading: TradingSession, ticket: int, tmp_path: Path, limits: Limits
) -> None:
    """Our own position is as it was; another of our magic number is found at the next reading, by name."""
    seen = [0]

    def rule(request: Request, pass_on: PassOn) -> Answer:
        seen[0] += request["action"] == "GET_POSITIONS"
        return strangers(request, pass_on) if request["action"] == "GET_POSITIONS" and seen[0] > 2 else pass_on()

    between.rule = rule
    record = look(20.0, compare=of_the_run(trading, tmp_path, ticket).at_a_reading)
    assert record.breach is not None
    assert record.breach.guard == "books"
    assert record.breach.text.startswith("orphan: position 99 ")
    assert outcome(judgement.nothing_changed(record, limits)) is Outcome.FAIL


def test_books_that_cannot_be_compared_blind_no_other_guard(look: Look, between: Between) -> None:
    """A journal that cannot be read is an error of the watch; a position that is gone is seen all the same."""

    def unreadable(*_: Any) -> Any:
        raise Finding("the intent journal cannot be read")

    between.rule = after(1, "HELLO", closed_elsewhere)
    record = look(20.0, compare=unreadable)
    assert record.breach is not None
    assert record.breach.guard == "position"
    assert "the intent journal cannot be read" in record.errors[0].text


def test_watch_that_never_began_proves_nothing(limits: Limits) -> None:
    """A record without probes and readings passes no criterion."""
    empty = WatchRecord(30, 0.02, Latencies(100.0, 0.95), Market(0.0))
    for judged in (
        judgement.guardian_was_healthy(empty, limits),
        judgement.latency_inside_limit(empty, limits),
        judgement.nothing_changed(empty, limits),
        judgement.covered_its_time(empty, limits),
    ):
        assert outcome(judged) is not Outcome.PASS
