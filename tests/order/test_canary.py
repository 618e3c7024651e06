"""At most one order, and an outcome that is known or said to be unknown: against a gateway with a liar before it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mt5canary.errors import Finding, LinkFinding, Unproven
from mt5canary.evidence.chain import Chain
from mt5canary.link import session as sessions
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.exchange import Refused
from mt5canary.link.session import ClosingSession, TradingSession
from mt5canary.order import resolution
from mt5canary.order.canary import Canary, new_nonce
from mt5canary.order.journal import Journal
from mt5canary.order.placement import place
from mt5canary.order.resolution import Duplicated
from tests.link.between import Answer, Between, PassOn, answer
from tests.order.conftest import MAGIC

Request = dict[str, Any]
HISTORY_DEADLINE = timedelta(seconds=0.4)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The windows of a real link, made short enough for loopback."""
    monkeypatch.setattr(resolution, "GHOST_SECONDS", 0.4)
    monkeypatch.setitem(sessions.TIMEOUTS_MS, "OPEN", 400)
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", 400)


def steps(journal: Journal) -> list[str]:
    """The steps of the one intent, as they stand on the disk."""
    return [entry["step"] for entry in journal.entries()]


def fly(canary: Canary, trading: TradingSession, journal: Journal) -> None:
    place(canary, trading, journal, lambda *_, **__: None, HISTORY_DEADLINE)


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


