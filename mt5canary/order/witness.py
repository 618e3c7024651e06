"""The second witness: another terminal on the same account, reached by another way, that is only read from.

A gateway that lies consistently passes everything that can be seen through it alone. A witness with the investor
password has another gateway, another terminal and another connection, so what both show of the same deal rests on
more than one word (level E3). Its address is judged as the gateway's is (L1), and must be another than the gateway's.
One that cannot be asked, or that is no second one, proves nothing and contradicts nothing: the figures stay at E2. One
that shows something else is a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any

from mt5canary.errors import Finding, Unproven
from mt5canary.link import remoteness
from mt5canary.link.remoteness import Interface, Resolution
from mt5canary.link.session import ReadSession
from mt5canary.measurement import Measurement, Outcome, at_level, at_most, equal, unproven, worst
from mt5canary.money import CENT, cents
from mt5canary.order.canary import poll
from mt5canary.plan import Account
from mt5canary.plan.schema import Witness as Declared
from mt5canary.wire.replies import AccountReply, Deal, HelloReply, Position

DEAL_FIELDS = Deal.__struct_fields__
"""Every one of them: two terminals on one account read the same entry of the same history."""

POSITION_FIELDS = ("ticket", "symbol", "type", "volume", "open_price", "sl", "tp", "magic", "comment")
MARGIN_TOLERANCE = 0.01
"""The share by which two readings of the margin may differ: they are not of one instant, and the price moves."""


class WitnessSession(ReadSession):
    """A session with the witness; its connections are no part of the gateway's."""

    role = "witness"


def stands_apart(
    declared: Declared,
    witness: Resolution,
    gateway: Resolution,
    interfaces: Iterable[Interface],
    *,
    rehearsal: bool,
) -> list[Measurement]:
    """Whether a witness's address can be a third machine's: neither this one nor the gateway's.

    In a rehearsal a simulated witness may be on this machine, where the plan declares it, as L1 lets the gateway be.
    """
    if rehearsal and declared.terminal == "simulated" and remoteness.is_on_loopback(witness):
        return remoteness.is_declared_simulation(witness)
    if declared.via == "tunnel":
        return remoteness.is_declared_tunnel(witness, interfaces, declared.curve is not None)
    shared = sorted({*witness.addresses} & {*gateway.addresses})
    apart = equal("addresses that witness and gateway share", len(shared), 0, samples=len(witness.addresses))
    if shared:
        rule = f"none; {', '.join(shared)} is the gateway's too: two words from one machine are one"
        apart = unproven("addresses that witness and gateway share", rule)
    return [*remoteness.is_remote(witness, interfaces), apart]


