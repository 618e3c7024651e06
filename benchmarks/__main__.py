"""``make bench``: measure, print, and write benchmarks/RESULTS.md and RESULTS.json.

``python -m benchmarks NAME ...`` measures some modules alone, and writes nothing. Each module's ``measure`` returns its
rows.
"""

from __future__ import annotations

import importlib
import json
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.alternating import Ratio
from benchmarks.figure import Figure

HERE = Path(__file__).parent
MODULES = (
    "whole_run",
    "round_trip",
    "order",
    "gateway",
    "flatten",
    "drift",
    "guardian",
    "evidence",
    "start_up",
    "page",
)
"""What is measured, in this order: a child's peak of memory begins with its parent's, so what tells it is first."""

ALONE = ("day",)
"""What takes so long that it is measured where its name alone asks for it."""

HEAD = """# Results

Ratios are of medians from alternating runs in one session, the spread is that of the rounds. Machines are noisy:
compare ratios, not times. A row without another is one quantity by itself.

| what | ours | other | ratio | spread | rounds | limit | |
|---|---|---|---|---|---|---|---|
"""


def main(names: Sequence[str]) -> int:
    """Measure, write the results where everything was measured, and return 1 where a limit does not hold."""
    unknown = [name for name in names if name not in (*MODULES, *ALONE)]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join((*MODULES, *ALONE))}", file=sys.stderr)
        return 4
    started = time.monotonic()
    rows: list[Ratio | Figure] = []
    for name in names or MODULES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{name}").measure()
    machine = f"Measured on {platform.system()} {platform.release()}, Python {platform.python_version()}"
    took = f"in {(time.monotonic() - started) / 60:.1f} minutes"
    table = HEAD + "\n".join(row.row() for row in rows) + f"\n\n{machine}, {took}.\n"
    print(table)
    if not names:
        (HERE / "RESULTS.md").write_text(table, encoding="utf-8")
        plain = [row.plain() for row in rows]
        (HERE / "RESULTS.json").write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 1 if any(row.holds is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
