"""The official ``MetaTrader5`` package behind the server: Windows only, in a process of its own."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from mt5canary.errors import UsageProblem
from mt5canary.gateway import log
from mt5canary.gateway.installation import ANY_INSTALLATION, Installation
from mt5canary.gateway.remote_terminal import RemoteTerminal
from mt5canary.gateway.terminal import AttachedTerminal

PACKAGE = "MetaTrader5"

SETTLE_SECONDS = 180.0
"""A terminal's own request time-out is minutes (mt5-facts section 9): before that, no trace is no proof."""


def load_package(argument: str) -> Any:
    """Import the package, in the process that will use it."""
    return importlib.import_module(PACKAGE)


def attach_metatrader5(installation: Installation) -> AttachedTerminal:
    """Attach to a terminal on this machine. Raises UsageProblem where the package is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise UsageProblem(
            "--terminal metatrader5: the package MetaTrader5 is not installed here; it exists for Windows only: "
            "pip install MetaTrader5"
        )
    loader = "mt5canary.gateway.metatrader5:load_package"
    return attach_remote("metatrader5", loader, "", SETTLE_SECONDS, installation)


def attach_remote(
    kind: Any, loader: str, argument: str, settle_seconds: float, installation: Installation = ANY_INSTALLATION
) -> AttachedTerminal:
    """Start the process that loads the package, and attach to the terminal from there."""
    terminal = RemoteTerminal(loader, argument, lambda text: log.event("terminal process", state=text), installation)
    terminal.reconnect()
    return AttachedTerminal(kind, terminal, settle_seconds, terminal.reconnect, terminal.close)
