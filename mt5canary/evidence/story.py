"""The order's story: what happened to the canary, step by step, each step from a record of the chain."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from mt5canary.evidence.exchanges import Told, told
from mt5canary.evidence.verdict import Verdict
from mt5canary.order.retcodes import explain

CHANGING = ("OPEN", "CLOSE", "CLOSE_ALL", "HALT", "RESUME")
READING = ("GET_TICK", "GET_DEALS", "GET_POSITIONS")
MOST_EVENTS = 100
DONE = 10009

_ENVELOPE = frozenset({"prev", "seq", "at", "monotonic", "kind", "step"})


class Step(Struct, frozen=True):
    """One step: when (nanoseconds since 1970), what, the details, and the record it comes from.

    ``kind`` is what it is for a program; ``prices`` are those it shows, by ``bid``, ``ask`` and ``price``. A step that
    asked for a change has what was asked and what was answered apart too, with when the answer came.
    """

    at: int
    what: str
    detail: str
    record: int
    kind: str
    prices: Mapping[str, float] = field(default_factory=dict)
    asked: str = ""
    answered: str = ""
    answered_at: int | None = None


def story(records: Iterable[dict[str, Any]], verdict: Verdict) -> list[Step]:
    """The steps in the order in which they happened; empty where no order was meant or sent."""
    kept = [record for record in records if _matters(record)]
    asked = [told(record) for record in kept if record["kind"] == "exchange"]
    changing = [each for each in asked if each.action in CHANGING]
    if not changing and not any(record["kind"] == "intent" for record in kept):
        return []
    steps = [*_intents(kept), *_events(kept), *(_changed(each) for each in changing)]
    fills = [each for each in changing if each.action == "OPEN" and each.status != "REJECTED"]
    for fill in fills[-1:]:
        steps += [*_quotes(asked, fill), *_shown(asked, fill, _identifiers(fill, verdict))]
    return sorted(steps, key=lambda step: (step.at, step.record))


def _matters(record: dict[str, Any]) -> bool:
    return record["kind"] in ("intent", "event") or (
        record["kind"] == "exchange" and record["action"] in (*CHANGING, *READING)
    )


def _intents(records: list[dict[str, Any]]) -> Iterator[Step]:
    for record in records:
        if record["kind"] == "intent":
            facts = record.get("facts")
            body = facts if isinstance(facts, dict) else _body(record)
            yield Step(
                record["at"], f"journal: {record.get('step', 'INTENT')}", _members(body), record["seq"], "journal"
            )


def _body(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in _ENVELOPE}


def _events(records: list[dict[str, Any]]) -> Iterator[Step]:
    events = [record for record in records if record["kind"] == "event" and record.get("name") != "progress"]
    for record in events[:MOST_EVENTS]:
        body = _body(record)
        yield Step(record["at"], f"event: {body.pop('name', 'unnamed')}", _members(body), record["seq"], "event")
    if len(events) > MOST_EVENTS:
        last = events[-1]
        left_out = f"{len(events) - MOST_EVENTS} more in evidence.jsonl"
        yield Step(last["at"], "more events", left_out, last["seq"], "event")


def _changed(exchange: Told) -> Step:
    asked = _members(exchange.request, ("type", "volume", "symbol", "ticket", "magic", "comment", "reason"))
    answered = answer(exchange)
    return Step(
        exchange.sent_at,
        exchange.action,
        f"{asked}; {answered}",
        exchange.number,
        exchange.action,
        _prices(_executed(exchange.reply or {})),
        asked,
        answered,
        exchange.answered_at,
    )


def _executed(reply: dict[str, Any]) -> dict[str, Any]:
    """What an answer says of its execution: its own members, or those of the first position that it closed."""
    closed = reply.get("closed")
    first = closed[0] if isinstance(closed, list) and closed else None
    return first if isinstance(first, dict) else reply


_PRICES = {"bid": "bid", "ask": "ask", "price": "price", "close_price": "price", "open_price": "price"}


def _prices(members: Mapping[str, Any]) -> dict[str, float]:
    """The prices among some members; whatever is no price is left out."""
    found = {}
    for name, kind in _PRICES.items():
        value = members.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
            found[kind] = float(value)
    return found


def answer(exchange: Told) -> str:
    """What an exchange came to, in words: the reply's own, or why there is none."""
    took = "" if exchange.round_trip_ms is None else f" after {exchange.round_trip_ms:.3f} ms"
    if exchange.reply is None:
        return f"no reply that counts{took}: {exchange.failure or 'none came'}"
    return (
        f"reply {exchange.status}{took}: {_members(exchange.reply, _ANSWER)}{_meaning(exchange.reply.get('retcode'))}"
    )


