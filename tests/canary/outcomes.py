"""What a whole run comes to in each situation that its one order can get into: the table, and its page.

``tests/canary/test_outcomes.py`` flies a live run in every situation and holds it against its row; the page
docs/order-outcomes.md is written from the same rows (``python -m tests.canary.outcomes``), and a test holds it to that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.link.between import Answer, HangUp, PassOn, Rule, Twice, answer, honest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "order-outcomes.md"
Request = dict[str, Any]

FILLED = ("INTENT", "SENT", "FILLED", "FLAT")
ADOPTED = ("INTENT", "SENT", "UNKNOWN", "ADOPTED", "FLAT")
ABSENT = ("INTENT", "SENT", "UNKNOWN", "NOT_EXECUTED")
REFUSED = ("INTENT", "SENT", "REFUSED")
PROVEN = dict.fromkeys(("X7", "X8", "X9", "X10", "X11", "E1", "E2"), "PASS")
NO_FILL = {"X7": "FAIL", **dict.fromkeys(("X8", "X9", "X10", "X11"), "BLOCKED"), "E1": "PASS"}
"""The fill failed and nothing is open; whether there is a ledger depends on whether there was a fill."""


@dataclass(frozen=True)
class Situation:
    """One row: how it is brought about, and all that must come of it."""

    name: str
    how: str
    outcomes: dict[str, str]
    journal: tuple[str, ...]
    rule: Callable[[], Rule] = lambda: honest
    scenario: str = ""
    settings: tuple[str, ...] = ()
    flat: bool | None = True
    breaker: str = "closed"
    orders: int = 1
    """How many times the canary's order reached the gateway."""
    says: str = ""
    """What the report must say, as a regular expression."""
    level: str = "E2"
    in_ci: bool = False
    before: str = ""
    """What the test does before the run: ``foreign position``, or nothing."""
    watch: str = "1s"
    witness: bool = field(default=False)


def is_canary(request: Request) -> bool:
    """Whether a request is the canary's order, and not one of the drill's that must be refused."""
    return bool(request["action"] == "OPEN" and request["volume"] >= 0.001)


def to_the_order(then: Callable[[Request, PassOn], Answer]) -> Callable[[], Rule]:
    """A rule for the canary's order alone; everything else is passed on."""
    return lambda: lambda request, pass_on: then(request, pass_on) if is_canary(request) else pass_on()


def _lost(request: Request, pass_on: PassOn) -> Answer:
    pass_on()
    return None


def _late(request: Request, pass_on: PassOn) -> Answer:
    reply = pass_on()
    deadline = time.monotonic() + 2.0  # the run waits for one second
    while time.monotonic() < deadline:
        time.sleep(0.05)
    return reply


def _hung_up(request: Request, pass_on: PassOn) -> Answer:
    pass_on()
    return HangUp()


def _for_another(request: Request, pass_on: PassOn) -> Answer:
    return pass_on().replace(request["uuid"].encode(), b"00000000-0000-4000-8000-000000000000")


def _bare(request: Request, pass_on: PassOn) -> Answer:
    return json.dumps(json.loads(pass_on()) | {"deal": 0, "price": 0.0}).encode()


def _not_known(request: Request, pass_on: PassOn) -> Answer:
    return answer(request, status="error", error_code="MT5_TIMEOUT", error_msg="timeout", retcode=10012)


def _base_only(request: Request, pass_on: PassOn) -> Answer:
    if request["action"] == "HELLO":
        return answer(request, status="error", error_code="UNKNOWN_ACTION", error_msg="Unknown Command")
    return pass_on()


def silent_after_the_order() -> Rule:
    """Nothing comes back any more once the order has gone."""
    gone: list[bool] = []

    def rule(request: Request, pass_on: PassOn) -> Answer:
        if is_canary(request):
            gone.append(True)
        return None if gone else pass_on()

    return rule


