"""What each criterion rests on, and so which level of evidence it reached.

E0 is our own log, E1 the gateway's reply, E2 its history and account asked separately, E3 a second witness. A
criterion never reaches more than what the records hold an answer to before its outcome.
"""

from __future__ import annotations

from mt5canary.evidence.page.facts import Facts
from mt5canary.evidence.verdict import CriterionResult
from mt5canary.measurement import Outcome

SEPARATE = frozenset({"GET_ACCOUNT", "GET_POSITIONS", "GET_DEALS", "GET_ORDERS", "SYNC_ALL"})
"""Asked apart from what they are to confirm: the account, the positions, the history."""

RESTS_ON: dict[str, tuple[str, ...]] = {
    "L1": (),
    "L2": (),
    "L3": ("HELLO", "PING"),
    "L4": ("HELLO", "GET_TICK"),
    "L5": ("PING", "GET_TICK"),
    "L6": ("PING",),
    "D1": (),
    "D2": (),
    "D3": (),
    "D4": (),
    "D5": (),
    "X1": ("GET_SYMBOL",),
    "X2": ("GET_SYMBOL",),
    "X3": ("GET_SYMBOL", "CHECK_ORDER"),
    "X4": ("CHECK_ORDER",),
    "X5": ("HELLO", "GET_POSITIONS"),
    "X6": ("OPEN", "HALT", "GET_ORDERS"),
    "X7": ("OPEN",),
    "X8": ("GET_DEALS", "GET_ORDERS"),
    "X9": ("GET_DEALS", "GET_TICK"),
    "X10": ("GET_DEALS", "GET_POSITIONS"),
    "X11": ("GET_DEALS", "GET_ACCOUNT"),
    "G1": (),
    "G2": ("PING",),
    "G3": ("GET_TICK",),
    "G4": (),
    "G5": ("GET_ACCOUNT", "GET_POSITIONS"),
    "G6": (),
    "E1": ("GET_DEALS", "GET_ORDERS", "GET_POSITIONS"),
    "E2": ("GET_DEALS", "GET_ACCOUNT"),
    "E3": ("OPEN", "GET_DEALS"),
    "E4": ("GET_DEALS",),
    "E5": (),
}
"""Each criterion with the kinds of replies that it is proven by; empty where this node's own records prove it."""


def level(result: CriterionResult, facts: Facts) -> str | None:
    """The level that a criterion's evidence reached in this run; None where it was not tried.

    A second witness counts where a measurement of this criterion says that it rests on one, and holds.
    """
    decided = facts.outcomes.get(result.id)
    if decided is None or result.id not in RESTS_ON or result.outcome is Outcome.BLOCKED:
        return None
    seen = [action for action in RESTS_ON[result.id] if facts.answered.get(action, decided) < decided]
    if not seen:
        return "E0"
    if not SEPARATE.intersection(seen):
        return "E1"
    witnessed = any(each.level == "E3" and each.outcome is Outcome.PASS for each in result.measurements)
    return "E3" if witnessed else "E2"
