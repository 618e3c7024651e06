"""Reading a scenario from a YAML file, with every mistake told at once.

Every key may be left out; the sections below are the whole schema::

    extends: default                  # or retail
    seed: "7"                         # of the market and the chance of faults
    account: {login: 5, margin_mode: netting, balance: 1000.50, commission: {policy: half, per_lot: 3.5}}
    server: {daylight: eu, comment_cut: 16, lag: {deal: [100, 300]}}
    symbols:
      EURUSD: {volume_min: 0.01, volume_step: 0.01, sessions: forex, walk: {volatility: 4, spread_max: 30}}
      XAUUSD: {replay: gold.csv}      # time_msc,bid,ask; beside this file
    faults:
      - {kind: lost_reply, nth: 2}                                           # of order_send
      - {kind: delay, call: symbol_info_tick, every: 10, milliseconds: [50, 400]}
    outages:
      - {switch: connected, after: 30, lasts: 5}
"""

from __future__ import annotations

import difflib
import math
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, TypeVar, get_origin

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from mt5canary.errors import UsageProblem
from mt5canary.gateway.simulated.faults import Fault, Lag, Outage
from mt5canary.gateway.simulated.scenario import BUILT_IN, Commission, Scenario
from mt5canary.gateway.simulated.scenario_rules import RULES, Rule, contradictions
from mt5canary.gateway.simulated.sessions import ALWAYS_OPEN, FOREX_SESSIONS, Sessions
from mt5canary.gateway.simulated.symbols import Symbol, Walk, catalogue


