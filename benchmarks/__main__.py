"""``make bench``: measure, print, and write benchmarks/RESULTS.md and RESULTS.json."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path

from benchmarks import preflight, round_trip

HERE = Path(__file__).parent
HEAD = """# Results

Each figure is a ratio of medians from alternating runs in one session; the spread is that of the rounds. Machines
are noisy: compare ratios, not times.

| what | ours | other | ratio | spread | rounds | limit | |
|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Run every benchmark and write the results."""
    ratios = [round_trip.measure(), *preflight.measure()]
    machine = f"Measured on {platform.system()} {platform.release()}, Python {platform.python_version()}."
    table = HEAD + "\n".join(ratio.row() for ratio in ratios) + f"\n\n{machine}\n"
    print(table)
    (HERE / "RESULTS.md").write_text(table, encoding="utf-8")
    figures = [asdict(ratio) | {"ratio": ratio.value, "holds": ratio.holds} for ratio in ratios]
    (HERE / "RESULTS.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
