"""What the journal meant, what the gateway holds and what the history tells, compared.

``reconcile`` is a pure function over the three books, so that the start of a run (X5), the watch, the end (E1) and
``mt5canary reconcile`` judge alike. Each discrepancy has a name, what was seen, and what happens next. Our own are
found by ticket first, then by magic number and nonce (a comment that was cut to 16 characters still carries it). Who
closed a position is told by its deals' position, never by their magic number: a close by hand has another.

::

    orphan                ours, open, and of no run that goes on      a run does not start; adopt or flatten
    in doubt              an intent that may still come to something  wait until it no longer can
    came to nothing       history, orders and positions hold no trace the journal is told: NOT_EXECUTED
    closed by stop        history: reason SL, TP or SO                the journal is told: FLAT; in the watch a breach
    closed by hand        history: CLIENT, MOBILE or WEB              as above
    closed by a program   history: EXPERT (close-all, watchdog, lease) as above
    missing               gone, and the history does not say how      a person looks
    changed volume        other than the journal's                    a person looks
    executed twice        several positions of one intent             a person closes them by ticket
    pending order         an order of ours that waits for a price     a person deletes it in the terminal
    kept by plan          left open by ``hold: keep``                 nothing; it is no orphan
    foreign               another magic number                        left alone
    unexplained balance   it moved by other than the deals' sum       a person asks the broker
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from mt5canary.money import cents, exact
from mt5canary.order.journal import RecordedIntent
from mt5canary.wire.replies import Deal, Order, Position

Phase = Literal["start", "watch", "end"]

ACTIVE_STATES = frozenset({"STARTED", "PLACED", "PARTIAL", "REQUEST_ADD", "REQUEST_MODIFY", "REQUEST_CANCEL"})
"""States of an order that may still be filled (MQL5 reference, "Order Properties", ENUM_ORDER_STATE)."""

STOP_REASONS = frozenset({"SL", "TP", "SO"})
HAND_REASONS = frozenset({"CLIENT", "MOBILE", "WEB"})
"""Who closed, by the deal's reason (MQL5 reference, "Deal Properties", ENUM_DEAL_REASON)."""


def is_active(order: Order) -> bool:
    """Whether an order may still be filled; one of PARTIAL that has ended had its rest cancelled (IOC).

    In any other of these states a time of ending is a contradiction, and the state is believed: it is the worse.
    """
    rest_was_cancelled = order.state == "PARTIAL" and order.time_done_msc
    return order.state in ACTIVE_STATES and not rest_was_cancelled


class Kind(StrEnum):
    """What a discrepancy is."""

    ORPHAN = "orphan"
    IN_DOUBT = "in doubt"
    NOTHING = "came to nothing"
    BY_STOP = "closed by stop"
    BY_HAND = "closed by hand"
    BY_PROGRAM = "closed by a program"
    MISSING = "missing"
    CHANGED = "changed volume"
    TWICE = "executed twice"
    PENDING = "pending order"
    KEPT = "kept by plan"
    FOREIGN = "foreign"
    BALANCE = "unexplained balance"


class Discrepancy(Struct, frozen=True, kw_only=True):
    """Something that the three books do not say alike, or that a person must know.

    ``blocks`` is whether no run starts over it; ``settles`` is the step that the journal is owed, where the other two
    books prove it.
    """

    kind: Kind
    text: str
    next_step: str
    blocks: bool
    ticket: int | None = None
    uuid: str | None = None
    settles: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}; next: {self.next_step}"


class Books(Struct, frozen=True, kw_only=True):
    """The three books as of one moment.

    ``intents`` are all the journal's; ``run`` is the run that asks, whose own order is no orphan; ``orders``
    are the active ones; ``shared`` says that a symbol has one position for everybody (netting). ``balance`` is the
    account's at an earlier moment and now, ``booked_since`` what the deals in between come to; None where it is not
    compared.
    """

    phase: Phase
    magic: int
    symbol: str
    run: str
    now: int
    settle_seconds: float
    intents: Sequence[RecordedIntent]
    positions: Sequence[Position]
    orders: Sequence[Order] = ()
    deals: Sequence[Deal] = ()
    shared: bool = False
    balance: tuple[float, float] | None = None
    booked_since: Decimal = Decimal(0)


