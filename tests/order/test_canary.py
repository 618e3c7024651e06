"""At most one order, and an outcome that is known or said to be unknown: against a gateway with a liar before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mt5canary.errors import Finding, LinkFinding, Unproven
from mt5canary.link import session as sessions
from mt5canary.link.exchange import Refused
from mt5canary.link.session import TradingSession
from mt5canary.order import canary as canaries
from mt5canary.order.canary import Canary, new_nonce, place
from mt5canary.order.journal import Journal
from tests.link.between import Answer, Between, PassOn, answer
from tests.order.conftest import MAGIC

Request = dict[str, Any]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows of a real link, made short enough for loopback."""
    monkeypatch.setattr(canaries, "GHOST_SECONDS", 0.4)
    monkeypatch.setitem(sessions.TIMEOUTS_MS, "OPEN", 400)
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 400)


def steps(journal: Journal) -> list[str]:
    """The steps of the one intent, as they stand on the disk."""
    return [entry["step"] for entry in journal.entries()]


def fly(canary: Canary, trading: TradingSession, journal: Journal) -> None:
    place(canary, trading, journal, lambda *_, **__: None)


def only_open(rule: Any) -> Any:
    """A rule for OPEN alone; everything else is passed on."""
    return lambda request, pass_on: rule(request, pass_on) if request["action"] == "OPEN" else pass_on()


def lost(request: Request, pass_on: PassOn) -> Answer:
    pass_on()
    return None


def never_arrived(request: Request, pass_on: PassOn) -> Answer:
    return None


def garbled(request: Request, pass_on: PassOn) -> Answer:
    return pass_on()[:-10]


def anothers(request: Request, pass_on: PassOn) -> Answer:
    return pass_on().replace(request["uuid"].encode(), b"00000000-0000-4000-8000-000000000000")


def ticketless(request: Request, pass_on: PassOn) -> Answer:
    members = json.loads(pass_on())
    del members["ticket"]
    return json.dumps(members).encode()


def in_two_frames(request: Request, pass_on: PassOn) -> Answer:
    return [pass_on(), b""]


def says_timeout_and_filled(request: Request, pass_on: PassOn) -> Answer:
    pass_on()
    return answer(request, status="REJECTED", error_code="MT5_TIMEOUT", error_msg="timeout")


def says_no_connection_and_filled(request: Request, pass_on: PassOn) -> Answer:
    pass_on()
    return answer(request, status="REJECTED", error_code="MT5_REJECTED", retcode=10031, error_msg="no connection")


def says_timeout(request: Request, pass_on: PassOn) -> Answer:
    return answer(request, status="REJECTED", error_code="MT5_REJECTED", retcode=10012, error_msg="timeout")


def says_error_and_filled(request: Request, pass_on: PassOn) -> Answer:
    pass_on()
    return answer(request, status="error", error_code="INTERNAL", error_msg="something broke")


def says_error(request: Request, pass_on: PassOn) -> Answer:
    return answer(request, status="error", error_code="INTERNAL", error_msg="something broke")


def refused(request: Request, pass_on: PassOn) -> Answer:
    return answer(request, status="REJECTED", error_code="MT5_10019", retcode=10019, error_msg="no money")


def test_filled(canary: Canary, trading: TradingSession, journal: Journal, between: Between) -> None:
    """An honest fill: intent, sent, filled; one OPEN; the position carries magic and nonce."""
    fly(canary, trading, journal)
    assert steps(journal) == ["INTENT", "SENT", "FILLED"]
    assert canary.state == "FILLED"
    assert between.actions.count("OPEN") == 1
    (position,) = [position for position in trading.positions() if position.magic == MAGIC]
    assert canary.is_mine(position.magic, position.comment)
    assert position.ticket == canary.position_ticket
    assert journal.open_intents()[0].step == "FILLED"


def test_refused(canary: Canary, trading: TradingSession, journal: Journal, between: Between) -> None:
    """A refusal by the terminal is final: nothing is asked for, nothing is open."""
    between.rule = only_open(refused)
    with pytest.raises(Refused, match="10019"):
        fly(canary, trading, journal)
    assert steps(journal) == ["INTENT", "SENT", "REFUSED"]
    assert journal.open_intents() == []
    assert between.actions.count("OPEN") == 1


@pytest.mark.parametrize(
    "rule",
    [
        lost,
        garbled,
        anothers,
        ticketless,
        in_two_frames,
        says_timeout_and_filled,
        says_no_connection_and_filled,
        says_error_and_filled,
    ],
)
def test_fill_whose_reply_says_nothing_is_adopted(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between, rule: Any
) -> None:
    """The order is there although its reply was no fill: it is adopted to be closed, the criterion fails, sent once."""
    between.rule = only_open(rule)
    with pytest.raises(Finding, match="adopted"):
        fly(canary, trading, journal)
    assert canary.state == "ADOPTED"
    assert steps(journal) == ["INTENT", "SENT", "UNKNOWN", "ADOPTED"]
    assert between.actions.count("OPEN") == 1
    assert canary.position_ticket in {position.ticket for position in trading.positions()}
    assert "FIND_REQUEST" in between.actions


