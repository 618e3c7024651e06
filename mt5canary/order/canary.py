"""The canary order: one intent, at most one order, and an outcome that is known or said to be unknown.

::

    INTENT -> SENT -> FILLED             the gateway said so; the broker's history must still agree
                   -> REFUSED            it said no, and nothing was executed
                   -> unknown reply -> ADOPTED       asking found the order: it can be closed, the fill failed
                                    -> NOT_EXECUTED  asking proved its absence over the whole window
                                    -> UNKNOWN       neither; the breaker opens, a person must look

Each step is in the journal, on the disk, before the next is taken. Nothing is ever sent a second time.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from mt5canary.errors import Finding, LinkFinding, Unproven
from mt5canary.link.clock import ServerZone
from mt5canary.link.exchange import Exchange, Refused, understand
from mt5canary.link.session import OrderFields, ReadSession, TradingSession, new_uuid
from mt5canary.order.journal import Intent, Journal
from mt5canary.order.retcodes import leaves_open
from mt5canary.wire import frames
from mt5canary.wire.replies import AccountReply, Deal, OpenReply, Position, Tick

COMMENT_LENGTH = 16
"""What some servers keep of a comment; the nonce fills exactly this."""

WINDOW_BEFORE_SECONDS = 60
WINDOW_AFTER_SECONDS = 86_400
"""The history is asked from a minute before the order to a day ahead: the server's clock runs in its own zone."""

AMBIGUOUS_CODES = frozenset({"MT5_TIMEOUT"})
POLL_SECONDS = 0.05
GHOST_SECONDS = 11.0
"""Longer than a request can still reach the terminal after we gave up: the kernel's 5 s and the signature's 5 s."""


def new_nonce() -> str:
    """80 random bits as 16 letters and digits."""
    return base64.b32encode(os.urandom(10)).decode("ascii")


@dataclass(frozen=True)
class Snapshot:
    """Account, positions and quote of one moment, asked one after another."""

    account: AccountReply
    positions: tuple[Position, ...]
    tick: Tick
    wall: int

    def of_magic(self, magic: int) -> tuple[Position, ...]:
        """The positions that carry a magic number."""
        return tuple(position for position in self.positions if position.magic == magic)


def take_snapshot(session: ReadSession, symbol: str) -> Snapshot:
    """Ask for account, positions and quote."""
    return Snapshot(session.account(), tuple(session.positions()), session.tick(symbol), time.time_ns())


@dataclass
class Canary:
    """What is known of the canary order; ``state`` is its last journal step."""

    order: OrderFields
    intent: Intent
    before: Snapshot
    zone: ServerZone
    state: str = "INTENT"
    exchange: Exchange | None = None
    reply: OpenReply | None = None
    filled_monotonic: float | None = None
    after: Snapshot | None = None
    adopted: Position | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def window(self) -> dict[str, int]:
        """A window of server time that covers the order, whatever the broker's clock does."""
        start = self.before.wall - WINDOW_BEFORE_SECONDS * 1_000_000_000
        return {
            "from_msc": self.zone.msc(start),
            "to_msc": self.zone.msc(time.time_ns() + WINDOW_AFTER_SECONDS * 1_000_000_000),
        }

    @property
    def position_ticket(self) -> int | None:
        """The position's ticket as far as it is known."""
        if self.adopted is not None:
            return self.adopted.ticket
        if self.reply is None:
            return None
        return self.reply.position or self.reply.order or self.reply.ticket

    def is_mine(self, magic: int | None, comment: str | None) -> bool:
        """Whether a deal, order or position carries this intent's magic and nonce; a cut comment still does."""
        return magic == self.intent.magic and (comment or "").startswith(self.intent.nonce)


def prepare(order: OrderFields, run: str, before: Snapshot, zone: ServerZone) -> Canary:
    """Make the intent of one order: a new uuid, and a new nonce as its comment."""
    nonce = new_nonce()
    fields = msgspec.structs.replace(order, comment=nonce)
    intent = Intent(
        uuid=new_uuid(),
        nonce=nonce,
        run=run,
        symbol=order.symbol,
        side=order.type,
        volume=str(order.volume),
        magic=order.magic,
    )
    return Canary(fields, intent, before, zone)