class Reconciliation(Struct, frozen=True, kw_only=True):
    """What a comparison of the three books came to."""

    phase: Phase
    journal: tuple[str, ...]
    positions: tuple[int, ...]
    orders: tuple[int, ...]
    deals: tuple[int, ...]
    discrepancies: tuple[Discrepancy, ...]

    @property
    def blocking(self) -> tuple[Discrepancy, ...]:
        """The discrepancies over which no run starts."""
        return tuple(found for found in self.discrepancies if found.blocks)

    @property
    def kept(self) -> frozenset[int]:
        """The tickets of positions that an earlier run left open by plan."""
        return frozenset(
            found.ticket for found in self.discrepancies if found.kind is Kind.KEPT and found.ticket is not None
        )

    def describe(self) -> str:
        """One line for people and for whoever greps the logs."""
        agree = "DO NOT AGREE" if self.blocking else "agree"
        return (
            f"journal: {len(self.journal)} intents open or kept; positions of this magic: {len(self.positions)}; "
            f"active orders: {len(self.orders)}; deals of the intents: {len(self.deals)}; they {agree} ({self.phase})"
        )


def reconcile(books: Books) -> Reconciliation:
    """Compare the three books; asks nothing and writes nothing."""
    tracked = [intent for intent in books.intents if is_tracked(intent, books.phase, books.run)]
    mine = [position for position in books.positions if position.magic == books.magic]
    nobodys = [position for position in mine if not any(belongs(position, intent) for intent in tracked)]
    told = {intent.intent.uuid: _deals_of(intent, books) for intent in tracked}
    found: list[Discrepancy] = []
    for intent in tracked:
        found += _of_intent(books, intent, told[intent.intent.uuid], [position.ticket for position in nobodys])
    found += [_orphan(position, None) for position in nobodys]
    found += [_pending(order) for order in books.orders if order.magic == books.magic]
    found += [_foreign(books, position) for position in books.positions if position.magic != books.magic]
    found += _balance(books)
    return Reconciliation(
        phase=books.phase,
        journal=tuple(f"{intent.intent.uuid} {intent.step}" for intent in tracked),
        positions=tuple(position.ticket for position in mine),
        orders=tuple(order.ticket for order in books.orders if order.magic == books.magic),
        deals=tuple(sorted({deal.ticket for deals in told.values() for deal in deals})),
        discrepancies=tuple(found),
    )


def is_tracked(intent: RecordedIntent, phase: Phase, run: str) -> bool:
    """Whether an intent is held against the other books: without an end, kept, or at the end one of the run's own."""
    return intent.is_open or intent.is_kept or (phase == "end" and intent.intent.run == run)


def belongs(position: Position, intent: RecordedIntent) -> bool:
    """Whether a position is an intent's: by its ticket or identifier, else by magic number and nonce."""
    known = intent.position
    if known is not None and known in (position.ticket, position.identifier):
        return True
    return position.magic == intent.intent.magic and _carries(position.comment, intent)


def _carries(comment: str | None, intent: RecordedIntent) -> bool:
    """Whether a comment begins with an intent's nonce; a position that was adopted without a comment has none."""
    return bool(intent.intent.nonce) and (comment or "").startswith(intent.intent.nonce)


def _opened(deal: Deal, intent: RecordedIntent) -> bool:
    """Whether a deal opened an intent's position."""
    if deal.entry not in ("in", "inout"):
        return False
    if intent.position is not None and deal.position_id == intent.position:
        return True
    return deal.magic == intent.intent.magic and _carries(deal.comment, intent)


def _deals_of(intent: RecordedIntent, books: Books) -> list[Deal]:
    """The deals that opened and closed what an intent came to."""
    ours = {position.identifier or position.ticket for position in books.positions if belongs(position, intent)}
    ours |= {deal.position_id for deal in books.deals if _opened(deal, intent)}
    ours |= set() if intent.position is None else {intent.position}
    return [deal for deal in books.deals if deal.position_id in ours]


