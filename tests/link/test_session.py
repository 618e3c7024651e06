"""Sessions over real sockets, against gateways that lie."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from mt5canary.errors import LinkFinding
from mt5canary.link import session as sessions
from mt5canary.link.connection import ConnectFinding, Route
from mt5canary.link.envelope import new_uuid, now
from mt5canary.link.exchange import Refused, Timeout, Unreadable
from mt5canary.link.session import ClosingSession, OrderFields, ReadSession, Signer, TradingSession
from mt5canary.rehearsal import SimulatedGateway
from mt5canary.wire import requests
from mt5canary.wire.requests import REQUESTS
from tests.link.between import Answer, Between, PassOn, answer, pong

SECRET = b"s" * 32
CHANGING = {"OPEN", "CLOSE", "CLOSE_ALL", "LEASE", "HALT", "RESUME"}
"""The actions that change something, written down a second time."""

Request = dict[str, Any]


@pytest.fixture
def records() -> list[tuple[str, Any]]:
    return []


@pytest.fixture
def liar() -> Iterator[Between]:
    """A gateway that answers PING rightly until its rule is changed."""
    with Between(lambda request, pass_on: pong(request)) as made:
        yield made


@pytest.fixture
def session(liar: Between, records: list[tuple[str, Any]]) -> Iterator[ReadSession]:
    """A session with the liar."""
    with ReadSession(Route(url=liar.url), lambda kind, body: records.append((kind, body))) as made:
        yield made


def lies(**members: Any) -> Callable[[Request, PassOn], Answer]:
    """The right answer with some members changed."""
    return lambda request, pass_on: pong(request, **members)


def twice(request: Request, pass_on: PassOn) -> Answer:
    """An answer whose status stands twice."""
    return pong(request).replace(b'"status": "ok"', b'"status": "error", "status": "ok"')


UNREADABLE: dict[str, Callable[[Request, PassOn], Answer]] = {
    "garbage": lambda request, pass_on: b"\x00\xff garbage",
    "empty": lambda request, pass_on: b"",
    "array": lambda request, pass_on: b"[]",
    "no-status": lambda request, pass_on: json.dumps({"uuid": request["uuid"]}).encode(),
    "other-status": lies(status="fine"),
    "wrong-uuid": lies(uuid="00000000-0000-4000-8000-000000000000"),
    "no-uuid": lies(uuid=None),
    "wrong-nonce": lies(nonce="00" * 16),
    "key-twice": twice,
    "nan": lambda request, pass_on: pong(request).replace(b'"ok"', b'"ok", "latency_ms": NaN'),
    "overflow": lambda request, pass_on: pong(request).replace(b'"ok"', b'"ok", "latency_ms": 1e999'),
    "no-time": lies(server_time=None),
    "cut-off": lambda request, pass_on: pong(request)[:-1],
    "byte-order-mark": lambda request, pass_on: b"\xef\xbb\xbf" + pong(request),
    "lone-surrogate": lambda request, pass_on: pong(request).replace(b'"ok"', b'"ok", "x": "\\ud800"'),
    "deep": lambda request, pass_on: b"[" * 20_000 + b"]" * 20_000,
}


def test_an_honest_answer_is_understood(session: ReadSession, records: list[tuple[str, Any]]) -> None:
    """The exchange is recorded with both times and both frames."""
    assert session.ping().status == "ok"
    kind, exchange = records[-1]
    assert kind == "exchange"
    assert exchange.sent < exchange.received
    assert json.loads(exchange.request)["action"] == "PING"
    assert json.loads(exchange.reply)["status"] == "ok"
    assert [kind for kind, _ in records] == ["connection", "exchange"]


@pytest.mark.parametrize("lie", UNREADABLE)
def test_what_is_no_reply_to_this_request(
    session: ReadSession, liar: Between, records: list[tuple[str, Any]], lie: str
) -> None:
    """It is a finding with a glimpse of what came, on record, and the next request goes over a new connection."""
    session.ping()
    liar.rule = UNREADABLE[lie]
    with pytest.raises(Unreadable, match=r"^PING [0-9a-f-]{36}: "):
        session.ping()
    assert records[-1][1].reply is not None
    liar.rule = lies()
    session.ping()
    assert len(session.connections) == 2


def test_several_frames_are_no_reply(session: ReadSession, liar: Between) -> None:
    """A reply is one frame; a second one may say the contrary."""
    liar.rule = lambda request, pass_on: [pong(request), b'{"status": "error"}']
    with pytest.raises(LinkFinding, match="several frames"):
        session.ping()


def test_huge_reply_is_not_read(session: ReadSession, liar: Between) -> None:
    """A reply over the limit costs the connection and no memory."""
    session.ping()
    liar.rule = lambda request, pass_on: pong(request, padding="x" * 2_000_000)
    with pytest.raises(Timeout):
        session.ping(500)


def test_no_reply_is_a_timeout_and_said_so(session: ReadSession, liar: Between, records: list[tuple[str, Any]]) -> None:
    """The finding names the action and how long was waited; the exchange without a reply is on record."""
    liar.rule = lambda request, pass_on: None
    started = time.monotonic()
    with pytest.raises(Timeout, match=r"no reply within 0\.2 s"):
        session.ping(200)
    assert 0.2 <= time.monotonic() - started < 3
    assert records[-1][1].received is None
    assert records[-1][1].failure.startswith("no reply within 0.2 s")


def test_late_reply_is_never_taken_for_the_next(session: ReadSession, liar: Between) -> None:
    """A reply that comes after its time-out belongs to a dropped connection and answers nothing."""

    def late(request: Request, pass_on: PassOn) -> Answer:
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            time.sleep(0.01)
        return pong(request)

    liar.rule = late
    with pytest.raises(Timeout):
        session.ping(100)
    liar.rule = lies(latency_ms=7.0)
    reply = session.ping()
    assert session.last is not None
    assert reply.uuid == session.last.uuid
    assert reply.latency_ms == 7.0


def test_refusal_is_a_finding_with_its_code(session: ReadSession, liar: Between) -> None:
    """An error reply is never a success; its code and text reach the person."""
    liar.rule = lambda request, pass_on: answer(
        request, status="error", error_code="UNKNOWN_ACTION", error_msg="Unknown Command"
    )
    with pytest.raises(Refused, match="PING: the gateway answered error UNKNOWN_ACTION: Unknown Command") as caught:
        session.ping()
    assert caught.value.reply.error_code == "UNKNOWN_ACTION"


def test_reply_that_lacks_what_its_success_needs(session: ReadSession, liar: Between) -> None:
    """``ok`` alone is no account."""
    liar.rule = lambda request, pass_on: answer(request)
    with pytest.raises(Unreadable, match="lacks what that needs"):
        session.account()


def test_success_without_the_nonce_is_no_answer_to_a_challenge(session: ReadSession, liar: Between) -> None:
    """A HELLO that does not repeat its nonce is not understood as this client's."""
    liar.rule = lambda request, pass_on: answer(request, protocol="4.3")
    with pytest.raises(Unreadable):
        session.hello()


