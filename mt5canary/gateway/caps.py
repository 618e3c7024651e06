"""The gateway's own limits on orders, whatever the client believes its limits are."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.errors import UsageProblem
from mt5canary.gateway import reads
from mt5canary.gateway.journal import Journal
from mt5canary.gateway.refusals import Refusal
from mt5canary.gateway.terminal import TradingInterface
from mt5canary.wire.requests import Open


class Caps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an ``OPEN`` may be; a limit that is not given does not limit. Volumes are lots."""

    symbols: frozenset[str] | None = None
    magics: frozenset[int] | None = None
    max_order_volume: Decimal | None = None
    max_total_volume: Decimal | None = None
    """Of all open positions of the account and this order together."""
    max_orders_per_hour: int | None = None

    def judge(self, request: Open, terminal: TradingInterface, journal: Journal, now: float) -> None:
        """Raise Refusal with CAP_EXCEEDED where an order is beyond a limit."""
        volume = Decimal(repr(request.volume))
        if self.symbols is not None and request.symbol not in self.symbols:
            raise _exceeded("symbols", request.symbol, sorted(self.symbols))
        if self.magics is not None and request.magic not in self.magics:
            raise _exceeded("magics", request.magic, sorted(self.magics))
        if self.max_order_volume is not None and volume > self.max_order_volume:
            raise _exceeded("max_order_volume", volume, self.max_order_volume)
        if self.max_total_volume is not None:
            held = sum((Decimal(repr(p.volume)) for p in reads.open_positions(terminal)), Decimal(0))
            if held + volume > self.max_total_volume:
                raise _exceeded("max_total_volume", held + volume, self.max_total_volume)
        if self.max_orders_per_hour is not None:
            sent = journal.opened_since(now - 3600)
            if sent >= self.max_orders_per_hour:
                raise _exceeded("max_orders_per_hour", sent + 1, self.max_orders_per_hour)


def _exceeded(cap: str, value: Any, limit: Any) -> Refusal:
    return Refusal("CAP_EXCEEDED", f"{cap}: {value} is beyond this gateway's limit of {limit}")


def read_caps(path: Path) -> Caps:
    """Read a file of caps. Raises UsageProblem naming the file and the key."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageProblem(f"{path}: cannot be read as YAML: {error}") from None
    try:
        caps = msgspec.convert(_decimals(content if content is not None else {}), Caps)
    except msgspec.ValidationError as error:
        keys = ", ".join(Caps.__struct_fields__)
        raise UsageProblem(f"{path}: {error}; the keys are {keys}") from None
    for name in ("max_order_volume", "max_total_volume", "max_orders_per_hour"):
        if (value := getattr(caps, name)) is not None and value < 0:
            raise UsageProblem(f"{path}: {name} must not be negative, was {value}")
    return caps


def _decimals(content: Any) -> Any:
    """YAML's floats as the decimal numbers that stand in the file."""
    if not isinstance(content, dict):
        return content
    return {
        key: Decimal(repr(value)) if key in ("max_order_volume", "max_total_volume") and _is_number(value) else value
        for key, value in content.items()
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
