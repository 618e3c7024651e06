"""The second witness: two ways to one simulated account, the second through a gateway that says it is another one.

The second way is a real socket of its own to the same account, behind something that gives its ``HELLO`` another
instance; what it passes on is what the broker's books really hold, until a test makes it lie.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from mt5canary.errors import LinkFinding
from mt5canary.link.connection import Route
from mt5canary.link.envelope import envelope, new_uuid
from mt5canary.link.remoteness import Resolution
from mt5canary.link.session import OrderFields, TradingSession
from mt5canary.measurement import Measurement, Outcome, equal, unproven, worst
from mt5canary.order.witness import Witness, WitnessSession, stands_apart
from mt5canary.plan import Resolved
from mt5canary.plan.schema import Witness as Declared
from mt5canary.rehearsal import SimulatedGateway
from mt5canary.wire.requests import Close
from tests.link.between import Answer, Between, PassOn, answer
from tests.order.conftest import MAGIC

Request = dict[str, Any]
Change = Callable[[dict[str, Any]], None]


def seen_from_elsewhere(reply: dict[str, Any]) -> None:
    """What differs at a second gateway whose terminal is logged in with the investor password."""
    if "gateway" in reply:
        reply["gateway"]["instance"] = "11111111-2222-4333-8444-555555555555"
        reply["account"]["trade_allowed"] = False


def changing(*changes: Change) -> Any:
    """A rule that passes everything on and changes the replies."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        reply = json.loads(pass_on())
        for change in changes:
            change(reply)
        return json.dumps(reply).encode()

    return rule


@pytest.fixture
def second(simulated: SimulatedGateway) -> Iterator[Between]:
    """The witness's gateway."""
    with Between(changing(seen_from_elsewhere), upstream=simulated.url) as made:
        yield made


@pytest.fixture
def findings() -> list[str]:
    return []


@pytest.fixture
def witness(second: Between, plan: Resolved, findings: list[str]) -> Iterator[Witness]:
    session = WitnessSession(Route(url=second.url), lambda *_: None)
    account = plan.target.account
    yield Witness(
        lambda: session,
        lambda: [equal("address", "nothing", "nothing")],
        "simulated",
        account,
        timedelta(seconds=0.5),
        lambda criterion, text: findings.append(f"{criterion}: {text}"),
    )
    session.close()


@pytest.fixture
def position(trading: TradingSession) -> int:
    """A position that is open, as the gateway has it."""
    order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=MAGIC, comment="NONCE")
    return int(json.loads(trading.open(order, new_uuid()).reply or b"{}")["position"])


def everything(witness: Witness, trading: TradingSession, position: int) -> list[Measurement]:
    """All that a run asks of a witness while the position is open."""
    (deal,) = trading.deals(position=position)
    (listed,) = [one for one in trading.positions() if one.ticket == position]
    return [
        *witness.must_vouch("X8", trading.hello()),
        *witness.deal("X8", deal),
        *witness.position("X10", listed),
        *witness.account("X11", trading.account()),
    ]


def failed(measurements: list[Measurement]) -> list[str]:
    return [one.name for one in measurements if one.outcome is Outcome.FAIL]


def test_second_witness_that_sees_the_same(
    witness: Witness, trading: TradingSession, position: int, findings: list[str]
) -> None:
    """Another gateway, the same account, deal, position and money: each figure rests on E3."""
    measured = everything(witness, trading, position)
    assert worst([one.outcome for one in measured]) is Outcome.PASS, measured
    assert {one.level for one in measured} == {"E3"}
    assert witness.trouble is None
    assert findings == []
    trading.close_position(position)
    closing = [deal for deal in trading.deals(position=position) if deal.entry == "out"]
    after = [*witness.nothing_open("E1", MAGIC), *witness.deal("E1", closing[0])]
    assert worst([one.outcome for one in after]) is Outcome.PASS


def test_witness_is_only_read_from(witness: Witness, second: Between, trading: TradingSession, position: int) -> None:
    """Nothing that could change anything is ever sent to it."""
    everything(witness, trading, position)
    assert set(second.actions) <= {"HELLO", "GET_DEALS", "GET_POSITIONS", "GET_ACCOUNT"}
    with pytest.raises(AssertionError, match="cannot send CLOSE"):
        witness._session.exchange(Close(**envelope(), ticket=position))


