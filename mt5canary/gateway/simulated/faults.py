"""What can go wrong with a terminal, as a scenario orders it (mt5-facts sections 7 and 10).

A fault belongs to a call of the package and happens to the n-th one, to every n-th, by chance, or always. Calls
are counted from the start of the terminal.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from decimal import Decimal
from random import Random
from typing import Literal

import msgspec

from mt5canary.gateway import constants as c

Kind = Literal[
    "delay", "stall", "ipc_loss", "lost_reply", "exit_before", "exit_after",
    "requote", "retcode", "partial", "deal_zero", "price_zero",
]  # fmt: skip
"""delay and stall: the call takes longer. ipc_loss: it never reaches the terminal. lost_reply: it is carried out and
its answer lost. exit_before, exit_after: the process ends there. The others are for order_send: requote and retcode
refuse (retcode with ``executed: true`` only says so), partial fills a fraction, deal_zero and price_zero leave them
out of the result."""

ORDER_KINDS = ("requote", "retcode", "partial", "deal_zero", "price_zero")

CALLS = frozenset({
    "*", "version", "terminal_info", "account_info", "symbols_total", "symbols_get", "symbol_info",
    "symbol_info_tick", "symbol_select", "order_check", "order_send", "order_calc_margin", "order_calc_profit",
    "positions_total", "positions_get", "orders_total", "orders_get", "history_orders_get", "history_deals_get",
    "history_orders_total", "history_deals_total", "copy_ticks_from", "copy_ticks_range", "copy_rates_from",
    "copy_rates_from_pos", "copy_rates_range",
})  # fmt: skip
"""The calls of the package that a fault can happen to."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that goes wrong; ``call`` is a function of the package, or ``*`` for each."""

    kind: Kind
    call: str = "order_send"
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    milliseconds: tuple[float, float] = (0.0, 0.0)
    """Of a delay: the time is drawn evenly between the two."""
    seconds: float = 3600.0
    """Of a stall."""
    retcode: int = c.TRADE_RETCODE_TIMEOUT
    executed: bool = False
    fraction: Decimal = Decimal("0.5")
    """Of a partial fill: how much of the volume."""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A switch that is off for a time, counted in seconds from the start of the terminal."""

    switch: Literal[
        "connected", "terminal_trade_allowed", "account_trade_allowed", "trade_expert", "tradeapi", "login", "ipc"
    ]
    after: float = 0.0
    lasts: float | None = None
    """None: until the end."""


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How long after it happened something shows, in ms, drawn evenly between the two (mt5-facts 5.4)."""

    position: tuple[int, int] = (0, 0)
    order: tuple[int, int] = (0, 0)
    deal: tuple[int, int] = (0, 0)

    def shows(self, kind: Literal["position", "order", "deal"], ticket: int, happened_ms: int, now_ms: int) -> bool:
        """Whether a record that came at one instant shows at another."""
        low, high = getattr(self, kind)
        if not high:
            return True
        return now_ms >= happened_ms + Random(f"{kind}:{ticket}").randint(low, high)

    @property
    def longest(self) -> int:
        """The longest that anything can be late, in ms."""
        return max(self.position[1], self.order[1], self.deal[1])


class Faults:
    """Counts the calls and says which faults are due."""

    def __init__(self, faults: tuple[Fault, ...], outages: tuple[Outage, ...], seed: str | None) -> None:
        self._faults = faults
        self._outages = outages
        self._counts: Counter[str] = Counter()
        self._random = Random(seed)
        self._started = time.monotonic()

    def due(self, call: str) -> dict[str, Fault]:
        """Count a call and return the faults that happen to it, by kind."""
        if not self._faults:
            return {}
        self._counts[call] += 1
        return {fault.kind: fault for fault in self._faults if self._happens(fault, call)}

    def _happens(self, fault: Fault, call: str) -> bool:
        if fault.call not in (call, "*"):
            return False
        count = self._counts[call]
        by_count = (fault.nth is None or count == fault.nth) and (fault.every is None or count % fault.every == 0)
        return by_count and (fault.probability is None or self._random.random() < fault.probability)

    def wait(self, due: dict[str, Fault]) -> None:
        """Take the time that a delay or stall takes."""
        if delay := due.get("delay"):
            time.sleep(self._random.uniform(*delay.milliseconds) / 1000)
        if stall := due.get("stall"):
            time.sleep(stall.seconds)

    def end_process(self) -> None:
        """End the process as a crash does: nothing is cleaned up."""
        os._exit(99)

    def is_on(self, switch: str) -> bool:
        """Whether a switch is on now."""
        if not self._outages:
            return True
        elapsed = time.monotonic() - self._started
        return not any(outage.switch == switch and _covers(outage, elapsed) for outage in self._outages)


def _covers(outage: Outage, elapsed: float) -> bool:
    return outage.after <= elapsed and (outage.lasts is None or elapsed < outage.after + outage.lasts)
