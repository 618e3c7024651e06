"""``mt5canary audit FILE...``: what somebody else's logs and reports do not prove."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mt5canary.audit.claims import Objection, read
from mt5canary.audit.rules import RULES, audit
from mt5canary.evidence.text import visible


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "files", metavar="FILE", type=Path, nargs="+", help="a log, a completion report, a decision record"
    )
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    """Print the objections; exit status 0 where there is none, 1 where there is any.

    Raises UsageProblem for a file that cannot be read.
    """
    claims = [read(path) for path in arguments.files]
    objections = audit(claims)
    if arguments.json:
        print(json.dumps([_plain(objection) for objection in objections], indent=2, ensure_ascii=False))
    else:
        for objection in objections:
            print(_told(objection))
        print(_tally(objections, sum(len(claim.lines) for claim in claims)))
    return 1 if objections else 0


def _told(objection: Objection) -> str:
    line = objection.line
    return "\n".join(
        (
            f"{line.file}:{line.number}: {objection.rule}",
            f"    {visible(line.text.strip(), 160)}",
            f"    why: {visible(objection.why)}",
            f"    what would show it: {objection.instead}",
        )
    )


def _tally(objections: list[Objection], lines: int) -> str:
    if objections:
        return f"{len(objections)} objections in {lines} lines"
    return f"no objection by {len(RULES)} rules in {lines} lines; that proves nothing by itself"


def _plain(objection: Objection) -> dict[str, object]:
    line = objection.line
    return {
        "file": line.file,
        "line": line.number,
        "rule": objection.rule,
        "text": line.text,
        "why": objection.why,
        "instead": objection.instead,
    }
