"""Two things timed in turn, so that the machine's mood falls on both."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """The ratio of two medians with its spread over the rounds, and what may not be passed.

    ``least`` is a limit from below, for what should be large, such as requests a second.
    """

    name: str
    ours: float
    other: float
    unit: str
    rounds: tuple[float, ...]
    limit: float | None
    least: float | None = None

    @property
    def value(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.rounds)

    @property
    def holds(self) -> bool | None:
        """Whether the limit is met; None where there is none."""
        held = [self.value <= self.limit] if self.limit is not None else []
        held += [self.value >= self.least] if self.least is not None else []
        return all(held) if held else None

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"ratio": self.value, "holds": self.holds}

    def row(self) -> str:
        """One row of the table."""
        limits = [f"<= {self.limit:g}"] if self.limit is not None else []
        limits += [f">= {self.least:g}"] if self.least is not None else []
        verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[self.holds]
        spread = f"{min(self.rounds):.2f} to {max(self.rounds):.2f}"
        return (
            f"| {self.name} | {self.ours:.4g} {self.unit} | {self.other:.4g} {self.unit} | {self.value:.2f} "
            f"| {spread} | {len(self.rounds)} | {', '.join(limits)} | {verdict} |"
        )


def alternate(
    name: str,
    ours: Callable[[], float],
    other: Callable[[], float],
    rounds: int,
    unit: str,
    limit: float | None,
    least: float | None = None,
) -> Ratio:
    """Take a median of each in every round, each going first in turn, and keep the rounds' ratios."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            second, first = other(), ours()
        else:
            first, second = ours(), other()
        pairs.append((first, second))
    return Ratio(
        name,
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
        unit,
        tuple(mine / theirs for mine, theirs in pairs),
        limit,
        least,
    )
