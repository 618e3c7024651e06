"""The canary's flight: from the intent to the closed position, and the proofs along the way."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, Protocol

from mt5canary.errors import Unproven
from mt5canary.link.inspection import LinkInspection
from mt5canary.link.session import ReadSession, TradingSession
from mt5canary.measurement import Measurement, Outcome, equal, worst
from mt5canary.order import drill, proof
from mt5canary.order.canary import POLL_SECONDS, Canary, Snapshot, poll_deals, prepare, take_snapshot
from mt5canary.order.journal import Journal
from mt5canary.order.placement import place
from mt5canary.order.proposal import OrderProposal
from mt5canary.order.reconciler import StateReconciler
from mt5canary.order.reconciliation import ACTIVE_STATES
from mt5canary.order.resolution import Duplicated
from mt5canary.plan import Limits, Order
from mt5canary.wire.replies import Deal, Tick

LEASE_SECONDS = 60
"""How long the gateway waits for a sign of the guardian before it closes the position by itself."""


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

    def record(self, kind: str, body: Any, *, durable: bool = False) -> None:
        """Append one record to the chain."""

    def log(self, source: str, text: str, *, level: str = "INFO", books: tuple[str, ...] = ("verify",)) -> None:
        """Write one line to the plan's logs."""

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
    ) -> None:
        self._session = session
        self._link = link
        self._proposal = proposal
        self._plan = plan
        self._limits = limits
        self._journal = journal
        self._reconciler = reconciler
        self._run = run
        self.canary: Canary | None = None
        self.quotes: list[Tick] = []

    def _flown(self) -> Canary:
        if self.canary is None:
            raise Unproven("no order was sent in this run")
        return self.canary

    def refusals_are_real(self, session: TradingSession) -> list[Measurement]:
        """X6: the gateway refuses while halted, the terminal below the minimum, and the books hold neither."""
        return drill.refusals_are_real(
            session, self._proposal.order, self._proposal.spec, self._link.zone, self._run.log
        )

    def fly(self, session: TradingSession) -> list[Measurement]:
        """X7: put the intent on the disk, send the order once, and see it filled in time."""
        if "LEASE" in self._link.hello.capabilities:
            session.lease(self._plan.magic, LEASE_SECONDS)
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
        self._look_at_the_reply(canary)
        self.quotes.append(session.tick(self._plan.symbol))
        return proof.was_filled(canary, self._run.started_monotonic, self._plan.deadline.total_seconds())

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

    def _publish(self, level: str, canary: Canary, deal: int, position: int, price: float) -> None:
        self._run.fill(
            level,
            uuid=canary.intent.uuid,
            ticket=canary.reply.ticket if canary.reply is not None else 0,
            deal=deal,
            position=position,
            symbol=canary.order.symbol,
            side=canary.order.type,
            volume=canary.order.volume,
            price=price,
        )

    @cached_property
    def _history(self) -> list[Deal]:
        """The history since the order, once it holds the opening deal or may no longer lag."""
        canary = self._flown()
        return poll_deals(
            self._session,
            lambda found: bool(proof.opening_deals(canary, found)),
            self._limits.history_deadline,
            **canary.window,
        )

    @property
    def opening_deal(self) -> Deal | None:
        """The deal that opened the position, as the history has it."""
        opened = [] if self.canary is None else proof.opening_deals(self.canary, self._history)
        return opened[0] if len(opened) == 1 else None

    def history_holds_the_deal(self) -> list[Measurement]:
        """X8: the broker's history holds this run's deal."""
        canary = self._flown()
        measurements = proof.history_holds(canary, self._history, self._session.orders(**canary.window))
        deal = self.opening_deal
        if deal is not None and worst([measurement.outcome for measurement in measurements]) is Outcome.PASS:
            self._publish("E2", canary, deal.ticket, deal.position_id, deal.price)
            self._run.log(
                "order",
                f"ORDER_FILLED Ticket: {deal.order} deal {deal.ticket} position {deal.position_id} {deal.type} "
                f"{deal.volume:g} {deal.symbol} at {deal.price} magic {deal.magic} (E2, the broker's history)",
                books=("verify", "live", "physical"),
            )
        return measurements

    def price_is_the_markets(self) -> list[Measurement]:
        """X9: the price lies within the quotes around it, on the tick grid."""
        return proof.price_is_the_markets(
            self._flown(), self._history, self.quotes, self._proposal.spec, self._plan.deviation_points
        )

    def one_position_belongs_to_it(self) -> list[Measurement]:
        """X10: one new position and one opening deal."""
        return proof.one_position(self._flown(), self._snapshot(), self._history)

    def account_moved_as_it_must(self) -> list[Measurement]:
        """X11: margin, equity and balance moved as the contract says."""
        canary, after = self._flown(), self._snapshot()
        self._run.log(
            "account",
            f"Balance: {after.account.balance:.2f} {after.account.currency} while the position is open, "
            f"equity {after.account.equity:.2f}, margin {after.account.margin:.2f}",
        )
        return proof.account_moved(canary, after, self._history, self._proposal.check, self._proposal.spec)

    def _snapshot(self) -> Snapshot:
        return take_snapshot(self._session, self._plan.symbol)

    @property
    def position_ticket(self) -> int:
        """The position's ticket; raises Unproven where there is none."""
        ticket = self._flown().position_ticket
        if ticket is None:
            raise Unproven("the order has no position that is known")
        return ticket

    def is_closed_or_kept(self) -> list[Measurement]:
        """E1: the position is closed, shown by positions, orders and history; or kept, as planned."""
        canary = self._flown()
        if self._run.is_kept:
            kept = [ticket for ticket in self._reconciler.reconcile("end").kept if ticket == canary.position_ticket]
            return [equal("positions kept by plan", len(kept), 1)]
        deals = self._closing_deals()
        active = [
            order
            for order in self._session.orders(**canary.window)
            if order.magic == self._plan.magic and order.state in ACTIVE_STATES
        ]
        for deal in deals:
            if deal.position_id == canary.position_ticket and deal.entry != "in":
                self._run.log(
                    "order",
                    f"CLOSED position {deal.position_id} by deal {deal.ticket} at {deal.price}, "
                    f"profit {deal.profit:.2f}, reason {deal.reason}",
                    books=("verify", "live", "physical"),
                )
        left = "; ".join(f"{one.kind}: {one.text}" for one in self._reconciler.reconcile("end").blocking)
        return [
            *proof.is_closed(canary, self._snapshot(), deals, active),
            equal("left in journal, positions and history", left or "nothing", "nothing"),
        ]

    def _closing_deals(self) -> list[Deal]:
        canary = self._flown()
        return poll_deals(
            self._session,
            lambda found: any(deal.position_id == canary.position_ticket and deal.entry != "in" for deal in found),
            self._limits.history_deadline,
            **canary.window,
        )

    def ledger_balances(self) -> list[Measurement]:
        """E2: the balance moved by exactly the deals since the order, foreign ones included."""
        canary = self._flown()
        deadline = time.monotonic() + self._limits.history_deadline.total_seconds()
        while True:
            account = self._session.account()
            deals = [deal for deal in self._session.deals(**canary.window) if deal.ticket not in canary.deals_before]
            measurements = proof.ledger_balances(
                canary.before.account.balance, account.balance, deals, account.currency
            )
            decided = worst([measurement.outcome for measurement in measurements])
            if decided is Outcome.PASS or time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
        self._run.log(
            "account", f"Balance: {account.balance:.2f} {account.currency} at the end, {len(deals)} deals in between"
        )
        return measurements

    def times_of_the_fill(self) -> tuple[float, float, float] | None:
        """By how much the deal came after its request, how long that exchange took, and how sure that is, in ms."""
        canary, deal = self.canary, self.opening_deal
        if canary is None or canary.exchange is None or canary.exchange.round_trip_ms is None or deal is None:
            return None
        zone, offset = self._link.zone, self._link.offset
        made = deal.time_msc - zone.offset_seconds * 1000 - offset.offset_ms
        slack = offset.uncertainty_ms + abs(zone.residual_ms) + self._limits.clock.max_offset_ms
        return made - canary.exchange.sent_wall / 1e6, canary.exchange.round_trip_ms, slack