def _of_intent(books: Books, intent: RecordedIntent, told: list[Deal], nobodys: list[int]) -> list[Discrepancy]:
    held = [position for position in books.positions if belongs(position, intent)]
    opened = {deal.position_id for deal in told if deal.entry in ("in", "inout")}
    if len(held) > 1 or len(opened) > 1:
        tickets = ", ".join(map(str, sorted({position.ticket for position in held} | opened)))
        text = f"intent {intent.intent.uuid} has more than one position: {tickets}"
        step = "close each by its ticket in the terminal; the run that sent it has failed"
        return [_discrepancy(Kind.TWICE, text, step, intent, blocks=True)]
    if held:
        return _of_held(books, intent, held[0])
    if intent.position is None and not opened:
        if not (intent.is_open or intent.is_kept):
            return []  # it ended without ever having had a position
        strangers = nobodys + [deal.ticket for deal in books.deals if _is_strangers(deal, books)]
        return [_without_position(books, intent, strangers)]
    return _of_gone(books, intent, told, next(iter(opened), intent.position))


def _is_strangers(deal: Deal, books: Books) -> bool:
    """Whether a deal of our magic number opened something that no intent of the journal accounts for."""
    opens = deal.entry in ("in", "inout") and deal.magic == books.magic
    return opens and not any(_opened(deal, intent) for intent in books.intents)


def _of_held(books: Books, intent: RecordedIntent, position: Position) -> list[Discrepancy]:
    own = intent.intent.run == books.run and intent.is_open
    wanted = exact(intent.facts.get("volume") or intent.intent.volume)
    if (own or intent.is_kept) and exact(position.volume) != wanted:
        text = f"position {position.ticket} has {position.volume:g} lot, the journal {wanted}"
        step = f"look in the terminal who changed it; mt5canary reconcile --adopt {position.ticket} takes it as it is"
        return [_discrepancy(Kind.CHANGED, text, step, intent, blocks=True, ticket=position.ticket)]
    if own and books.phase != "end":
        return []
    if not intent.is_kept:
        return [_orphan(position, intent)]
    merged = _is_merged(books, position)
    step = "an order in the same symbol would change it: close it first" if merged else "nothing, it is no orphan"
    text = f"position {position.ticket} of {position.volume:g} {position.symbol}, left open by run {intent.intent.run}"
    return [_discrepancy(Kind.KEPT, text, step, intent, blocks=merged, ticket=position.ticket)]


def _without_position(books: Books, intent: RecordedIntent, strangers: list[int]) -> Discrepancy:
    name = f"intent {intent.intent.uuid} of run {intent.intent.run} ended at {intent.step}"
    marks = f"magic {intent.intent.magic} and comment {intent.intent.nonce}"
    age = (books.now - intent.at) / 1e9
    if age < 0:
        text = f"{name}, at a time that is still to come: this host's clock was set back"
        step = f"set the clock right and look again; meanwhile look in the terminal for {marks}"
        return _discrepancy(Kind.IN_DOUBT, text, step, intent, blocks=True)
    if strangers:  # a broker that writes its own comments: one of these may be it
        text = f"{name}; {', '.join(map(str, strangers))} of this magic belong to no intent, and may be its"
        step = f"look at them in the terminal; when none is open, mt5canary reconcile --settle {intent.intent.uuid}"
        return _discrepancy(Kind.IN_DOUBT, text, step, intent, blocks=True)
    if age >= books.settle_seconds:
        text = f"{name}; positions, orders and history hold nothing with {marks}"
        step = "the journal is told that it was not executed"
        return _discrepancy(Kind.NOTHING, text, step, intent, settles="NOT_EXECUTED")
    text = f"{name} {age:.0f} s ago; nothing is seen of it, and it may still arrive"
    step = f"wait {books.settle_seconds - age:.0f} s and look again"
    return _discrepancy(Kind.IN_DOUBT, text, step, intent, blocks=True)


