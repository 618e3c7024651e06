"""``mt5canary halt`` and ``mt5canary reset``: a person opens the breaker, a person closes it."""

from __future__ import annotations

import argparse
from pathlib import Path

from mt5canary.errors import Finding
from mt5canary.guardian.breaker import Breaker
from mt5canary.plan import load
from mt5canary.reaching import require_lasting, state_of, tell_gateway


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both commands."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why")
    parser.add_argument("--by", metavar="NAME", required=True, help="the person who answers for it")


def run(arguments: argparse.Namespace) -> int:
    """Open or close the breaker of the plan's account and magic number, here and at the gateway.

    The breaker here is what counts for every run; exit status 1 says that the gateway could not be told as well.
    """
    resolved = load(arguments.plan, target=arguments.target)
    require_lasting(resolved)
    breaker = Breaker(state_of(resolved))
    halting = arguments.command == "halt"
    reason = f"{arguments.reason} ({'halted' if halting else 'reset'} by {arguments.by})"
    was = breaker.why_open()
    if halting:
        breaker.trip(reason)
        print(f"the breaker is open: {breaker.why_open()}")
    else:
        breaker.reset(arguments.reason, arguments.by)
        print("the breaker was closed already" if was is None else f"the breaker is closed; it was open for: {was}")
    try:
        print(f"the gateway says halted: {tell_gateway(resolved, reason, halted=halting)}")
    except Finding as finding:
        print(f"the gateway could not be told: {finding}")
        return 1
    return 0