def place(canary: Canary, session: TradingSession, journal: Journal, record: Callable[..., Any]) -> None:
    """Send the order once and find out what became of it.

    Raises Finding where it was refused or its reply was none, Unproven where its outcome cannot be known. In
    every case the journal and ``canary.state`` say what is known.
    """
    record("intent", {"step": "INTENT", **msgspec.structs.asdict(canary.intent)}, durable=True)
    journal.begin(canary.intent)
    try:
        canary.exchange = session.open(canary.order, canary.intent.uuid)
    except Finding as finding:
        _step(canary, journal, record, "NOT_SENT", reason=str(finding))
        raise
    _step(canary, journal, record, "SENT", failure=canary.exchange.failure)
    try:
        canary.reply = understand(canary.exchange, msgspec.UNSET, OpenReply)
    except Refused as refusal:
        ambiguous = refusal.reply.error_code in AMBIGUOUS_CODES or leaves_open(refusal.reply.retcode)
        if refusal.reply.status == "REJECTED" and not ambiguous:
            _step(canary, journal, record, "REFUSED", reason=str(refusal))
            raise
        _resolve(canary, session, journal, record, str(refusal))
    except LinkFinding as finding:
        _resolve(canary, session, journal, record, str(finding))
    else:
        canary.filled_monotonic = time.monotonic()
        _step(canary, journal, record, "FILLED", ticket=canary.reply.ticket, position=canary.position_ticket)


def _step(canary: Canary, journal: Journal, record: Callable[..., Any], step: str, **facts: Any) -> None:
    canary.state = step
    journal.step(canary.intent.uuid, step, **facts)
    record("intent", {"step": step, "uuid": canary.intent.uuid, "facts": facts}, durable=True)


def _resolve(canary: Canary, session: ReadSession, journal: Journal, record: Callable[..., Any], lost: str) -> None:
    """Ask what became of an order whose reply says nothing; never send it again."""
    _step(canary, journal, record, "UNKNOWN", reason=lost)
    deadline = time.monotonic() + GHOST_SECONDS
    while True:
        try:
            found = _look_for(canary, session)
            canary.adopted = found or canary.adopted
            reached = True
        except LinkFinding as finding:
            reached, lost = False, f"{lost}; asking again: {finding}"
        if canary.adopted is not None or time.monotonic() >= deadline:
            break
        time.sleep(POLL_SECONDS)
    if canary.adopted is not None:
        _step(canary, journal, record, "ADOPTED", position=canary.adopted.ticket)
        raise Finding(
            f"the order's reply was no fill ({lost}), but position {canary.adopted.ticket} of magic "
            f"{canary.intent.magic} is there: it is adopted so that it can be closed"
        )
    if reached and _is_absent(canary, session):
        _step(canary, journal, record, "NOT_EXECUTED", reason=lost)
        raise Finding(
            f"the order's reply was no fill ({lost}); positions, orders and history show that it was not executed"
        )
    raise Unproven(
        f"the outcome of order {canary.intent.uuid} is unknown ({lost}). Look in the terminal for a position or a "
        f"deal of {canary.intent.symbol} with magic {canary.intent.magic} and the comment {canary.intent.nonce}, "
        "close it by hand if it is there, then run mt5canary reset"
    )


def _look_for(canary: Canary, session: ReadSession) -> Position | None:
    try:
        session.find_request(canary.intent.uuid)
    except Refused:
        canary.notes.append("the gateway does not answer FIND_REQUEST")
    for position in session.positions():
        if canary.is_mine(position.magic, position.comment):
            return position
    return None


def _is_absent(canary: Canary, session: ReadSession) -> bool:
    """Whether positions, orders and history over the whole window hold nothing of this intent."""
    try:
        deals = session.deals(**canary.window)
        orders = session.orders(**canary.window)
        positions = session.positions()
    except Finding:
        return False
    labels: list[tuple[int | None, str | None]] = [(deal.magic, deal.comment) for deal in deals]
    labels += [(order.magic, order.comment) for order in orders]
    labels += [(position.magic, position.comment) for position in positions]
    return not any(canary.is_mine(magic, comment) for magic, comment in labels)


def poll_deals(
    session: ReadSession, wanted: Callable[[list[Deal]], bool], deadline: timedelta, **selection: int
) -> list[Deal]:
    """Ask the history until it holds what is wanted or may no longer lag; the last answer is returned."""
    end = time.monotonic() + deadline.total_seconds()
    while True:
        found = session.deals(**dict(selection))
        if wanted(found) or time.monotonic() >= end:
            return found
        time.sleep(POLL_SECONDS)


def reply_text(exchange: Exchange) -> str:
    """An exchange's reply for people: its error code and text, or that there was none."""
    if exchange.reply is None:
        return exchange.failure or "no reply"
    try:
        members = frames.parse(exchange.reply)
    except frames.FrameError as error:
        return f"unreadable: {error}"
    return f"{members.get('status')} {members.get('error_code') or ''} {members.get('error_msg') or ''}".strip()
