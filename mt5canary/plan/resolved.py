"""A plan in effect: one target selected, its limits in place, each value with where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from mt5canary.plan.durations import format_duration
from mt5canary.plan.fields import MASK, NO_AGE, Secret
from mt5canary.plan.schema import Limits, Order, Plan, Target
from mt5canary.plan.sections import Section

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Resolved(Struct, frozen=True, dict=True):
    """What a run works from; it never changes.

    ``sources`` says of each value, by its dotted path, where it came from: ``canary.yaml:12``,
    ``environment GTW_HOST``, ``.env GTW_PORT``, ``command line --set order.magic``, ``built in``, ``default``.
    """

    plan: Plan
    name: str
    sources: Mapping[str, str]
    file: Path
    state: Path

    @property
    def target(self) -> Target:
        """The selected target."""
        return self.plan.targets[self.name]

    @property
    def limits(self) -> Limits:
        """The plan's limits under the selected target's own."""
        return self.plan.limits

    @property
    def folder(self) -> Path:
        """The folder that the plan's relative paths start from."""
        return self.file.parent

    @property
    def rehearsal(self) -> bool:
        """Whether the terminal is a simulation, so that every document must say so."""
        return self.target.simulated

    @property
    def started_by_run(self) -> bool:
        """Whether the run starts the target itself, and stops it."""
        return self.target.started_by_run

    def path(self, relative: Path) -> Path:
        """Return where a path of the plan leads."""
        return self.folder / relative

    @property
    def column_file(self) -> Path | None:
        """Where the strategy writes its own features; None where the plan names none."""
        columns = self.limits.drift.columns
        return None if columns is None else self.path(columns)

    def masked(self) -> dict[str, Any]:
        """Return the plan in effect as plain values, defaults included, secrets masked."""
        return masked(self.plan)

    def masked_yaml(self) -> str:
        """Return the plan in effect as the text of a plan file; equal plans give equal bytes."""
        return self._masked_yaml

    @cached_property
    def _masked_yaml(self) -> str:
        return yaml.dump(self.masked(), Dumper=_DUMPER, sort_keys=False, default_flow_style=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the masked text, in hex: which plan this was."""
        return hashlib.sha256(self.masked_yaml().encode()).hexdigest()


def masked(section: Section) -> dict[str, Any]:
    """Return a section as plain values; what is optional and not there is left out."""
    values = {}
    for name, key in zip(section.__struct_fields__, section.__struct_encode_fields__, strict=True):
        value = getattr(section, name)
        if key == "max_age" and value is None:
            value = NO_AGE
        if value is not None:
            values[key] = plain_value(value)
    if isinstance(section, Order) and section.volume is not None:
        del values["risk_coefficient"]  # the volume stands in its place
    return values


def paths_of(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every value's keys; a list is one value."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from paths_of(value, (*above, key))
        else:
            yield (*above, key)


def plain_value(value: Any) -> Any:
    """Return a value of the plan as YAML and JSON have it."""
    if isinstance(value, Section):
        return masked(value)
    if isinstance(value, Mapping):
        return {key: plain_value(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float | Decimal):  # 5 and 5.00 are one amount
        return int(value) if value == int(value) else float(value)
    return value
