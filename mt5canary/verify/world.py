"""What a run's raw records say of the world: the same facts that its criteria were judged by, derived again.

Each criterion made its exchanges between the outcome before its own and its own; that is where they are looked for.
A fact that the records do not hold raises NotThere: what rests on it cannot be judged from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from mt5canary.errors import HarnessError
from mt5canary.link import clock, remoteness
from mt5canary.link.clock import ClockOffset, ServerZone
from mt5canary.link.connection import RoundTripEstimate
from mt5canary.link.exchange import Exchange, R, Refused, understand
from mt5canary.link.market import QuotesSeen
from mt5canary.link.session import OrderFields
from mt5canary.order import sizing
from mt5canary.plan import Limits, Resolved
from mt5canary.verify.reading import Evidence
from mt5canary.wire import frames
from mt5canary.wire.replies import (
    AccountReply,
    CheckReply,
    Deal,
    DealsReply,
    HelloReply,
    Order,
    OrdersReply,
    PingReply,
    Position,
    PositionsReply,
    SymbolReply,
    SymbolSpecification,
    Tick,
    TickReply,
)

T = TypeVar("T", bound=msgspec.Struct)


class NotThere(HarnessError):
    """The records do not hold what a judgement needs."""


class World:
    """The facts behind a run's criteria."""

    def __init__(self, folder: Path, evidence: Evidence, plan: Resolved) -> None:
        self.folder = folder
        self.evidence = evidence
        self.plan = plan
        self._witnesses = {
            each["connection"] for each in evidence.of_kind("connection") if each.get("role", "gateway") != "gateway"
        }
        self._ends: dict[str, int] = {}
        for record in evidence.of_kind("outcome"):
            self._ends.setdefault(record["criterion"], record["seq"])

    @property
    def limits(self) -> Limits:
        """The plan's limits."""
        return self.plan.limits

    def span(self, criterion: str) -> tuple[int, int]:
        """The first and the last number of a criterion's records."""
        if criterion not in self._ends:
            raise NotThere(f"{criterion} has no outcome in the evidence")
        last = self._ends[criterion]
        return max((end + 1 for end in self._ends.values() if end < last), default=0), last

    def asked(self, criterion: str, action: str) -> list[Exchange]:
        """A criterion's exchanges of one action."""
        return self.between(action, *self.span(criterion))

    def between(self, action: str, first: int, last: int) -> list[Exchange]:
        """The gateway's own exchanges of one action between two records; a second witness's are not among them."""
        return [each for each in self.evidence.asked(action, first, last) if each.connection not in self._witnesses]

    def last_record(self, criterion: str, kind: str) -> dict[str, Any] | None:
        """A criterion's last record of a kind; None where it made none."""
        first, last = self.span(criterion)
        found = [record for record in self.evidence.of_kind(kind) if first <= record["seq"] <= last]
        return found[-1] if found else None

    def first(self, criterion: str, action: str) -> Exchange:
        """A criterion's first exchange of one action."""
        found = self.asked(criterion, action)
        if not found:
            raise NotThere(f"{criterion} made no {action}")
        return found[0]

    def last(self, criterion: str, action: str) -> Exchange:
        """A criterion's last exchange of one action."""
        self.first(criterion, action)
        return self.asked(criterion, action)[-1]

    # -- what was answered

    def pages(self, exchanges: Iterable[Exchange], kind: type[R]) -> list[list[R]]:
        """Answers that may take several pages, each with its pages; a request without ``after`` begins a new one.

        One that the gateway refused, or whose reply was lost, is no answer: who asked asked again. A loss that nothing
        was asked after is one: it is what the run itself ended with.
        """
        answers: list[list[R]] = []
        asked = list(exchanges)
        for exchange in asked:
            if not answers or "after" not in frames.parse(exchange.request):
                answers.append([])
            if exchange.failure is not None and exchange is not asked[-1]:
                continue
            with suppress(Refused):
                answers[-1].append(read(exchange, kind))
        answered = [answer for answer in answers if answer]
        if answers and not answered:
            raise NotThere("every request was refused")
        return answered

    def deals(self, criterion: str, answer: int = -1) -> list[Deal]:
        """The deals of one of a criterion's looks at the history, the last where not said."""
        self.first(criterion, "GET_DEALS")
        pages = self.pages(self.asked(criterion, "GET_DEALS"), DealsReply)[answer]
        return [deal for page in pages for deal in page.deals]

    def orders(self, criterion: str) -> list[Order]:
        """The orders of a criterion's last look at them."""
        self.first(criterion, "GET_ORDERS")
        pages = self.pages(self.asked(criterion, "GET_ORDERS"), OrdersReply)[-1]
        return [order for page in pages for order in page.orders]

    def positions(self, criterion: str, answer: int = -1) -> list[Position]:
        """The positions of one of a criterion's looks at them, the last where not said."""
        self.first(criterion, "GET_POSITIONS")
        pages = self.pages(self.asked(criterion, "GET_POSITIONS"), PositionsReply)[answer]
        return [position for page in pages for position in page.positions]

    # -- the link

    @cached_property
    def greeting(self) -> tuple[HelloReply, Exchange]:
        """The first reply to ``HELLO``, with its exchange."""
        found = self.between("HELLO", 0, self.evidence.count)
        if not found:
            raise NotThere("no HELLO is in the evidence")
        return read(found[0], HelloReply), found[0]

    @property
    def hello(self) -> HelloReply:
        """Who answered at the start."""
        return self.greeting[0]

    @cached_property
    def resolution(self) -> remoteness.Resolution:
        """What the gateway's host stood for at the start."""
        record = next(self.evidence.of_kind("resolution"), None)
        if record is None:
            raise NotThere("no resolution of the gateway's host is in the evidence")
        return msgspec.convert(record, remoteness.Resolution)

    @property
    def least_round_trip_us(self) -> int:
        """The tripwire of L2 and L6, as the plan and the addresses have it; 0 where it is off."""
        target = self.plan.target
        near = target.started_by_run or (target.simulated and remoteness.is_on_loopback(self.resolution))
        return 0 if near or target.via == "tunnel" else target.min_rtt_us

    def kernel(self, criterion: str) -> RoundTripEstimate | None:
        """The kernel's figures that a criterion read; None where there were none."""
        record = self.last_record(criterion, "kernel")
        return None if record is None else msgspec.convert(record, RoundTripEstimate)

    @cached_property
    def quotes(self) -> QuotesSeen:
        """The short look at the market (L4)."""
        asked = self.asked("L4", "GET_TICK")
        if not asked:
            raise NotThere("L4 made no GET_TICK")
        ticks: list[Tick] = []
        for exchange in asked:
            tick = read(exchange, TickReply).tick
            if not ticks or tick.time_msc != ticks[-1].time_msc:
                ticks.append(tick)
        symbols = self.asked("L4", "GET_SYMBOL")
        is_open = read(symbols[-1], SymbolReply).spec.session_open if symbols else None
        return QuotesSeen(ticks=tuple(ticks), received_wall=asked[-1].received_wall, session_open=is_open)

    @cached_property
    def offset(self) -> ClockOffset:
        """The gateway's clock against the node's (L5)."""
        return clock.estimate((exchange, read(exchange, PingReply)) for exchange in self.asked("L5", "PING"))

    @cached_property
    def zone(self) -> ServerZone:
        """The trade server's clock against UTC."""
        return clock.server_zone(self.quotes.latest, self.quotes.received_wall, self.offset)

    # -- the order before it was sent

    @cached_property
    def spec(self) -> SymbolSpecification:
        """What the broker allows for the symbol."""
        found = self.between("GET_SYMBOL", self.span("X1")[0], self.span("X2")[1])
        if not found:
            raise NotThere("no GET_SYMBOL of the execution stage is in the evidence")
        return read(found[0], SymbolReply).spec

    @cached_property
    def tick(self) -> Tick:
        """The quote that the order was drawn up with."""
        found = self.between("GET_TICK", self.span("X1")[0], self.span("X3")[1])
        if not found:
            raise NotThere("no GET_TICK of the execution stage is in the evidence")
        return read(found[0], TickReply).tick

    @cached_property
    def order(self) -> OrderFields:
        """The order as it would be sent, without its comment."""
        plan = self.plan.plan.order
        return sizing.order_fields(
            plan.symbol,
            plan.side,
            plan.planned_volume,
            plan.stop_loss_points,
            plan.deviation_points,
            plan.magic,
            self.tick,
            self.spec,
        )

    @cached_property
    def check(self) -> CheckReply:
        """What the terminal said to the order."""
        found = self.between("CHECK_ORDER", self.span("X1")[0], self.span("X4")[1])
        if not found:
            raise NotThere("no CHECK_ORDER is in the evidence")
        require_same_order(found[0], self.order)
        return read(found[0], CheckReply)

    def account(self, criterion: str) -> AccountReply:
        """The account as a criterion saw it last."""
        return read(self.last(criterion, "GET_ACCOUNT"), AccountReply)


def nonce_of(exchange: Exchange) -> str | UnsetType:
    """The nonce of an exchange's request."""
    nonce = frames.parse(exchange.request).get("nonce")
    return nonce if isinstance(nonce, str) else UNSET


def read(exchange: Exchange, kind: type[R]) -> R:
    """An exchange's reply as a success of its action; raises what the run's own reading raised."""
    return understand(exchange, nonce_of(exchange), kind)


def order_in(exchange: Exchange) -> OrderFields:
    """The order that a request of ``OPEN`` or ``CHECK_ORDER`` carries."""
    return msgspec.convert(frames.parse(exchange.request), OrderFields)


def require_same_order(exchange: Exchange, expected: OrderFields) -> None:
    """Raise NotThere where a request carries another order than expected."""
    if order_in(exchange) != expected:
        raise NotThere(f"the {exchange.action} in the evidence carries another order than the plan and the quote give")
