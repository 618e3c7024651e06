"""The way from the package to the terminal and back: what every call has in common (mt5-facts 1.1 and 2.4)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated import arguments
from mt5canary.gateway.simulated.arguments import CallFailed
from mt5canary.gateway.simulated.broker import Broker
from mt5canary.gateway.simulated.faults import Fault
from mt5canary.gateway.simulated.symbols import Symbol

Terminal = TypeVar("Terminal", bound="Pipe")
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def call(
    function: Callable[Concatenate[Terminal, Arguments], Answer],
) -> Callable[Concatenate[Terminal, Arguments], Answer | None]:
    """Make a method a call of the package: last_error reset, ``None`` for a failure."""

    @functools.wraps(function)
    def answer(terminal: Terminal, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer | None:
        terminal.error = (c.RES_S_OK, "Success")
        try:
            return terminal.through_pipe(function.__name__.lstrip("_"), lambda: function(terminal, *args, **kwargs))
        except CallFailed as failure:
            terminal.error = (failure.code, str(failure))
            return None
        except TypeError as error:
            if not _is_of_the_call(error):
                raise
            terminal.error = (c.RES_E_INVALID_PARAMS, "Invalid arguments")
            return None

    return answer


def _is_of_the_call(error: TypeError) -> bool:
    """Whether a call had the wrong number or names of arguments, so that nothing of it ran."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_name == "<lambda>"


class Pipe:
    """A connection to one terminal; ``due`` is what the scenario has happen to the call that is under way."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._selected = {name for name, symbol in broker.scenario.symbols.items() if symbol.in_market_watch}
        self._due: dict[str, Fault] = {}
        self.initialised = False
        self.error = (c.RES_S_OK, "Success")

    def through_pipe(self, name: str, work: Callable[[], Answer]) -> Answer:
        """Carry a call to the terminal and its answer back, with whatever the scenario has happen on the way."""
        faults = self._broker.faults
        if self.initialised and not faults.is_on("ipc"):
            self.initialised = False
            raise CallFailed(c.RES_E_INTERNAL_FAIL_SEND, "IPC send failed")
        if not self.initialised:
            raise CallFailed(c.RES_E_INTERNAL_FAIL_CONNECT, "No IPC connection")
        due = faults.due(name)
        faults.wait(due)
        if "exit_before" in due:
            faults.end_process()
        if "ipc_loss" in due:
            self.initialised = False
            raise CallFailed(c.RES_E_INTERNAL_FAIL_SEND, "IPC send failed")
        self._due = due
        answer = work()
        if "exit_after" in due:
            faults.end_process()
        if "lost_reply" in due:
            self.initialised = False
            raise CallFailed(c.RES_E_INTERNAL_FAIL_RECEIVE, "IPC recv failed")
        return answer

    def _symbol(self, name: Any) -> Symbol:
        symbol = self._broker.scenario.symbols.get(arguments.text(name, "symbol"))
        if symbol is None:
            raise CallFailed(c.RES_E_FAIL, "Terminal: Call failed")
        return symbol
