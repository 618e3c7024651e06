"""A terminal whose package lives in a process of its own.

The calls of the ``MetaTrader5`` package hold the interpreter until the terminal answers (mt5-facts section 7), so the
package gets an interpreter to itself. A call that does not come back in time raises TerminalSilent; while it still
hangs, every later call does so at once; when it has hung for too long, or the process has died, ``reconnect`` starts
a new one.
"""

from __future__ import annotations

import importlib
import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from mt5canary.gateway import constants as c
from mt5canary.gateway import results
from mt5canary.gateway.installation import ANY_INSTALLATION, Installation
from mt5canary.gateway.results import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    StructSequence,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
)
from mt5canary.gateway.terminal import TerminalSilent

CALL_SECONDS = 3.5
SEND_SECONDS = 12.0
START_SECONDS = 70.0  # initialize() waits up to 60 s for a terminal that it has to start
ABANDONED_SECONDS = 60.0

_KINDS: dict[str, type[StructSequence]] = {kind.__name__: kind for kind in results.RESULTS}


class RemoteTerminal:
    """The call surface, carried to another process and back; ``loader`` is ``module:function`` and runs there.

    The function gets ``argument`` and gives the package, or anything with its call surface; it need not be attached.
    """

    def __init__(
        self,
        loader: str,
        argument: str,
        say: Callable[[str], None],
        installation: Installation = ANY_INSTALLATION,
    ) -> None:
        self._loader, self._argument, self._tell = loader, argument, say
        self._installation = installation
        self._said = ""
        self._error: tuple[int, str] = (c.RES_S_OK, "Success")
        self._number = 0
        self._waiting_since: float | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self._loader, self._argument)
        self._process = context.Process(target=_serve, args=arguments, name="terminal", daemon=True)
        self._process.start()
        theirs.close()
        self._say("terminal process started")

    def _say(self, text: str) -> None:
        """Say what is going on, once."""
        if text != self._said:
            self._said = text
            self._tell(text)

    # -- one call -------------------------------------------------------------------------------------------

    def _call(self, name: str, *args: Any, seconds: float = CALL_SECONDS, **kwargs: Any) -> Any:
        self._drain()
        if self._waiting_since is not None:
            raise TerminalSilent("the terminal has not answered an earlier call yet")
        self._number += 1
        try:
            self._connection.send((self._number, name, args, kwargs))
            self._waiting_since = time.monotonic()
            while self._connection.poll(max(0.0, self._waiting_since + seconds - time.monotonic())):
                number, answer, error = self._connection.recv()
                if number == self._number:
                    self._waiting_since = None
                    self._error = error
                    return answer
        except (OSError, EOFError):
            self._waiting_since = None
            raise TerminalSilent(f"the terminal's process ended during {name}") from None
        raise TerminalSilent(f"the terminal has not answered {name} for {seconds:.1f} s")

    def _drain(self) -> None:
        """Take answers that came after their caller had given up: they are nobody's."""
        try:
            while self._connection.poll(0):
                number, _, _ = self._connection.recv()
                if number == self._number:
                    self._waiting_since = None
        except (OSError, EOFError):
            raise TerminalSilent("the terminal's process has ended") from None

    def initialize(self) -> bool:
        """Attach to the terminal that is running, or start it."""
        where, how = self._installation.arguments, self._installation.options
        return bool(self._call("initialize", *where, seconds=START_SECONDS, **how))

    def reconnect(self) -> None:
        """Attach again: to the same process where it lives, else with a new one."""
        alive, waiting = self._process.is_alive(), self._waiting_since is not None
        hung = self._waiting_since is not None and time.monotonic() - self._waiting_since > ABANDONED_SECONDS
        if alive and waiting and not hung:
            return  # it may still answer
        if hung or not alive:
            self._say("terminal process hung, is replaced" if hung else "terminal process ended, is replaced")
            self.close()
            self._waiting_since = None
            self._start()
        try:
            attached = self.initialize()
        except TerminalSilent as silence:
            self._say(str(silence))
            return
        number, text = self._error
        self._say("attached to the terminal" if attached else f"not attached to the terminal: {text} ({number})")

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    # -- the call surface -----------------------------------------------------------------------------------

    def last_error(self) -> tuple[int, str]:
        """The latest call's outcome, as it came back with its answer."""
        return self._error

    def terminal_info(self) -> TerminalInfo | None:
        """The terminal's state."""
        answer: TerminalInfo | None = self._call("terminal_info")
        return answer

    def account_info(self) -> AccountInfo | None:
        """The account's state."""
        answer: AccountInfo | None = self._call("account_info")
        return answer

    def symbol_info(self, symbol: str, /) -> SymbolInfo | None:
        """A symbol's specification."""
        answer: SymbolInfo | None = self._call("symbol_info", symbol)
        return answer

    def symbol_info_tick(self, symbol: str, /) -> Tick | None:
        """A symbol's latest quote."""
        answer: Tick | None = self._call("symbol_info_tick", symbol)
        return answer

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Put a symbol into the Market Watch."""
        return bool(self._call("symbol_select", symbol, enable))

    def order_check(self, request: dict[str, Any], /) -> OrderCheckResult | None:
        """What the terminal would say to a request."""
        answer: OrderCheckResult | None = self._call("order_check", request)
        return answer

    def order_send(self, request: dict[str, Any], /) -> OrderSendResult | None:
        """Send a request."""
        answer: OrderSendResult | None = self._call("order_send", request, seconds=SEND_SECONDS)
        return answer

    def positions_get(self, **filters: Any) -> tuple[TradePosition, ...] | None:
        """Open positions."""
        answer: tuple[TradePosition, ...] | None = self._call("positions_get", **filters)
        return answer

    def orders_get(self) -> tuple[TradeOrder, ...] | None:
        """Active orders."""
        answer: tuple[TradeOrder, ...] | None = self._call("orders_get")
        return answer

    def history_orders_get(self, *dates: Any, **filters: Any) -> tuple[TradeOrder, ...] | None:
        """Historical orders."""
        answer: tuple[TradeOrder, ...] | None = self._call("history_orders_get", *dates, **filters)
        return answer

    def history_deals_get(self, *dates: Any, **filters: Any) -> tuple[TradeDeal, ...] | None:
        """Historical deals."""
        answer: tuple[TradeDeal, ...] | None = self._call("history_deals_get", *dates, **filters)
        return answer


# -- in the other process -----------------------------------------------------------------------------------


def _serve(connection: Connection, loader: str, argument: str) -> None:
    """Carry out calls until the gateway is gone; Ctrl-C at its console is the gateway's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, function = loader.partition(":")
    package = getattr(importlib.import_module(module), function)(argument)
    while True:
        try:
            number, name, args, kwargs = connection.recv()
        except (EOFError, OSError):
            return
        answer = plain(getattr(package, name)(*args, **kwargs))
        try:
            connection.send((number, answer, tuple(package.last_error())))
        except OSError:
            return


def plain(value: Any) -> Any:
    """A result of any package with this call surface, as this project's result objects, by field name."""
    kind = _KINDS.get(type(value).__name__)
    if kind is not None:
        return kind(plain(getattr(value, name)) for name in kind._names)
    if isinstance(value, tuple):
        return tuple(plain(entry) for entry in value)
    return value