def test_integers_are_numbers(session: ReadSession, liar: Between) -> None:
    """A JSON integer is accepted where a fraction is meant."""
    money = {"balance": 200, "equity": 200, "margin": 0, "free_margin": 200, "margin_level": 0, "currency": "USD"}
    liar.rule = lambda request, pass_on: answer(request, **money)
    assert session.account().balance == 200.0


def requests_of(action: str) -> requests.Request:
    """A request of an action, its fields filled with something of the right type."""
    model = REQUESTS[action]
    values = {"uuid": new_uuid(), "timestamp": now(), "nonce": "00" * 16}
    examples: dict[str, Any] = {"symbol": "EURUSD", "type": "BUY", "volume": 0.001, "ticket": 1, "magic": 1196}
    examples |= {"reason": "test", "seconds": 60, "request_uuid": new_uuid(), "order": 1}
    for field in msgspec.structs.fields(model):
        if field.required and field.encode_name not in values:
            values[field.encode_name] = examples.get(field.encode_name, 0)
    return msgspec.convert({**values, "action": action}, model)


@pytest.mark.parametrize("kind", [ReadSession, ClosingSession, TradingSession])
@pytest.mark.parametrize("action", sorted(REQUESTS))
def test_a_session_sends_what_its_kind_may(liar: Between, kind: type[ReadSession], action: str) -> None:
    """A read session cannot send what changes anything, a closing session cannot open or resume."""
    allowed = {
        ReadSession: action not in CHANGING,
        ClosingSession: action not in {"OPEN", "RESUME"},
        TradingSession: True,
    }[kind]
    more: list[Any] = [] if kind is ReadSession else [Signer(SECRET, "Demo", 1)]
    more += [lambda: None] if kind is TradingSession else []
    with kind(Route(url=liar.url), lambda kind, body: None, *more) as session:
        if allowed:
            session.exchange(requests_of(action))
        else:
            with pytest.raises(AssertionError, match=f"cannot send {action}"):
                session.exchange(requests_of(action))
    assert ([action] if allowed else []) == liar.actions