def lagging(seconds: float) -> Callable[[], Rule]:
    """The history shows nothing that is younger than so many seconds."""

    def make() -> Rule:
        filled: list[float] = []

        def rule(request: Request, pass_on: PassOn) -> Answer:
            reply = pass_on()
            if is_canary(request):
                filled.append(time.monotonic())
            lags = filled and time.monotonic() < filled[0] + seconds
            if not lags or request["action"] not in ("GET_DEALS", "GET_ORDERS"):
                return reply
            members = json.loads(reply)
            return json.dumps(members | {name: [] for name in ("deals", "orders") if name in members}).encode()

        return rule

    return make


def in_the_history(**changes: Any) -> Callable[[], Rule]:
    """The opening deal has other members than it should."""

    def rule(request: Request, pass_on: PassOn) -> Answer:
        reply = pass_on()
        if request["action"] != "GET_DEALS":
            return reply
        members = json.loads(reply)
        for deal in members.get("deals", []):
            deal.update(changes if deal["magic"] == 1196 and deal["entry"] == "in" else {})
        return json.dumps(members).encode()

    return lambda: rule


FALLING = "symbols: {EURUSD: {replay: falling.csv}}\naccount: {margin_call: 60000, stop_out: 53600}\n"
"""A market that falls by 20 points a second, and a broker that stops out at a margin level just below the start's."""

WIDE_LOSS = ("limits.loss.max_money=500", "limits.loss.max_percent=90", "order.stop_loss_points=9000")

