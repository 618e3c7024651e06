"""The way out: close every position of a magic number, and show that nothing is left.

The same code ends a run, answers a breach, serves the watchdog and ``mt5canary close-all``. It opens its own
short-lived connection, needs no pytest, no fixture and no plan beyond a target, may be called again at any time,
and never raises: what it could not do is in its result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.link.connection import Route
from mt5canary.link.exchange import Recorder, Refused, Unreadable
from mt5canary.link.session import ClosingSession, Signer
from mt5canary.wire.replies import Position

ATTEMPTS = 5
PAUSE_SECONDS = 0.2


class Flattened(Struct, kw_only=True):
    """What a flatten did; ``flat`` is None where the positions could not be read in the end."""

    reason: str
    by: str
    magic: int
    flat: bool | None
    closed: list[int]
    left: list[int]
    problems: list[str]
    seconds: float
    round_trips: int

    def describe(self) -> str:
        """One line for people."""
        state = {True: "flat", False: "NOT FLAT", None: "NOT KNOWN TO BE FLAT"}[self.flat]
        left = f", still open: {', '.join(map(str, self.left))}" if self.left else ""
        trouble = f" ({'; '.join(self.problems)})" if self.problems else ""
        return (
            f"{state} after {self.seconds * 1000:.0f} ms and {self.round_trips} round trips by {self.by}: closed "
            f"{len(self.closed)} of magic {self.magic}{left}{trouble}"
        )


class WayOut:
    """Everything that a flatten needs, collected before the first order may leave."""

    def __init__(self, route: Route, signer: Signer, magic: int, record: Recorder) -> None:
        self.route = route
        self.signer = signer
        self.magic = magic
        self._record = record

    def flatten(self, reason: str, by: str, *, halt: bool = False) -> Flattened:
        """Close all positions of the magic number over a fresh connection, and read twice that none is left.

        ``halt`` then makes the gateway refuse every order too, as the breaker does here.
        """
        started = time.monotonic()
        result = Flattened(
            reason=reason,
            by=by,
            magic=self.magic,
            flat=None,
            closed=[],
            left=[],
            problems=[],
            seconds=0.0,
            round_trips=0,
        )
        try:
            with ClosingSession(self.route, self._counting(result), self.signer) as session:
                _close_everything(session, self.magic, reason, result)
                if halt:
                    _try(result, partial(session.halt, reason))
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


def _close_everything(session: ClosingSession, magic: int, reason: str, result: Flattened) -> None:
    capable = _knows_close_all(session, result)
    for attempt in range(ATTEMPTS):
        mine = _of_magic(session, magic)
        if not mine:
            break
        if attempt:
            time.sleep(PAUSE_SECONDS)
        if capable and attempt % 2 == 0:  # what CLOSE_ALL left is tried one by one
            _try(result, partial(_close_by_magic, session, magic, reason, result))
        else:
            for position in mine:
                _try(result, partial(_close_by_ticket, session, position.ticket, result))
    result.left = [position.ticket for position in _of_magic(session, magic)]
    result.flat = not result.left


def _knows_close_all(session: ClosingSession, result: Flattened) -> bool:
    try:
        return "CLOSE_ALL" in session.hello().capabilities
    except (Refused, Unreadable) as finding:  # a gateway that cannot say who it is may still close
        result.problems.append(str(finding))
        return True


def _of_magic(session: ClosingSession, magic: int) -> list[Position]:
    return [position for position in session.positions() if position.magic == magic]


def _try(result: Flattened, step: Callable[[], object]) -> None:
    try:
        step()
    except Finding as finding:
        result.problems.append(str(finding))


def _close_by_magic(session: ClosingSession, magic: int, reason: str, result: Flattened) -> None:
    reply = session.close_all(magic, reason)
    result.closed += [entry.position for entry in reply.closed]
    result.problems += [f"position {entry.position}: {entry.retcode} {entry.error_msg}" for entry in reply.failed]


def _close_by_ticket(session: ClosingSession, ticket: int, result: Flattened) -> None:
    session.close_position(ticket)
    result.closed.append(ticket)
