"""Start-up: how long until the first exchange, and what the imports on the way there cost, each with its budget.

An import's cost is a share of what ``import pytest`` costs in the same round, for that is paid anyway.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.alternating import Ratio
from benchmarks.whole_run import ROOT, copy_harness, first_exchange, quiet_environment, run_pytest

ROUNDS = 9
MODULES = "import mt5canary.operation, mt5canary.plan, mt5canary.evidence.inspection, mt5canary.evidence.bundle"
"""What a preflight loads of ours before and while it asks."""

BUDGETS = {"zmq": 0.15, "yaml": 0.15, "msgspec": 0.06, "mt5canary": 0.40}
"""At most so much of ``import pytest``'s time; every module of ours for itself has ``EACH``."""

EACH = 0.05
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


class Imported(NamedTuple):
    """One import's own time in microseconds, by module."""

    by_module: dict[str, int]

    def of(self, package: str) -> int:
        """A package's own time, everything below it included."""
        return sum(own for name, own in self.by_module.items() if name == package or name.startswith(f"{package}."))


def measure() -> list[Ratio]:
    """Time to the first exchange, and the imports."""
    return [_time_to_first_exchange(), *_imports()]


def _time_to_first_exchange() -> Ratio:
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        ours = copy_harness(Path(folder) / "preflight")
        run_pytest(ours, "-m", "preflight")
        first_exchange(ours)
        for _ in range(ROUNDS):
            started = run_pytest(ours, "-m", "preflight").started
            until_first = first_exchange(ours) - started
            pairs.append((until_first, run_pytest(ours, "--version").seconds))
    return Ratio(
        "from the command to the first exchange with the gateway that the run starts / pytest --version",
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
        "s",
        tuple(ours / theirs for ours, theirs in pairs),
        None,
    )


def _imports() -> list[Ratio]:
    rounds = []
    for _ in range(ROUNDS):
        rounds.append((_imported(MODULES), _imported("import pytest")))
    rows = [_row(package, rounds, budget) for package, budget in BUDGETS.items()]
    modules = defaultdict(list)
    for ours, theirs in rounds:
        whole = sum(theirs.by_module.values())
        for name, own in ours.by_module.items():
            if name.partition(".")[0] == "mt5canary":
                modules[name].append(own / whole)
    dearest = max(modules, key=lambda name: statistics.median(modules[name]))
    name = f"import, the dearest of {len(modules)} modules of ours ({dearest}) / import pytest"
    alone = [mine.by_module.get(dearest, 0) / 1e3 for mine, _ in rounds]
    rows.append(_ratio(name, alone, [sum(each.by_module.values()) / 1e3 for _, each in rounds], EACH))
    return rows


def _row(package: str, rounds: list[tuple[Imported, Imported]], budget: float) -> Ratio:
    ours = [mine.of(package) / 1e3 for mine, _ in rounds]
    theirs = [sum(each.by_module.values()) / 1e3 for _, each in rounds]
    return _ratio(f"import, {package} / import pytest", ours, theirs, budget)


def _ratio(name: str, ours: list[float], theirs: list[float], budget: float) -> Ratio:
    shares = tuple(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Ratio(name, statistics.median(ours), statistics.median(theirs), "ms", shares, budget)


def _imported(statement: str) -> Imported:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**quiet_environment(), "PYTHONPATH": os.fspath(ROOT)},
    )
    return Imported({name: int(own) for own, name in _LINE.findall(done.stderr)})
