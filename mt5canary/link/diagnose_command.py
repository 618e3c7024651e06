"""``mt5canary diagnose``: why the link does not work, in one screen.

It only reads, and walks from the gateway's name to the permission to trade up to the first thing that is wrong. The
exit status is 0 only when all is well, 1 otherwise, 4 for a plan that cannot be used.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

import msgspec

from mt5canary.errors import Finding
from mt5canary.link.diagnosis import Diagnosis, Walk
from mt5canary.plan import load
from mt5canary.reaching import reading_session

WIDTH = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON, for machines")


def run(arguments: argparse.Namespace) -> int:
    """Diagnose and print; raises UsageProblem for a plan that cannot be used."""
    resolved = load(arguments.plan, target=arguments.target)
    try:
        with reading_session(resolved) as session:
            walk = Walk(session, resolved.name, resolved.target, resolved.limits, resolved.plan.order.symbol)
            found = walk.go()
    except Finding as finding:  # the simulation did not even start
        print(f"target {resolved.name}: {finding}")
        return 1
    print(as_json(found) if arguments.json else as_text(found))
    return 0 if found.healthy else 1


def as_json(found: Diagnosis) -> str:
    """The diagnosis for machines; ``trouble`` is null when all is well."""
    plain = {
        "schema": 1,
        "healthy": found.healthy,
        "target": found.target,
        "endpoint": found.endpoint,
        "steps": [msgspec.structs.asdict(step) for step in found.steps],
        "trouble": found.trouble,
        "meaning": found.meaning,
        "next": [{"machine": machine, "do": step} for machine, step in found.next_steps],
        "seconds": round(found.seconds, 3),
    }
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()


def as_text(found: Diagnosis) -> str:
    """The diagnosis for a person: each step, then what it means and what to do next on which machine."""
    lines = [f"target {found.target}, {found.endpoint}", ""]
    for step in found.steps:
        lines += _wrapped(f"  {'ok   ' if step.ok else 'WRONG'} {step.name:<11}", step.observed)
    lines.append("")
    if found.healthy:
        lines.append(f"All is well, from name to permission, in {found.seconds:.1f} s.")
        return "\n".join(lines)
    lines += _wrapped("Means  ", found.meaning)
    lines.append("Next")
    for number, (machine, action) in enumerate(found.next_steps, 1):
        lines += _wrapped(f"  {number}. {machine}: ", action)
    return "\n".join(lines)


def _wrapped(head: str, text: str) -> list[str]:
    indent = " " * (len(head) if len(head) < 20 else 5)
    return textwrap.wrap(head + text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
