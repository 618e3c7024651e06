"""``mt5canary status`` and ``mt5canary reconcile``: what holds now, and what is done about what does not agree."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from mt5canary import holdings
from mt5canary.commands.asking import answered
from mt5canary.errors import Finding, UsageProblem
from mt5canary.holdings import BY, Holdings, look, reconciling
from mt5canary.order.reconciler import StateReconciler
from mt5canary.plan import Resolved, load
from mt5canary.reaching import emergency_exit, require_lasting

COLUMN = 11


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those that change something are reconcile's."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(adopt=None, flatten=False, settle=None)
    if not parser.prog.endswith("reconcile"):
        return
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--adopt", metavar="TICKET", type=int, help="keep this position: the journal knows it then")
    change.add_argument("--flatten", action="store_true", help="close every position of the magic number but kept ones")
    change.add_argument("--settle", metavar="UUID", help="this intent came to nothing, on the word of --by")
    parser.add_argument("--by", metavar="NAME", help="who has looked, for --settle")
    parser.add_argument("--yes", action="store_true", help="do not ask before closing")


def run(arguments: argparse.Namespace) -> int:
    """Show what holds; exit status 0 only where nothing stands in the way of a run."""
    resolved = load(arguments.plan, target=arguments.target)
    require_lasting(resolved)
    if arguments.adopt is not None:
        _change(resolved, lambda reconciler: reconciler.adopt(arguments.adopt, BY))
    elif arguments.settle is not None:
        if not arguments.by:
            raise UsageProblem("--settle needs --by NAME: who has looked in the terminal")
        _change(resolved, lambda reconciler: reconciler.give_up(arguments.settle, arguments.by))
    elif arguments.flatten:
        _flatten(resolved, ask=not arguments.yes)
    held = look(resolved)
    if arguments.json:
        print(json.dumps({"clear": held.is_clear, **msgspec.to_builtins(held)}, indent=2))
    else:
        print("\n".join(_shown(held, whole=arguments.command == "reconcile")))
    return 0 if held.is_clear else 1


def _change(resolved: Resolved, change: Callable[[StateReconciler], object]) -> None:
    """Change the journal while no run holds the account; raises UsageProblem where that cannot be done."""
    lease = holdings.account_lease(resolved)
    holder = lease.take(BY)
    if holder is not None:
        raise UsageProblem(f"the account is held by {holder}; end it first, or close everything with close-all")
    try:
        with reconciling(resolved, may_write=True) as (reconciler, _):
            change(reconciler)
    except Finding as finding:
        raise UsageProblem(str(finding)) from None
    finally:
        lease.release()


def _flatten(resolved: Resolved, *, ask: bool) -> None:
    account, magic = resolved.target.account, resolved.plan.order.magic
    where = f"account {account.login} at {account.server}"
    if ask and answered(f"close every position of magic {magic} on {where} but kept ones? [yes/no] ") != "yes":
        raise UsageProblem("nothing was done")

    def close(reconciler: StateReconciler) -> None:
        way_out, remark = emergency_exit(resolved)
        way_out.spared = reconciler.reconcile("start").kept
        if remark:
            print(remark, file=sys.stderr)
        print(way_out.flatten("reconcile --flatten", BY).describe(), file=sys.stderr)
        reconciler.reconcile("start")

    _change(resolved, close)


def _shown(held: Holdings, *, whole: bool) -> Iterator[str]:
    def line(name: str, text: str) -> str:
        return f"{name:<{COLUMN}}{text}"

    yield line("account", held.account)
    yield line("breaker", f"OPEN: {held.breaker}" if held.breaker else "closed")
    yield line("lease", f"held by {held.lease}" if held.lease else "no run holds the account")
    if held.gateway is None:
        yield line("gateway", f"NOT KNOWN: {held.trouble}")
    else:
        gateway = held.gateway.gateway
        halted = f"HALTED: {held.gateway.halt_reason}" if held.gateway.halted else "not halted"
        yield line("gateway", f"{gateway.name} {gateway.version}, instance {gateway.instance}, {halted}")
    if not held.intents:
        yield line("journal", "no intent open or kept")
    for intent in held.intents:
        said = intent.intent
        at = f", position {intent.position}" if intent.position else ""
        yield line("journal", f"{intent.step} {said.side} {said.volume} {said.symbol} of run {said.run}{at}")
    if held.books is None or held.found is None:
        return
    if not held.books.positions:
        yield line("positions", "none")
    for position in held.books.positions:
        yield line(
            "positions",
            f"{position.ticket} {position.type} {position.volume:g} {position.symbol} at {position.open_price}, "
            f"profit {position.profit:.2f}, magic {position.magic}, comment {position.comment!r}",
        )
    for order in held.books.orders:
        yield line("orders", f"{order.ticket} {order.type} {order.volume_current:g} {order.symbol} is {order.state}")
    for deal in held.books.deals if whole else ():
        yield line(
            "history",
            f"deal {deal.ticket} {deal.entry} {deal.volume:g} {deal.symbol} at {deal.price} of position "
            f"{deal.position_id}, reason {deal.reason}",
        )
    for discrepancy in held.found.discrepancies:
        yield line("", str(discrepancy))
    yield line("", "nothing stands in the way of a run" if held.is_clear else "NO RUN STARTS until this is settled")
