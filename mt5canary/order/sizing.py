"""The volume, what it puts at risk, and what the terminal must say to it (criteria X1 to X4).

A volume is the plan's or it is refused; nothing here rounds. Everything is shown in the account's currency
before anything is sent: ``tick_value`` is the account's money per tick and lot.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Protocol

import msgspec
from msgspec import Struct

from mt5canary.link.exchange import Refused
from mt5canary.link.session import OrderFields
from mt5canary.measurement import Measurement, Outcome, above, at_least, at_most, by_rule, equal, one_of
from mt5canary.money import cents, exact, whole_steps
from mt5canary.plan import Limits, Order
from mt5canary.wire.replies import AccountReply, CheckReply, SymbolSpecification, Tick

INVALID_VOLUME = 10014
INVALID_STOPS = 10016
UNKNOWN_SYMBOL = "NOSUCHSYMBOL"


def may_be_traded(spec: SymbolSpecification, side: str) -> list[Measurement]:
    """The symbol may be opened on this side and its session is open (X1)."""
    allowed = ("full", "long_only" if side == "BUY" else "short_only")
    return [
        one_of(f"trade mode of {spec.symbol}", spec.trade_mode, allowed),
        equal(f"session of {spec.symbol} open", spec.session_open, True),
    ]


def volume_is_legal(planned: Decimal, asked: Decimal, spec: SymbolSpecification) -> list[Measurement]:
    """The volume to be sent is the plan's, and the symbol allows it (X2)."""
    limits = [
        equal("volume to be sent", str(asked), str(planned), "lot"),
        _not_below_the_minimum(asked, spec),
        at_most(f"volume against the maximum of {spec.symbol}", asked, exact(spec.volume_max), "lot"),
        equal(
            f"volume on the grid of {spec.volume_step:g} lot",
            whole_steps(asked, spec.volume_step) is not None,
            True,
        ),
    ]
    if spec.volume_limit > 0:
        limits.append(at_most("volume against the symbol's total limit", asked, exact(spec.volume_limit), "lot"))
    return limits


def _not_below_the_minimum(asked: Decimal, spec: SymbolSpecification) -> Measurement:
    name, smallest = f"volume against the minimum of {spec.symbol}", exact(spec.volume_min)
    if asked >= smallest:
        return at_least(name, asked, smallest, "lot")
    choices = "nothing is rounded up: choose another symbol, another type of account, or say order.volume"
    return by_rule(name, asked, Outcome.FAIL, f">= {smallest}; {choices}: {smallest} in the plan", "lot")


def volume_choices(order: Order, spec: SymbolSpecification) -> str | None:
    """What a person can do about a volume that the symbol does not allow; None where it does."""
    planned, smallest, step = order.planned_volume, exact(spec.volume_min), exact(spec.volume_step)
    too_small = planned < smallest
    if not too_small and whole_steps(planned, step) is not None:
        return None
    origin = "order.volume" if order.volume is not None else f"{order.max_lot} max_lot x {order.risk_coefficient}"
    wrong = f"is below the minimum of {smallest} lot" if too_small else f"lies between two steps of {step} lot"
    legal = smallest if too_small else max(smallest, planned - planned % step)
    raised = f" with order.max_lot raised to it (it is {order.max_lot})" if legal > order.max_lot else ""
    return (
        f"{planned} lot ({origin}) {wrong}: {spec.symbol} has a minimum of {smallest} lot in steps of {step} here, and "
        f"nothing is rounded up. Choose another symbol, another type of account (cent or micro), or say "
        f"order.volume: {legal} in the plan{raised}"
    )


def order_fields(
    symbol: str,
    side: str,
    volume: Decimal,
    stop_points: int,
    deviation: int,
    magic: int,
    tick: Tick,
    spec: SymbolSpecification,
    comment: str = "",
) -> OrderFields:
    """The market order with its protective stop, from a quote.

    The stop is measured from the opening price and lies on the symbol's grid, never further away than planned.
    """
    grid, distance = exact(spec.tick_size), stop_points * exact(spec.point)
    stop = exact(tick.ask) - distance if side == "BUY" else exact(tick.bid) + distance
    stop = (stop / grid).to_integral_value(ROUND_CEILING if side == "BUY" else ROUND_FLOOR) * grid
    return OrderFields(
        symbol=symbol,
        type="BUY" if side == "BUY" else "SELL",
        volume=float(volume),
        sl=round(float(stop), spec.digits),
        deviation=deviation,
        comment=comment,
        magic=magic,
    )


class Exposure(Struct, frozen=True, kw_only=True):
    """What an order puts at risk, in the account's currency; margin figures as ``CHECK_ORDER`` projects them."""

    notional: Decimal
    margin: Decimal
    worst_loss: Decimal
    balance: Decimal
    equity: Decimal
    leverage: int
    margin_level_after: float
    spread_points: float
    stop_points: float
    stops_level: int
    currency: str