def _of_gone(books: Books, intent: RecordedIntent, told: list[Deal], position: int | None) -> list[Discrepancy]:
    closing = [deal for deal in told if deal.entry in ("out", "out_by")]
    whole = sum((exact(deal.volume) for deal in closing), Decimal(0))
    opening = sum((exact(deal.volume) for deal in told if deal.entry in ("in", "inout")), Decimal(0))
    if not closing or whole < opening:
        text = f"position {position} of intent {intent.intent.uuid} is gone, and the history does not show its closing"
        step = "look in the terminal's history; the broker's may lag, so ask again"
        return [_discrepancy(Kind.MISSING, text, step, intent, blocks=True, ticket=position)]
    last = max(closing, key=lambda deal: deal.ticket)
    kind = _closed_by(last.reason)
    if books.phase == "end" and intent.intent.run == books.run and kind is Kind.BY_PROGRAM:
        return []  # as it should be
    text = f"position {position} was closed by deal {last.ticket} at {last.price}, reason {last.reason}"
    watched = books.phase == "watch"
    step = "the watch ends: the position is gone" if watched else "the journal is told that it is flat"
    settles = "FLAT" if intent.is_open or intent.is_kept else None
    return [_discrepancy(kind, text, step, intent, blocks=watched, ticket=position, settles=settles)]


def _closed_by(reason: str) -> Kind:
    if reason in STOP_REASONS:
        return Kind.BY_STOP
    return Kind.BY_HAND if reason in HAND_REASONS else Kind.BY_PROGRAM


def _orphan(position: Position, intent: RecordedIntent | None) -> Discrepancy:
    whose = (
        f"of intent {intent.intent.uuid}, run {intent.intent.run}, last step {intent.step}"
        if intent is not None
        else f"with comment {position.comment!r}, which no intent of the journal accounts for"
    )
    text = f"position {position.ticket} of {position.volume:g} {position.symbol} {position.type} is open, {whose}"
    step = f"mt5canary reconcile --flatten closes it, --adopt {position.ticket} keeps it"
    uuid = None if intent is None else intent.intent.uuid
    return Discrepancy(kind=Kind.ORPHAN, text=text, next_step=step, blocks=True, ticket=position.ticket, uuid=uuid)


def _pending(order: Order) -> Discrepancy:
    text = f"order {order.ticket}, {order.type} of {order.volume_current:g} {order.symbol}, is {order.state}"
    step = "delete it in the terminal: what it opens would be nobody's"
    return Discrepancy(kind=Kind.PENDING, text=text, next_step=step, blocks=True, ticket=order.ticket)


def _foreign(books: Books, position: Position) -> Discrepancy:
    merged = _is_merged(books, position)
    whose = "without a magic number" if position.magic is None else f"of magic {position.magic}"
    text = f"position {position.ticket} of {position.volume:g} {position.symbol}, {whose}"
    step = "this account nets: an order in the same symbol would change it" if merged else "left alone"
    return Discrepancy(kind=Kind.FOREIGN, text=text, next_step=step, blocks=merged, ticket=position.ticket)


def _is_merged(books: Books, position: Position) -> bool:
    """Whether an order of this plan would change somebody else's position, or one that is to be kept."""
    return books.shared and position.symbol == books.symbol and books.phase == "start"


def _balance(books: Books) -> list[Discrepancy]:
    if books.balance is None:
        return []
    text = unexplained_move(*books.balance, books.booked_since)
    if text is None:
        return []
    step = "compare the account's history with the broker's statement"
    blocks = books.phase != "start"
    return [Discrepancy(kind=Kind.BALANCE, text=text, next_step=step, blocks=blocks)]


def unexplained_move(before: float, after: float, booked_since: Decimal) -> str | None:
    """What is wrong with a balance that moved by other than the deals in between come to; None where nothing is."""
    moved = cents(after) - cents(before)
    return (
        None if moved == booked_since else f"the balance moved by {moved}, the deals in between come to {booked_since}"
    )


def _discrepancy(
    kind: Kind,
    text: str,
    step: str,
    intent: RecordedIntent,
    *,
    blocks: bool = False,
    ticket: int | None = None,
    settles: str | None = None,
) -> Discrepancy:
    return Discrepancy(
        kind=kind, text=text, next_step=step, blocks=blocks, ticket=ticket, uuid=intent.intent.uuid, settles=settles
    )
