"""Lets the tests loose on mutants, each in a copy of the repository, and keeps what became of each.

What is known of a mutant holds until its module or the tests that hunt it change, so a hunt that was cut off goes on
where it stopped.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants, mutated

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "mt5canary"
KEPT = ROOT / ".mutation" / "known.json"
SECONDS = 90
"""How long the tests of one module may take on a mutant; one that hangs them is noticed too."""

COPIED = ("mt5canary", "plugins", "fixtures", "verification", "tests", "baseline", "decision", "docs")
FILES = ("conftest.py", "pytest.ini", "pyproject.toml", "canary.yaml", "Makefile", ".env.example", "README.md")

HUNTERS = {
    "evidence/batches.py": ("tests/guardian/test_batches.py",),
    "evidence/verdict.py": ("tests/evidence/test_verdict.py", "tests/plugins/test_outcomes.py"),
    "link/shape.py": ("tests/link/test_shape_measured.py",),
}
"""The tests that hunt a module's mutants, where they are more than the file that mirrors it."""

Outcomes = dict[str, str]
"""``noticed`` or ``survived``, by a mutant's key."""


def hunters(module: str) -> tuple[str, ...]:
    """The test files that must notice a mutant of a module."""
    folder, _, name = module.rpartition("/")
    mirrored = "/".join(part for part in ("tests", folder, f"test_{name}") if part)
    return HUNTERS.get(module, (mirrored,))


def all_mutants(modules: Iterable[str]) -> list[Mutant]:
    """Every mutant of the modules."""
    return [mutant for module in modules for mutant in mutants(PACKAGE, module)]


def hunt(wanted: list[Mutant], tell: Callable[[str], object], minutes: float = 600) -> Outcomes:
    """Hunt mutants until all are known or the time is up; what is known already is not hunted again.

    One at a time, so that the tests are as fast as they are alone and none fails for want of a processor. A module
    whose tests fail as it stands is passed over: whatever they said of its mutants would say nothing.
    """
    known = _read()
    stamps = {module: _stamp(module) for module in {mutant.module for mutant in wanted}}
    left = [mutant for mutant in wanted if _name(mutant, stamps) not in known]
    end = time.monotonic() + 60 * minutes
    sound: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="mt5canary-mutation-") as scratch:
        copy = copy_of_the_repository(Path(scratch) / "copy")
        for mutant in left:
            if time.monotonic() > end:
                break
            if mutant.module not in sound:
                sound[mutant.module] = passes(copy, hunters(mutant.module))
                if not sound[mutant.module]:
                    tell(f"not hunted: {mutant.module}: its tests fail without a mutant: {hunters(mutant.module)}")
            if not sound[mutant.module]:
                continue
            outcome = "noticed" if is_noticed(mutant, copy) else "survived"
            known[_name(mutant, stamps)] = outcome
            tell(f"{outcome}: {mutant.module}:{mutant.line} {mutant.kind}: {mutant.text[:100]}")
            _write(known)
    return {mutant.key: known[name] for mutant in wanted if (name := _name(mutant, stamps)) in known}


def is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Whether the module's tests fail in a copy that has the mutant."""
    file = copy / "mt5canary" / mutant.module
    before = file.read_text()
    _put(mutated(PACKAGE, mutant), file)
    try:
        return not passes(copy, hunters(mutant.module))
    finally:
        _put(before, file)


def _put(source: str, file: Path) -> None:
    """Write a module and forget its bytecode, which Python tells from another's by the second and the size alone."""
    file.write_text(source)
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def passes(copy: Path, tests: Iterable[str]) -> bool:
    """Whether test files pass in a copy; the first test that fails ends the run."""
    words = [sys.executable, "-m", "pytest", *tests, "-x", "-q", "-p", "pytester", "-p", "no:cacheprovider"]
    words += ["-m", "not nightly", "-o", "timeout_func_only=false"]
    environment = os.environ | {"PYTHONPATH": str(copy)}
    for name in ("CI", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    try:
        done = subprocess.run(words, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def copy_of_the_repository(folder: Path) -> Path:
    """What the tests need, where a mutant may be put into it."""
    folder.mkdir()
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


def _stamp(module: str) -> str:
    """What a mutant's outcome depends on: its module and the tests that hunt it."""
    files = [PACKAGE / module, *(ROOT / hunter for hunter in hunters(module))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files if path.exists())).hexdigest()[:12]


def _name(mutant: Mutant, stamps: dict[str, str]) -> str:
    return f"{stamps[mutant.module]} {mutant.key}"


def _read() -> Outcomes:
    if not KEPT.exists():
        return {}
    known: Outcomes = json.loads(KEPT.read_text())
    return known


def _write(known: Outcomes) -> None:
    KEPT.parent.mkdir(exist_ok=True)
    fresh = KEPT.with_suffix(".new")
    fresh.write_text(json.dumps(known, indent=0))
    fresh.replace(KEPT)
