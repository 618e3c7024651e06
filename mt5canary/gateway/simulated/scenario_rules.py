"""What a scenario's values may be: by themselves (``RULES``), and beside each other (``contradictions``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.faults import CALLS, ORDER_KINDS, Fault
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.symbols import Symbol


class Rule(NamedTuple):
    """Whether a value may stand there, and in words what may."""

    holds: Callable[[Any], bool]
    text: str


def _from(low: int, high: int | None = None) -> Rule:
    if high is None:
        return Rule(lambda value: bool(value >= low), f"must be {low} or more")
    return Rule(lambda value: bool(low <= value <= high), f"must be from {low} to {high}")


_POSITIVE = Rule(lambda value: bool(value > 0), "must be above 0")
_PART = Rule(lambda value: bool(0 < value < 1), "must be above 0 and below 1")
_SPAN = Rule(lambda value: bool(0 <= value[0] <= value[1]), "must be two times in ms, 0 or more, the smaller first")
_RETCODES = frozenset(
    value for name, value in vars(c).items() if name.startswith("TRADE_RETCODE_") and isinstance(value, int)
)
_CALL = Rule(lambda value: value in CALLS, f"no such call; there are {', '.join(sorted(CALLS))}")
_RETCODE = Rule(lambda value: value in _RETCODES, "is no retcode of the package; 10004 to 10045 are, with gaps")

RULES: dict[str, dict[str, Rule]] = {
    "Fault": {
        "call": _CALL, "nth": _from(1), "every": _from(1), "probability": _from(0, 1), "milliseconds": _SPAN,
        "seconds": _from(0), "retcode": _RETCODE, "fraction": _PART,
    },
    "Outage": {"after": _from(0), "lasts": _POSITIVE},
    "Lag": dict.fromkeys(("position", "order", "deal"), _SPAN),
    "TierSection": {"equity": _from(0), "leverage": _from(1)},
    "CommissionSection": {"per_lot": _from(0)},
    "AccountSection": {
        "login": _from(1, 2**63 - 1), "currency_digits": _from(0, 8), "balance": _from(0), "leverage": _from(1),
        "margin_call": _from(0), "stop_out": _from(0), "limit_orders": _from(0),
    },
    "ServerSection": {
        "standard_hours": _from(-12, 14), "comment_cut": _from(0), "build": _from(1),
        "comment_rewrite": Rule(lambda value: len(value) <= 31, "must have at most 31 characters"),
    },
    "WalkSection": {
        "start": _POSITIVE, "volatility": _from(0), "spread_min": _from(1), "spread_max": _from(1),
        "interval_ms": _from(25),
    },
    "SymbolSection": {
        **dict.fromkeys(("volume_min", "volume_step", "volume_max", "contract_size", "margin_rate"), _POSITIVE),
        **dict.fromkeys(("volume_limit", "stops_level", "freeze_level", "margin_hedged"), _from(0)),
    },
}  # fmt: skip
"""For each section of the file, the rules of its keys; a value that is absent (``none``) is never judged."""

_OF_KIND = {"milliseconds": "delay", "seconds": "stall", "retcode": "retcode", "executed": "retcode",
            "fraction": "partial"}  # fmt: skip
_FAULT_DEFAULTS = {name: getattr(Fault(kind="delay"), name) for name in _OF_KIND}


def contradictions(scenario: Scenario) -> Iterator[str]:
    """What is possible by itself and yet cannot be together, each with its place."""
    for index, fault in enumerate(scenario.faults):
        yield from _of_fault(f"faults[{index}]", fault)
    yield from _of_account(scenario)
    for name, symbol in scenario.symbols.items():
        yield from _of_symbol(f"symbols.{name}", symbol)


def _of_fault(where: str, fault: Fault) -> Iterator[str]:
    if fault.kind in ORDER_KINDS and fault.call not in ("order_send", "*"):
        yield f"{where}: {fault.kind} happens to order_send only"
    for name, kind in _OF_KIND.items():
        if fault.kind != kind and getattr(fault, name) != _FAULT_DEFAULTS[name]:
            yield f"{where}.{name}: belongs to the kind {kind}, this is {fault.kind}"
    if fault.kind == "delay" and not fault.milliseconds[1]:
        yield f"{where}: a delay needs milliseconds, such as [50, 400]"


def _of_account(scenario: Scenario) -> Iterator[str]:
    tiers = [equity for equity, _ in scenario.leverage_tiers]
    if any(before >= after for before, after in pairwise(tiers)):
        yield "account.leverage_tiers: equity must rise from tier to tier"
    if scenario.stop_out > scenario.margin_call:
        yield f"account.stop_out: must be at most margin_call ({scenario.margin_call}), was {scenario.stop_out}"
    known = sorted({symbol.currency_profit for symbol in scenario.symbols.values()} | {"EUR"})
    if scenario.currency not in known:
        yield f"account.currency: must be one of {', '.join(known)}, that every symbol can be valued in, " \
              f"was {scenario.currency!r}"  # fmt: skip


def _of_symbol(where: str, symbol: Symbol) -> Iterator[str]:
    if max(symbol.volume_step, symbol.volume_min) > symbol.volume_max:
        yield f"{where}: volume_step and volume_min must be at most volume_max"
    elif symbol.volume_min % symbol.volume_step:
        yield f"{where}: volume_min must be a multiple of volume_step"
    if symbol.walk and symbol.walk.spread_min > symbol.walk.spread_max:
        yield f"{where}.walk: spread_min must be at most spread_max"
    if symbol.execution == c.SYMBOL_TRADE_EXECUTION_MARKET and not symbol.filling_mask & 3:
        yield f"{where}.filling: market execution needs fok or ioc"
    if symbol.replay is not None and not symbol.replay.is_file():
        yield f"{where}.replay: no such file: {symbol.replay}"
