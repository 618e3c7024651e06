"""Reaching a target from the command line, without a run: to ask, or to get out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mt5canary.errors import Finding, LinkFinding, UsageProblem
from mt5canary.link.clock import ahead_of_this_host
from mt5canary.link.connection import Route
from mt5canary.link.dialect import Dialect
from mt5canary.link.exchange import Refused
from mt5canary.link.session import ReadSession, Signer, TradingSession
from mt5canary.order.flatten import WayOut
from mt5canary.plan import Resolved
from mt5canary.rehearsal import SimulatedGateway, state_folder
from mt5canary.target import route_of, secret_of
from mt5canary.wire.replies import HelloReply


def nothing(kind: str, body: object) -> None:
    """A recorder for commands that leave no bundle."""


@contextmanager
def reading_session(resolved: Resolved) -> Iterator[ReadSession]:
    """A session to the plan's target; a target that the run starts is started and stopped here."""
    dialect = Dialect(resolved.target.protocol)
    if not resolved.started_by_run:
        with ReadSession(route_of(resolved), nothing, dialect=dialect) as session:
            yield session
        return
    with tempfile.TemporaryDirectory(prefix="mt5canary-") as folder:
        gateway = SimulatedGateway(Path(folder) / "gateway.log", resolved.target.scenario)
        try:
            with ReadSession(Route(url=gateway.url), nothing, dialect=dialect) as session:
                yield session
        finally:
            gateway.stop()


def require_lasting(resolved: Resolved) -> None:
    """Raise UsageProblem for a target that lives inside a run only: outside there is nothing to reach."""
    if resolved.started_by_run:
        raise UsageProblem(
            f"target {resolved.name} is started and stopped by each run, so there is none now; name another by --target"
        )


def state_of(resolved: Resolved) -> Path:
    """The folder of journal and breaker of the plan's account and magic number."""
    account = resolved.target.account
    return state_folder(resolved.state, account.server, account.login, resolved.plan.order.magic)


def expected_account(resolved: Resolved, session: ReadSession) -> HelloReply:
    """Ask who answers; raises Finding where it is another account than the plan's."""
    hello = session.hello()
    found, wanted = hello.account, resolved.target.account
    if (found.login, found.server) != (wanted.login, wanted.server):
        raise Finding(
            f"behind the gateway is account {found.login} at {found.server}, the plan means {wanted.login} at "
            f"{wanted.server}; nothing was done"
        )
    return hello


def _signer(resolved: Resolved, session: ReadSession) -> Signer:
    """A signer for the plan's account, in the gateway's clock."""
    hello = expected_account(resolved, session)
    ahead = ahead_of_this_host(hello.server_time)
    account = resolved.target.account
    return Signer(secret_of(resolved), account.server, account.login, ahead)


def emergency_exit(resolved: Resolved, *, everything: bool = False) -> tuple[WayOut, str]:
    """The way out of the plan's magic number, or of its whole account, and what a person should know about it.

    A gateway that cannot say who it is may still close: the requests are signed for the plan's account. Raises
    Finding where it says that it is another account, or cannot be reached.
    """
    account, magic = resolved.target.account, None if everything else resolved.plan.order.magic
    signer, capabilities, remark = Signer(secret_of(resolved), account.server, account.login), None, ""
    with ReadSession(route_of(resolved), nothing, dialect=Dialect(resolved.target.protocol)) as session:
        session.connect()
        try:
            hello = expected_account(resolved, session)
            signer, capabilities = signer.by_clock(ahead_of_this_host(hello.server_time)), hello.capabilities
        except Refused as refusal:
            remark = f"the gateway does not say which account this is ({refusal}); going on"
            capabilities = [] if refusal.reply.error_code == "UNKNOWN_ACTION" else None
        except LinkFinding as finding:
            remark = f"the gateway does not say which account this is ({finding}); going on"
    return WayOut(route_of(resolved), signer, magic, nothing, capabilities=capabilities), remark


def tell_gateway(resolved: Resolved, reason: str, *, halted: bool) -> bool:
    """Halt the gateway or lift its halt, as a person wants it; returns what it says of itself then."""
    dialect = Dialect(resolved.target.protocol)
    with ReadSession(route_of(resolved), nothing, dialect=dialect) as reading:
        signer = _signer(resolved, reading)
    with TradingSession(route_of(resolved), nothing, signer, lambda: None, dialect=dialect) as session:
        session.hello()
        return (session.halt(reason) if halted else session.resume(reason)).halted
