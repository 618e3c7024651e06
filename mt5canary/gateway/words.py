"""MetaTrader's numbers in the protocol's words, and the instants of the gateway host's clock."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from mt5canary.gateway import constants


def _named(prefix: str) -> dict[int, str]:
    names = ((name, value) for name, value in vars(constants).items() if name.startswith(prefix))
    return {value: name.removeprefix(prefix) for name, value in names}


ORDER_TYPES = _named("ORDER_TYPE_")
ORDER_STATES = _named("ORDER_STATE_")
DEAL_TYPES = _named("DEAL_TYPE_") | {15: "DIVIDEND", 16: "DIVIDEND_FRANKED", 17: "TAX"}
DEAL_REASONS = _named("DEAL_REASON_")
DEAL_ENTRIES = {0: "in", 1: "out", 2: "inout", 3: "out_by"}
TRADE_MODES = {0: "demo", 1: "contest", 2: "real"}
MARGIN_MODES = {0: "netting", 1: "exchange", 2: "hedging"}
SYMBOL_TRADE_MODES = {0: "disabled", 1: "long_only", 2: "short_only", 3: "close_only", 4: "full"}
EXECUTIONS = {0: "request", 1: "instant", 2: "market", 3: "exchange"}
SIDES = {0: "BUY", 1: "SELL"}

_FILLING_BITS = {1: "fok", 2: "ioc", 4: "boc"}


def word(table: dict[int, str], number: int) -> str:
    """A number's word; a number that the table does not know is written as it is."""
    return table.get(number, str(number))


def fillings(mask: int, execution: int) -> list[str]:
    """What a market order may ask for; a mask has no bit for RETURN, the execution mode decides (5.5)."""
    if execution in (constants.SYMBOL_TRADE_EXECUTION_REQUEST, constants.SYMBOL_TRADE_EXECUTION_INSTANT):
        return ["fok", "ioc", "return"]
    words = [name for bit, name in _FILLING_BITS.items() if mask & bit]
    return words if execution == constants.SYMBOL_TRADE_EXECUTION_MARKET else [*words, "return"]


def rfc3339(seconds: float) -> str:
    """An instant in UTC as the protocol writes it."""
    microseconds = round(seconds * 1_000_000)
    return f"{_whole_second(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}Z"


@lru_cache(maxsize=64)
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