class Optional(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A section whose keys may all be left out."""

    def given(self) -> dict[str, Any]:
        """The keys that the file has."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}


class TierSection(msgspec.Struct, frozen=True, kw_only=True):
    """From this equity on, this leverage."""

    equity: Decimal
    leverage: int


class CommissionSection(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker takes."""

    policy: Literal["none", "in", "half"]
    per_lot: Decimal = Decimal(0)


class AccountSection(Optional, frozen=True, kw_only=True):
    """The account; money in its currency."""

    login: int | UnsetType = UNSET
    server: str | UnsetType = UNSET
    company: str | UnsetType = UNSET
    owner: str | UnsetType = UNSET
    trade_mode: Literal["demo", "contest", "real"] | UnsetType = UNSET
    margin_mode: Literal["netting", "exchange", "hedging"] | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    currency_digits: int | UnsetType = UNSET
    balance: Decimal | UnsetType = UNSET
    leverage: int | UnsetType = UNSET
    leverage_tiers: list[TierSection] | UnsetType = UNSET
    margin_call: Decimal | UnsetType = UNSET
    stop_out: Decimal | UnsetType = UNSET
    fifo_close: bool | UnsetType = UNSET
    limit_orders: int | UnsetType = UNSET
    commission: CommissionSection | UnsetType = UNSET


class ServerSection(Optional, frozen=True, kw_only=True):
    """The trade server's habits."""

    daylight: Literal["us", "eu", "none"] | UnsetType = UNSET
    standard_hours: int | UnsetType = UNSET
    comment_cut: int | UnsetType = UNSET
    comment_rewrite: str | UnsetType = UNSET
    tradeapi_answers_none: bool | UnsetType = UNSET
    build: int | UnsetType = UNSET
    build_date: str | UnsetType = UNSET
    lag: Lag | UnsetType = UNSET


class WalkSection(Optional, frozen=True, kw_only=True):
    """How a symbol moves: price, points per square root of a second, points, points, ms."""

    start: Decimal | UnsetType = UNSET
    volatility: float | UnsetType = UNSET
    spread_min: int | UnsetType = UNSET
    spread_max: int | UnsetType = UNSET
    interval_ms: float | UnsetType = UNSET


class SymbolSection(Optional, frozen=True, kw_only=True):
    """A symbol of the catalogue, changed."""

    trade_mode: Literal["disabled", "long_only", "short_only", "close_only", "full"] | UnsetType = UNSET
    execution: Literal["request", "instant", "market", "exchange"] | UnsetType = UNSET
    filling: list[Literal["fok", "ioc", "boc"]] | UnsetType = UNSET
    volume_min: Decimal | UnsetType = UNSET
    volume_step: Decimal | UnsetType = UNSET
    volume_max: Decimal | UnsetType = UNSET
    volume_limit: Decimal | UnsetType = UNSET
    stops_level: int | UnsetType = UNSET
    freeze_level: int | UnsetType = UNSET
    swap_long: Decimal | UnsetType = UNSET
    swap_short: Decimal | UnsetType = UNSET
    margin_rate: Decimal | UnsetType = UNSET
    margin_hedged: Decimal | UnsetType = UNSET
    contract_size: Decimal | UnsetType = UNSET
    in_market_watch: bool | UnsetType = UNSET
    sessions: Literal["always", "forex", "never"] | list[tuple[str, str]] | UnsetType = UNSET
    replay: str | UnsetType = UNSET
    walk: WalkSection | UnsetType = UNSET


class ScenarioFile(Optional, frozen=True, kw_only=True):
    """The whole file."""

    extends: Literal["default", "retail"] = "default"
    name: str | UnsetType = UNSET
    seed: str | UnsetType = UNSET
    account: AccountSection | UnsetType = UNSET
    server: ServerSection | UnsetType = UNSET
    symbols: dict[str, Any] | UnsetType = UNSET
    faults: list[Fault] | UnsetType = UNSET
    outages: list[Outage] | UnsetType = UNSET


Section = TypeVar("Section", bound=msgspec.Struct)

_NUMBERS = {
    "trade_mode": {"disabled": 0, "long_only": 1, "short_only": 2, "close_only": 3, "full": 4},
    "execution": {"request": 0, "instant": 1, "market": 2, "exchange": 3},
}
_ACCOUNT_NUMBERS = {
    "trade_mode": {"demo": 0, "contest": 1, "real": 2},
    "margin_mode": {"netting": 0, "exchange": 1, "hedging": 2},
}
_FILLING_BITS = {"fok": 1, "ioc": 2, "boc": 4}


class _Reading:
    """One reading of one file: gathers what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []

    def section(self, kind: type[Section], content: Any, where: str) -> Section | None:
        """A section's keys, each converted by itself so that each mistake is told."""
        if not isinstance(content, dict):
            self.problems.append(f"{where or 'the file'}: expected keys with values, was {content!r}")
            return None
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        rules = RULES.get(kind.__name__, {})
        values = {}
        for key, value in content.items():
            place = f"{where}.{key}" if where else str(key)
            if key not in fields:
                self._unknown(place, str(key), list(fields))
                continue
            converted = self._value(fields[key].type, value, place)
            if converted is not UNSET and self._may_stand(rules.get(key), converted, place):
                values[key] = converted
        missing = [name for name, field in fields.items() if field.required and name not in values]
        self.problems += [f"{where}: the key {name!r} is missing" for name in missing if name not in content]
        return None if missing else kind(**values)

    def _may_stand(self, rule: Rule | None, value: Any, place: str) -> bool:
        if rule is None or value is None or rule.holds(value):
            return True
        told = value if isinstance(value, Decimal) else repr(value)
        self.problems.append(f"{place}: {rule.text}, was {told}")
        return False

    def _unknown(self, place: str, key: str, known: list[str]) -> None:
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
        self.problems.append(f"{place}: no such key; {hint}")

    def _value(self, kind: Any, value: Any, place: str) -> Any:
        section = _section_in(kind)
        if section is not None and isinstance(value, dict):
            read = self.section(section, value, place)
            return UNSET if read is None else read
        item = _section_in_list(kind)
        if item is not None and isinstance(value, list):
            entries = [self.section(item, entry, f"{place}[{index}]") for index, entry in enumerate(value)]
            return [entry for entry in entries if entry is not None]
        if isinstance(value, float) and not math.isfinite(value):
            self.problems.append(f"{place}: must be a finite number, was {value!r}")
            return UNSET
        try:
            return msgspec.convert(_as_decimal(value) if _takes_decimal(kind) else value, kind)
        except (msgspec.ValidationError, InvalidOperation) as error:
            words = _words(kind)
            text = f"must be one of {', '.join(words)}" if words else str(error)
            self.problems.append(f"{place}: {text}, was {value!r}")
            return UNSET

    def raise_problems(self) -> None:
        """Raise UsageProblem with everything that was found."""
        if self.problems:
            listed = "".join(f"\n  {problem}" for problem in self.problems)
            raise UsageProblem(f"scenario {self.path}:{listed}")


def _members(kind: Any) -> tuple[Any, ...]:
    return getattr(kind, "__args__", ())


def _section_in(kind: Any) -> type[msgspec.Struct] | None:
    found = [item for item in (kind, *_members(kind)) if isinstance(item, type) and issubclass(item, msgspec.Struct)]
    return found[0] if found and not str(kind).startswith("list") else None


def _section_in_list(kind: Any) -> type[msgspec.Struct] | None:
    for item in (kind, *_members(kind)):
        if getattr(item, "__origin__", None) is list:
            return _section_in(item.__args__[0])
    return None


def _words(kind: Any) -> list[str]:
    """The words that may stand where one of several must; none where it is not so."""
    return [word for item in (kind, *_members(kind)) if get_origin(item) is Literal for word in _members(item)]


def _takes_decimal(kind: Any) -> bool:
    return kind is Decimal or Decimal in _members(kind)


def _as_decimal(value: Any) -> Any:
    """A number of YAML as the decimal number that stands in the file."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Decimal(repr(value)) if is_number else value


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises UsageProblem that tells every mistake, with its key and what would be right."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageProblem(f"scenario {path}: cannot be read as YAML: {error}") from None
    reading = _Reading(path)
    file = reading.section(ScenarioFile, content if content is not None else {}, "")
    if file is not None:
        scenario = _scenario(reading, file)
        reading.problems += contradictions(scenario)
    reading.raise_problems()
    return scenario


def _symbol_sections(reading: _Reading, file: ScenarioFile) -> dict[str, SymbolSection]:
    """The sections under ``symbols``, each named by a symbol of the catalogue."""
    given = file.symbols
    sections: dict[str, SymbolSection] = {}
    for name, entry in (given if isinstance(given, dict) else {}).items():
        if name not in catalogue():
            reading.problems.append(f"symbols.{name}: no such symbol; there are {', '.join(catalogue())}")
        elif (section := reading.section(SymbolSection, entry, f"symbols.{name}")) is not None:
            sections[name] = section
    return sections


def _scenario(reading: _Reading, file: ScenarioFile) -> Scenario:
    """What the file chooses, as far as it can be used; what cannot is among the reading's problems."""
    base = BUILT_IN[file.extends]()
    sections = _symbol_sections(reading, file)
    changes: dict[str, Any] = {"name": reading.path.stem}
    for section in (file.account, file.server):
        changes |= {} if isinstance(section, UnsetType) else section.given()
    for name, numbers in _ACCOUNT_NUMBERS.items():
        if name in changes:
            changes[name] = numbers[changes[name]]
    if "leverage_tiers" in changes:
        changes["leverage_tiers"] = tuple((tier.equity, tier.leverage) for tier in changes["leverage_tiers"])
    if "commission" in changes:
        changes["commission"] = Commission(changes["commission"].policy, changes["commission"].per_lot)
    given = file.given()
    changes |= {name: given[name] for name in ("name", "seed") if name in given}
    changes |= {name: tuple(given[name]) for name in ("faults", "outages") if name in given}
    symbols = {
        name: _symbol(reading, symbol, sections[name]) if name in sections else symbol
        for name, symbol in base.symbols.items()
    }
    return replace(base, symbols=symbols, **changes)


def _symbol(reading: _Reading, symbol: Symbol, section: SymbolSection) -> Symbol:
    changes = section.given()
    for name, numbers in _NUMBERS.items():
        if name in changes:
            changes[name] = numbers[changes[name]]
    if "filling" in changes:
        changes["filling_mask"] = sum(_FILLING_BITS[word] for word in set(changes.pop("filling")))
    if "sessions" in changes:
        changes["sessions"] = _sessions(reading, changes["sessions"], symbol.name)
    if "replay" in changes:
        changes["replay"] = reading.path.parent / changes["replay"]
    if "walk" in changes:
        walk = symbol.walk or Walk(Decimal(1), 1.0)
        changes["walk"] = replace(walk, **changes["walk"].given())
        changes["cross"] = None
    return replace(symbol, **changes)


def _sessions(reading: _Reading, given: str | list[tuple[str, str]], name: str) -> Sessions:
    if not isinstance(given, list):
        return {"always": ALWAYS_OPEN, "forex": FOREX_SESSIONS, "never": Sessions(((0, 0),))}[given]
    try:
        return Sessions.of(given)
    except ValueError as error:
        reading.problems.append(f"symbols.{name}.sessions: {error}")
        return ALWAYS_OPEN
