"""The execution stage before anything is sent: the order as it would be, and what speaks against it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from mt5canary.link import identity
from mt5canary.link.inspection import LinkInspection
from mt5canary.link.session import OrderFields, ReadSession
from mt5canary.measurement import Measurement, equal, unproven
from mt5canary.money import exact
from mt5canary.order import sizing
from mt5canary.order.reconciler import StateReconciler
from mt5canary.order.witness import Witness
from mt5canary.plan import Limits, Order
from mt5canary.wire.replies import CheckReply, SymbolSpecification, Tick


class OrderProposal:
    """The plan's order held against the symbol, the account, the terminal and what earlier runs left."""

    def __init__(
        self,
        session: ReadSession,
        link: LinkInspection,
        plan: Order,
        limits: Limits,
        why_breaker_open: Callable[[], str | None],
        claim_account: Callable[[], str | None],
        reconciler: StateReconciler,
        finding: Callable[[str, str], object],
        log: Callable[..., object],
        *,
        witness: Witness | None = None,
        required_level: str = "E2",
        last_reset: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._session = session
        self._link = link
        self._plan = plan
        self._limits = limits
        self._why_breaker_open = why_breaker_open
        self._claim_account = claim_account
        self._reconciler = reconciler
        self._finding = finding
        self._log = log
        self._witness = witness
        self._required_level = required_level
        self._last_reset = last_reset

    @cached_property
    def spec(self) -> SymbolSpecification:
        """What the broker allows for the symbol."""
        return self._session.symbol(self._plan.symbol)

    @cached_property
    def tick(self) -> Tick:
        """The quote that the order was drawn up with."""
        return self._session.tick(self._plan.symbol)

    @cached_property
    def order(self) -> OrderFields:
        """The order as it would be sent, without its comment."""
        plan = self._plan
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
        """What the terminal says to the order; raises Refused where it says no."""
        return self._session.check(self.order)

    @cached_property
    def exposure(self) -> sizing.Exposure:
        """What the order puts at risk."""
        return sizing.exposure(self.order, self.spec, self.tick, self._session.account(), self.check)

    def may_be_traded(self) -> list[Measurement]:
        """X1: the symbol may be traded and its session is open."""
        return sizing.may_be_traded(self.spec, self._plan.side)

    def volume_is_legal(self) -> list[Measurement]:
        """X2: the volume is the plan's, and legal for the symbol."""
        choices = sizing.volume_choices(self._plan, self.spec)
        if choices is not None:
            self._finding("X2", choices)
        return sizing.volume_is_legal(self._plan.planned_volume, exact(self.order.volume), self.spec)

    def risk_is_inside_limits(self) -> list[Measurement]:
        """X3: margin, leverage and worst loss are inside the plan's limits."""
        risk = self.exposure
        self._log(
            "sizing",
            f"{self._plan.side} {self._plan.planned_volume} {self._plan.symbol}: notional {risk.notional}, margin "
            f"{risk.margin}, worst loss to the stop {risk.worst_loss} {risk.currency}",
            books=("verify", "live"),
        )
        return sizing.inside_limits(risk, self._limits)

    def terminal_agrees(self) -> list[Measurement]:
        """X4: the terminal accepts the order in check and refuses the impossible ones as predicted."""
        now = self._session.tick(self._plan.symbol)  # for the stop that is too near only as things stand now
        asked = sizing.challenges(self.order, self.spec, now)
        return [*sizing.accepted(self.check), *sizing.refused_as_predicted(self._session, asked)]

    def nothing_stands_in_the_way(self) -> list[Measurement]:
        """X5: the breaker is closed, the gateway is not halted, and nothing is left of an earlier run."""
        now = self._session.hello()
        holder = self._claim_account()
        found = self._reconciler.reconcile("start")
        for discrepancy in found.discrepancies:
            self._finding("X5", str(discrepancy))
        reset = self._last_reset()
        if reset is not None:
            self._finding("X5", f"the breaker was open before this run, and {reset}")
        in_the_way = "; ".join(f"{one.kind}: {one.text}" for one in found.blocking)
        return [
            equal("breaker", self._why_breaker_open() or "closed", "closed"),
            equal("account held by", holder or "no other run", "no other run"),
            *identity.still_answers(now, self._link.hello),
            equal("left of earlier runs in journal, positions and history", in_the_way or "nothing", "nothing"),
            *self._a_witness_is_there(),
        ]

    def _a_witness_is_there(self) -> list[Measurement]:
        """The second witness answers, where the plan cannot be met without one; elsewhere its absence is a finding."""
        needed = self._required_level == "E3"
        if self._witness is None:
            missing = "evidence.require is E3, and the target names no witness"
            return [unproven("second witness", missing)] if needed else []
        measured = self._witness.must_vouch("X5", self._link.hello)
        if not needed:
            return []
        return measured or [unproven("second witness", f"one that answers; {self._witness.trouble}")]
