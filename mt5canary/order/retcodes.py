"""Every trade retcode and every ``last_error``: what it means, how final it is, what to do next.

Numbers as in the MetaTrader5 package 5.0.6231; meanings from the MQL5 reference, "Trade Server Return Codes", and
the package's own texts; kind and next step are this project's own. One table for people, the harness and the report.
A ``last_error`` is negative: the package answered ``None``, and its kind says what that means for an order.

Kinds: ``ok`` still has to be verified in the history; ``final`` was refused and not executed; ``retry`` was refused
for a passing reason (a new run may try again, this one never sends twice); ``reconcile`` and ``ambiguous`` leave the
outcome open until positions and history were asked.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["ok", "final", "retry", "reconcile", "ambiguous"]


class Retcode(Struct, frozen=True):
    """One retcode for people."""

    number: int
    name: str
    meaning: str
    kind: Kind
    next_step: str


_VERIFY = "look the deal up in the history before believing it"
_ASK = "ask positions and history what became of it; never send it again"
_TABLE = (
    Retcode(0, "CHECK_PASSED", "order_check has nothing against the order", "ok", "nothing; it is no fill"),
    Retcode(10004, "REQUOTE", "the price moved, a new one was offered", "retry", "start a new run in a calmer market"),
    Retcode(10006, "REJECT", "the server refused the request", "final", "ask the broker for the reason"),
    Retcode(10007, "CANCEL", "the request was cancelled by the trader", "final", "find out who did, then start anew"),
    Retcode(10008, "PLACED", "the order was placed and is not, or not yet, filled", "reconcile", _ASK),
    Retcode(10009, "DONE", "the request was carried out", "ok", _VERIFY),
    Retcode(10010, "DONE_PARTIAL", "only a part was filled", "ok", _VERIFY),
    Retcode(10011, "ERROR", "the server failed while processing the request", "ambiguous", _ASK),
    Retcode(10012, "TIMEOUT", "the request was not answered in time", "ambiguous", _ASK),
    Retcode(10013, "INVALID", "the request is formally wrong", "final", "check symbol, type and fields of the request"),
    Retcode(
        10014,
        "INVALID_VOLUME",
        "the volume is below the minimum, above the maximum or off the step",
        "final",
        "compare order.volume with the symbol's volume_min, volume_max and volume_step",
    ),
    Retcode(10015, "INVALID_PRICE", "the price is wrong", "final", "check digits and side of the price"),
    Retcode(
        10016,
        "INVALID_STOPS",
        "a stop is on the wrong side or too near",
        "final",
        "compare order.stop_loss_points with the symbol's stops_level and the spread",
    ),
    Retcode(
        10017,
        "TRADE_DISABLED",
        "trading is switched off for this symbol or account",
        "final",
        "check the symbol's trade mode and the account at the broker",
    ),
    Retcode(
        10018, "MARKET_CLOSED", "the symbol's session is closed", "final", "wait for the session, or use another symbol"
    ),
    Retcode(10019, "NO_MONEY", "the free margin is not enough", "final", "check balance, leverage and open positions"),
    Retcode(10020, "PRICE_CHANGED", "the price changed", "retry", "start a new run in a calmer market"),
    Retcode(
        10021, "PRICE_OFF", "there are no quotes to work with", "retry", "check that quotes arrive, then start anew"
    ),
    Retcode(
        10022, "INVALID_EXPIRATION", "the expiration is wrong", "final", "market orders have none: check the gateway"
    ),
    Retcode(10023, "ORDER_CHANGED", "the order's state changed meanwhile", "reconcile", _ASK),
    Retcode(
        10024, "TOO_MANY_REQUESTS", "requests come too fast", "retry", "find what else sends on this account, then wait"
    ),
    Retcode(10025, "NO_CHANGES", "the request would change nothing", "final", "nothing"),
    Retcode(
        10026,
        "SERVER_DISABLES_AT",
        "the server forbids automated trading",
        "final",
        "ask the broker to allow automated trading on this account",
    ),
    Retcode(
        10027,
        "CLIENT_DISABLES_AT",
        "the terminal forbids automated trading",
        "final",
        "press the Algo Trading button in the terminal on the gateway host",
    ),
    Retcode(10028, "LOCKED", "the request is locked for processing", "retry", "wait, then start anew"),
    Retcode(
        10029, "FROZEN", "the order or position is inside the freeze level", "final", "wait until the price moves away"
    ),
    Retcode(
        10030,
        "INVALID_FILL",
        "the filling mode is not supported for this symbol",
        "final",
        "the gateway must choose one of the symbol's own filling modes",
    ),
    Retcode(10031, "CONNECTION", "the terminal has no connection to the trade server", "ambiguous", _ASK),
    Retcode(10032, "ONLY_REAL", "the operation is for real accounts only", "final", "use another account"),
    Retcode(10033, "LIMIT_ORDERS", "the number of pending orders is at its limit", "final", "remove pending orders"),
    Retcode(
        10034, "LIMIT_VOLUME", "the symbol's total volume is at its limit", "final", "close positions of the symbol"
    ),
    Retcode(10035, "INVALID_ORDER", "the order's type is wrong or forbidden", "final", "check the gateway's request"),
    Retcode(10036, "POSITION_CLOSED", "the position is closed already", "reconcile", _ASK),
    Retcode(
        10038, "INVALID_CLOSE_VOLUME", "more would be closed than is held", "final", "close what the positions show"
    ),
    Retcode(10039, "CLOSE_ORDER_EXIST", "a closing order for the position exists already", "reconcile", _ASK),
    Retcode(10040, "LIMIT_POSITIONS", "the number of positions is at its limit", "final", "close positions"),
    Retcode(10041, "REJECT_CANCEL", "the activation was refused and the order cancelled", "final", "start anew"),
    Retcode(
        10042, "LONG_ONLY", "only buying is allowed for this symbol", "final", "use order.side BUY or another symbol"
    ),
    Retcode(
        10043, "SHORT_ONLY", "only selling is allowed for this symbol", "final", "use order.side SELL or another symbol"
    ),
    Retcode(10044, "CLOSE_ONLY", "only closing is allowed for this symbol", "final", "use another symbol"),
    Retcode(10045, "FIFO_CLOSE", "only the oldest position may be closed", "final", "close the older positions first"),
    Retcode(
        10046,
        "HEDGE_PROHIBITED",
        "opposite positions are forbidden on this account",
        "final",
        "close the other side first",
    ),
)

_RECONNECT = "see that the terminal runs and is logged in on the gateway host"
_LAST_ERRORS = (
    Retcode(-1, "RES_E_FAIL", "the terminal's call failed", "ambiguous", _ASK),
    Retcode(
        -2,
        "RES_E_INVALID_PARAMS",
        "an argument has the wrong type, or a text is too long: nothing was sent",
        "final",
        "check the gateway's request: numbers as float, a comment of at most 29 characters",
    ),
    Retcode(-3, "RES_E_NO_MEMORY", "the package ran out of memory", "ambiguous", _ASK),
    Retcode(-4, "RES_E_NOT_FOUND", "nothing of that name or number was found", "ambiguous", _ASK),
    Retcode(
        -5,
        "RES_E_INVALID_VERSION",
        "package and terminal do not match, as after the terminal's update",
        "ambiguous",
        f"{_ASK}; then update the MetaTrader5 package",
    ),
    Retcode(
        -6,
        "RES_E_AUTH_FAILED",
        "login, password or server were refused",
        "ambiguous",
        f"{_ASK}; then log the terminal in by hand",
    ),
    Retcode(-7, "RES_E_UNSUPPORTED", "the function or the kind of account is not supported", "ambiguous", _ASK),
    Retcode(
        -8,
        "RES_E_AUTO_TRADING_DISABLED",
        "trading from Python is switched off in the terminal: nothing was sent",
        "final",
        "allow it in the terminal: Options, Expert Advisors, algorithmic trading via external Python API",
    ),
    Retcode(-10000, "RES_E_INTERNAL_FAIL", "the pipe to the terminal failed", "ambiguous", _ASK),
    Retcode(-10001, "RES_E_INTERNAL_FAIL_SEND", "writing to the terminal's pipe failed, or it died", "ambiguous", _ASK),
    Retcode(-10002, "RES_E_INTERNAL_FAIL_RECEIVE", "the terminal's answer was lost on the pipe", "ambiguous", _ASK),
    Retcode(-10003, "RES_E_INTERNAL_FAIL_INIT", "no terminal was found, or it did not start", "final", _RECONNECT),
    Retcode(
        -10004,
        "RES_E_INTERNAL_FAIL_CONNECT",
        "there is no pipe to a terminal: nothing was sent",
        "final",
        _RECONNECT,
    ),
    Retcode(
        -10005,
        "RES_E_INTERNAL_FAIL_TIMEOUT",
        "the terminal was reached and did not answer in time, or is not logged in",
        "ambiguous",
        _ASK,
    ),
)

RETCODES = {retcode.number: retcode for retcode in _TABLE + _LAST_ERRORS}
"""Every retcode and ``last_error`` by its number; 10005 and 10037 are not used."""


def leaves_open(number: int | None) -> bool:
    """Whether a retcode leaves the outcome of an order open; one that nobody knows does."""
    if number in (None, 0):
        return False
    known = RETCODES.get(number or 0)
    return known is None or known.kind in ("ambiguous", "reconcile")


def explain(number: int) -> str:
    """A retcode in one line for people."""
    known = RETCODES.get(number)
    if known is None:
        return f"{number}: no retcode of a trade server and no last_error; take the outcome as unknown and {_ASK}"
    return f"{number} {known.name} ({known.kind}): {known.meaning}; next: {known.next_step}"
