"""The drill before the order: refusals are real, and nothing of them reaches the books (criterion X6).

Halted, the gateway must refuse an order that it would otherwise send. Resumed, the terminal itself must refuse
one below the symbol's minimum. A stub that fills everything fails here at the cost of nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from mt5canary.errors import LinkFinding
from mt5canary.link.clock import ServerZone
from mt5canary.link.envelope import new_uuid
from mt5canary.link.exchange import Exchange, Refused, understand
from mt5canary.link.session import OrderFields, TradingSession
from mt5canary.measurement import Measurement, equal
from mt5canary.money import exact
from mt5canary.order.canary import WINDOW_AFTER_SECONDS
from mt5canary.order.sizing import INVALID_VOLUME
from mt5canary.wire.replies import Deal, OpenReply, Order, Position, SymbolSpecification

REASON = "drill of the canary run"


def refusals_are_real(
    session: TradingSession,
    order: OrderFields,
    spec: SymbolSpecification,
    zone: ServerZone,
    log: Callable[[str, str], object],
    nonces: tuple[str, str],
) -> list[Measurement]:
    """Halt, be refused, resume, be refused again by the terminal, and find nothing of it in the books."""
    started = time.time_ns()
    tiny = float(exact(spec.volume_min) / 10)
    drill = msgspec.structs.replace(order, volume=tiny, comment=nonces[0])
    halted = session.halt(REASON).halted
    try:
        while_halted = _answer(session, drill)
    finally:
        resumed = session.resume(REASON).halted
    log("drill", f"halted, the gateway answered OPEN with ERROR_CODE: {while_halted[0]} (expected refusal)")
    below = _answer(session, msgspec.structs.replace(drill, comment=nonces[1]))
    log("drill", f"resumed, the terminal answered OPEN of {tiny:g} lot with retcode {below[1]} (expected refusal)")
    window = {
        "from_msc": zone.msc(started - 60_000_000_000),
        "to_msc": zone.msc(time.time_ns() + WINDOW_AFTER_SECONDS * 1_000_000_000),
    }
    entries: list[Deal | Order | Position] = [*session.deals(**window), *session.orders(**window), *session.positions()]
    return judged(halted, while_halted, resumed, below, traces_of(nonces, entries))


def judged(
    halted: bool, while_halted: tuple[str, int | None], resumed: bool, below: tuple[str, int | None], traces: int
) -> list[Measurement]:
    """What the drill came to, from its four answers and the traces of its orders in the books."""
    return [
        equal("HALT is answered by halted", halted, True),
        equal("OPEN while halted", while_halted[0], "HALTED"),
        equal("RESUME is answered by halted", resumed, False),
        equal("OPEN below the minimum", below[1], INVALID_VOLUME),
        no_trace(traces),
    ]


def traces_of(nonces: tuple[str, str], entries: Iterable[Deal | Order | Position]) -> int:
    """How many entries of the books carry a nonce of the two refused orders."""
    return sum((entry.comment or "").startswith(nonces) for entry in entries)


def no_trace(traces: int) -> Measurement:
    """Nothing of the two refused orders is in the books; asked again at the end of a run, for a history may lag."""
    return equal("deals, orders and positions of the two refused orders", traces, 0)


def _answer(session: TradingSession, order: OrderFields) -> tuple[str, int | None]:
    """Error code and retcode of an ``OPEN`` that must be refused."""
    return refusal_of(session.open(order, new_uuid()))


def refusal_of(exchange: Exchange) -> tuple[str, int | None]:
    """Error code and retcode of an ``OPEN`` that must have been refused."""
    try:
        filled = understand(exchange, msgspec.UNSET, OpenReply)
    except Refused as refusal:
        return refusal.reply.error_code or "", refusal.reply.retcode
    except LinkFinding as finding:
        return f"no answer: {finding}", None
    return f"FILLED with ticket {filled.ticket}", None