def exposure(
    order: OrderFields, spec: SymbolSpecification, tick: Tick, account: AccountReply, check: CheckReply
) -> Exposure:
    """Work out an order's exposure from the symbol's contract, a quote and the terminal's own projection."""
    price = exact(tick.ask if order.type == "BUY" else tick.bid)
    per_price_unit = exact(spec.tick_value) / exact(spec.tick_size) * exact(order.volume)
    return Exposure(
        notional=cents(price * per_price_unit),
        margin=cents(check.margin) - cents(account.margin),
        worst_loss=cents(abs(price - exact(order.sl)) * per_price_unit),
        balance=cents(account.balance),
        equity=cents(account.equity),
        leverage=account.leverage or 0,
        margin_level_after=check.margin_level,
        spread_points=float((exact(tick.ask) - exact(tick.bid)) / exact(spec.point)),
        stop_points=float(_away_from_the_market(order, tick) / exact(spec.point)),
        stops_level=spec.stops_level,
        currency=account.currency,
    )


def _away_from_the_market(order: OrderFields, tick: Tick) -> Decimal:
    """How far the stop is from the price that would close the position: Bid for a BUY, Ask for a SELL (MQL5)."""
    stop = exact(order.sl)
    return exact(tick.bid) - stop if order.type == "BUY" else stop - exact(tick.ask)


def inside_limits(risk: Exposure, limits: Limits) -> list[Measurement]:
    """Margin, leverage, spread and worst loss are inside the plan's limits (X3)."""
    money = risk.currency
    return [
        at_most("notional", risk.notional, risk.equity * limits.max_leverage, money),
        at_most("margin the order takes", risk.margin, risk.equity, money),
        at_least("margin level after the order", risk.margin_level_after, limits.loss.min_margin_level, "%"),
        at_most("account leverage", risk.leverage or None, limits.max_leverage, "1:N"),
        at_most("worst loss to the stop", risk.worst_loss, limits.loss.max_money, money),
        at_most(
            "worst loss to the stop over the balance",
            float(100 * risk.worst_loss / risk.balance) if risk.balance else None,
            limits.loss.max_percent,
            "%",
        ),
        at_most("spread", risk.spread_points, limits.loss.max_spread_points, "points"),
        above("stop's distance from the market", risk.stop_points, 0, "points"),
        at_least("stop's distance against the symbol's stops level", risk.stop_points, risk.stops_level, "points"),
    ]


class Challenge(Struct, frozen=True, kw_only=True):
    """An order that a real terminal must refuse, and how."""

    name: str
    order: OrderFields
    retcodes: tuple[int, ...]
    error_codes: tuple[str, ...] = ()


def challenges(order: OrderFields, spec: SymbolSpecification, tick: Tick) -> list[Challenge]:
    """The impossible orders of X4, made from the possible one."""

    def other(**changes: object) -> OrderFields:
        return msgspec.structs.replace(order, **changes)

    step, smallest = exact(spec.volume_step), exact(spec.volume_min)
    inside_stops = spec.stops_level // 2 * exact(spec.point)
    near = exact(tick.bid) - inside_stops if order.type == "BUY" else exact(tick.ask) + inside_stops
    wrong_side = near + (100 if order.type == "BUY" else -100) * exact(spec.point)
    volume = (INVALID_VOLUME,)
    found = [
        Challenge(name="volume zero", order=other(volume=0.0), retcodes=volume),
        Challenge(name="volume below the minimum", order=other(volume=float(smallest / 10)), retcodes=volume),
        Challenge(name="volume off the step", order=other(volume=float(smallest + step / 10)), retcodes=volume),
        Challenge(
            name="volume above the maximum",
            order=other(volume=float(exact(spec.volume_max) + step)),
            retcodes=volume,
        ),
        Challenge(
            name="stop on the wrong side",
            order=other(sl=round(float(wrong_side), spec.digits)),
            retcodes=(INVALID_STOPS,),
        ),
        Challenge(
            name="unknown symbol",
            order=other(symbol=UNKNOWN_SYMBOL),
            retcodes=(10013,),
            error_codes=("UNKNOWN_SYMBOL",),
        ),
    ]
    if spec.stops_level:
        near_stop = other(sl=round(float(near), spec.digits))
        found.append(Challenge(name="stop too near", order=near_stop, retcodes=(INVALID_STOPS,)))
    return found


class Checker(Protocol):
    """Whoever can put an order to the terminal in check: a session, or the records of one."""

    def check(self, order: OrderFields) -> CheckReply:
        """What the terminal says to an order; raises Refused where it says no."""


def refused_as_predicted(session: Checker, asked: list[Challenge]) -> list[Measurement]:
    """Put every challenge to the terminal by ``CHECK_ORDER``; one that is accepted is not a real terminal's."""
    return [_put(session, challenge) for challenge in asked]


def _put(session: Checker, challenge: Challenge) -> Measurement:
    expected = ", ".join([*map(str, challenge.retcodes), *challenge.error_codes])
    try:
        said = f"accepted with retcode {session.check(challenge.order).retcode}"
    except Refused as refusal:
        reply = refusal.reply
        as_predicted = reply.retcode in challenge.retcodes or reply.error_code in challenge.error_codes
        said = expected if as_predicted else f"{reply.error_code} {reply.retcode}"
    return equal(f"refusal of {challenge.name}", said, expected)


def accepted(check: CheckReply) -> list[Measurement]:
    """The terminal accepts the order itself in check (X4)."""
    return [equal("retcode of CHECK_ORDER", check.retcode, 0), above("margin projected", check.margin, 0)]
