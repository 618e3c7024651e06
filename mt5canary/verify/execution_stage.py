"""The execution stage's criteria, judged again from the raw records."""

from __future__ import annotations

from functools import cached_property

import msgspec

from mt5canary.errors import Finding
from mt5canary.link import identity
from mt5canary.link.exchange import Exchange
from mt5canary.link.session import OrderFields
from mt5canary.measurement import Measurement, at_level
from mt5canary.money import exact
from mt5canary.order import drill, proof, sizing
from mt5canary.order.canary import Adopted, Canary, Snapshot, new_nonce
from mt5canary.order.flight import times_of_the_fill
from mt5canary.order.journal import Intent
from mt5canary.verify.world import NotThere, World, order_in, read, require_same_order
from mt5canary.wire.replies import (
    AccountReply,
    CheckReply,
    Deal,
    FindReply,
    HaltReply,
    HelloReply,
    OpenReply,
    Tick,
    TickReply,
)


class Checks:
    """The terminal's answers to orders put to it in check, as the records hold them, one after the other."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self._left = iter(exchanges)

    def check(self, order: OrderFields) -> CheckReply:
        """The next answer; raises NotThere where it is to another order."""
        exchange = next(self._left, None)
        if exchange is None:
            raise NotThere("a CHECK_ORDER is not in the evidence")
        require_same_order(exchange, order)
        return read(exchange, CheckReply)


class Flight:
    """The canary order as the records show it."""

    def __init__(self, world: World) -> None:
        self._world = world

    @cached_property
    def canary(self) -> Canary:
        """The order with its intent, what stood before it, and its reply."""
        world = self._world
        record = next((each for each in world.evidence.of_kind("intent") if each["step"] == "INTENT"), None)
        if record is None:
            raise NotThere("no intent is in the evidence")
        intent = msgspec.convert(record, Intent)
        opened = world.asked("X7", "OPEN")
        if len(opened) > 1:
            raise Finding(f"{len(opened)} OPEN left in this run, and one is the most that an intent may send")
        if not opened or opened[0].uuid != intent.uuid:
            raise NotThere("no OPEN of the intent is in the evidence")
        sent = opened[0]
        steps = [each for each in world.evidence.of_kind("intent") if each["uuid"] == intent.uuid]
        last = steps[-1]
        before = self._snapshot("X7", first=True)
        canary = Canary(order_in(sent), intent, before, world.zone, last["step"], exchange=sent)
        if last["step"] == "ADOPTED":
            canary.adopted = Adopted(order=last["facts"]["order"], position=last["facts"]["position"])
        elif not canary.came_to_nothing:
            canary.reply = read(sent, OpenReply)
            canary.filled_monotonic = (sent.received or 0) / 1e9
        return canary

    def _snapshot(self, criterion: str, *, first: bool = False) -> Snapshot:
        world = self._world
        place = 0 if first else -1
        tick = (world.first if first else world.last)(criterion, "GET_TICK")
        account = (world.first if first else world.last)(criterion, "GET_ACCOUNT")
        positions = tuple(world.positions(criterion, place))
        return Snapshot(read(account, AccountReply), positions, read(tick, TickReply).tick, tick.received_wall)

    def after(self, criterion: str) -> Snapshot:
        """Account, positions and quote as a criterion saw them last."""
        return self._snapshot(criterion)

    @cached_property
    def history(self) -> list[Deal]:
        """The history that holds the opening deal: X8's, X7's of an adopted order, E1's where neither asked."""
        if self.canary.adopted is not None:
            return self.deals("X7")
        return self.deals("X8" if self._world.asked("X8", "GET_DEALS") else "E1")

    def deals(self, criterion: str) -> list[Deal]:
        """The deals of a criterion's last look at the history that were not there before the order."""
        return [deal for deal in self._world.deals(criterion) if deal.ticket not in self.deals_before]

    @cached_property
    def times(self) -> proof.FillTimes | None:
        """When the deal came, against its request."""
        world, exchange = self._world, self.canary.exchange
        opened = proof.opening_deals(self.canary, self.history)
        if len(opened) != 1 or exchange is None or exchange.round_trip_ms is None:
            return None
        return times_of_the_fill(exchange, opened[0], world.zone, world.offset, world.limits)

    @cached_property
    def quotes(self) -> list[Tick]:
        """The quotes around the fill."""
        asked = self._world.asked("X7", "GET_TICK")
        ticks = [read(exchange, TickReply).tick for exchange in asked]
        reply = self.canary.reply
        if reply is not None and reply.bid and reply.ask:
            ticks.append(Tick(bid=reply.bid, ask=reply.ask, time_msc=ticks[0].time_msc))
        return ticks

    @cached_property
    def deals_before(self) -> frozenset[int]:
        """The tickets of the deals that were there before the order."""
        return frozenset(deal.ticket for deal in self._world.deals("X7", 0))


