"""The guards: each looks at one reading beside the first one and says what is wrong, or nothing.

They are plain functions, so that the self-test (criterion G4) can show each one tripping on seeded input without
touching the position, and the watch uses the very same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from mt5canary.guardian.drift import events_allowed
from mt5canary.measurement import Outcome
from mt5canary.money import cents, exact
from mt5canary.plan import Limits
from mt5canary.statistics import claim_p99
from mt5canary.wire.replies import AccountReply, HelloReply, Position, SymbolSpecification, Tick


@dataclass(frozen=True)
class Reading:
    """Everything the guards look at, as of one moment."""

    hello: HelloReply
    account: AccountReply
    position: Position | None
    tick: Tick
    spec: SymbolSpecification
    errors: int = 0
    gap_seconds: float = 0.0
    latencies_ms: Sequence[float] = ()
    drift_events: int = 0
    peer: str = ""
    booked: Decimal = Decimal(0)
    """What the deals since the order come to, other people's included."""


Guard = Callable[[Reading, Reading, Limits], str | None]
"""Called with the first reading, the present one and the limits; returns what is wrong or None."""


def position_unchanged(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The canary's position is there, with its volume, side, stop and price."""
    if now.position is None:
        return "the position is gone"
    if first.position is None:
        return "there was no position at the start"
    fixed = ("ticket", "symbol", "type", "volume", "open_price", "sl", "magic")
    changed = [name for name in fixed if getattr(first.position, name) != getattr(now.position, name)]
    return f"the position's {', '.join(changed)} changed" if changed else None


def gateway_unchanged(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The gateway is the same instance at the same address, the account the same login."""
    if now.peer != first.peer:
        return f"the connection's far end changed from {first.peer} to {now.peer}"
    if now.hello.gateway.instance != first.hello.gateway.instance:
        return f"the gateway's instance changed to {now.hello.gateway.instance}"
    if (now.hello.account.login, now.hello.account.server) != (
        first.hello.account.login,
        first.hello.account.server,
    ):
        return f"the account changed to {now.hello.account.login} at {now.hello.account.server}"
    return None


def permissions_unchanged(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The terminal is connected and every permission still stands."""
    terminal, account = now.hello.terminal, now.hello.account
    lost = [
        name
        for name, holds in (
            ("terminal connected", terminal.connected),
            ("terminal trade_allowed", terminal.trade_allowed),
            ("terminal Python trading", not terminal.tradeapi_disabled),
            ("account trade_allowed", account.trade_allowed),
            ("account trade_expert", account.trade_expert),
            ("gateway not halted", not now.hello.halted),
        )
        if not holds
    ]
    return f"lost: {', '.join(lost)}" if lost else None


def balance_unchanged(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The balance moves by the history's deals alone while the position lives."""
    moved = cents(now.account.balance) - cents(first.account.balance)
    booked = now.booked - first.booked
    if moved == booked:
        return None
    return f"the balance moved by {moved} {now.account.currency}, the deals in between come to {booked}"


def loss_inside_limits(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The equity's drawdown since the start is inside the plan's, in money and percent."""
    loss = cents(first.account.equity) - cents(now.account.equity)
    share = 100 * loss / cents(first.account.equity) if first.account.equity > 0 else Decimal(100)
    if loss > limits.loss.max_money:
        return f"a loss of {loss} {now.account.currency}, at most {limits.loss.max_money}"
    return f"a loss of {share:.2f} %, at most {limits.loss.max_percent} %" if share > limits.loss.max_percent else None


def spread_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The spread is inside the plan's, in points."""
    points = (exact(now.tick.ask) - exact(now.tick.bid)) / exact(now.spec.point)
    allowed = limits.loss.max_spread_points
    return f"a spread of {points:g} points, at most {allowed}" if points > allowed else None


def margin_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The margin level is inside the plan's, in percent; an account without margin has none."""
    level = now.account.margin_level
    low = now.account.margin > 0 and level < limits.loss.min_margin_level
    return f"a margin level of {level:g} %, at least {limits.loss.min_margin_level} %" if low else None


def errors_inside_budget(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The errors so far are inside the budget."""
    return (
        f"{now.errors} errors, at most {limits.errors.max_critical}"
        if now.errors > limits.errors.max_critical
        else None
    )


def heartbeat_inside_gap(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The watch itself never stood still for longer than the plan's gap."""
    if now.gap_seconds <= limits.max_gap.total_seconds():
        return None
    return f"a gap of {now.gap_seconds:.1f} s in the watch, at most {limits.max_gap.total_seconds():g} s"


def latency_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The 99th percentile is not shown to be over the limit at the plan's confidence."""
    over = sum(value >= limits.latency.p99_ms for value in now.latencies_ms)
    if claim_p99(over, len(now.latencies_ms), limits.latency.confidence) is not Outcome.FAIL:
        return None
    return f"{over} of {len(now.latencies_ms)} round trips took {limits.latency.p99_ms:g} ms or more"


def drift_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The drift events so far are fewer than the plan's."""
    allowed = events_allowed(limits)
    return f"{now.drift_events} drift events, {allowed} are too many" if now.drift_events >= allowed else None


GUARDS: dict[str, Guard] = {
    "position": position_unchanged,
    "gateway": gateway_unchanged,
    "permissions": permissions_unchanged,
    "balance": balance_unchanged,
    "loss": loss_inside_limits,
    "spread": spread_inside_limit,
    "margin": margin_inside_limit,
    "errors": errors_inside_budget,
    "heartbeat": heartbeat_inside_gap,
    "latency": latency_inside_limit,
    "drift": drift_inside_limit,
}
"""Every guard by the name it has in reports."""


def first_breach(first: Reading, now: Reading, limits: Limits) -> tuple[str, str] | None:
    """The first guard that trips and what it says, or None."""
    for name, guard in GUARDS.items():
        said = guard(first, now, limits)
        if said is not None:
            return name, said
    return None


def seeded(reading: Reading, limits: Limits) -> dict[str, Reading]:
    """For each guard a reading on which it must trip, made from a true one."""

    def hello(**changes: object) -> HelloReply:
        return msgspec.structs.replace(reading.hello, **changes)

    def account(**changes: object) -> AccountReply:
        return msgspec.structs.replace(reading.account, **changes)

    other_gateway = msgspec.structs.replace(reading.hello.gateway, instance="seeded-other-instance")
    no_button = msgspec.structs.replace(reading.hello.terminal, trade_allowed=False)
    wide = (limits.loss.max_spread_points + 1) * reading.spec.point
    lost = float(limits.loss.max_money) + 0.01
    return {
        "position": replace(reading, position=None),
        "gateway": replace(reading, hello=hello(gateway=other_gateway)),
        "permissions": replace(reading, hello=hello(terminal=no_button)),
        "balance": replace(reading, account=account(balance=reading.account.balance + 0.01)),
        "loss": replace(reading, account=account(equity=reading.account.equity - lost)),
        "spread": replace(reading, tick=msgspec.structs.replace(reading.tick, ask=reading.tick.bid + wide)),
        "margin": replace(reading, account=account(margin=1.0, margin_level=limits.loss.min_margin_level - 0.01)),
        "errors": replace(reading, errors=limits.errors.max_critical + 1),
        "heartbeat": replace(reading, gap_seconds=limits.max_gap.total_seconds() + 0.001),
        "latency": replace(reading, latencies_ms=[1.0] * 950 + [limits.latency.p99_ms] * 50),
        "drift": replace(reading, drift_events=events_allowed(limits)),
    }
