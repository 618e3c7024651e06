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
import hashlib
import os
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import msgspec
from msgspec import Struct

from mt5canary.link.clock import ServerZone
from mt5canary.link.envelope import new_uuid
from mt5canary.link.exchange import Exchange
from mt5canary.link.session import OrderFields, ReadSession
from mt5canary.order.journal import Intent
from mt5canary.wire.replies import AccountReply, OpenReply, Position, Tick

NONCE = re.compile(r"[A-Z2-7]{16}")
"""What every canary's comment begins with, this one's or another's."""

COMMENT_LENGTH = 16
"""What some servers keep of a comment; the nonce fills exactly this."""

WINDOW_BEFORE_SECONDS = 7_200
WINDOW_AFTER_SECONDS = 86_400
"""The history is asked from two hours before the order to a day ahead: the server's clock runs in its own zone, and
goes back an hour when that zone leaves summer time. What was there before the order is told by its number."""

POLL_SECONDS = 0.05
GHOST_SECONDS = 11.0
"""Longer than a request can still reach the terminal after we gave up: the kernel's 5 s and the signature's 5 s."""


T = TypeVar("T")


def new_nonce(challenge: bytes | None = None, run: str = "", uuid: str = "") -> str:
    """16 letters and digits: 80 random bits, or what somebody else's challenge makes of this run and this request.

    With a challenge it is base32(SHA-256(challenge, run, uuid)) cut to 16 characters (RFC 4648), so that whoever gave
    the challenge can see in the broker's own history that the order is younger than it.
    """
    bits = os.urandom(10) if challenge is None else hashlib.sha256(challenge + run.encode() + uuid.encode()).digest()
    return base64.b32encode(bits).decode("ascii")[:COMMENT_LENGTH]


class Snapshot(Struct, frozen=True):
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


class Adopted(Struct, frozen=True):
    """An order that asking found, by its ticket and its position's."""

    order: int
    position: int


class Canary(Struct):
    """What is known of the canary order; ``state`` is its last journal step."""

    order: OrderFields
    intent: Intent
    before: Snapshot
    zone: ServerZone
    state: str = "INTENT"
    decided: int | None = None
    """When it was decided to send it, in monotonic nanoseconds."""
    exchange: Exchange | None = None
    reply: OpenReply | None = None
    filled_monotonic: float | None = None
    after: Snapshot | None = None
    adopted: Adopted | None = None
    deals_before: frozenset[int] = frozenset()

    @property
    def milliseconds_before_sending(self) -> float | None:
        """From the decision to the order's last instant here: what the journal costs; None where nothing was sent."""
        if self.decided is None or self.exchange is None:
            return None
        return (self.exchange.sent - self.decided) / 1e6

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
            return self.adopted.position
        if self.reply is None:
            return None
        return self.reply.position or self.reply.order or self.reply.ticket

    @property
    def came_to_nothing(self) -> bool:
        """Whether it is known that nothing was executed: refused, or shown to be absent."""
        return self.state in ("REFUSED", "NOT_EXECUTED", "NOT_SENT")

    @property
    def order_ticket(self) -> int | None:
        """The order's ticket as far as it is known."""
        if self.adopted is not None:
            return self.adopted.order
        return None if self.reply is None else self.reply.ticket

    def is_mine(self, magic: int | None, comment: str | None) -> bool:
        """Whether a deal, order or position carries this intent's magic and nonce; a cut comment still does."""
        return magic == self.intent.magic and (comment or "").startswith(self.intent.nonce)


def prepare(order: OrderFields, run: str, before: Snapshot, zone: ServerZone, challenge: bytes | None = None) -> Canary:
    """Make the intent of one order: a new uuid, and a new nonce as its comment."""
    uuid = new_uuid()
    nonce = new_nonce(challenge, run, uuid)
    fields = msgspec.structs.replace(order, comment=nonce)
    intent = Intent(
        uuid=uuid,
        nonce=nonce,
        run=run,
        symbol=order.symbol,
        side=order.type,
        volume=str(order.volume),
        magic=order.magic,
    )
    return Canary(fields, intent, before, zone)


def poll(
    ask: Callable[[], T],
    is_enough: Callable[[T], bool],
    deadline: timedelta,
    meanwhile: Callable[[], object] = lambda: None,
) -> T:
    """Ask until the answer is enough or the deadline has passed; the last answer is returned."""
    end = time.monotonic() + deadline.total_seconds()
    while True:
        found = ask()
        if is_enough(found) or time.monotonic() >= end:
            return found
        meanwhile()
        time.sleep(POLL_SECONDS)
