"""What a run knows about the position that it may have left, and what a person must do where it is not known flat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from mt5canary.evidence.chain import utc
from mt5canary.evidence.exchanges import Told, told
from mt5canary.evidence.records import settings_of
from mt5canary.evidence.story import answer
from mt5canary.evidence.verdict import Verdict
from mt5canary.evidence.words import ENGLISH, Words

_ASKED = ("OPEN", "CLOSE", "CLOSE_ALL", "GET_POSITIONS")


class PositionReport(Struct, frozen=True):
    """``needs_a_person`` is True where a position is open against the plan, or may be."""

    needs_a_person: bool
    summary: str
    known: tuple[str, ...]
    to_do: tuple[str, ...]


def report_position(
    records: Iterable[dict[str, Any]], verdict: Verdict, words: Words = ENGLISH, *, order_left: bool = False
) -> PositionReport:
    """What is known, in plain words, from the verdict and the raw exchanges; ``known`` quotes them as they are.

    ``order_left`` says that an order was let out although no record may show it: a full disk takes none.
    """
    kept = list(records)
    asked = [told(each) for each in kept if each["kind"] == "exchange" and each["action"] in _ASKED]
    opens = [exchange for exchange in asked if exchange.action == "OPEN"]
    if verdict.flat:
        return PositionReport(False, words("position.flat"), _known(asked, verdict), ())
    if verdict.flat is None and not opens and not order_left:
        return PositionReport(False, words("position.no_order"), (), ())
    if verdict.flat is None and opens and all(exchange.status == "REJECTED" for exchange in opens):
        summary = words("position.refused", count=len(opens))
        return PositionReport(False, summary, _known(asked, verdict), ())
    if verdict.flat is False and _is_kept(kept):
        return PositionReport(False, words("position.kept"), _known(asked, verdict), ())
    summary = words("position.open" if verdict.flat is False else "position.unknown")
    if verdict.rehearsal:
        summary += words("position.in_rehearsal")
    return PositionReport(True, summary, _known(asked, verdict), _to_do(opens, words))


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


def _to_do(opens: list[Told], words: Words) -> tuple[str, ...]:
    request = opens[-1].request if opens else {}
    marks = words("position.and").join(f"{name} {request[name]}" for name in ("magic", "comment") if request.get(name))
    symbol = request.get("symbol") or words("position.any_symbol")
    what = words("position.marked", symbol=symbol, marks=marks) if marks else symbol
    return tuple(words(f"position.to_do.{number}", what=what) for number in (1, 2, 3))
