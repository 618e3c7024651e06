"""The canary's flight: from the intent to the closed position, and the proofs along the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

from mt5canary.errors import Finding, LinkFinding, Unproven
from mt5canary.link.clock import ClockOffset, ServerZone
from mt5canary.link.exchange import Exchange, Refused
from mt5canary.link.inspection import LinkInspection
from mt5canary.link.session import ReadSession, TradingSession
from mt5canary.measurement import Measurement, Outcome, at_level, equal, worst
from mt5canary.money import booked
from mt5canary.order import drill, proof
from mt5canary.order.canary import Canary, Snapshot, new_nonce, poll, prepare, take_snapshot
from mt5canary.order.journal import Journal
from mt5canary.order.placement import place
from mt5canary.order.proof import FillTimes
from mt5canary.order.proposal import OrderProposal
from mt5canary.order.reconciler import StateReconciler
from mt5canary.order.reconciliation import Discrepancy, is_active
from mt5canary.order.resolution import Duplicated
from mt5canary.order.witness import Witness
from mt5canary.plan import Limits, Order
from mt5canary.wire.replies import AccountReply, Deal, FindReply, Position, SymbolSpecification, Tick
from mt5canary.wire.replies import Order as Entry

LEASE_SECONDS = 60
"""How long the gateway waits for a sign of the guardian before it closes the position by itself."""


LEASE_RENEWAL_SECONDS = 10.0

ACCOUNT_DEADLINE = timedelta(seconds=2)
"""How long the account may take to show the margin of a position that is listed."""


class RunView(Protocol):
    """What the flight needs of the run that it is part of."""

    @property
    def id(self) -> str:
        """Its identifier."""

    @property
    def started_monotonic(self) -> float:
        """When it began, on the monotonic clock, in seconds."""

    @property
    def challenge(self) -> str:
        """What a verifier gave beforehand; empty where nobody did."""

    @property
    def is_kept(self) -> bool:
        """Whether the position was left open, as planned."""

    @property
    def watchdog_acted(self) -> str:
        """Why the watchdog closed in the run's stead; empty where it never did."""

    def record(self, kind: str, body: Any, *, durable: bool = False) -> None:
        """Append one record to the chain."""

    def log(self, source: str, text: str, *, level: str = "INFO", books: tuple[str, ...] = ("verify",)) -> None:
        """Write one line to the plan's logs."""

    def finding(self, criterion: str, text: str) -> None:
        """Record a remark that a reader must see and that does not decide."""

    def fill(self, level: str, **facts: Any) -> None:
        """Say what is known of the order, and on what level of evidence."""

    def trip(self, reason: str) -> None:
        """Open the breaker."""


