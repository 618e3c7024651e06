"""Whose account it is: what the gateway says of itself, held against the plan and against its own other answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mt5canary.link import identity
from mt5canary.link.connection import Ends, RoundTripEstimate
from mt5canary.link.exchange import Exchange
from mt5canary.link.identity import ExpectedEnds, is_expected
from mt5canary.measurement import Measurement, Outcome
from mt5canary.plan import Account
from mt5canary.wire.replies import AccountReply, HelloReply, PingReply, Position

WANTED = Account(
    login=7, server="Demo", trade_mode="demo", currency="USD", leverage=100, min_balance=Decimal(100), company="Broker"
)


def hello(**account: Any) -> HelloReply:
    """The reply of a gateway beside the wanted account, but for what is given."""
    identity = {"login": 7, "server": "Demo", "company": "Broker", "trade_mode": "demo", "margin_mode": "hedging"}
    terminal = {"kind": "metatrader5", "name": "T", "company": "T", "build": 5000, "connected": True}
    return msgspec.convert(
        {
            "uuid": "u",
            "status": "ok",
            "nonce": "n",
            "server_time": "2026-01-01T00:00:00Z",
            "protocol": "4.3",
            "gateway": {"name": "g", "version": "1", "instance": "i", "started_at": "2026-01-01T00:00:00Z"},
            "capabilities": [],
            "terminal": {**terminal, "trade_allowed": True, "tradeapi_disabled": False, "ping_last_us": 1},
            "account": {
                **identity,
                "leverage": 100,
                "currency": "USD",
                "trade_allowed": True,
                "trade_expert": True,
                **account,
            },
            "halted": False,
        },
        HelloReply,
    )


def money(**fields: Any) -> AccountReply:
    """The wanted account's money, but for what is given."""
    figures = {"balance": 200, "equity": 200, "margin": 0, "free_margin": 200, "margin_level": 0, "currency": "USD"}
    known = {"uuid": "u", "status": "ok", "login": 7, "server": "Demo", "trade_mode": "demo", "leverage": 100}
    return msgspec.convert({**known, **figures, **fields}, AccountReply)


def test_the_wanted_account_passes() -> None:
    """All alike, all pass."""
    found = is_expected(hello(), money(), "metatrader5", WANTED)
    assert {measurement.outcome for measurement in found} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("said", "shown", "outcome"),
    [
        ({"login": 8}, {}, Outcome.FAIL),
        ({"server": "Live"}, {}, Outcome.FAIL),
        ({"company": "Other"}, {}, Outcome.FAIL),
        ({"trade_mode": "real"}, {}, Outcome.FAIL),
        ({"trade_mode": "2"}, {}, Outcome.UNPROVEN),
        ({"currency": "EUR"}, {}, Outcome.FAIL),
        ({"leverage": 101}, {}, Outcome.FAIL),
        ({}, {"balance": 99.99}, Outcome.FAIL),
        ({}, {"login": 8}, Outcome.FAIL),
        ({}, {"server": "Live"}, Outcome.FAIL),
        ({}, {"trade_mode": "real"}, Outcome.FAIL),
        ({}, {"currency": "EUR"}, Outcome.FAIL),
    ],
)
def test_another_account_does_not(said: dict[str, Any], shown: dict[str, Any], outcome: Outcome) -> None:
    """One difference from the plan, or between two of the gateway's own answers, and it is not the wanted account."""
    found = is_expected(hello(**said), money(**shown), "metatrader5", WANTED)
    assert outcome in {measurement.outcome for measurement in found}


def test_another_kind_of_terminal_does_not() -> None:
    """A simulation behind a plan that means MetaTrader 5 is refused."""
    found = is_expected(hello(), money(), "simulated", WANTED)
    assert Outcome.FAIL in {measurement.outcome for measurement in found}


def test_a_company_that_the_plan_does_not_name_may_be_any() -> None:
    """The company is held against the plan only where the plan says one."""
    anyone = msgspec.structs.replace(WANTED, company=None)
    found = is_expected(hello(company="Whoever"), money(), "metatrader5", anyone)
    assert {measurement.outcome for measurement in found} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("account login", {"login": 8}),
        ("account server", {"server": "Live"}),
        ("account trade mode", {"trade_mode": "real"}),
        ("account currency", {"currency": "EUR"}),
        ("account leverage", {"leverage": 500}),
        ("account company", {"company": "Another"}),
    ],
)
def test_each_difference_is_told_by_its_own_name(name: str, other: dict[str, Any]) -> None:
    """Also where the gateway's own two answers agree about it: then the plan alone can tell."""
    shown = {key: value for key, value in other.items() if key != "company"}
    found = {each.name: each.outcome for each in is_expected(hello(**other), money(**shown), "metatrader5", WANTED)}
    assert found[name] is Outcome.FAIL


