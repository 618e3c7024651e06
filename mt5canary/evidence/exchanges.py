"""The chain's ``exchange`` records, read: what was asked, what was answered, how long it took.

Everything here is derived from the raw frames. A reply that does not parse stays visible as what it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from msgspec import Struct

from mt5canary.evidence import chain
from mt5canary.evidence.chain import is_exchange, raw, utc
from mt5canary.wire.frames import FrameError, parse


class Told(Struct, frozen=True):
    """One exchange; ``sent_at`` and ``answered_at`` in nanoseconds since 1970, ``failure`` says why no reply counts."""

    number: int
    action: str
    sent_at: int
    answered_at: int | None
    round_trip_ms: float | None
    request: dict[str, Any]
    reply: dict[str, Any] | None
    failure: str | None

    @property
    def status(self) -> str | None:
        """The reply's status; None where there is no reply that can be read."""
        return None if self.reply is None else str(self.reply.get("status"))


def told(record: dict[str, Any]) -> Told:
    """Read one ``exchange`` record."""
    sent, received = record["sent"], record.get("received")
    took = None if received is None else received - sent
    request, _ = _frame(record, "request")
    reply, trouble = _frame(record, "reply")
    return Told(
        number=record["seq"],
        action=str(record["action"]),
        sent_at=record["sent_wall"],
        answered_at=None if took is None else record["sent_wall"] + took,
        round_trip_ms=None if took is None else took / 1e6,
        request=request or {},
        reply=reply,
        failure=record.get("failure") or trouble,
    )


def _frame(record: dict[str, Any], field: str) -> tuple[dict[str, Any] | None, str | None]:
    frame = raw(record, field)
    if frame is None:
        return None, None
    try:
        return parse(frame), None
    except FrameError as error:
        glimpse = frame[:64].decode("ascii", "backslashreplace")
        return None, f"unreadable {field} of {len(frame)} bytes: {error}; {glimpse}"


def exchanges(records: Iterable[dict[str, Any]], actions: Collection[str]) -> Iterator[Told]:
    """The exchanges of some actions, in the order of the chain; the others are not even parsed."""
    for record in records:
        if record["kind"] == "exchange" and record["action"] in actions:
            yield told(record)


def as_attachment(lines: Iterable[bytes], at_most: int = 40) -> dict[str, Any]:
    """The exchanges among some of a chain's lines as plain JSON for a reader, the first and the last of many."""
    found = [line for line in lines if is_exchange(line)]
    kept = found if len(found) <= at_most else found[: at_most // 2] + found[-(at_most // 2) :]
    return {
        "exchanges": len(found),
        "left_out": len(found) - len(kept),
        "where_all_are": "evidence.jsonl",
        "shown": [_plain(told(chain.parse(line))) for line in kept],
    }


def _plain(exchange: Told) -> dict[str, Any]:
    return {
        "record": exchange.number,
        "action": exchange.action,
        "sent_at": utc(exchange.sent_at),
        "round_trip_ms": exchange.round_trip_ms,
        "request": exchange.request,
        "reply": exchange.reply,
        "failure": exchange.failure,
    }
