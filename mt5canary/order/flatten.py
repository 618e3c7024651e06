"""The way out: close every position of a magic number, or of the account, and prove that nothing is left.

The same code ends a run, answers a breach, serves the watchdog and ``mt5canary close-all``. It opens its own
short-lived connection, needs no pytest, no fixture and no plan beyond a target, may be called again at any time,
and never raises: what it could not do is in its result.

Round trips: where the gateway offers ``CLOSE_ALL`` that goes first, then positions and orders prove it, whatever the
number of positions is; without it, one read, one ``CLOSE`` each, and the same proof. Flat is said only when the
position list is empty, no order of ours waits, and the history of orders holds the closing of every position that was
said to be closed.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from functools import partial

from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.link.clock import ahead_of_this_host
from mt5canary.link.connection import Route
from mt5canary.link.exchange import Recorder, Refused, Unreadable
from mt5canary.link.session import ClosingSession, Signer
from mt5canary.order.reconciliation import is_active
from mt5canary.order.server_time import PENDING_SECONDS, SECOND, window
from mt5canary.wire.replies import Order, Position

ATTEMPTS = 5
PAUSE_SECONDS = 0.2
HISTORY_SECONDS = 10.0
"""How long the history may lag before a closing that it does not show counts as unproven."""

REASON_LENGTH = 200


class Flattened(Struct, kw_only=True):
    """What a flatten did; ``flat`` is None where it is not proven in the end.

    ``magic`` is None for the whole account; ``left`` are positions, ``pending`` orders; ``unproven`` are positions that
    are not listed any more and whose closing the history does not hold; ``flat_seconds`` is how long it took until the
    position list was empty.
    """

    reason: str
    by: str
    magic: int | None
    flat: bool | None = None
    closed: list[int] = []
    left: list[int] = []
    pending: list[int] = []
    unproven: list[int] = []
    problems: list[str] = []
    seconds: float = 0.0
    flat_seconds: float | None = None
    round_trips: int = 0

    def describe(self) -> str:
        """One line for people."""
        state = {True: "flat", False: "NOT FLAT", None: "NOT KNOWN TO BE FLAT"}[self.flat]
        whose = "the account" if self.magic is None else f"magic {self.magic}"
        took = self.seconds if self.flat_seconds is None else self.flat_seconds
        named = (
            ("still open", self.left),
            ("orders that wait, to be deleted in the terminal", self.pending),
            ("closed without a trace in the history", self.unproven),
        )
        rest = "".join(f", {words}: {', '.join(map(str, tickets))}" for words, tickets in named if tickets)
        trouble = f" ({'; '.join(self.problems)})" if self.problems else ""
        return (
            f"{state} after {took * 1000:.0f} ms and {self.round_trips} round trips by {self.by}: closed "
            f"{len(self.closed)} of {whose}{rest}{trouble}"
        )


class WayOut:
    """Everything that a flatten needs, collected before the first order may leave.

    ``capabilities`` are the gateway's, where it has told them; ``spared`` are positions that are left alone although
    they carry the magic number, because an earlier run keeps them by plan; ``expected`` are positions that are known to
    have been opened, so that a list without them proves nothing by itself. ``magic`` None is the whole account.
    """

    def __init__(
        self,
        route: Route,
        signer: Signer,
        magic: int | None,
        record: Recorder,
        *,
        capabilities: Iterable[str] | None = None,
        spared: Iterable[int] = (),
    ) -> None:
        self.route = route
        self.signer = signer
        self.magic = magic
        self.capabilities = None if capabilities is None else frozenset(capabilities)
        self.spared = frozenset(spared)
        self.expected: set[int] = set()
        self._record = record

    def flatten(self, reason: str, by: str, *, halt: bool = False) -> Flattened:
        """Close everything over a fresh connection, and prove by positions, orders and history that nothing is left.

        ``halt`` then makes the gateway refuse every order too, as the breaker does here.
        """
        started = time.monotonic()
        result = Flattened(reason=reason, by=by, magic=self.magic)
        try:
            with ClosingSession(self.route, self._counting(result), self.signer) as session:
                _Flatten(self, session, _signable(reason), result, started).run()
                if halt:
                    _try(result, partial(session.halt, _signable(reason)))
        except Exception as error:
            result.problems.append(str(error) or type(error).__name__)
        result.seconds = time.monotonic() - started
        return result

    def _counting(self, result: Flattened) -> Recorder:
        def record(kind: str, body: Struct) -> None:
            result.round_trips += kind == "exchange"
            try:
                self._record(kind, body)
            except OSError as error:
                result.problems.append(f"evidence could not be written: {error}")

        return record


def _signable(reason: str) -> str:
    """A reason as a signature can carry it: what some gateway or exception said must not keep a position open."""
    return "".join(one if one.isprintable() and one != "|" else " " for one in reason)[:REASON_LENGTH]


class _Flatten:
    """One flatten over one session."""

    def __init__(
        self, way_out: WayOut, session: ClosingSession, reason: str, result: Flattened, started: float
    ) -> None:
        self._way_out = way_out
        self._session = session
        self._reason = reason
        self._result = result
        self._started = started
        self._orders_behind: dict[int, int] = {}

    def run(self) -> None:
        """Close, read, try again what was refused, then prove."""
        all_at_once = self._knows_close_all() and not self._way_out.spared
        mine = [] if all_at_once else self._open()
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            if all_at_once and attempt % 2 == 0:  # what CLOSE_ALL left is tried one by one
                self._attempt(self._close_all)
            else:
                for position in mine:
                    self._attempt(partial(self._close, position.ticket))
            mine = self._open() if all_at_once or mine else mine
            if not mine:
                break
        self._result.left = [position.ticket for position in mine]
        if mine:
            self._result.flat = False
            return
        self._result.flat_seconds = time.monotonic() - self._started
        self._prove()

    def _knows_close_all(self) -> bool:
        if self._way_out.capabilities is not None:
            return "CLOSE_ALL" in self._way_out.capabilities
        try:
            return "CLOSE_ALL" in self._session.hello().capabilities
        except (Refused, Unreadable) as finding:  # a gateway that cannot say who it is may still close
            self._result.problems.append(str(finding))
            return not (isinstance(finding, Refused) and finding.reply.error_code == "UNKNOWN_ACTION")

    def _open(self) -> list[Position]:
        listed = [one for one in self._session.positions() if one.ticket not in self._way_out.spared]
        magic = self._way_out.magic
        nameless = [one.ticket for one in listed if one.magic is None]
        if magic is not None and nameless:
            raise Finding(
                f"the gateway shows no magic numbers, so nobody can tell whose positions {nameless} are; close them "
                "in the terminal, or everything with mt5canary close-all --everything"
            )
        return [one for one in listed if magic is None or one.magic == magic]

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step; one whose signature was out of time is taken again by the gateway's clock."""
        try:
            step()
        except Refused as refusal:
            self._result.problems.append(str(refusal))
            told = refusal.reply.server_time
            if refusal.reply.error_code == "RISK_SIGNATURE_INVALID" and told is not None:
                self._session.signer = self._session.signer.by_clock(ahead_of_this_host(told))
                _try(self._result, step)
        except Finding as finding:
            self._result.problems.append(str(finding))

    def _close_all(self) -> None:
        reply = self._session.close_all(self._way_out.magic, self._reason)
        for entry in reply.closed:
            self._closed(entry.position, entry.order)
        problems = [f"position {entry.position}: {entry.retcode} {entry.error_msg}" for entry in reply.failed]
        self._result.problems += problems

    def _close(self, ticket: int) -> None:
        self._closed(ticket, self._session.close_position(ticket).order or 0)

    def _closed(self, position: int, order: int) -> None:
        self._result.closed.append(position)
        self._orders_behind[position] = order

    def _prove(self) -> None:
        """No order of ours waits, and the history holds each closing; it may lag until its deadline."""
        deadline = time.monotonic() + HISTORY_SECONDS
        while True:
            try:
                orders = self._orders()
                self._result.unproven = self._without_closing(orders)
            except (Refused, Unreadable) as finding:
                self._result.problems.append(f"the position list is empty; orders and history are not shown: {finding}")
                return
            self._result.pending = [order.ticket for order in orders if is_active(order)]
            waits = self._result.unproven or self._result.pending
            if not waits or time.monotonic() >= deadline:
                break
            time.sleep(PAUSE_SECONDS)
        if self._result.pending:
            self._result.flat = False
        elif not self._result.unproven:
            self._result.flat = True

    def _without_closing(self, orders: list[Order]) -> list[int]:
        """The positions that were closed, or must have been, and whose closing order the history does not hold."""
        done = {(order.position_id, order.ticket) for order in orders if order.state == "FILLED"}
        closings = self._orders_behind.items()
        missing = [position for position, order in closings if (position, order) not in done]
        for ticket in self._way_out.expected - self._orders_behind.keys():
            behind = self._session.orders(position=ticket)
            if not any(order.state == "FILLED" and order.ticket != ticket for order in behind):
                missing.append(ticket)
                self._close_unlisted(ticket)
        return missing

    def _close_unlisted(self, ticket: int) -> None:
        """Close a position that must be there although the list, which may lag, does not show it."""
        with contextlib.suppress(Refused):
            self._close(ticket)

    def _orders(self) -> list[Order]:
        now = time.time_ns()
        magic = self._way_out.magic
        if magic is None:
            return self._session.orders(**window(0, now))
        return self._session.orders(**window(now - PENDING_SECONDS * SECOND, now), magic=magic)


def _try(result: Flattened, step: Callable[[], object]) -> None:
    try:
        step()
    except Finding as finding:
        result.problems.append(str(finding))