SITUATIONS = (
    Situation("nothing goes wrong", "an honest gateway", PROVEN, FILLED, in_ci=True),
    Situation(
        "reply lost after execution",
        "the gateway fills the order, and its reply never arrives",
        {**NO_FILL, "E2": "PASS"},
        ADOPTED,
        rule=to_the_order(_lost),
        says=r"no reply within .* the books hold position \d+ .*adopted",
        in_ci=True,
    ),
    Situation(
        "reply lost inside the gateway host",
        "the terminal executes the order and its answer to the gateway is lost",
        {**NO_FILL, "E2": "PASS"},
        ADOPTED,
        scenario="faults: [{kind: lost_reply, call: order_send, nth: 2}]",
        says="MT5_TIMEOUT.*adopted",
    ),
    Situation(
        "request lost",
        "the order never reaches the gateway",
        {**NO_FILL, "E2": "UNPROVEN"},
        ABSENT,
        rule=to_the_order(lambda request, pass_on: None),
        orders=0,
        level="E0",
        says="asked twice, show that it was not executed",
        in_ci=True,
    ),
    Situation(
        "late reply",
        "the right reply comes a second after the run gave up",
        {**NO_FILL, "E2": "PASS"},
        ADOPTED,
        rule=to_the_order(_late),
        says="no reply within .*adopted",
    ),
    Situation(
        "duplicated reply",
        "the reply to the order comes two times; the second answers nothing that was asked",
        PROVEN,
        FILLED,
        rule=to_the_order(lambda request, pass_on: Twice(pass_on())),
    ),
    Situation(
        "reply for another uuid",
        "the order is filled; the reply repeats the uuid of another request",
        {**NO_FILL, "E2": "PASS"},
        ADOPTED,
        rule=to_the_order(_for_another),
        says="the reply answers another request.*adopted",
    ),
    Situation(
        "unreadable reply",
        "the order is filled; the reply is cut short",
        {**NO_FILL, "E2": "PASS"},
        ADOPTED,
        rule=to_the_order(lambda request, pass_on: pass_on()[:-10]),
        says="not one of the protocol.*adopted",
    ),
    Situation(
        "connections lost with the reply",
        "the order is filled; instead of answering the gateway ends every connection, and takes new ones",
        {**NO_FILL, "E2": "PASS", "E3": "UNPROVEN"},
        ADOPTED,
        rule=to_the_order(_hung_up),
        says="ended before a reply came.*adopted",
    ),
    Situation(
        "ambiguous retcode, executed",
        "the server says 10012 (timeout) and has executed the order",
        {**NO_FILL, "E2": "PASS"},
        ADOPTED,
        scenario="faults: [{kind: retcode, retcode: 10012, executed: true, nth: 2}]",
        says="10012 TIMEOUT \\(ambiguous\\).*adopted",
    ),
    Situation(
        "ambiguous retcode, not executed",
        "the gateway says that it does not know (10012), and the order went nowhere",
        {**NO_FILL, "E2": "UNPROVEN"},
        ABSENT,
        rule=to_the_order(_not_known),
        orders=0,
        level="E0",
        says="show that it was not executed",
    ),
    Situation(
        "gateway silent after the order",
        "neither the order nor any later question is answered",
        {"X7": "UNPROVEN", **dict.fromkeys(("X8", "X9", "X10", "X11"), "BLOCKED")},
        ("INTENT", "SENT", "UNKNOWN"),
        rule=silent_after_the_order,
        orders=0,
        flat=None,
        breaker="open",
        level="E0",
        says="Look in the terminal.* BUY 0.001 EURUSD with magic 1196 and the comment [A-Z2-7]{16}, opened between",
    ),
    Situation(
        "partial fill",
        "0.002 lot is asked for, the broker fills 0.001 and says 10010",
        {**NO_FILL, "E2": "PASS"},
        FILLED,
        scenario="symbols: {EURUSD: {filling: [ioc]}}\nfaults: [{kind: partial, fraction: 0.5, nth: 2}]",
        settings=("order.volume=0.002",),
        level="E1",
        says=r"volume filled: 0\.001 lot \(limit = 0\.002",
        in_ci=True,
    ),
    Situation(
        "requote",
        "the broker refuses with 10004 and offers another price",
        {**NO_FILL, "E2": "UNPROVEN"},
        REFUSED,
        scenario="faults: [{kind: requote, nth: 2}]",
        level="E0",
        says="10004 REQUOTE \\(retry\\).*start a new run",
    ),
    Situation(
        "deal 0 and price 0 from the terminal",
        "the terminal's result names no deal and no price; the gateway takes them from the history",
        PROVEN,
        FILLED,
        scenario="faults: [{kind: deal_zero}, {kind: price_zero}]",
    ),
    Situation(
        "deal 0 and price 0 in the reply",
        "the gateway passes the zeros on; the history has the true ones",
        PROVEN,
        FILLED,
        rule=to_the_order(_bare),
    ),
    Situation(
        "history lags inside its deadline",
        "deals and orders show 1.5 s after the fill; the plan allows 3 s",
        PROVEN,
        FILLED,
        rule=lagging(1.5),
        in_ci=True,
    ),
    Situation(
        "history lags beyond its deadline",
        "deals and orders never show",
        {"X7": "PASS", "X8": "UNPROVEN", "X9": "UNPROVEN", "E1": "FAIL"},
        ("INTENT", "SENT", "FILLED"),
        rule=lagging(3600),
        flat=None,
        breaker="open",
        level="E1",
        says="opening deals of the order in the history: unproven",
    ),
    Situation(
        "comment cut to 16 characters",
        "the broker keeps 16 characters of the comment, which are the nonce",
        PROVEN,
        FILLED,
        scenario="server: {comment_cut: 16}",
    ),
    Situation(
        "comment rewritten by the broker",
        "the broker writes its own comment: ticket, magic, volume and time stand in, and it is a finding",
        PROVEN,
        FILLED,
        scenario='server: {comment_rewrite: "by the broker"}',
        says="the broker keeps its own comment, 'by the broker'",
    ),
    Situation(
        "another canary's nonce in the history",
        "the deal of this ticket carries a nonce that is not this order's",
        {"X7": "PASS", "X8": "FAIL"},
        FILLED,
        rule=in_the_history(comment="ABCDEFGHIJKLMN23"),
        level="E1",
        says="deal carries this order's nonce: ABCDEFGHIJKLMN23",
    ),
    Situation(
        "another magic in the history",
        "the deal of this ticket carries another magic number",
        {"X7": "PASS", "X8": "FAIL"},
        FILLED,
        rule=in_the_history(magic=7),
        level="E1",
        says="deal's magic: 7",
    ),
    Situation(
        "netting account with a foreign position",
        "somebody else's position lies in the same symbol of an account that nets: no order is sent over it",
        {"X5": "FAIL", **dict.fromkeys(("X6", "X7", "X8"), "BLOCKED")},
        (),
        scenario="account: {margin_mode: netting}",
        before="foreign position",
        orders=0,
        flat=None,
        level="E0",
        says="this account nets: an order in the same symbol would change it",
    ),
    Situation(
        "stop-out during the watch",
        "the market falls and the broker closes the position for want of margin",
        dict.fromkeys(("X7", "X8", "X9", "X10", "X11", "E1", "E2"), "PASS") | {"G4": "FAIL", "G5": "FAIL"},
        FILLED,
        scenario=FALLING,
        settings=("order.volume=0.01", "order.max_lot=0.01", *WIDE_LOSS),
        breaker="open",
        says="guard position: the position is gone",
        watch="20s",
        in_ci=True,
    ),
    Situation(
        "close refused three times",
        "the broker refuses the closing order with 10006 three times and takes it at the fourth",
        PROVEN,
        FILLED,
        scenario="faults: ["
        + ", ".join(f"{{kind: retcode, retcode: 10006, call: order_send, nth: {nth}}}" for nth in (3, 4, 5))
        + "]",
        says="10006",
    ),
    Situation(
        "gateway of the base protocol alone",
        "the gateway answers HELLO with UNKNOWN_ACTION: what it could not show afterwards is not sent to it",
        {"L3": "UNPROVEN", "X6": "BLOCKED", "X7": "BLOCKED"},
        (),
        rule=lambda: _base_only,
        orders=0,
        flat=None,
        level="E0",
        says="the gateway speaks the base protocol alone",
    ),
    Situation(
        "a second witness that sees the same",
        "another terminal on the same account confirms deal, position and money; the plan requires E3",
        PROVEN | {"X5": "PASS"},
        FILLED,
        settings=("evidence.require=E3",),
        level="E3",
        witness=True,
        in_ci=True,
    ),
    Situation(
        "E3 required, and no second witness",
        "the plan requires E3 and its target names no witness: no order is sent",
        {"X5": "UNPROVEN", "X6": "BLOCKED", "X7": "BLOCKED"},
        (),
        settings=("evidence.require=E3",),
        orders=0,
        flat=None,
        level="E0",
        says="evidence.require is E3, and the target names no witness",
    ),
)

