"""What a run's records hold of the run itself: its settings and its environment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from mt5canary.evidence.chain import BrokenChain, lines, parse

R = TypeVar("R")


def readable(path: Path) -> list[dict[str, Any]]:
    """The chain's records up to the first that does not hold; criterion E5 is where a break fails the run."""
    return list(each_readable(path, parse))


def each_readable(path: Path, read: Callable[[bytes], R]) -> Iterator[R]:
    """The same records one by one, each ``read`` from its line: a day's chain need not stand in memory whole."""
    with contextlib.suppress(BrokenChain):
        for line in lines(path):
            yield read(line)


def settings_of(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The plan's values by field, each with its ``value`` and ``source``; the last ``settings`` record counts."""
    found: dict[str, Any] = {}
    for record in records:
        if record["kind"] == "settings" and isinstance(record.get("values"), dict):
            found = record["values"]
    return found


def environment_of(records: Iterable[dict[str, Any]]) -> dict[str, str]:
    """What the run ran on, from its first record."""
    found = next((record.get("environment") for record in records if record["kind"] == "run"), None)
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}
