"""The state reconciler: reads the three books, compares them, says and records what it found.

At the start and at the end it asks for all of them; at each reading of the watch it compares what the reading's own
replies show, and asks only for the deals of a position that is gone. It only reads from the gateway. Where it may
write, the journal is told at the start and at the end what positions, orders and history prove: an intent that came to
nothing once it no longer can arrive, or one whose position was closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from mt5canary.errors import Finding
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import ReadSession
from mt5canary.money import exact
from mt5canary.order.canary import GHOST_SECONDS
from mt5canary.order.journal import Intent, Journal, RecordedIntent
from mt5canary.order.reconciliation import (
    Books,
    Discrepancy,
    Phase,
    Reconciliation,
    belongs,
    is_active,
    is_tracked,
    reconcile,
)
from mt5canary.order.server_time import PENDING_SECONDS, SECOND, window
from mt5canary.wire.replies import Deal, Order, Position


class StateReconciler:
    """The three books of one account and magic number, for one run."""

    def __init__(
        self,
        session: ReadSession,
        journal: Journal,
        magic: int,
        symbol: str,
        run: str,
        history_deadline: timedelta,
        is_shared: Callable[[], bool],
        record: Callable[[str, Any], object],
        log: Callable[..., object],
        *,
        may_write: Callable[[], bool],
    ) -> None:
        self._session = session
        self._journal = journal
        self._magic = magic
        self._symbol = symbol
        self._run = run
        self._settle_seconds = GHOST_SECONDS + history_deadline.total_seconds()
        self._is_shared = is_shared
        self._record = record
        self._log = log
        self._may_write = may_write
        self.kept: frozenset[int] = frozenset()
        """The positions that earlier runs keep by plan, as the start of this one found them."""
        self._said: list[tuple[Any, ...]] | None = None

    def reconcile(self, phase: Phase) -> Reconciliation:
        """Read the three books and compare them; raises Finding where one of them cannot be read."""
        found = reconcile(self.read(phase))
        self._say(found)
        if phase == "start":
            self.kept = found.kept
        if self._may_write():
            self._settle(found)
        return found

    def at_a_reading(
        self, session: ReadSession, positions: Sequence[Position], balance: tuple[float, float], booked_since: Decimal
    ) -> tuple[Discrepancy, ...]:
        """Compare what a reading of the watch shows with the journal; said and recorded where it is news.

        ``session`` is the watch's own, for the deals of a position that is gone. Orders that wait are not asked for.
        Raises Finding where the journal or those deals cannot be read.
        """
        books = self._books("watch", session, positions)
        found = reconcile(replace(books, balance=balance, booked_since=booked_since))
        news = [(one.kind, one.ticket, one.uuid) for one in found.discrepancies]
        if news != self._said:
            self._said = news
            self._say(found)
        return found.discrepancies

    def _say(self, found: Reconciliation) -> None:
        self._record("reconciliation", found)
        self._log("StateReconciler", found.describe())
        for discrepancy in found.discrepancies:
            level = "ERROR" if discrepancy.blocks else "INFO"
            self._log("StateReconciler", str(discrepancy), level=level)

    def read(self, phase: Phase) -> Books:
        """The three books as they are now."""
        books = self._books(phase, self._session, self._session.positions())
        return replace(books, orders=self._active_orders(books.now))

    def _books(self, phase: Phase, session: ReadSession, positions: Sequence[Position]) -> Books:
        """The journal, the positions, and the deals that either asks for; no orders that wait, no balance."""
        intents, now = self._journal.intents(), time.time_ns()
        tracked = [one for one in intents if is_tracked(one, phase, self._run)]
        return Books(
            phase=phase,
            magic=self._magic,
            symbol=self._symbol,
            run=self._run,
            now=now,
            settle_seconds=self._settle_seconds,
            intents=intents,
            positions=positions,
            deals=self._deals(session, tracked, positions, now),
            shared=self._is_shared(),
        )

    def _active_orders(self, now: int) -> list[Order]:
        asked = window(now - PENDING_SECONDS * SECOND, now)
        return [order for order in self._session.orders(**asked, magic=self._magic) if is_active(order)]

    @staticmethod
    def _deals(
        session: ReadSession, intents: list[RecordedIntent], positions: Sequence[Position], now: int
    ) -> list[Deal]:
        """The deals of every intent whose position is not there: by its position, or by time where none is known."""
        gone = [intent for intent in intents if not any(belongs(position, intent) for position in positions)]
        found: dict[int, Deal] = {}
        for intent in gone:
            if intent.position is not None:
                found |= {deal.ticket: deal for deal in session.deals(position=intent.position)}
        nameless = [intent.begun for intent in gone if intent.position is None and intent.is_open]
        if nameless:
            found |= {deal.ticket: deal for deal in session.deals(**window(min(nameless), now))}
        return list(found.values())

    def _settle(self, found: Reconciliation) -> None:
        for discrepancy in found.discrepancies:
            if discrepancy.settles is not None and discrepancy.uuid is not None:
                self._journal.step(discrepancy.uuid, discrepancy.settles, by=self._run, shown=discrepancy.text)

    def adopt(self, ticket: int, by: str) -> None:
        """Let the journal know a position as it is now as kept, so that it is no orphan; raises Finding."""
        books = self.read("start")
        position = next((one for one in books.positions if one.ticket == ticket), None)
        if position is None or position.magic != self._magic:
            whose = "is not open" if position is None else f"is of magic {position.magic}, not {self._magic}"
            raise Finding(f"position {ticket} {whose}; nothing was done")
        mine = [one for one in books.intents if is_tracked(one, "start", self._run) and belongs(position, one)]
        if mine:
            uuid = mine[0].intent.uuid
        else:
            intent = Intent(
                uuid=new_uuid(),
                nonce=position.comment or "",
                run=by,
                symbol=position.symbol,
                side=position.type,
                volume=str(exact(position.volume)),
                magic=self._magic,
            )
            self._journal.begin(intent)
            uuid = intent.uuid
        self._journal.step(uuid, "KEPT", by=by, position=ticket, volume=position.volume)

    def give_up(self, uuid: str, by: str) -> None:
        """Write an intent off on a person's word; raises Finding where it is not open or its position is."""
        books = self.read("start")
        intent = next((one for one in books.intents if one.intent.uuid == uuid and one.is_open), None)
        if intent is None:
            raise Finding(f"the journal has no open intent {uuid}; nothing was done")
        held = [position.ticket for position in books.positions if belongs(position, intent)]
        if held:
            raise Finding(f"intent {uuid} has position {held[0]} open: close or adopt it first; nothing was done")
        self._journal.step(uuid, "NOT_EXECUTED", by=by, shown="a person has looked in the terminal")
