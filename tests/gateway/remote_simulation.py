"""A gateway whose terminal lives in a process of its own, as the official package does, and is the simulation.

Run as a program with the arguments of ``mt5canary serve``: everything but the package itself is what runs beside a
real terminal.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mt5canary.cli import main
from mt5canary.gateway import command
from mt5canary.gateway.installation import Installation
from mt5canary.gateway.metatrader5 import attach_remote
from mt5canary.gateway.simulated.attach import start_simulated
from mt5canary.gateway.terminal import AttachedTerminal


def load(argument: str) -> Any:
    """The simulation as the package, in the terminal's process: not attached yet."""
    scenario, _, state = argument.partition("|")
    terminal, _ = start_simulated(scenario, Path(state))
    return terminal


def attach(kind: str, scenario: str, state: Path, place: Installation) -> AttachedTerminal:
    return attach_remote(kind, "tests.gateway.remote_simulation:load", f"{scenario}|{state}", settle_seconds=3.0)


if __name__ == "__main__":
    command.attach = attach
    sys.exit(main())