def no_deal(reply: dict[str, Any]) -> None:
    reply.update({"deals": []} if "deals" in reply else {})


def other_price(reply: dict[str, Any]) -> None:
    for deal in reply.get("deals", []):
        deal["price"] += 0.001


def no_position(reply: dict[str, Any]) -> None:
    reply.update({"positions": []} if "positions" in reply else {})


def other_volume(reply: dict[str, Any]) -> None:
    for position in reply.get("positions", []):
        position["volume"] *= 2


def other_balance(reply: dict[str, Any]) -> None:
    reply.update({"balance": 100.0} if "balance" in reply else {})


def other_account(reply: dict[str, Any]) -> None:
    reply.update({"login": 7} if "balance" in reply else {})


def other_currency(reply: dict[str, Any]) -> None:
    reply.update({"currency": "EUR"} if "balance" in reply else {})


def no_margin(reply: dict[str, Any]) -> None:
    reply.update({"margin": 0.0} if "margin" in reply else {})


@pytest.mark.parametrize(
    ("lie", "name", "outcome"),
    [
        (no_deal, "in the witness's history", Outcome.UNPROVEN),
        (other_price, "witness's deal", Outcome.FAIL),
        (no_position, "in the witness's list", Outcome.FAIL),
        (other_volume, "witness's position", Outcome.FAIL),
        (other_balance, "witness's balance", Outcome.FAIL),
        (other_account, "witness's account", Outcome.FAIL),
        (other_currency, "witness's currency", Outcome.FAIL),
        (no_margin, "witness's margin", Outcome.FAIL),
    ],
)
def test_gateway_that_the_witness_contradicts(
    witness: Witness, second: Between, trading: TradingSession, position: int, lie: Change, name: str, outcome: Outcome
) -> None:
    """A gateway that lies in every answer is caught by what another terminal shows of the same account."""
    second.rule = changing(seen_from_elsewhere, lie)
    measured = everything(witness, trading, position)
    odd = [one for one in measured if one.outcome is not Outcome.PASS]
    assert [one.outcome for one in odd] == [outcome]
    assert name in odd[0].name


def test_position_that_the_witness_still_lists(witness: Witness, trading: TradingSession, position: int) -> None:
    """A position that the gateway no longer shows and the account still has."""
    assert witness.must_vouch("E1", trading.hello())
    assert failed(witness.nothing_open("E1", MAGIC)) == ["positions of this magic in the witness's list"]
    assert failed(witness.nothing_open("E1", MAGIC + 1)) == []


def the_same(reply: dict[str, Any]) -> None:
    """Nothing is changed: the witness is the gateway itself."""


def other(part: str, **fields: object) -> Change:
    """A second gateway whose ``HELLO`` says something else in one of its parts."""

    def change(reply: dict[str, Any]) -> None:
        seen_from_elsewhere(reply)
        if "gateway" in reply:
            reply[part] |= fields

    return change


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (the_same, "a gateway of its own"),
        (other("account", login=7), "login: 7"),
        (other("account", server="Elsewhere"), "server: Elsewhere"),
        (other("terminal", kind="mt5"), "terminal kind: mt5"),
        (other("terminal", connected=False), "terminal connected: False"),
    ],
    ids=["itself", "login", "server", "kind", "not-connected"],
)
def test_witness_that_is_no_second_one_proves_nothing(
    witness: Witness, second: Between, trading: TradingSession, position: int, findings: list[str],
    change: Change, what: str,
) -> None:  # fmt: skip
    """The gateway itself, or another account: nothing more is asked of it, and a finding says so once."""
    second.rule = changing(change)
    assert failed(everything(witness, trading, position))
    assert set(second.actions) == {"HELLO"}
    assert what in (witness.trouble or "")
    assert sum("no figure rests on the second witness" in text for text in findings) == 1


def test_witness_that_is_not_there_proves_nothing(
    plan: Resolved, trading: TradingSession, position: int, findings: list[str]
) -> None:
    """Where nobody listens, a finding says so, and nothing fails for it."""

    def nowhere() -> WitnessSession:
        raise LinkFinding("the host does not resolve")

    witness = Witness(
        nowhere,
        lambda: [equal("address", "nothing", "nothing")],
        "simulated",
        plan.target.account,
        timedelta(seconds=0.5),
        lambda *told: findings.append(" ".join(told)),
    )
    assert everything(witness, trading, position) == []
    assert findings == ["X8 no figure rests on the second witness: the host does not resolve"]


