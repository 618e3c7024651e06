"""The guards: each looks at one reading beside the first one and says what is wrong, or nothing.

They are plain functions, so that the self-test (criterion G4) can show each one tripping on seeded input without
touching the position, and the watch uses the very same ones. A guard that trips halts: the breaker opens and the
position is closed at once. What has a limit has a warning level too: there the same guard warns (``warning_levels``).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mt5canary.guardian.drift import events_allowed
from mt5canary.guardian.latencies import Latencies, Share
from mt5canary.guardian.market import CLOSED_HALT_SECONDS, FROZEN_HALT_SECONDS
from mt5canary.measurement import Outcome
from mt5canary.money import cents, exact
from mt5canary.order.reconciliation import Books, Discrepancy, reconcile, unexplained_move
from mt5canary.plan import Limits
from mt5canary.statistics import claim_p99
from mt5canary.wire.replies import AccountReply, HelloReply, Position, SymbolSpecification, Tick


class Reading(Struct, frozen=True):
    """Everything the guards look at, as of one moment."""

    hello: HelloReply
    account: AccountReply
    position: Position | None
    tick: Tick
    spec: SymbolSpecification
    errors: int = 0
    recent_errors: int = 0
    gap_seconds: float = 0.0
    latency: tuple[Share, ...] = ()
    latency_warned: tuple[Share, ...] = ()
    drift_events: int = 0
    peer: str = ""
    frozen_seconds: float = 0.0
    session_open: bool = True
    closing_expected: bool = False
    clock_offset_ms: float = 0.0
    slippage_points: float = 0.0
    booked: Decimal = Decimal(0)
    """What the deals since the order come to, other people's included."""
    discrepancies: tuple[Discrepancy, ...] = ()
    """What journal, positions and history do not say alike, as the state reconciler has it of this reading."""


Guard = Callable[[Reading, Reading, Limits], str | None]
"""Called with the first reading, the present one and the limits; returns what is wrong or None."""

BURN_SECONDS = 300.0
"""The errors of so long a time show how fast the budget burns."""

LATENCY_LEAST = 30
"""Fewer round trips do not halt: slow ones that are proven to be so should also be enough to see why."""

BURN_LEAST = 3
"""Fewer errors are no rate."""


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
    return unexplained_move(first.account.balance, now.account.balance, now.booked - first.booked)


def books_agree(first: Reading, now: Reading, limits: Limits) -> str | None:
    """Journal, positions and history know of this run's position, and of no other that would be ours."""
    return "; ".join(f"{one.kind}: {one.text}" for one in now.discrepancies if one.blocks) or None


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
    """The errors are inside the budget, and would still be if the last minutes' rate went on as long again."""
    return budget_breach(now.errors, now.recent_errors, limits.errors.max_critical)


def budget_breach(errors: int, recent: int, budget: int) -> str | None:
    """What is wrong with so many errors, ``recent`` of them in the last ``BURN_SECONDS``; None where nothing is."""
    if errors > budget:
        return f"{errors} errors, at most {budget}"
    if recent >= BURN_LEAST and errors + recent > budget:
        minutes = BURN_SECONDS / 60
        return (
            f"{recent} errors in the last {minutes:g} min: at this rate the budget of {budget} would be gone in as long"
        )
    return None


