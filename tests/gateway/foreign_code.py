"""Code that nobody here wrote, over the simulation: run as a program with the folder that it was unpacked to.

The official wheel's Python part gets the simulation as its compiled core; ``helpers`` drives its Buy, Sell and Close,
``framework`` drives a published framework's connect, quote, order and close on top of it.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mt5canary.gateway import constants
from mt5canary.gateway.results import RESULTS
from mt5canary.gateway.simulated.attach import start_simulated
from mt5canary.gateway.simulated.module import FUNCTIONS, as_module


def official_package(state: str) -> Any:
    """The official package's own Python, whose core is the simulation."""
    terminal, _ = start_simulated("default", Path(state))
    core = as_module(terminal, "MetaTrader5._core")
    for name in [name for name in vars(core) if name.isupper()]:
        delattr(core, name)  # the wheel brings its own constants
    core.__all__ = [*FUNCTIONS, *(result.__name__ for result in RESULTS)]  # type: ignore[attr-defined]
    sys.modules["MetaTrader5._core"] = core
    import MetaTrader5  # type: ignore[import-not-found]

    return MetaTrader5


def compared_constants(package: Any) -> dict[str, Any]:
    """Where the wheel's constants and ours differ, and how many there are."""
    wheels = {name: value for name, value in vars(package).items() if name.isupper() and isinstance(value, int)}
    ours = {name: value for name, value in vars(constants).items() if name.isupper()}
    return {
        "count": len(wheels),
        "missing": sorted(set(wheels) - set(ours)),
        "invented": sorted(set(ours) - set(wheels)),
        "different": sorted(name for name in set(wheels) & set(ours) if wheels[name] != ours[name]),
    }


def helpers(package: Any) -> dict[str, Any]:
    """Buy, Sell and Close as the wheel has them."""
    package.initialize()
    bought, sold = package.Buy("EURUSD", 0.01), package.Sell("EURUSD", 0.02, comment="helper")
    held = package.positions_total()
    closed_one = package.Close("EURUSD", ticket=bought.order)
    closed = package.Close("EURUSD")
    return {
        "bought": bought.retcode, "sold": sold.retcode, "held": held, "closed one": closed_one, "closed": closed,
        "left": package.positions_total(), "deals": len(package.history_deals_get(1, 2**31 - 1)),
        "tick": list(package.symbol_info_tick("EURUSD")._asdict()),
    }  # fmt: skip


def framework(package: Any) -> dict[str, Any]:
    """pymt5adapter's connect, quote, rates, order and close."""
    import pymt5adapter as mt5  # type: ignore[import-not-found]
    from pymt5adapter.order import Order  # type: ignore[import-not-found]
    from pymt5adapter.symbol import Symbol  # type: ignore[import-not-found]

    with mt5.connected(ensure_trade_enabled=True, raise_on_errors=True):
        symbol = Symbol("EURUSD")
        bid, ask = symbol.bid, symbol.ask
        order = Order.as_buy(symbol="EURUSD", volume=0.01, price=ask, magic=77, deviation=20, comment="framework",
                             type_filling=0)  # fmt: skip
        checked, sent = order.check(), order.send()
        position = mt5.positions_get(symbol="EURUSD")[0]
        moved = Order.as_modify_sltp(position, sl=round(bid - 0.002, 5), tp=round(ask + 0.002, 5)).send()
        flat = Order.as_flatten(position, type_filling=0).send()
        now = datetime.fromtimestamp(package.symbol_info_tick("EURUSD").time)
        deals = mt5.history_deals_get(now - timedelta(hours=1), now + timedelta(days=1))
        rates = mt5.copy_rates_from_pos("EURUSD", timeframe=1, start_pos=0, count=5)
        return {
            "login": mt5.account_info().login, "bid<ask": bid < ask, "checked": checked.retcode,
            "sent": sent.retcode, "magic": position.magic, "moved": moved.retcode, "flat": flat.retcode,
            "entries": [deal.entry for deal in deals if deal.magic == 77 or deal.position_id == position.identifier],
            "rates": len(rates), "left": mt5.positions_total(),
        }  # fmt: skip


if __name__ == "__main__":
    what, state = sys.argv[1:]
    package = official_package(state)
    print(json.dumps({"helpers": helpers, "framework": framework, "constants": compared_constants}[what](package)))