@pytest.mark.parametrize("rule", [never_arrived, says_timeout, says_error])
def test_absent_order_is_shown_to_be_absent(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between, rule: Any
) -> None:
    """No position, no order and no deal over the whole window: not executed, a finding, and never sent again."""
    between.rule = only_open(rule)
    with pytest.raises(Finding, match="was not executed"):
        fly(canary, trading, journal)
    assert steps(journal) == ["INTENT", "SENT", "UNKNOWN", "NOT_EXECUTED"]
    assert between.actions.count("OPEN") == 1
    for asked in ("GET_POSITIONS", "GET_DEALS", "GET_ORDERS"):
        assert asked in between.actions
    assert journal.open_intents() == []


def test_unknown_where_nothing_can_be_asked(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The gateway is gone after OPEN: unknown, the intent stays open, and a person is told what to look for."""
    between.rule = lambda request, pass_on: None if "OPEN" in between.actions else pass_on()
    with pytest.raises(Unproven, match="mt5canary reset") as caught:
        fly(canary, trading, journal)
    assert canary.intent.nonce in str(caught.value)
    assert str(MAGIC) in str(caught.value)
    assert steps(journal) == ["INTENT", "SENT", "UNKNOWN"]
    assert journal.open_intents()[0].step == "UNKNOWN"
    assert between.actions.count("OPEN") == 1


def test_history_that_cannot_be_read_proves_no_absence(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """Positions are empty, but the history does not answer: that is not the proof that nothing was executed."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "OPEN":
            return None
        if request["action"] == "GET_DEALS":
            return answer(request, status="error", error_code="BUSY", error_msg="later")
        return pass_on()

    between.rule = rule
    with pytest.raises(Unproven):
        fly(canary, trading, journal)
    assert canary.state == "UNKNOWN"


def test_filled_and_stopped_out_at_once_is_not_absent(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The reply is lost and the position is gone again before it was seen: the history shows that it was executed."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "GET_POSITIONS":
            return answer(request, positions=[])
        return lost(request, pass_on) if request["action"] == "OPEN" else pass_on()

    between.rule = rule
    with pytest.raises(Unproven):
        fly(canary, trading, journal)
    assert canary.state == "UNKNOWN"
    assert between.actions.count("OPEN") == 1


def test_foreign_position_is_not_adopted(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """A position of the same magic without this intent's nonce belongs to somebody else."""
    foreign = {"ticket": 5, "symbol": "EURUSD", "type": "BUY", "volume": 0.001, "open_price": 1.1}
    foreign |= {"current_price": 1.1, "profit": 0.0, "magic": MAGIC, "comment": "another run"}

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "GET_POSITIONS":
            return answer(request, positions=[foreign])
        return None if request["action"] == "OPEN" else pass_on()

    between.rule = rule
    with pytest.raises(Finding, match="was not executed"):
        fly(canary, trading, journal)
    assert canary.adopted is None


def test_gateway_without_find_request_is_asked_by_its_books(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """A gateway of part A alone still lets the order be found by magic and nonce."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "FIND_REQUEST":
            return answer(request, status="error", error_code="UNKNOWN_ACTION", error_msg="Unknown Command")
        return lost(request, pass_on) if request["action"] == "OPEN" else pass_on()

    between.rule = rule
    with pytest.raises(Finding, match="adopted"):
        fly(canary, trading, journal)
    assert "the gateway does not answer FIND_REQUEST" in canary.notes


def test_connection_lost_before_the_order_sends_nothing(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """Where no connection can be made, nothing was sent, and the journal says so."""
    trading._drop()
    between.__exit__()
    with pytest.raises(LinkFinding):
        fly(canary, trading, journal)
    assert steps(journal) == ["INTENT", "NOT_SENT"]
    assert "OPEN" not in between.actions


def test_journal_that_cannot_be_written_sends_nothing(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No order without its intent on the disk."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "_append", full)
    with pytest.raises(OSError, match="No space left"):
        fly(canary, trading, journal)
    assert "OPEN" not in between.actions


def test_nonces_fit_a_comment_and_do_not_repeat() -> None:
    """Sixteen letters and digits, what the shortest servers keep."""
    nonces = {new_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert all(len(nonce) == 16 and nonce.isalnum() and nonce.isascii() for nonce in nonces)