THIS_HOST = tuple(ipaddress.ip_interface(text) for text in ("127.0.0.1/8", "192.0.2.10/24"))


def at(*addresses: str) -> Resolution:
    return Resolution(host="a-name", addresses=addresses, resolved_at=1)


@pytest.mark.parametrize(
    ("address", "terminal", "via", "rehearsal", "outcome", "what"),
    [
        ("198.51.100.7", "metatrader5", "direct", False, Outcome.PASS, "nothing"),
        ("198.51.100.5", "metatrader5", "direct", False, Outcome.UNPROVEN, "is the gateway's too"),
        ("198.51.100.5", "simulated", "direct", True, Outcome.UNPROVEN, "is the gateway's too"),
        ("127.0.0.1", "metatrader5", "direct", False, Outcome.FAIL, "loopback"),
        ("127.0.0.1", "simulated", "direct", False, Outcome.FAIL, "loopback"),
        ("127.0.0.1", "simulated", "direct", True, Outcome.PASS, "True"),
        ("192.0.2.10", "metatrader5", "direct", False, Outcome.FAIL, "this machine's own"),
        ("192.0.2.255", "metatrader5", "direct", False, Outcome.FAIL, "broadcast"),
        ("127.0.0.1", "metatrader5", "tunnel", False, Outcome.UNPROVEN, "only a key can show"),
    ],
)
def test_witness_stands_on_a_third_machine(
    address: str, terminal: Any, via: Any, rehearsal: bool, outcome: Outcome, what: str
) -> None:
    """Its address is held to L1's rules, and to be another than the gateway's; only a rehearsal's may be here."""
    declared = Declared(terminal=terminal, host="a-name", via=via)
    measured = stands_apart(declared, at(address), at("198.51.100.5"), THIS_HOST, rehearsal=rehearsal)
    assert worst([one.outcome for one in measured]) is outcome
    assert any(what in f"{one.value} {one.limit}" for one in measured if one.outcome is outcome)


@pytest.mark.parametrize("judged", [equal("address", "loopback", "nothing"), unproven("address", "another host")])
def test_witness_at_an_address_that_proves_nothing_is_not_spoken_to(
    plan: Resolved, second: Between, trading: TradingSession, position: int, findings: list[str], judged: Measurement
) -> None:
    """Nothing rests on it, the run says so once, and what requires it does not pass."""
    session = WitnessSession(Route(url=second.url), lambda *_: None)
    witness = Witness(
        lambda: session, lambda: [judged], "simulated", plan.target.account, timedelta(seconds=0.5),
        lambda *told: findings.append(" ".join(told)),
    )  # fmt: skip
    assert worst([one.outcome for one in everything(witness, trading, position)]) is judged.outcome
    assert second.actions == []
    assert len(findings) == 1
    assert "no figure rests on the second witness: address" in findings[0]


def test_witness_that_falls_silent_is_given_up(
    witness: Witness, second: Between, trading: TradingSession, position: int, findings: list[str]
) -> None:
    """What it said before stands; afterwards nothing rests on it any more."""
    everything(witness, trading, position)
    second.rule = lambda request, pass_on: answer(request, status="error", error_code="BUSY", error_msg="later")
    assert witness.account("X11", trading.account()) == []
    assert "BUSY" in (witness.trouble or "")
    assert witness.nothing_open("E1", MAGIC) == []


def test_witness_that_could_trade_is_a_finding(
    witness: Witness, second: Between, trading: TradingSession, position: int, findings: list[str]
) -> None:
    """The master password in a second place is worth a remark; the evidence is the same."""

    def may_trade(reply: dict[str, Any]) -> None:
        if "gateway" in reply:
            reply["account"]["trade_allowed"] = True

    second.rule = changing(seen_from_elsewhere, may_trade)
    assert worst([one.outcome for one in everything(witness, trading, position)]) is Outcome.PASS
    assert any("investor password" in text for text in findings)
