"""What a run knows about the position that it may have left, and what a person must do where it is not known flat."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mt5canary.evidence.chain import utc
from mt5canary.evidence.exchanges import Told, told
from mt5canary.evidence.records import settings_of
from mt5canary.evidence.story import answer
from mt5canary.evidence.verdict import Verdict

_ASKED = ("OPEN", "CLOSE", "CLOSE_ALL", "GET_POSITIONS")


@dataclass(frozen=True)
class PositionReport:
    """``needs_a_person`` is True where a position is open against the plan, or may be."""

    needs_a_person: bool
    summary: str
    known: tuple[str, ...]
    to_do: tuple[str, ...]


def report_position(records: Iterable[dict[str, Any]], verdict: Verdict) -> PositionReport:
    """What is known, in plain words, from the verdict and the raw exchanges."""
    kept = list(records)
    asked = [told(each) for each in kept if each["kind"] == "exchange" and each["action"] in _ASKED]
    opens = [exchange for exchange in asked if exchange.action == "OPEN"]
    if verdict.flat:
        summary = "Flat: no position of this plan's magic number is left."
        return PositionReport(False, summary, _known(asked, verdict), ())
    if verdict.flat is None and not opens:
        return PositionReport(False, "No order was sent in this run, so it left no position.", (), ())
    if verdict.flat is None and all(exchange.status == "REJECTED" for exchange in opens):
        summary = f"No order was filled in this run: the gateway refused each of the {len(opens)} that were sent."
        return PositionReport(False, summary, _known(asked, verdict), ())
    if verdict.flat is False and _is_kept(kept):
        summary = "A position is open, as the plan wants it (order.hold is keep)."
        return PositionReport(False, summary, _known(asked, verdict), ())
    summary = (
        "NOT FLAT: a position of this plan's magic number is open."
        if verdict.flat is False
        else "NOT KNOWN TO BE FLAT: an order left, and nothing shows that its position is closed."
    )
    if verdict.rehearsal:
        summary += " In a rehearsal nothing real is at risk; against a broker, this would have to be done now."
    return PositionReport(True, summary, _known(asked, verdict), _to_do(opens))


def _is_kept(records: list[dict[str, Any]]) -> bool:
    values = settings_of(records)
    return str(values.get("order.hold", {}).get("value")) == "keep"


def _known(asked: list[Told], verdict: Verdict) -> tuple[str, ...]:
    known = []
    order = verdict.order
    if order is not None:
        known.append(
            f"order {order.ticket}, deal {order.deal}, position {order.position}: {order.side} {order.volume} "
            f"{order.symbol} at {order.price}"
        )
    for action in _ASKED:
        last = next((exchange for exchange in reversed(asked) if exchange.action == action), None)
        if last is not None:
            known.append(f"last {action}, sent {utc(last.sent_at)}: {_outcome(last)}")
    return tuple(known)


def _outcome(exchange: Told) -> str:
    positions = (exchange.reply or {}).get("positions")
    if exchange.action != "GET_POSITIONS" or not isinstance(positions, list):
        return answer(exchange)
    listed = [f"{row.get('ticket')} (magic {row.get('magic')})" for row in positions if isinstance(row, dict)]
    return f"{len(positions)} listed" + (f": {', '.join(listed[:20])}" if listed else "")


def _to_do(opens: list[Told]) -> tuple[str, ...]:
    request = opens[-1].request if opens else {}
    marks = " and ".join(f"{name} {request[name]}" for name in ("magic", "comment") if request.get(name))
    what = f"{request.get('symbol') or 'any symbol'}{f' with {marks}' if marks else ''}"
    return (
        f"Log in to the account from another terminal, or the broker's own, and look for a position of {what}.",
        "If it is there, close it by hand. If it is not, look in the history for the deal that closed it.",
        "Start no other run on this account until this is settled.",
    )
