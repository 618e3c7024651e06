"""One quantity by itself, where a ratio would say nothing: bytes, memory, processor time of one thing."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A quantity's rounds, and what the median may not pass; ``limit`` None is a figure to know, not to keep."""

    name: str
    rounds: tuple[float, ...]
    unit: str
    limit: float | None = None

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def holds(self) -> bool | None:
        """Whether the limit is met; None where there is none."""
        return None if self.limit is None else self.value <= self.limit

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"value": self.value, "holds": self.holds}

    def row(self) -> str:
        """One row of the table."""
        limit = "" if self.limit is None else f"<= {self.limit:g} {self.unit}"
        verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[self.holds]
        spread = f"{min(self.rounds):.4g} to {max(self.rounds):.4g}"
        return (
            f"| {self.name} | {self.value:.4g} {self.unit} | | | {spread} | {len(self.rounds)} | {limit} | {verdict} |"
        )
