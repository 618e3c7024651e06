"""``mt5canary halt`` and ``mt5canary reset``: a person opens the breaker, a person closes it."""

from __future__ import annotations

import argparse
from pathlib import Path

from mt5canary.guardian.breaker import Breaker
from mt5canary.plan import load
from mt5canary.reaching import require_lasting, state_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both commands."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why")
    parser.add_argument("--by", metavar="NAME", required=True, help="the person who answers for it")


def run(arguments: argparse.Namespace) -> int:
    """Open or close the breaker of the plan's account and magic number."""
    resolved = load(arguments.plan, target=arguments.target)
    require_lasting(resolved)
    breaker = Breaker(state_of(resolved))
    if arguments.command == "halt":
        breaker.trip(f"{arguments.reason} (halted by {arguments.by})")
        print(f"the breaker is open: {breaker.why_open()}")
        return 0
    was = breaker.why_open()
    breaker.reset(arguments.reason, arguments.by)
    print("the breaker was closed already" if was is None else f"the breaker is closed; it was open for: {was}")
    return 0
