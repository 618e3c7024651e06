"""The volume, what it puts at risk, and what the terminal must say to it (criteria X1 to X4).

A volume is the plan's or it is refused; nothing here rounds. Everything is shown in the account's currency
before anything is sent: ``tick_value`` is the account's money per tick and lot.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Struct

from mt5canary.link.exchange import Refused
from mt5canary.link.session import OrderFields, ReadSession
from mt5canary.measurement import Measurement, above, at_least, at_most, equal, one_of
from mt5canary.money import cents, exact, whole_steps
from mt5canary.plan import Limits
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
        at_least(f"volume against the minimum of {spec.symbol}", asked, exact(spec.volume_min), "lot"),
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


def volume_choices(planned: Decimal, spec: SymbolSpecification) -> str | None:
    """What a person can do about a volume below the minimum; None where it is not."""
    if planned >= exact(spec.volume_min):
        return None
    return (
        f"{planned} lot is below the minimum of {spec.volume_min:g} lot that {spec.symbol} has here, in steps of "
        f"{spec.volume_step:g}; nothing is rounded up. Choose another symbol, another type of account, or say "
        f"order.volume: {spec.volume_min:g} in the plan"
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
    """The market order with its protective stop, from a quote; the stop is measured from the opening price."""
    distance = stop_points * exact(spec.point)
    stop = exact(tick.ask) - distance if side == "BUY" else exact(tick.bid) + distance
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
        currency=account.currency,
    )


def inside_limits(risk: Exposure, limits: Limits) -> list[Measurement]:
    """Margin, leverage, spread and worst loss are inside the plan's limits (X3)."""
    money = risk.currency
    return [
        at_most("margin the order takes", risk.margin, risk.equity, money),
        at_least("margin level after the order", risk.margin_level_after, limits.loss.min_margin_level, "%"),
        at_most("account leverage", risk.leverage or None, limits.max_leverage, "1:N"),
        at_most(
            "notional over equity",
            float(risk.notional / risk.equity) if risk.equity else None,
            limits.max_leverage,
        ),
        at_most("worst loss to the stop", risk.worst_loss, limits.loss.max_money, money),
        at_most(
            "worst loss to the stop over the balance",
            float(100 * risk.worst_loss / risk.balance) if risk.balance else None,
            limits.loss.max_percent,
            "%",
        ),
        at_most("spread", risk.spread_points, limits.loss.max_spread_points, "points"),
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
    inside_stops = spec.stops_level * exact(spec.point) / 2 if spec.stops_level else Decimal(0)
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


def refused_as_predicted(session: ReadSession, asked: list[Challenge]) -> list[Measurement]:
    """Put every challenge to the terminal by ``CHECK_ORDER``; one that is accepted is not a real terminal's."""
    return [_put(session, challenge) for challenge in asked]


def _put(session: ReadSession, challenge: Challenge) -> Measurement:
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
