"""Sending the order: the intent to the disk, the order out once, and what became of it, whatever came back.

Between the decision and the bytes there is one durable write, the journal's. The chain gets its copy of each step
without waiting for the disk, for the journal is what a later run reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from mt5canary.errors import Finding, HarnessError, LinkFinding
from mt5canary.link.exchange import Refused, understand
from mt5canary.link.session import TradingSession
from mt5canary.order.canary import Canary
from mt5canary.order.journal import Journal
from mt5canary.order.resolution import look_for, resolve, settle
from mt5canary.order.retcodes import explain, leaves_open
from mt5canary.wire.replies import OpenReply

AMBIGUOUS_CODES = frozenset({"MT5_TIMEOUT"})
"""Error codes under which the gateway itself does not know the outcome."""


class _Steps:
    """Writes each step of an intent into the journal first, then into the chain."""

    def __init__(self, canary: Canary, journal: Journal, record: Callable[..., Any]) -> None:
        self._canary = canary
        self._journal = journal
        self._record = record

    def begin(self) -> None:
        intent = self._canary.intent
        self._journal.begin(intent)
        self._record("intent", {"step": "INTENT", **msgspec.structs.asdict(intent)})

    def take(self, step: str, **facts: Any) -> None:
        self._canary.state = step
        self._journal.step(self._canary.intent.uuid, step, **facts)
        self._record("intent", {"step": step, "uuid": self._canary.intent.uuid, "facts": facts}, durable=True)


def place(
    canary: Canary, session: TradingSession, journal: Journal, record: Callable[..., Any], history_deadline: timedelta
) -> None:
    """Send the order once and find out what became of it.

    Raises Finding where it was refused or its reply was none, Unproven where its outcome cannot be known, OSError
    where the intent cannot be written, so that nothing was sent. In every case the journal and ``canary.state`` say
    what is known. ``history_deadline`` is how long the broker's history may lag.
    """
    steps = _Steps(canary, journal, record)
    journal.make_ready()
    canary.decided = time.monotonic_ns()
    steps.begin()
    try:
        canary.exchange = session.open(canary.order, canary.intent.uuid)
    except (Finding, HarnessError) as trouble:
        steps.take("NOT_SENT", reason=str(trouble))
        raise
    steps.take("SENT", failure=canary.exchange.failure)
    try:
        canary.reply = understand(canary.exchange, UNSET, OpenReply)
    except Refused as refusal:
        said = _with_meaning(refusal)
        if _is_final(refusal) and not look_for(canary, session).was_executed:
            steps.take("REFUSED", reason=said)
            raise Refused(said, refusal.reply) from None
        _resolve(canary, session, steps, said, history_deadline)
    except LinkFinding as finding:
        _resolve(canary, session, steps, str(finding), history_deadline)
    else:
        canary.filled_monotonic = (canary.exchange.received or 0) / 1e9
        reply = canary.reply
        steps.take("FILLED", ticket=reply.ticket, position=canary.position_ticket, volume=reply.volume)


def _is_final(refusal: Refused) -> bool:
    reply = refusal.reply
    ambiguous = reply.error_code in AMBIGUOUS_CODES or leaves_open(reply.retcode)
    return reply.status == "REJECTED" and not ambiguous


def _with_meaning(refusal: Refused) -> str:
    retcode = refusal.reply.retcode
    return str(refusal) if not retcode else f"{refusal} ({explain(retcode)})"


def _resolve(canary: Canary, session: TradingSession, steps: _Steps, lost: str, history_deadline: timedelta) -> None:
    steps.take("UNKNOWN", reason=lost)
    look = resolve(canary, session, history_deadline)
    outcome = settle(canary, look, lost)
    if canary.adopted is not None:
        steps.take("ADOPTED", order=canary.adopted.order, position=canary.adopted.position)
    elif isinstance(outcome, Finding):
        steps.take("NOT_EXECUTED", reason=lost)
    raise outcome