def not_passed(measurements: list[Measurement]) -> dict[str, Outcome]:
    """The measurements that do not pass, by name."""
    return {each.name: each.outcome for each in measurements if each.outcome is not Outcome.PASS}


ENDS = Ends(local="192.0.2.10:4000", peer="198.51.100.20:5555", connected_ms=10.0, handshake_ms=21.0, kernel=None)
WHERE = ExpectedEnds(peers=("198.51.100.20",), source="192.0.2.10", curve=True)


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, None),
        ({"handshake_ms": 9.9}, "ZMTP handshake completed after"),
        ({"peer": "198.51.100.21:5555"}, "the far end is an address that L1 judged"),
        ({"local": "192.0.2.11:4000"}, "this node speaks from"),
    ],
    ids=["as-planned", "handshake-before-connection", "other-peer", "other-source"],
)
def test_ends_of_the_connection(changes: dict[str, Any], failed: str | None) -> None:
    """The far end is one that was judged to be remote, this end the one that the plan names."""
    found = identity.connection_completed(msgspec.structs.replace(ENDS, **changes), None, 0, WHERE)
    assert not_passed(found) == ({failed: Outcome.FAIL} if failed else {})
    assert "CURVE handshake completed with the pinned key" in {each.name for each in found}


def test_connection_to_itself() -> None:
    """A socket that met its own end has one end only."""
    (measured,) = not_passed(identity.connection_completed(msgspec.structs.replace(ENDS, peer=ENDS.local), None, 0))
    assert "differ" in measured


@pytest.mark.parametrize(
    ("minimum_rtt_us", "outcome"),
    [(200, Outcome.PASS), (199, Outcome.FAIL), (None, Outcome.UNPROVEN)],
)
def test_peer_that_is_too_near(minimum_rtt_us: int | None, outcome: Outcome) -> None:
    """The kernel's minimum against the plan's, the limit included; one that cannot be read proves nothing."""
    kernel = None
    if minimum_rtt_us is not None:
        kernel = RoundTripEstimate(rtt_us=900, minimum_rtt_us=minimum_rtt_us, retransmissions=0)
    (measured,) = identity.not_too_near(kernel, 200)
    assert measured.outcome is outcome
    assert identity.not_too_near(kernel, 0) == []


def asked(action: str) -> Exchange:
    """A request of this client with its nonce."""
    request = b'{"action": "%s", "uuid": "u", "nonce": "n"}' % action.encode()
    return Exchange(action=action, uuid="u", connection=0, request=request, sent_wall=1, sent=1, received=2)


def pong(**fields: Any) -> PingReply:
    """The reply to it, but for what is given."""
    known = {"uuid": "u", "status": "ok", "nonce": "n", "server_time": "2026-01-01T00:00:00Z"}
    return PingReply(**(known | fields))


@pytest.mark.parametrize(
    ("greeting", "sign", "failed"),
    [
        ({}, {}, None),
        ({"status": "success"}, {}, "HELLO status"),
        ({"uuid": "x"}, {}, "HELLO repeats the uuid"),
        ({"nonce": "x"}, {}, "HELLO repeats the nonce"),
        ({"nonce": None}, {}, "HELLO repeats the nonce"),
        ({"protocol": "4.2"}, {}, "protocol"),
        ({}, {"status": "success"}, "PING status"),
        ({}, {"uuid": "x"}, "PING repeats the uuid"),
        ({}, {"nonce": "x"}, "PING repeats the nonce"),
    ],
    ids=str,
)
def test_replies_are_to_this_clients_own_requests(
    greeting: dict[str, Any], sign: dict[str, Any], failed: str | None
) -> None:
    """A reply that was made for somebody else, or of another protocol, is told by what is wrong with it."""
    answer = msgspec.structs.replace(hello(), **greeting)
    found = {each.name for each in identity.answered(answer, asked("HELLO"), pong(**sign), asked("PING"))
             if each.outcome is not Outcome.PASS}  # fmt: skip
    assert found == ({failed} if failed else set())


