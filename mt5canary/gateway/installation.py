"""Which MetaTrader 5 installation to attach to, where there are several on one machine or one is portable."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from mt5canary.errors import UsageProblem


class Installation(NamedTuple):
    """A terminal's program, or None for the one that the package finds; and whether it was started ``/portable``.

    ``portable`` must match how that terminal was started: else another data folder is looked for, and no terminal is
    found in it (mt5-facts section 7).
    """

    path: str | None = None
    portable: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """What ``initialize`` gets by position."""
        return () if self.path is None else (self.path,)

    @property
    def options(self) -> dict[str, bool]:
        """What ``initialize`` gets by keyword."""
        return {"portable": True} if self.portable else {}


ANY_INSTALLATION = Installation()
"""The one that the package finds."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options that choose an installation."""
    parser.add_argument(
        "--terminal-path", metavar="FILE", type=Path, help="terminal64.exe of the installation, where there are several"
    )
    parser.add_argument("--portable", action="store_true", help="that terminal was started with /portable")


def chosen(arguments: argparse.Namespace) -> Installation:
    """The installation that the options name. Raises UsageProblem."""
    path: Path | None = arguments.terminal_path
    if arguments.terminal != "metatrader5" and (path is not None or arguments.portable):
        option = "--portable" if path is None else f"--terminal-path {path}"
        raise UsageProblem(f"{option}: only --terminal metatrader5 has an installation, this is {arguments.terminal}")
    if path is not None and not path.is_file():
        raise UsageProblem(f"--terminal-path {path}: no such file; give the path of terminal64.exe itself")
    if arguments.portable and path is None:
        raise UsageProblem(
            "--portable: say which installation with --terminal-path; a portable one is not found by itself"
        )
    return Installation(None if path is None else str(path.resolve()), arguments.portable)
