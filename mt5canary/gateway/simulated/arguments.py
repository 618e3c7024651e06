"""The package's own rules for arguments, before anything reaches the terminal (mt5-facts section 2.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import TradeRequest, build

MAXIMUM_TEXT_UNITS = 29
"""The longest symbol or comment, in UTF-16 units."""

_UNSIGNED = {
    **dict.fromkeys(("action", "type", "type_filling", "type_time"), 32),
    **dict.fromkeys(("magic", "order", "deviation", "position", "position_by"), 64),
}
_FLOATS = ("volume", "price", "stoplimit", "sl", "tp")
_TEXTS = ("symbol", "comment")
_ZERO: dict[str, Any] = {
    **dict.fromkeys(TradeRequest._names, 0),
    **dict.fromkeys(_FLOATS, 0.0),
    **dict.fromkeys(_TEXTS, ""),
}


class CallFailed(Exception):
    """A call that the package answers with ``None`` or ``False`` and a last_error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def invalid(name: str) -> CallFailed:
    """The failure of an argument of the wrong type, range or length."""
    return CallFailed(c.RES_E_INVALID_PARAMS, f'Invalid "{name}" argument')


def text(value: Any, name: str) -> str:
    """A text of at most 29 UTF-16 units."""
    if not isinstance(value, str) or len(value.encode("utf-16-le", "surrogatepass")) // 2 > MAXIMUM_TEXT_UNITS:
        raise invalid(name)
    return value


def integer(value: Any, name: str, bits: int, signed: bool = False) -> int:
    """A Python int in the range of the C type; numpy's integers and floats are refused."""
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    if not isinstance(value, int) or not low <= value < high:
        raise invalid(name)
    return int(value)


def number(value: Any, name: str) -> float:
    """A Python float or a subclass of it; an int is refused."""
    if not isinstance(value, float):
        raise invalid(name)
    return float(value)


def trade_request(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> TradeRequest:
    """Read the one dictionary, or the keywords, of order_check and order_send.

    Unknown keys are ignored and missing ones are zero, as in the package: a forgotten filling is FOK.
    """
    if arguments and keywords:
        raise CallFailed(c.RES_E_INVALID_PARAMS, "Named arguments not allowed")
    if len(arguments) > 1 or (arguments and not isinstance(arguments[0], dict)):
        raise CallFailed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
    given = arguments[0] if arguments else keywords
    fields = dict(_ZERO)
    for name in TradeRequest._names:
        if name in given:
            fields[name] = _field(name, given[name])
    return build(TradeRequest, fields)


def _field(name: str, value: Any) -> int | float | str:
    if name in _FLOATS:
        return number(value, name)
    if name in _TEXTS:
        return text(value, name)
    if name == "expiration":
        return integer(value, name, 64, signed=True)
    return integer(value, name, _UNSIGNED[name])


def exact(lots: float) -> Decimal:
    """A float as the decimal number that it is written as."""
    return Decimal(repr(lots))
