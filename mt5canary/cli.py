"""The command line: one parser, each command in a module that is imported when it is called.

A command's module has ``configure(parser)``, which declares its options, and ``run(arguments)``, which returns
the exit status.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mt5canary import __version__
from mt5canary.errors import Unproven, UsageProblem

COMMANDS = {
    "archive": ("mt5canary.commands.archive", "pack a bundle and commit it to a git repository; never pushes"),
    "audit": ("mt5canary.commands.audit", "what somebody else's logs and reports do not prove"),
    "baseline": ("mt5canary.commands.baseline", "record what the market's features look like"),
    "close-all": ("mt5canary.commands.close_all", "emergency: flatten, with or without a run going on"),
    "diagnose": ("mt5canary.link.diagnose_command", "why the link does not work, and what to do next"),
    "evaluate": ("mt5canary.commands.evaluate", "the figures of finished runs over 24 h and 72 h, and the promotion"),
    "explain": ("mt5canary.commands.explain", "what a retcode means and what to do next"),
    "halt": ("mt5canary.commands.breaker", "open the breaker: no order leaves any more"),
    "keygen": ("mt5canary.commands.keygen", "write the shared secret, the CURVE keys of both ends and the signing key"),
    "probe": (
        "mt5canary.gateway.probe",
        "how a terminal compares with the simulation; asks only for what cannot trade",
    ),
    "reconcile": ("mt5canary.commands.status", "journal, positions and history side by side; adopt or flatten orphans"),
    "reset": ("mt5canary.commands.breaker", "close the breaker again, by name and with a reason"),
    "review": ("mt5canary.commands.review", "apply the written policy to a finished bundle"),
    "serve": ("mt5canary.gateway.command", "run the gateway beside a terminal, real or simulated"),
    "status": ("mt5canary.commands.status", "what holds now: breaker, lease, journal, gateway, positions"),
    "verify": ("mt5canary.verify.command", "what a bundle proves, offline, from its raw records"),
}
"""Each command with the module that carries it out and its line in --help."""

USAGE_STATUS = 4
"""The exit status for input that cannot be used, as pytest has it."""


class Parser(argparse.ArgumentParser):
    """A parser whose exit status for a wrong option is the same as for any other input that cannot be used."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to ask for help."""
        self.exit(USAGE_STATUS, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(prog="mt5canary", description="one tiny real order, proven line by line", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"mt5canary {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = words[:1] if words and words[0] in COMMANDS else [*COMMANDS]  # the others' parsers would only cost time
    for name in named:
        module, summary = COMMANDS[name]
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if words[:1] == [name]:
            importlib.import_module(module).configure(command)
    arguments = parser.parse_args(words)
    try:
        return int(importlib.import_module(COMMANDS[arguments.command][0]).run(arguments))
    except UsageProblem as problem:
        print(f"mt5canary {arguments.command}: {problem}", file=sys.stderr)
        return USAGE_STATUS
    except Unproven as missing:
        print(f"mt5canary {arguments.command}: {missing}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