def may_be_traded(world: World) -> list[Measurement]:
    """X1: the symbol may be traded."""
    return sizing.may_be_traded(world.spec, world.plan.plan.order.side)


def volume_is_legal(world: World) -> list[Measurement]:
    """X2: the volume is the plan's."""
    return sizing.volume_is_legal(world.plan.plan.order.planned_volume, exact(world.order.volume), world.spec)


def risk_is_inside_limits(world: World) -> list[Measurement]:
    """X3: margin, leverage, worst loss."""
    return sizing.inside_limits(_exposure(world), world.limits)


def _exposure(world: World) -> sizing.Exposure:
    return sizing.exposure(world.order, world.spec, world.tick, world.account("X3"), world.check)


def terminal_agrees(world: World) -> list[Measurement]:
    """X4: the terminal's answer to this order and to the impossible ones."""
    now = read(world.last("X4", "GET_TICK"), TickReply).tick
    asked = sizing.challenges(world.order, world.spec, now)
    answers = Checks(world.asked("X4", "CHECK_ORDER"))
    return [*sizing.accepted(world.check), *sizing.refused_as_predicted(answers, asked)]


def nothing_stands_in_the_way(world: World) -> list[Measurement]:
    """X5: what the gateway shows of it; the breaker and the journal are files of the node."""
    return identity.still_answers(read(world.last("X5", "HELLO"), HelloReply), world.hello)


def refusals_are_real(world: World) -> list[Measurement]:
    """X6: the drill's four answers, and no trace of its orders in the books."""
    opened = world.asked("X6", "OPEN")
    if len(opened) != 2:
        raise NotThere(f"the drill sent {len(opened)} OPEN, not 2")
    traces = drill.traces_of(drill_nonces(world), [*world.deals("X6"), *world.orders("X6"), *world.positions("X6")])
    return drill.judged(
        read(world.last("X6", "HALT"), HaltReply).halted,
        drill.refusal_of(opened[0]),
        read(world.last("X6", "RESUME"), HaltReply).halted,
        drill.refusal_of(opened[1]),
        traces,
    )


def drill_nonces(world: World) -> tuple[str, str]:
    """The nonces of the drill's two orders."""
    first, second = (order_in(exchange).comment for exchange in world.asked("X6", "OPEN"))
    return first, second


def was_filled(world: World, flight: Flight) -> list[Measurement]:
    """X7: one order, filled with a ticket, in time."""
    started = next(world.evidence.of_kind("run"))["started_monotonic"]
    deadline = world.plan.plan.order.deadline.total_seconds()
    return at_level("E1", proof.was_filled(flight.canary, started, deadline))


def history_holds_the_deal(world: World, flight: Flight) -> list[Measurement]:
    """X8: the broker's history."""
    judged = proof.history_holds(flight.canary, flight.history, world.orders("X8"), flight.times)
    return at_level("E2", judged)


def price_is_the_markets(world: World, flight: Flight) -> list[Measurement]:
    """X9: the price among the quotes."""
    deviation = world.plan.plan.order.deviation_points
    judged = proof.price_is_the_markets(flight.canary, flight.history, flight.quotes, world.spec, deviation)
    return at_level("E2", judged)


def one_position_belongs_to_it(world: World, flight: Flight) -> list[Measurement]:
    """X10: one position, one opening deal."""
    asked = world.asked("X10", "FIND_REQUEST")
    remembered = read(asked[-1], FindReply) if asked else None
    return [
        *at_level("E2", proof.one_position(flight.canary, flight.after("X10"), flight.history)),
        *at_level("E1", [proof.is_remembered(flight.canary, remembered)]),
    ]


def account_moved_as_it_must(world: World, flight: Flight) -> list[Measurement]:
    """X11: margin, equity, balance."""
    after = flight.after("X11")
    projected = _exposure(world).margin
    return at_level("E2", proof.account_moved(flight.canary, after, flight.deals("X11"), projected, world.spec))


def wrong_nonce(world: World, challenge: str) -> str | None:
    """Why the order's nonce is not what the challenge makes of it, or None where it is, or no order was sent."""
    record = next((each for each in world.evidence.of_kind("intent") if each["step"] == "INTENT"), None)
    if record is None:
        return None
    intent = msgspec.convert(record, Intent)
    expected = new_nonce(challenge.encode(), intent.run, intent.uuid)
    return None if intent.nonce == expected else f"the order's nonce is {intent.nonce}, the challenge makes {expected}"


BEFORE = {
    "X1": may_be_traded,
    "X2": volume_is_legal,
    "X3": risk_is_inside_limits,
    "X4": terminal_agrees,
    "X5": nothing_stands_in_the_way,
    "X6": refusals_are_real,
}
"""The criteria before the order."""

AFTER = {
    "X7": was_filled,
    "X8": history_holds_the_deal,
    "X9": price_is_the_markets,
    "X10": one_position_belongs_to_it,
    "X11": account_moved_as_it_must,
}
"""The criteria of the order itself."""
