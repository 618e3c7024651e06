"""``mt5canary close-all``: the emergency exit, from any process, with a run going on, hung or dead."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import msgspec

from mt5canary.errors import Finding, UsageProblem
from mt5canary.guardian.breaker import Breaker
from mt5canary.plan import load
from mt5canary.reaching import require_lasting, state_of, way_out


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--yes", action="store_true", help="do not ask before closing")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    """Close every position of the plan's magic number; exit status 0 only when it is shown that none is left.

    The breaker is opened first and the gateway halted after, so that no run opens anything anew behind it.
    """
    resolved = load(arguments.plan, target=arguments.target)
    require_lasting(resolved)
    account, magic = resolved.target.account, resolved.plan.order.magic
    if not arguments.yes:
        question = f"close every position of magic {magic} on account {account.login} at {account.server}?"
        if input(f"{question} [yes/no] ").strip().lower() != "yes":
            raise UsageProblem("nothing was done")
    Breaker(state_of(resolved)).trip("close-all was called")
    try:
        result = way_out(resolved).flatten("close-all was called", "mt5canary close-all", halt=True)
    except Finding as finding:
        print(f"NOT KNOWN TO BE FLAT: {finding}", file=sys.stderr)
        return 1
    print(json.dumps(msgspec.structs.asdict(result), indent=2) if arguments.json else result.describe())
    return 0 if result.flat else 1
