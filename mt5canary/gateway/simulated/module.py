"""The simulated terminal as a module, for code that says ``import MetaTrader5``."""

from __future__ import annotations

from types import ModuleType

from mt5canary.gateway import constants, results
from mt5canary.gateway.simulated.package import SimulatedTerminal

FUNCTIONS = (
    *("initialize", "login", "shutdown", "version", "last_error", "terminal_info", "account_info", "symbols_total"),
    *("symbols_get", "symbol_info", "symbol_info_tick", "symbol_select", "market_book_add", "market_book_get"),
    *("market_book_release", "copy_rates_from", "copy_rates_from_pos", "copy_rates_range", "copy_ticks_from"),
    *("copy_ticks_range", "orders_total", "orders_get", "order_calc_margin", "order_calc_profit", "order_check"),
    *("order_send", "positions_total", "positions_get", "history_orders_total", "history_orders_get"),
    *("history_deals_total", "history_deals_get"),
)
"""Every function of the package."""


def as_module(terminal: SimulatedTerminal, name: str = "MetaTrader5") -> ModuleType:
    """A module with the package's functions, constants and result types over one terminal.

    Its ``is_simulated`` is what the real package does not have.
    """
    module = ModuleType(name, "A simulated MetaTrader 5 terminal.")
    for function in FUNCTIONS:
        setattr(module, function, getattr(terminal, function))
    for constant, value in vars(constants).items():
        if constant.isupper():
            setattr(module, constant, value)
    for result in results.RESULTS:
        setattr(module, result.__name__, result)
    module.is_simulated = True  # type: ignore[attr-defined]
    return module
