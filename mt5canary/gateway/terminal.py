"""The call surface of the ``MetaTrader5`` package that the server uses, whatever stands behind it.

Two things do: the official package beside a terminal (metatrader5.py), and the simulation (simulated/). The
server talks to nothing else. What kind of terminal it is travels beside this surface, never through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from msgspec import Struct

from mt5canary.gateway.results import (
    AccountInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
)


class TradingInterface(Protocol):
    """The calls of the package, with its answers: ``None`` for an error, ``()`` for nothing there."""

    def last_error(self) -> tuple[int, str]:
        """The code and text of the latest call's outcome; (1, 'Success') where it went well."""

    def terminal_info(self) -> TerminalInfo | None:
        """The terminal's state."""

    def account_info(self) -> AccountInfo | None:
        """The account's state."""

    def symbol_info(self, symbol: str, /) -> SymbolInfo | None:
        """A symbol's specification."""

    def symbol_info_tick(self, symbol: str, /) -> Tick | None:
        """A symbol's latest quote."""

    def symbol_select(self, symbol: str, enable: bool = True, /) -> bool:
        """Put a symbol into the Market Watch."""

    def order_check(self, request: dict[str, Any], /) -> OrderCheckResult | None:
        """What the terminal would say to a request."""

    def order_send(self, request: dict[str, Any], /) -> OrderSendResult | None:
        """Send a request."""

    def positions_get(self, *, symbol: str = ..., ticket: int = ...) -> tuple[TradePosition, ...] | None:
        """Open positions: all, those of a symbol, or the one of a ticket."""

    def orders_get(self) -> tuple[TradeOrder, ...] | None:
        """Active orders."""

    def history_orders_get(self, *dates: Any, **filters: Any) -> tuple[TradeOrder, ...] | None:
        """Historical orders: between two server times, or of a ticket or position."""

    def history_deals_get(self, *dates: Any, **filters: Any) -> tuple[TradeDeal, ...] | None:
        """Historical deals: between two server times, or of a ticket or position."""


class TerminalSilent(Exception):
    """The terminal did not answer a call in time, or its process is gone: the outcome is unknown."""


class AttachedTerminal(Struct, frozen=True):
    """A terminal that the server may use, and what is known about it beside its call surface.

    ``settle_seconds`` is how long after a request the history may still lack its outcome. ``reconnect`` tries to
    attach again where the connection was lost; ``close`` detaches.
    """

    kind: Literal["metatrader5", "simulated"]
    interface: TradingInterface
    settle_seconds: float
    reconnect: Callable[[], object]
    close: Callable[[], None]
