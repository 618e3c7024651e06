"""The execution stage before anything is sent, against a real simulated gateway."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from mt5canary.link.envelope import new_uuid
from mt5canary.link.inspection import LinkInspection
from mt5canary.link.session import OrderFields, TradingSession
from mt5canary.measurement import Measurement, Outcome, worst
from mt5canary.order.journal import Intent, Journal
from mt5canary.order.proposal import OrderProposal
from mt5canary.plan import Resolved
from tests.link.between import Answer, Between, PassOn
from tests.order.conftest import MAGIC, reconciler

Propose = Callable[..., OrderProposal]


@pytest.fixture
def findings() -> list[str]:
    return []


@pytest.fixture
def propose(trading: TradingSession, plan: Resolved, journal: Journal, findings: list[str]) -> Propose:
    """The plan's order, with parts of the plan changed."""

    def make(why_open: str | None = None, held_by: str | None = None, **order: Any) -> OrderProposal:
        endpoint = ("127.0.0.1", 1)
        link = LinkInspection(
            trading, endpoint, plan.target, plan.limits, "EURUSD", lambda *_: None, lambda *_, **__: None
        )
        link.hello  # noqa: B018 -- HELLO goes first
        return OrderProposal(
            trading,
            link,
            msgspec.structs.replace(plan.plan.order, **order),
            plan.limits,
            lambda: why_open,
            lambda: held_by,
            reconciler(trading, journal, lambda *_, **__: None),
            lambda criterion, text: findings.append(f"{criterion}: {text}"),
            lambda *_, **__: None,
        )

    return make


def outcome(measurements: list[Measurement]) -> Outcome:
    return worst([one.outcome for one in measurements])


def failed(measurements: list[Measurement]) -> list[str]:
    return [one.name for one in measurements if one.outcome is Outcome.FAIL]


def test_shipped_plan_passes(propose: Propose) -> None:
    """X1 to X5 on the simulator's default account, nothing in the way."""
    proposal = propose()
    for stage in (
        proposal.may_be_traded,
        proposal.volume_is_legal,
        proposal.risk_is_inside_limits,
        proposal.terminal_agrees,
        proposal.nothing_stands_in_the_way,
    ):
        assert outcome(stage()) is Outcome.PASS


def test_open_breaker_stands_in_the_way(propose: Propose) -> None:
    """X5 says why the breaker is open."""
    measured = propose(why_open="tripped yesterday").nothing_stands_in_the_way()
    assert failed(measured) == ["breaker"]
    assert measured[0].value == "tripped yesterday"


def test_another_run_on_the_account_stands_in_the_way(propose: Propose) -> None:
    """X5 says which run holds the account."""
    measured = propose(held_by="run r-1, process 7").nothing_stands_in_the_way()
    assert failed(measured) == ["account held by"]
    assert measured[1].value == "run r-1, process 7"


def test_halted_gateway_stands_in_the_way(propose: Propose, trading: TradingSession) -> None:
    """A gateway that somebody halted is not resumed by a run."""
    proposal = propose()
    trading.halt("maintenance")
    measured = proposal.nothing_stands_in_the_way()
    assert failed(measured) == ["gateway halted"]
    assert "maintenance" in str(measured[2].value)


def test_orphan_position_stands_in_the_way(propose: Propose, trading: TradingSession, findings: list[str]) -> None:
    """A position of this magic from an earlier run is named with its ticket."""
    order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=MAGIC)
    ticket = json.loads(trading.open(order, new_uuid()).reply or b"{}")["ticket"]
    assert outcome(propose().nothing_stands_in_the_way()) is Outcome.FAIL
    assert any(str(ticket) in text for text in findings)


def test_somebody_elses_position_does_not(propose: Propose, trading: TradingSession) -> None:
    """Another magic number is another's business."""
    trading.open(OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=7), new_uuid())
    assert outcome(propose().nothing_stands_in_the_way()) is Outcome.PASS


def test_intent_without_an_end_stands_in_the_way(propose: Propose, journal: Journal, findings: list[str]) -> None:
    """An order that an earlier run never finished is named with its run and last step."""
    journal.begin(Intent(uuid="u-1", nonce="N", run="run-1", symbol="EURUSD", side="BUY", volume="0.001", magic=MAGIC))
    journal.step("u-1", "SENT")
    (one,) = [each for each in propose().nothing_stands_in_the_way() if each.outcome is Outcome.FAIL]
    assert "intent u-1 of run run-1 ended at SENT" in str(one.value)
    assert [text.partition(" of run")[0] for text in findings] == ["X5: in doubt: intent u-1"]


def test_gateway_that_was_restarted_in_between_stands_in_the_way(propose: Propose, between: Between) -> None:
    """The instance that the link stage saw is the one that gets the order."""
    proposal = propose()

    def another(request: dict[str, Any], pass_on: PassOn) -> Answer:
        reply = pass_on()
        return reply.replace(b'"instance":"', b'"instance":"x') if request["action"] == "HELLO" else reply

    between.rule = another
    assert failed(proposal.nothing_stands_in_the_way()) == ["same gateway instance"]


def test_stub_that_accepts_everything_fails_the_challenges(propose: Propose, between: Between) -> None:
    """A gateway that says yes to volume zero and to a symbol that does not exist is no terminal."""

    def yes(request: dict[str, Any], pass_on: PassOn) -> Answer:
        if request["action"] != "CHECK_ORDER":
            return pass_on()
        good = {"retcode": 0, "margin": 0.04, "margin_free": 199.96, "margin_level": 499900.0, "comment": "Done"}
        return json.dumps({"uuid": request["uuid"], "status": "ok", **good}).encode()

    between.rule = yes
    measured = propose().terminal_agrees()
    assert len(failed(measured)) >= 6
    assert not [name for name in failed(measured) if not name.startswith("refusal of ")]


def test_terminal_that_refuses_with_another_code_fails(propose: Propose, between: Between) -> None:
    """A refusal for the wrong reason is not the predicted one."""

    def other_code(request: dict[str, Any], pass_on: PassOn) -> Answer:
        reply = pass_on()
        return reply.replace(b"10014", b"10013") if request["action"] == "CHECK_ORDER" else reply

    between.rule = other_code
    measured = propose().terminal_agrees()
    assert "refusal of volume zero" in failed(measured)


def test_sell_is_proposed_with_its_stop_above(propose: Propose) -> None:
    """The stop of a SELL lies above the market, and the terminal agrees."""
    proposal = propose(side="SELL")
    assert proposal.order.type == "SELL"
    assert proposal.order.sl > proposal.tick.ask
    assert outcome(proposal.terminal_agrees()) is Outcome.PASS