def test_read_session_has_no_way_to_change_anything() -> None:
    """What a session cannot do it has no method for."""
    for name in ("open", "close_position", "close_all", "halt", "resume", "lease"):
        assert not hasattr(ReadSession, name)
    for name in ("open", "resume"):
        assert not hasattr(ClosingSession, name)


def test_open_breaker_stops_the_order_before_anything_is_sent(liar: Between) -> None:
    """What the permit raises comes first: no request is even made."""

    def refuse() -> None:
        raise LinkFinding("the breaker is open")

    with (
        TradingSession(Route(url=liar.url), lambda kind, body: None, Signer(SECRET, "Demo", 1), refuse) as session,
        pytest.raises(LinkFinding, match="breaker"),
    ):
        session.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001), new_uuid())
    assert liar.received == []


def test_order_to_nobody_is_not_delivered_to_who_comes_later() -> None:
    """Without a connection nothing is sent, and a gateway that appears on the address afterwards gets nothing."""
    with Between() as gone:
        url = gone.url
    records: list[str] = []
    order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001)
    signer = Signer(SECRET, "Demo", 1)
    with TradingSession(Route(url=url), lambda kind, body: records.append(kind), signer, lambda: None) as session:
        with pytest.raises(ConnectFinding):
            session.open(order, new_uuid())
        assert records == []
        assert session.exchange_count == 0
        with Between(lies(), url=url) as late:
            session.ping()
            assert late.actions == ["PING"]


def test_nothing_is_delivered_after_close(liar: Between) -> None:
    """A request that timed out while the gateway was busy is not sent again by anything that follows."""
    held = {"value": True}

    def busy(request: Request, pass_on: PassOn) -> Answer:
        while held["value"]:
            time.sleep(0.01)
        return pong(request)

    liar.rule = busy
    session = ReadSession(Route(url=liar.url), lambda kind, body: None)
    with pytest.raises(Timeout):
        session.ping(100)
    session.close()
    held["value"] = False
    liar.rule = lies()
    with ReadSession(Route(url=liar.url), lambda kind, body: None) as another:
        another.ping()
    assert liar.actions == ["PING", "PING"]


def test_gateway_that_restarts_gets_nothing_twice(liar: Between) -> None:
    """A connection does not come back by itself: after its loss the next request makes a new one."""
    with ReadSession(Route(url=liar.url), lambda kind, body: None) as session:
        session.ping()
        liar.__exit__()
        with pytest.raises(LinkFinding):
            session.ping(200)
        with pytest.raises(LinkFinding):
            session.ping(200)
    assert liar.actions == ["PING"]


def test_signature_holds_at_the_real_gateway(simulated: SimulatedGateway) -> None:
    """A signer with the secret is obeyed; one with another secret, account or clock is refused."""
    account = ("JustMarkets-Demo2", 1100212251)
    good = Signer(simulated.secret, *account)
    with ClosingSession(Route(url=simulated.url), lambda kind, body: None, good) as session:
        assert session.halt("test").halted
    for bad in (
        Signer(SECRET, *account),
        Signer(simulated.secret, "Elsewhere", account[1]),
        Signer(simulated.secret, account[0], 7),
        Signer(simulated.secret, *account, timedelta(seconds=-20)),
        Signer(simulated.secret, *account, timedelta(seconds=20)),
    ):
        with (
            ClosingSession(Route(url=simulated.url), lambda kind, body: None, bad) as session,
            pytest.raises(Refused, match="HALT"),
        ):
            session.halt("test")


def test_signer_does_not_show_its_secret() -> None:
    """A secret never reaches a log by way of a representation."""
    assert "sss" not in repr(Signer(SECRET, "Demo", 1))


def test_time_outs_are_the_designs() -> None:
    """Five seconds for reads, fifteen for orders, sixty for closing everything."""
    assert sessions.READ_TIMEOUT_MS == 5_000
    assert sessions.TIMEOUTS_MS == {"OPEN": 15_000, "CLOSE": 15_000, "CLOSE_ALL": 60_000}


def test_a_request_carries_a_uuid_of_version_4() -> None:
    """Canonical, lower case, of version 4 and the standard's variant, and never the same twice."""
    texts = [new_uuid() for _ in range(1000)]
    made = [uuid.UUID(text) for text in texts]
    assert {(each.version, each.variant) for each in made} == {(4, uuid.RFC_4122)}
    assert [str(each) for each in made] == texts
    assert len(set(texts)) == 1000