@pytest.mark.parametrize(
    ("part", "changes", "failed"),
    [
        ("terminal", {"connected": False}, "terminal connected"),
        ("terminal", {"trade_allowed": False}, "terminal allows trading (Algo Trading button)"),
        ("terminal", {"tradeapi_disabled": True}, "terminal's Python trading switched off"),
        ("account", {"trade_allowed": False}, "account allows trading"),
        ("account", {"trade_expert": False}, "account allows automated trading"),
        ("account", {"margin_mode": "3"}, "margin mode"),
    ],
)
def test_each_permission_that_is_missing(part: str, changes: dict[str, Any], failed: str) -> None:
    """A switch that is off, at the terminal or the account, is told by its own name."""
    known = hello()
    assert not_passed(identity.may_trade(known)) == {}
    other = msgspec.structs.replace(getattr(known, part), **changes)
    assert not_passed(identity.may_trade(msgspec.structs.replace(known, **{part: other}))) == {failed: Outcome.FAIL}


def test_gateway_that_was_halted_or_started_anew() -> None:
    """Before the order the gateway is the one that was greeted, and is not halted."""
    first = hello()
    assert not_passed(identity.still_answers(first, first)) == {}
    halted = msgspec.structs.replace(first, halted=True, halt_reason="by hand")
    assert not_passed(identity.still_answers(halted, first)) == {"gateway halted": Outcome.FAIL}
    anew = msgspec.structs.replace(first, gateway=msgspec.structs.replace(first.gateway, instance="j"))
    assert not_passed(identity.still_answers(anew, first)) == {"same gateway instance": Outcome.FAIL}


@pytest.mark.parametrize(
    ("sign", "outcomes"),
    [
        ({}, {}),
        ({"nonce": None}, {"PING repeats the nonce": Outcome.UNPROVEN}),
        ({"nonce": "x"}, {"PING repeats the nonce": Outcome.FAIL}),
        ({"status": "success"}, {"PING status": Outcome.FAIL}),
        ({"uuid": "x"}, {"PING repeats the uuid": Outcome.FAIL}),
    ],
    ids=str,
)
def test_ping_of_the_base_protocol(sign: dict[str, Any], outcomes: dict[str, Outcome]) -> None:
    """A PING may leave the nonce out, and must not repeat another one; HELLO stays unproven."""
    found = not_passed(identity.base_answered(pong(**sign), asked("PING")))
    assert found == {"HELLO status": Outcome.UNPROVEN} | outcomes


def test_position_that_the_base_protocol_lists_twice() -> None:
    """Each position has a ticket of its own."""
    known = {"ticket": 1, "symbol": "EURUSD", "type": "BUY", "volume": 0.1, "open_price": 1.1, "current_price": 1.1}
    one = msgspec.convert(known | {"profit": 0.0}, Position)
    name = "tickets of the positions listed"
    twice = identity.base_identity(money(), [one, one], WANTED)
    assert not_passed(twice)[name] is Outcome.FAIL
    assert name not in not_passed(identity.base_identity(money(), [one], WANTED))


SHOWN_BY_HELLO = {
    "terminal kind", "terminal connected", "terminal allows trading", "account allows trading", "distinct quote times",
}  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "outcomes"),
    [
        ({}, {}),
        ({"status": "success"}, {"GET_ACCOUNT status": Outcome.FAIL}),
        ({"currency": "EUR"}, {"account currency": Outcome.FAIL}),
        ({"balance": 99.99}, {"account balance": Outcome.FAIL}),
        ({"login": 8}, {"account login": Outcome.FAIL}),
        ({"server": "Live"}, {"account server": Outcome.FAIL}),
        ({"trade_mode": "real"}, {"account trade_mode": Outcome.FAIL}),
        ({"leverage": 101}, {"account leverage": Outcome.FAIL}),
        (
            {"login": None, "server": None, "trade_mode": None, "leverage": None},
            dict.fromkeys(
                ("account login", "account server", "account trade_mode", "account leverage"), Outcome.UNPROVEN
            ),
        ),
    ],
    ids=str,
)
def test_account_of_the_base_protocol(shown: dict[str, Any], outcomes: dict[str, Outcome]) -> None:
    """What it shows must be the plan's; what it does not show is unproven, item by item."""
    found = not_passed(identity.base_identity(msgspec.structs.replace(money(), **shown), [], WANTED))
    assert found == dict.fromkeys(SHOWN_BY_HELLO, Outcome.UNPROVEN) | outcomes
