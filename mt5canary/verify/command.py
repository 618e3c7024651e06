"""``mt5canary verify BUNDLE``: offline, from any machine, without any configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from mt5canary.evidence.text import visible
from mt5canary.verify.findings import State, Verification
from mt5canary.verify.verification import verify

STATUSES = "exit status: 0 all that can be judged holds, 1 contradicted, 2 something is missing, 4 no bundle"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = STATUSES
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the run's folder")
    parser.add_argument("--public-key", metavar="FILE", type=Path, help="the key that must have signed it")
    parser.add_argument("--challenge", metavar="TEXT", help="what you gave before the run")
    parser.add_argument("--repository", metavar="DIR", type=Path, help="the git repository that it was archived in")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    """Verify, and say what was found."""
    found = verify(
        arguments.bundle,
        public_key=arguments.public_key,
        challenge=arguments.challenge,
        repository=arguments.repository,
    )
    if arguments.json:
        content = {"state": found.state, "exit_status": found.exit_status, **msgspec.to_builtins(found)}
        print(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())
    else:
        print("\n".join(lines(found)))
    return found.exit_status


def lines(found: Verification) -> list[str]:
    """What was found, for people: the whole first, then what speaks against it, then the rest."""
    order = (State.CONTRADICTED, State.MISSING, State.HOLDS, State.NOT_JUDGED)
    items = [item for state in order for item in found.of(state)]
    return [
        visible(found.title or found.bundle),
        conclusion(found),
        *(f"  {item.state:<16}  {visible(item.subject)}: {visible(item.text)}" for item in items),
    ]


def conclusion(found: Verification) -> str:
    """The whole, on one line."""
    signed = f"signed by {found.signed_by}" if found.signed_by else "not signed"
    if found.state is State.HOLDS:
        return f"VERIFIED: the raw records amount to {found.verdict}; {signed}"
    against = found.of(found.state)
    word = "CONTRADICTED" if found.state is State.CONTRADICTED else "INCOMPLETE"
    more = f" (and {len(against) - 1} more)" if len(against) > 1 else ""
    return f"{word}: {visible(against[0].subject)}: {visible(against[0].text)}{more}; {signed}"