HEAD = """# What becomes of the one order

Each row is a situation that a live run is flown through by `tests/canary/test_outcomes.py`, whole, against a gateway in
a process of its own, and what must come of it. In no row does the order reach the gateway twice, and in every row the
run ends flat or says that it does not know, with the breaker open. This page is written from the test's own table:
`python -m tests.canary.outcomes`.

*Journal* is the intent's story on the disk. *FLAT* is written when positions, orders and history show it. An adopted
order was found by asking: it is closed like any other, and the criterion of the fill has failed all the same.

| situation | how it comes about | criteria | journal | flat | breaker | evidence |
|---|---|---|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    return HEAD + "\n".join(_row(situation) for situation in SITUATIONS) + "\n"


def _row(situation: Situation) -> str:
    by_outcome: dict[str, list[str]] = {}
    for name, outcome in situation.outcomes.items():
        by_outcome.setdefault(outcome, []).append(name)
    criteria = "; ".join(f"{', '.join(names)} {outcome}" for outcome, names in by_outcome.items())
    journal = " → ".join(situation.journal) or "nothing was meant"
    flat = {True: "yes", False: "no", None: "nothing was sent" if not situation.journal else "not known"}[
        situation.flat
    ]
    cells = (situation.name, situation.how, criteria, journal, flat, situation.breaker, situation.level)
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