def heartbeat_inside_gap(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The watch itself never stood still for longer than the plan's gap."""
    if now.gap_seconds <= limits.max_gap.total_seconds():
        return None
    return f"a gap of {now.gap_seconds:.1f} s in the watch, at most {limits.max_gap.total_seconds():g} s"


def latency_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """Neither in the whole nor in any hour is the 99th percentile shown to be over the limit."""
    for share in now.latency:
        likely = share.count >= LATENCY_LEAST and share.over > 0.01 * share.count
        if likely and claim_p99(share.over, share.count, limits.latency.confidence) is Outcome.FAIL:
            return f"{share.over} of {share.count} round trips of {share.of} took {limits.latency.p99_ms:g} ms or more"
    return None


def drift_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The drift events so far are fewer than the plan's."""
    allowed = events_allowed(limits)
    return f"{now.drift_events} drift events, {allowed} are too many" if now.drift_events >= allowed else None


def market_lives(first: Reading, now: Reading, limits: Limits) -> str | None:
    """Quotes keep coming while the session is open, and it is closed at the week's end alone."""
    if now.session_open:
        frozen = now.frozen_seconds > FROZEN_HALT_SECONDS
        return f"no new quote for {now.frozen_seconds:.0f} s though the session is open" if frozen else None
    if now.closing_expected or now.frozen_seconds <= CLOSED_HALT_SECONDS:
        return None
    return (
        f"the session has been closed for {now.frozen_seconds:.0f} s, and not for a week's end: a holiday or an outage"
    )


def clock_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The gateway's clock is as near to this host's as it was at the start."""
    if now.clock_offset_ms <= limits.clock.max_offset_ms:
        return None
    return f"the gateway's clock is {now.clock_offset_ms:.0f} ms off, at most {limits.clock.max_offset_ms}"


def slippage_inside_limit(first: Reading, now: Reading, limits: Limits) -> str | None:
    """The fill was no further from the quote before the order than the plan's limit, to our disadvantage."""
    if now.slippage_points <= limits.loss.max_slippage_points:
        return None
    return f"a slippage of {now.slippage_points:g} points, at most {limits.loss.max_slippage_points}"


GUARDS: dict[str, Guard] = {
    "position": position_unchanged,
    "gateway": gateway_unchanged,
    "permissions": permissions_unchanged,
    "balance": balance_unchanged,
    "books": books_agree,
    "loss": loss_inside_limits,
    "spread": spread_inside_limit,
    "slippage": slippage_inside_limit,
    "margin": margin_inside_limit,
    "market": market_lives,
    "clock": clock_inside_limit,
    "errors": errors_inside_budget,
    "heartbeat": heartbeat_inside_gap,
    "latency": latency_inside_limit,
    "drift": drift_inside_limit,
}
"""Every guard by the name it has in reports."""


def tripped(first: Reading, now: Reading, limits: Limits) -> dict[str, str]:
    """Every guard that trips, in their order, and what it says."""
    said = {name: guard(first, now, limits) for name, guard in GUARDS.items()}
    return {name: text for name, text in said.items() if text is not None}


def first_breach(first: Reading, now: Reading, limits: Limits) -> tuple[str, str] | None:
    """The first guard that trips and what it says, or None."""
    return next(iter(tripped(first, now, limits).items()), None)


WARNED = ("loss", "spread", "slippage", "margin", "clock", "errors", "heartbeat", "latency")
"""The guards that warn before they halt; drift warns by its own level, and the rest have no half measure."""


def warning_levels(limits: Limits) -> Limits:
    """The limits at which the same guards warn: the plan's own for latency, else half or three quarters of the way."""
    change = msgspec.structs.replace
    loss = limits.loss
    return change(
        limits,
        latency=change(limits.latency, p99_ms=limits.latency.warn_ms),
        clock=change(limits.clock, max_offset_ms=limits.clock.max_offset_ms // 2),
        loss=change(
            loss,
            max_money=loss.max_money / 2,
            max_percent=loss.max_percent / 2,
            max_spread_points=loss.max_spread_points * 3 // 4,
            max_slippage_points=loss.max_slippage_points * 3 // 4,
            min_margin_level=loss.min_margin_level * 2,
        ),
        errors=change(limits.errors, max_critical=limits.errors.max_critical // 2),
        max_gap=limits.max_gap / 2,
    )


def warnings(first: Reading, now: Reading, levels: Limits) -> dict[str, str]:
    """What each guard says at the warning levels; empty where all is well."""
    at_level = replace(now, latency=now.latency_warned)
    said = {name: GUARDS[name](first, at_level, levels) for name in WARNED}
    return {name: text for name, text in said.items() if text is not None}


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
        "books": replace(reading, discrepancies=_books_that_disagree(reading)),
        "loss": replace(reading, account=account(equity=reading.account.equity - lost)),
        "spread": replace(reading, tick=msgspec.structs.replace(reading.tick, ask=reading.tick.bid + wide)),
        "margin": replace(reading, account=account(margin=1.0, margin_level=limits.loss.min_margin_level - 0.01)),
        "errors": replace(reading, errors=limits.errors.max_critical + 1),
        "heartbeat": replace(reading, gap_seconds=limits.max_gap.total_seconds() + 0.001),
        "slippage": replace(reading, slippage_points=limits.loss.max_slippage_points + 1.0),
        "market": replace(reading, session_open=True, frozen_seconds=FROZEN_HALT_SECONDS + 1),
        "clock": replace(reading, clock_offset_ms=limits.clock.max_offset_ms + 1.0),
        "latency": replace(reading, latency=_slow_series(limits).shares()),
        "drift": replace(reading, drift_events=events_allowed(limits)),
    }


def _books_that_disagree(reading: Reading) -> tuple[Discrepancy, ...]:
    """What the reconciler itself says of a cent that no deal explains."""
    balance = reading.account.balance
    books = Books(
        phase="watch",
        magic=0,
        symbol=reading.spec.symbol,
        run="",
        now=0,
        settle_seconds=0,
        intents=(),
        positions=(),
        balance=(balance, balance + 0.01),
    )
    return reconcile(books).discrepancies


def _slow_series(limits: Limits) -> Latencies:
    """A thousand seeded round trips, one in twenty at the limit, counted as a watch counts its own."""
    seeds = Latencies(limits.latency.p99_ms, limits.latency.confidence)
    at_limit = int(limits.latency.p99_ms * 1e6)
    for number in range(1000):
        took = at_limit if number % 20 == 0 else 1_000_000
        seeds.probe(0, took, took)
    return seeds