def test_books_that_contradict_each_other_are_unknown(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The reply is lost, the history shows the opening and no closing, the list shows no position: nobody can tell."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "GET_POSITIONS":
            return answer(request, positions=[])
        return lost(request, pass_on) if request["action"] == "OPEN" else pass_on()

    between.rule = rule
    with pytest.raises(Unproven, match="is not listed and which no deal closed"):
        fly(canary, trading, journal)
    assert canary.state == "UNKNOWN"
    assert between.actions.count("OPEN") == 1


def stranger(comment: str) -> Any:
    """The request is lost, and a new position of this magic, symbol and side lies there under another comment."""
    foreign = {"ticket": 5, "symbol": "EURUSD", "type": "BUY", "volume": 0.001, "open_price": 1.1}
    foreign |= {"current_price": 1.1, "profit": 0.0, "magic": MAGIC, "comment": comment}

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "GET_POSITIONS":
            return answer(request, positions=[foreign])
        return None if request["action"] == "OPEN" else pass_on()

    return rule


def test_another_canarys_position_is_not_adopted(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """A position of the same magic under another canary's nonce belongs to that one."""
    between.rule = stranger("ABCDEFGHIJKLMN23")
    with pytest.raises(Finding, match="was not executed"):
        fly(canary, trading, journal)
    assert canary.adopted is None


def test_position_whose_comment_the_broker_wrote_may_be_the_orders(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """It is not adopted, for it carries no nonce, and it is no proof of absence either: a person must look."""
    between.rule = stranger("by the broker")
    with pytest.raises(Unproven, match="position 5 with comment 'by the broker' may be it"):
        fly(canary, trading, journal)
    assert canary.adopted is None
    assert canary.state == "UNKNOWN"


def test_order_whose_comment_the_broker_rewrote_is_found_by_its_ticket(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The gateway remembers the ticket, so that the rewritten comment hides nothing."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        reply = pass_on()
        if request["action"] == "OPEN":
            return None
        return reply.replace(canary.intent.nonce.encode(), b"by the broker") if reply else None

    between.rule = rule
    with pytest.raises(Finding, match="adopted"):
        fly(canary, trading, journal)
    assert canary.order_ticket == canary.position_ticket


def test_filled_and_closed_again_is_adopted_as_closed(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The reply is lost and the position was closed before anybody looked: the history tells the whole story."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] != "OPEN":
            return pass_on()
        position = json.loads(pass_on())["position"]
        with ClosingSession(Route(url=between.upstream), lambda *_: None, trading.signer) as other:
            other.close_position(position)
        return None

    between.rule = rule
    with pytest.raises(Finding, match="is not open any more"):
        fly(canary, trading, journal)
    assert canary.state == "ADOPTED"


def test_two_orders_for_one_intent_are_one_too_many(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """Something on the way sent the order a second time under another uuid: both are named, and it is no plain find."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] != "OPEN":
            return pass_on()
        pass_on()
        with TradingSession(Route(url=between.upstream), lambda *_: None, trading.signer, lambda: None) as other:
            other.open(canary.order, new_uuid())
        return None

    between.rule = rule
    with pytest.raises(Duplicated, match="2 orders carry this one intent's nonce"):
        fly(canary, trading, journal)


def test_refusal_that_the_books_contradict_is_no_refusal(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The gateway says that there was no money, and the position is there."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        pass_on()
        return refused(request, pass_on)

    between.rule = only_open(rule)
    with pytest.raises(Finding, match=r"NO_MONEY.*adopted"):
        fly(canary, trading, journal)
    assert steps(journal) == ["INTENT", "SENT", "UNKNOWN", "ADOPTED"]


def test_request_that_is_still_under_way_proves_no_absence(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The gateway says that the terminal has the request and has not answered yet: empty books show nothing then."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "FIND_REQUEST":
            return answer(request, known=True, state="in_flight")
        return None if request["action"] == "OPEN" else pass_on()

    between.rule = rule
    with pytest.raises(Unproven, match="in_flight"):
        fly(canary, trading, journal)


def test_gateway_that_remembers_a_fill_proves_no_absence(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """It says that it filled the order, and its books are empty: that is a contradiction, not an absence."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "FIND_REQUEST":
            return answer(request, known=True, state="done", reply={"status": "FILLED", "ticket": 4711})
        return None if request["action"] == "OPEN" else pass_on()

    between.rule = rule
    with pytest.raises(Unproven, match="4711"):
        fly(canary, trading, journal)


def test_order_that_arrives_after_we_gave_up_is_found(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """The first look finds nothing, for the request was held up on its way; the second finds it."""
    held: list[Any] = []

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if request["action"] == "OPEN":
            held.append(pass_on)
            return None
        if held and between.actions.count("GET_POSITIONS") > 3:
            held.pop()()
        return pass_on()

    between.rule = rule
    with pytest.raises(Finding, match="adopted"):
        fly(canary, trading, journal)
    assert between.actions.count("OPEN") == 1


def test_each_of_the_two_looks_has_a_connection_of_its_own(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """A connection that swallowed the order is not asked whether it did."""
    between.rule = only_open(says_timeout)
    before = len(trading.connections)
    with pytest.raises(Finding, match="was not executed"):
        fly(canary, trading, journal)
    assert len(trading.connections) == before + 2


def test_person_is_told_exactly_what_to_look_for(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between
) -> None:
    """Side, volume, symbol, magic, comment, and the time as the terminal shows it: in the server's own time."""
    between.rule = lambda request, pass_on: None if "OPEN" in between.actions else pass_on()
    with pytest.raises(Unproven) as caught:
        fly(canary, trading, journal)
    assert canary.exchange is not None
    sent = datetime.fromtimestamp(canary.exchange.sent_wall / 1e9 + canary.zone.offset_seconds, UTC)
    for text in (
        f"BUY 0.001 EURUSD with magic {MAGIC} and the comment {canary.intent.nonce}",
        f"between {sent:%Y.%m.%d %H:%M:%S} and",
        "server time",
        "mt5canary reset --reason TEXT --by NAME",
    ):
        assert text in str(caught.value)


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
    assert between.actions.count("FIND_REQUEST") == 1


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


def test_one_durable_write_between_the_decision_and_the_bytes(
    canary: Canary, trading: TradingSession, journal: Journal, between: Between, tmp_path: Path, monkeypatch: Any
) -> None:
    """Nothing but the intent's own line is waited for before the order leaves, the evidence being written as well."""
    chain = Chain(tmp_path / "evidence.jsonl")
    synchronised: list[float] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synchronised.append(time.monotonic_ns()), fsync(descriptor)))
    place(canary, trading, journal, chain.append, HISTORY_DEADLINE)
    assert canary.decided is not None
    assert canary.exchange is not None
    assert sum(canary.decided <= at <= canary.exchange.sent for at in synchronised) == 1
    assert json.loads(journal.path.read_text().splitlines()[0])["step"] == "INTENT"
    chain.close()


def test_nonce_of_a_challenge_is_what_anybody_can_work_out() -> None:
    """base32(SHA-256(challenge, run, uuid)), its first 16 characters; another of the three makes another."""
    nonce = new_nonce(b"challenge", "run", "uuid")
    assert nonce == base64.b32encode(hashlib.sha256(b"challengerunuuid").digest()).decode()[:16]
    others = {new_nonce(b"other", "run", "uuid"), new_nonce(b"challenge", "", "uuid"), new_nonce(b"challenge", "run")}
    assert nonce not in others
    assert len(others) == 3


def test_nonces_fit_a_comment_and_do_not_repeat() -> None:
    """Sixteen letters and digits, what the shortest servers keep."""
    nonces = {new_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert all(len(nonce) == 16 and nonce.isalnum() and nonce.isascii() for nonce in nonces)