class CanaryFlight:
    """One canary order with everything that is asked about it."""

    def __init__(
        self,
        session: ReadSession,
        link: LinkInspection,
        proposal: OrderProposal,
        plan: Order,
        limits: Limits,
        journal: Journal,
        reconciler: StateReconciler,
        run: RunView,
        *,
        witness: Witness | None = None,
    ) -> None:
        self._session = session
        self._link = link
        self._proposal = proposal
        self._plan = plan
        self._limits = limits
        self._journal = journal
        self._reconciler = reconciler
        self._run = run
        self._witness = witness
        self._trading: TradingSession | None = None
        self._lease_renewed = 0.0
        self._fill: dict[str, Any] | None = None
        self._drill_nonces = (new_nonce(), new_nonce())
        self.canary: Canary | None = None
        self.quotes: list[Tick] = []

    def _flown(self) -> Canary:
        if self.canary is None:
            raise Unproven("no order was sent in this run")
        return self.canary

    @property
    def round_trip_ms(self) -> float | None:
        """How long the order's reply took; None where there was none."""
        exchange = None if self.canary is None else self.canary.exchange
        return None if exchange is None else exchange.round_trip_ms

    def slippage_points(self, spec: SymbolSpecification) -> float:
        """How far the fill was from the last quote before the order, in points; negative where it was better."""
        canary = self._flown()
        if canary.reply is None or len(self.quotes) < 2:
            raise Unproven("the slippage is unknown: no fill, or no quote before it")
        quote = self.quotes[1]
        worse = canary.reply.price - quote.ask if canary.order.type == "BUY" else quote.bid - canary.reply.price
        return float(round(worse / spec.point, 3))

    def refusals_are_real(self, session: TradingSession) -> list[Measurement]:
        """X6: the gateway refuses while halted, the terminal below the minimum, and the books hold neither."""
        return drill.refusals_are_real(
            session, self._proposal.order, self._proposal.spec, self._link.zone, self._run.log, self._drill_nonces
        )

    @property
    def has_lease(self) -> bool:
        """Whether the gateway is asked to close by itself when we are gone; not where that ends a kept position."""
        return "LEASE" in self._link.hello.capabilities and not self._reconciler.kept

    def fly(self, session: TradingSession) -> list[Measurement]:
        """X7: put the intent on the disk, send the order once, and see it filled in time."""
        self._trading = session
        self._keep_alive()
        before = take_snapshot(session, self._plan.symbol)
        self._run.log("account", f"Balance: {before.account.balance:.2f} {before.account.currency} before the order")
        challenge = self._run.challenge.encode() or None
        canary = prepare(self._proposal.order, self._run.id, before, self._link.zone, challenge)
        canary.deals_before = frozenset(deal.ticket for deal in session.deals(**canary.window))
        self.quotes = [before.tick, session.tick(self._plan.symbol)]
        self.canary = canary
        try:
            place(canary, session, self._journal, self._run.record, self._limits.history_deadline)
        except (Unproven, Duplicated) as unknown:
            self._run.trip(str(unknown))
            raise
        finally:
            self._look_at_what_was_adopted(canary)
        self._look_at_the_reply(canary)
        self.quotes.append(session.tick(self._plan.symbol))
        deadline = self._plan.deadline.total_seconds()
        return at_level("E1", proof.was_filled(canary, self._run.started_monotonic, deadline))

    def _keep_alive(self) -> None:
        """Renew the lease where the gateway offers one; one that it then refuses is no reason not to trade."""
        due = time.monotonic() - self._lease_renewed >= LEASE_RENEWAL_SECONDS
        if self._trading is None or not due or not self.has_lease:
            return
        self._lease_renewed = time.monotonic()
        try:
            self._trading.lease(self._plan.magic, LEASE_SECONDS)
        except Finding as finding:
            self._run.finding("X7", f"the gateway offers a lease and did not renew it: {finding}")

    def _look_at_the_reply(self, canary: Canary) -> None:
        reply, exchange = canary.reply, canary.exchange
        if reply is None or exchange is None:
            return
        if reply.bid and reply.ask:
            self.quotes.append(Tick(bid=reply.bid, ask=reply.ask, time_msc=self.quotes[-1].time_msc))
        self._publish("E1", canary, reply.deal or 0, canary.position_ticket or 0, reply.price)
        self._run.log(
            "order",
            f"the gateway answered FILLED, Ticket: {reply.ticket} (E1, its word alone) after "
            f"{exchange.round_trip_ms:.3f} ms",
            books=("verify", "live"),
        )
        before, whole = canary.milliseconds_before_sending, exchange.round_trip_ms
        if before is not None and whole is not None:
            self._run.log(
                "order",
                f"from the decision to the bytes, the intent brought to the disk: {before:.3f} ms, "
                f"{100 * before / (before + whole):.0f} % of the order's {before + whole:.3f} ms",
            )

    def _look_at_what_was_adopted(self, canary: Canary) -> None:
        """Say what the books show of an order whose own reply said nothing: it is a position of this run's."""
        if canary.adopted is None:
            return
        deal = self._deal_of_the_adopted()
        if deal is None:
            self._publish("E1", canary, 0, canary.adopted.position, 0.0)
        else:
            self._publish("E2", canary, deal.ticket, deal.position_id, deal.price)

    def _deal_of_the_adopted(self) -> Deal | None:
        """The opening deal, asked once more where the connection went with the order's reply; never raises a finding.

        What is known of the order stands already, and is not to be lost in what a read of the books has to say.
        """
        for _ in range(2):
            try:
                return self.opening_deal
            except LinkFinding as finding:
                self._run.log("order", f"the adopted order's deal was not read: {finding}", level="WARNING")
        return None

    def _publish(self, level: str, canary: Canary, deal: int, position: int, price: float) -> None:
        self._fill = {
            "uuid": canary.intent.uuid,
            "ticket": canary.order_ticket or 0,
            "deal": deal,
            "position": position,
            "symbol": canary.order.symbol,
            "side": canary.order.type,
            "volume": canary.order.volume,
            "price": price,
        }
        self._run.fill(level, **self._fill)

    @cached_property
    def _books(self) -> tuple[list[Deal], list[Entry]]:
        """Deals and orders since the order, once they hold it or may no longer lag."""
        canary = self._flown()
        return poll(
            lambda: (self._deals_since(canary), self._session.orders(**canary.window)),
            lambda books: bool(proof.opening_deals(canary, books[0]) and proof.orders_behind(canary, books[1])),
            self._limits.history_deadline,
            self._keep_alive,
        )

    def _deals_since(self, canary: Canary, session: ReadSession | None = None) -> list[Deal]:
        """The history's deals that were not there before the order, other people's included."""
        deals = (session or self._session).deals(**canary.window)
        return [deal for deal in deals if deal.ticket not in canary.deals_before]

    def booked_since(self, session: ReadSession) -> Decimal:
        """What the deals since the order come to, asked over a session of the caller's own thread."""
        return booked(self._deals_since(self._flown(), session))

    def compare_books(
        self, session: ReadSession, positions: Sequence[Position], balance: tuple[float, float], booked_since: Decimal
    ) -> tuple[Discrepancy, ...]:
        """What journal and books do not say alike at a reading of the watch, over a session of its own thread."""
        return self._reconciler.at_a_reading(session, positions, balance, booked_since)

    @property
    def _history(self) -> list[Deal]:
        return self._books[0]

    @property
    def opening_deal(self) -> Deal | None:
        """The deal that opened the position, as the history has it."""
        if self.canary is None or self.canary.order_ticket is None or self.canary.came_to_nothing:
            return None
        opened = proof.opening_deals(self.canary, self._history)
        return opened[0] if len(opened) == 1 else None

    def history_holds_the_deal(self) -> list[Measurement]:
        """X8: the broker's history holds this run's deal, and so does the second witness's, where there is one."""
        canary, deal = self._flown(), self.opening_deal
        measurements = at_level("E2", proof.history_holds(canary, *self._books, self.times_of_the_fill()))
        if deal is None or worst([measurement.outcome for measurement in measurements]) is not Outcome.PASS:
            return measurements
        if proof.comment_is_the_brokers(canary, deal):
            self._run.finding(
                "X8",
                f"the broker keeps its own comment, {deal.comment!r}, where this order's nonce was: ticket, magic, "
                "time and volume tell whose deal it is",
            )
        if self._witness is not None:
            self._witness.must_vouch("X8", self._link.hello)
        witnessed = self._witnessed(lambda witness: witness.deal("X8", deal))
        level = "E3" if witnessed and worst([one.outcome for one in witnessed]) is Outcome.PASS else "E2"
        self._publish(level, canary, deal.ticket, deal.position_id, deal.price)
        self._run.log(
            "order",
            f"ORDER_FILLED Ticket: {deal.order} deal {deal.ticket} position {deal.position_id} {deal.type} "
            f"{deal.volume:g} {deal.symbol} at {deal.price} magic {deal.magic} ({level}, the broker's history"
            f"{', in two terminals' if level == 'E3' else ''})",
            books=("verify", "live", "physical"),
        )
        return [*measurements, *witnessed]

    def _witnessed(self, ask: Callable[[Witness], list[Measurement]]) -> list[Measurement]:
        """What the second witness says; nothing where there is none, and then the fill's level is E2 again."""
        if self._witness is None or self._witness.trouble is not None:
            return []
        said = ask(self._witness)
        if self._witness.trouble is not None and self._fill is not None:
            self._run.fill("E2", **self._fill)
        return said

    def price_is_the_markets(self) -> list[Measurement]:
        """X9: the price lies within the quotes around it, on the tick grid."""
        canary, spec, slippage = self._flown(), self._proposal.spec, self._plan.deviation_points
        return at_level("E2", proof.price_is_the_markets(canary, self._history, self.quotes, spec, slippage))

    def one_position_belongs_to_it(self) -> list[Measurement]:
        """X10: one new position and one opening deal, and a gateway that remembers its one request."""
        canary = self._flown()
        after = poll(
            self._snapshot,
            lambda seen: bool(proof.new_positions(canary, seen)),
            self._limits.history_deadline,
            self._keep_alive,
        )
        witnessed: list[Measurement] = []
        for position in proof.new_positions(canary, after)[:1]:
            witnessed = self._witnessed(lambda witness, mine=position: witness.position("X10", mine))  # type: ignore[misc]
        remembered = proof.is_remembered(canary, self._remembered(canary))
        shown = at_level("E2", proof.one_position(canary, after, self._history))
        return [*shown, *at_level("E1", [remembered]), *witnessed]

    def _remembered(self, canary: Canary) -> FindReply | None:
        """What the gateway says became of the order's request; None where it does not answer that."""
        try:
            return self._session.find_request(canary.intent.uuid)
        except Refused:
            return None

    def account_moved_as_it_must(self) -> list[Measurement]:
        """X11: margin, equity and balance moved as the contract says."""
        canary = self._flown()

        def measured() -> tuple[Snapshot, list[Measurement]]:
            after = self._snapshot()
            deals = self._deals_since(canary)
            return after, proof.account_moved(canary, after, deals, self._proposal.exposure.margin, self._proposal.spec)

        after, measurements = poll(measured, lambda found: _hold(found[1]), ACCOUNT_DEADLINE, self._keep_alive)
        self._run.log(
            "account",
            f"Balance: {after.account.balance:.2f} {after.account.currency} while the position is open, "
            f"equity {after.account.equity:.2f}, margin {after.account.margin:.2f}",
        )
        witnessed = self._witnessed(lambda witness: witness.account("X11", after.account))
        return [*at_level("E2", measurements), *witnessed]

    def _snapshot(self) -> Snapshot:
        return take_snapshot(self._session, self._plan.symbol)

    @property
    def position_ticket(self) -> int:
        """The position's ticket; raises Unproven where there is none."""
        ticket = self._flown().position_ticket
        if ticket is None:
            raise Unproven("the order has no position that is known")
        return ticket

    def books_agree(self) -> list[Measurement]:
        """After the watch: journal, positions and history know of this run's position, and of no other of its magic."""
        found = self._reconciler.reconcile("watch").blocking
        amiss = "; ".join(f"{one.kind}: {one.text}" for one in found)
        return [equal("amiss in journal, positions and history", amiss or "nothing", "nothing")]

    def is_closed_or_kept(self) -> list[Measurement]:
        """E1: the position is closed, shown by positions, orders and history; or kept, as planned."""
        canary = self._flown()
        acted = equal("closed by the watchdog in this run's stead", self._run.watchdog_acted or "nothing", "nothing")
        if self._run.is_kept:
            kept = [ticket for ticket in self._reconciler.reconcile("end").kept if ticket == canary.position_ticket]
            return [*at_level("E2", [equal("positions kept by plan", len(kept), 1)]), acted]
        self.opening_deal  # noqa: B018 -- asked for here where X8 was blocked, so that nothing is asked after the count of E3
        deals, orders = self._closing_deals(), self._session.orders(**canary.window)
        active = [order for order in orders if order.magic == self._plan.magic and is_active(order)]
        for deal in deals:
            if deal.position_id == canary.position_ticket and deal.entry != "in":
                self._run.log(
                    "order",
                    f"CLOSED position {deal.position_id} by deal {deal.ticket} at {deal.price}, "
                    f"profit {deal.profit:.2f}, reason {deal.reason}",
                    books=("verify", "live", "physical"),
                )
        left = "; ".join(f"{one.kind}: {one.text}" for one in self._reconciler.reconcile("end").blocking)
        after = self._snapshot()
        return [
            *at_level("E2", proof.is_closed(canary, after, deals, active)),
            equal("left in journal, positions and history", left or "nothing", "nothing"),
            acted,
            drill.no_trace(drill.traces_of(self._drill_nonces, [*deals, *orders, *after.positions])),
            *self._witnessed(lambda witness: witness.nothing_open("E1", self._plan.magic)),
            *(
                measurement
                for deal in deals
                if deal.position_id == canary.position_ticket and deal.entry != "in"
                for measurement in self._witnessed(lambda witness, mine=deal: witness.deal("E1", mine))  # type: ignore[misc]
            ),
        ]

    def _closing_deals(self) -> list[Deal]:
        canary = self._flown()
        return poll(
            lambda: self._deals_since(canary),
            lambda found: (
                canary.came_to_nothing or proof.volume_closed(canary, found) >= proof.volume_opened(canary, found) > 0
            ),
            self._limits.history_deadline,
        )

    def ledger_balances(self) -> list[Measurement]:
        """E2: the balance moved by exactly the deals since the order, foreign ones included."""
        canary = self._flown()

        def measured() -> tuple[AccountReply, list[Deal], list[Measurement]]:
            account = self._session.account()
            deals = self._deals_since(canary)
            before = canary.before.account.balance
            return account, deals, proof.ledger_balances(before, account.balance, deals, account.currency)

        account, deals, measurements = poll(
            measured, lambda found: canary.came_to_nothing or _hold(found[2]), self._limits.history_deadline
        )
        self._run.log(
            "account", f"Balance: {account.balance:.2f} {account.currency} at the end, {len(deals)} deals in between"
        )
        return [*at_level("E2", measurements), *self._witnessed(lambda witness: witness.account("E2", account))]

    def times_of_the_fill(self) -> FillTimes | None:
        """When the deal came, against its request; None where there is no deal or no reply."""
        canary, deal = self.canary, self.opening_deal
        if canary is None or canary.exchange is None or deal is None:
            return None
        return times_of_the_fill(canary.exchange, deal, self._link.zone, self._link.offset, self._limits)


def times_of_the_fill(
    exchange: Exchange, deal: Deal, zone: ServerZone, offset: ClockOffset, limits: Limits
) -> FillTimes | None:
    """When a deal came, against its request, by the clocks' offsets; None where the request had no reply."""
    if exchange.round_trip_ms is None:
        return None
    made = deal.time_msc - zone.offset_seconds * 1000 - offset.offset_ms
    slack = offset.uncertainty_ms + abs(zone.residual_ms) + limits.clock.max_offset_ms
    return FillTimes(made - exchange.sent_wall / 1e6, exchange.round_trip_ms, slack)


def _hold(measurements: list[Measurement]) -> bool:
    return worst([measurement.outcome for measurement in measurements]) is Outcome.PASS
