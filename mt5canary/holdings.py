"""What holds now for one account and magic number: breaker, lease, gateway, and the three books side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.guardian.breaker import Breaker
from mt5canary.link.dialect import Dialect
from mt5canary.link.session import ReadSession
from mt5canary.order.account_lease import AccountLease
from mt5canary.order.journal import Journal, RecordedIntent
from mt5canary.order.reconciler import StateReconciler
from mt5canary.order.reconciliation import Books, Reconciliation, reconcile
from mt5canary.plan import Resolved
from mt5canary.reaching import expected_account, nothing, state_of
from mt5canary.target import route_of
from mt5canary.wire.replies import HelloReply

BY = "mt5canary reconcile"


class Holdings(Struct, frozen=True, kw_only=True):
    """What was found; ``trouble`` is why the gateway's side of it is not known, or empty."""

    account: str
    breaker: str | None
    lease: str | None
    gateway: HelloReply | None = None
    books: Books | None = None
    found: Reconciliation | None = None
    intents: list[RecordedIntent] = []
    trouble: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether nothing stands in the way of a run, as far as it is known."""
        if self.gateway is None or self.found is None:
            return False
        return not (self.breaker or self.lease or self.gateway.halted or self.found.blocking)


def account_lease(resolved: Resolved) -> AccountLease:
    """The lease on the plan's account."""
    account = resolved.target.account
    return AccountLease(state_of(resolved).parent, account.server, account.login)


@contextmanager
def reconciling(resolved: Resolved, *, may_write: bool = False) -> Iterator[tuple[StateReconciler, HelloReply]]:
    """A state reconciler over a session of its own; raises Finding where it is not the plan's account."""
    plan = resolved.plan.order
    with ReadSession(route_of(resolved), nothing, dialect=Dialect(resolved.target.protocol)) as session:
        hello = expected_account(resolved, session)
        yield (
            StateReconciler(
                session,
                Journal(state_of(resolved)),
                plan.magic,
                plan.symbol,
                BY,
                resolved.limits.history_deadline,
                lambda: hello.account.margin_mode != "hedging",
                nothing,
                lambda *_, **__: None,
                may_write=lambda: may_write,
            ),
            hello,
        )


def look(resolved: Resolved) -> Holdings:
    """Read everything and change nothing; what cannot be read is said, never taken for empty."""
    account = resolved.target.account
    name = f"{account.login} at {account.server}, magic {resolved.plan.order.magic}"
    folder = state_of(resolved)
    breaker, lease = Breaker(folder).why_open(), account_lease(resolved).why_held()
    intents: list[RecordedIntent] = []
    try:
        intents = [one for one in Journal(folder).intents() if one.is_open or one.is_kept]
        with reconciling(resolved) as (reconciler, hello):
            books = reconciler.read("start")
    except Finding as finding:
        return Holdings(account=name, breaker=breaker, lease=lease, intents=intents, trouble=str(finding))
    found = reconcile(books)
    return Holdings(
        account=name, breaker=breaker, lease=lease, gateway=hello, books=books, found=found, intents=intents
    )
