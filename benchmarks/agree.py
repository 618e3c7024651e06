"""``python -m benchmarks.agree ONE.json OTHER.json``: whether two runs of ``make bench`` agree.

Two rows agree where the spreads that they state have something in common. A row of one round states no spread: it is
listed with how far apart the two are. Exit status 1 where rows with spreads do not agree, or are not the same rows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Compared(NamedTuple):
    """One row of both runs: the medians, and whether they agree; None where no spread is stated."""

    name: str
    one: float
    other: float
    agree: bool | None


def compare(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[Compared]:
    """Every row that both runs have."""
    others = {row["name"]: row for row in other}
    return [_compared(row, others[row["name"]]) for row in one if row["name"] in others]


def _compared(one: dict[str, Any], other: dict[str, Any]) -> Compared:
    mine, theirs = one["rounds"], other["rounds"]
    agree = min(mine) <= max(theirs) and min(theirs) <= max(mine)
    values = [float(row["ratio"] if "ratio" in row else row["value"]) for row in (one, other)]
    states = agree or (len(mine) > 1 and len(theirs) > 1)
    return Compared(one["name"], *values, agree if states else None)


def main(first: str, second: str) -> int:
    """Compare two files and say what does not agree."""
    one, other = (json.loads(Path(name).read_text(encoding="utf-8")) for name in (first, second))
    missing = {row["name"] for row in one} ^ {row["name"] for row in other}
    compared = compare(one, other)
    for row in compared:
        if not row.agree:
            word = "NOT WITHIN THE SPREADS" if row.agree is False else "one round, no spread"
            apart = abs(row.one - row.other) / max(abs(row.one), abs(row.other))
            print(f"{word}: {row.name}: {row.one:.4g} and {row.other:.4g}, {apart:.0%} apart")
    print(
        f"{sum(row.agree is True for row in compared)} of {len(compared)} rows agree within the spreads that they state"
    )
    for name in sorted(missing):
        print(f"only one run has: {name}")
    return 1 if missing or any(row.agree is False for row in compared) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