def _meaning(retcode: object) -> str:
    """What a retcode other than a plain success means, for people."""
    plain = type(retcode) is not int or retcode in (0, DONE)
    return "" if plain else f" ({explain(int(str(retcode)))})"


_ANSWER = (
    *("ticket", "order", "deal", "position", "volume", "price", "close_price", "closed", "failed", "halted"),
    *("retcode", "error_code", "error_msg"),
)


def _quotes(exchanges: Iterable[Told], fill: Told) -> Iterator[Step]:
    quotes = [each for each in exchanges if each.action == "GET_TICK" and _tick(each) is not None]
    before = [each for each in quotes if each.number < fill.number]
    after = [each for each in quotes if each.number > fill.number]
    for name, quote in (("quote before", before[-1:]), ("quote after", after[:1])):
        for each in quote:
            tick = _tick(each) or {}
            detail = _members(tick, ("bid", "ask", "time_msc"))
            yield Step(each.sent_at, name, detail, each.number, "quote", _prices(tick))


def _tick(exchange: Told) -> dict[str, Any] | None:
    tick = (exchange.reply or {}).get("tick")
    return tick if isinstance(tick, dict) else None


def _identifiers(fill: Told, verdict: Verdict) -> list[object]:
    """The order's and the position's numbers, as the reply or the verdict has them."""
    reply = fill.reply or {}
    found = [reply.get(name) for name in ("ticket", "order", "position")]
    if verdict.order is not None:
        found += [verdict.order.ticket, verdict.order.position]
    return [number for number in found if isinstance(number, int) and number > 0]


def _shown(exchanges: Iterable[Told], fill: Told, ours: list[object]) -> Iterator[Step]:
    """What the broker's history and the position list show of the order, each the first time."""
    seen: list[object] = []
    listed = False
    for each in exchanges:
        if each.number < fill.number:
            continue
        for deal in _rows(each, "deals"):
            ticket = deal.get("ticket")
            if (deal.get("order") in ours or deal.get("position_id") in ours) and ticket not in seen:
                seen.append(ticket)
                name = f"history: deal {deal.get('entry')}"
                yield Step(each.sent_at, name, _members(deal, _DEAL), each.number, "deal", _prices(deal))
        if each.action == "GET_POSITIONS" and each.status == "ok":
            rows = _rows(each, "positions")
            mine = [row for row in rows if row.get("ticket") in ours or row.get("identifier") in ours]
            if mine and not listed:
                detail = _members(mine[0], _POSITION)
                yield Step(each.sent_at, "position list: open", detail, each.number, "position", _prices(mine[0]))
            elif listed and not mine and _is_whole(each):
                detail = "the position is not listed any more"
                yield Step(each.sent_at, "position list: gone", detail, each.number, "position")
            listed = bool(mine) or (listed and not _is_whole(each))


_DEAL = ("ticket", "order", "position_id", "type", "volume", "symbol", "price", "profit", "magic", "comment")
_POSITION = ("ticket", "type", "volume", "symbol", "open_price", "profit", "magic", "comment")


def _is_whole(exchange: Told) -> bool:
    """Whether a list is all there is, and not one page of several."""
    return not (exchange.reply or {}).get("more") and exchange.request.get("after") is None


def _rows(exchange: Told, name: str) -> list[dict[str, Any]]:
    rows = (exchange.reply or {}).get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _members(members: dict[str, Any], names: Iterable[str] | None = None) -> str:
    """Some members as ``name value`` pairs; an absent or empty one is left out."""
    chosen = list(members) if names is None else [name for name in names if name in members]
    return ", ".join(f"{name} {_value(members[name])}" for name in chosen if members[name] not in (None, "", []))


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