class Witness:
    """What the second terminal shows, held against what the gateway showed."""

    def __init__(
        self,
        make_session: Callable[[], WitnessSession],
        judge_address: Callable[[], list[Measurement]],
        kind: str,
        account: Account,
        history_deadline: timedelta,
        finding: Callable[[str, str], object],
    ) -> None:
        self._make_session = make_session
        self._judge_address = judge_address
        self._kind = kind
        self._account = account
        self._history_deadline = history_deadline
        self._finding = finding
        self._trouble: str | None = None

    @cached_property
    def _session(self) -> WitnessSession:
        return self._make_session()

    def _is_a_second_one(self, gateway: HelloReply) -> list[Measurement]:
        """Whether another gateway answers for another terminal, logged in to this same account.

        One whose address cannot be a third machine's is not even spoken to.
        """
        address = self._judge_address()
        if worst([one.outcome for one in address]) is not Outcome.PASS:
            return address
        hello = self._session.hello()
        if hello.account.trade_allowed:
            self._finding("X5", "the witness may trade: it is not logged in with the investor password")
        own = hello.gateway.instance
        return [
            *address,
            equal("witness is a gateway of its own", own != gateway.gateway.instance, True),
            equal("witness's terminal kind", hello.terminal.kind, self._kind),
            equal("witness's terminal connected", hello.terminal.connected, True),
            equal("witness's login", hello.account.login, self._account.login),
            equal("witness's server", hello.account.server, self._account.server),
        ]

    @property
    def trouble(self) -> str | None:
        """Why nothing rests on the witness; None while it does."""
        return self._trouble

    def must_vouch(self, criterion: str, gateway: HelloReply) -> list[Measurement]:
        """Ask who it is; where it is no second one nothing rests on it any more, and ``trouble`` says why."""
        measured = self._ask(criterion, lambda: self._is_a_second_one(gateway))
        bad = [f"{one.name}: {one.value}, must be {one.limit}" for one in measured if one.outcome is not Outcome.PASS]
        if bad:
            self._give_up(criterion, "; ".join(bad))
        return measured

    def _give_up(self, criterion: str, why: str) -> None:
        if self._trouble is None:
            self._trouble = why
            self._finding(criterion, f"no figure rests on the second witness: {why}")

    def _ask(self, criterion: str, ask: Callable[[], list[Measurement]]) -> list[Measurement]:
        if self._trouble is not None:
            return []
        try:
            return at_level("E3", ask())
        except (Finding, Unproven) as trouble:
            self._give_up(criterion, str(trouble))
            return []

    def deal(self, criterion: str, deal: Deal) -> list[Measurement]:
        """The witness's history holds this very deal, the same in every field."""

        def ask() -> list[Measurement]:
            found = poll(
                lambda: self._session.deals(position=deal.position_id),
                lambda deals: any(other.ticket == deal.ticket for other in deals),
                self._history_deadline,
            )
            same = [other for other in found if other.ticket == deal.ticket]
            if not same:
                return [unproven(f"deal {deal.ticket} in the witness's history", "there, before it may no longer lag")]
            return [_alike(f"witness's deal {deal.ticket}", same[0], deal, DEAL_FIELDS)]

        return self._ask(criterion, ask)

    def position(self, criterion: str, position: Position) -> list[Measurement]:
        """The witness lists this very position."""

        def ask() -> list[Measurement]:
            found = poll(
                lambda: [other for other in self._session.positions() if other.ticket == position.ticket],
                bool,
                self._history_deadline,
            )
            if not found:
                return [equal(f"position {position.ticket} in the witness's list", "not there", "there")]
            return [_alike(f"witness's position {position.ticket}", found[0], position, POSITION_FIELDS)]

        return self._ask(criterion, ask)

    def account(self, criterion: str, account: AccountReply) -> list[Measurement]:
        """The witness's account has the same login, currency and balance, and the same margin but for the price."""

        def ask() -> list[Measurement]:
            other = self._session.account()
            apart = abs(cents(other.margin) - cents(account.margin))
            allowed = max(CENT, cents(account.margin * MARGIN_TOLERANCE))
            return [
                equal("witness's account", f"{other.login} at {other.server}", f"{account.login} at {account.server}"),
                equal("witness's balance", str(cents(other.balance)), str(cents(account.balance)), other.currency),
                equal("witness's currency", other.currency, account.currency),
                at_most("witness's margin against the gateway's", apart, allowed, other.currency),
            ]

        return self._ask(criterion, ask)

    def nothing_open(self, criterion: str, magic: int) -> list[Measurement]:
        """The witness lists no position of this magic number either."""

        def ask() -> list[Measurement]:
            mine = poll(
                lambda: [position for position in self._session.positions() if position.magic == magic],
                lambda found: not found,
                self._history_deadline,
            )
            return [equal("positions of this magic in the witness's list", len(mine), 0)]

        return self._ask(criterion, ask)


def _alike(name: str, theirs: Any, ours: Any, fields: tuple[str, ...]) -> Measurement:
    """One measurement over all fields: how the witness's entry differs from the gateway's."""
    differences = [
        f"{field} {getattr(theirs, field)!r} instead of {getattr(ours, field)!r}"
        for field in fields
        if getattr(theirs, field) != getattr(ours, field)
    ]
    return equal(name, ", ".join(differences) or "the same", "the same", samples=len(fields))
