"""Who may import whom, and what the client side may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTEST_SIDE = ("pytest", "_pytest", "allure", "allure_commons", "plugins", "fixtures", "tests", "verification")
FORBIDDEN = {
    "mt5canary": PYTEST_SIDE,
    "mt5canary/wire": ("mt5canary", "zmq"),
    "mt5canary/plan": ("mt5canary.link", "mt5canary.order", "mt5canary.guardian", "mt5canary.evidence"),
    "mt5canary/gateway": ("mt5canary",),
    "mt5canary/link": ("mt5canary.order", "mt5canary.guardian", "mt5canary.evidence", "mt5canary.gateway"),
    "mt5canary/order": ("mt5canary.guardian", "mt5canary.evidence", "mt5canary.gateway"),
    "mt5canary/guardian": ("mt5canary.evidence", "mt5canary.gateway"),
    "mt5canary/promotion": ("mt5canary.gateway", "mt5canary.commands"),
    "mt5canary/evidence": ("mt5canary.gateway", "mt5canary.verify"),
    "mt5canary/verify": ("mt5canary.gateway", "mt5canary.operation", "mt5canary.commands"),
    "plugins": ("fixtures", "tests", "verification", "mt5canary.gateway"),
    "fixtures": ("tests", "verification", "mt5canary.gateway"),
}
"""What a folder's modules must not import; a name stands for everything below it."""

ALLOWED = {
    "mt5canary/wire": ("mt5canary.wire",),
    "mt5canary/gateway": ("mt5canary.wire", "mt5canary.errors", "mt5canary.gateway", "mt5canary.__version__"),
}
"""Exceptions from the above."""

HEAVY = ("numpy", "matplotlib", "pandas", "cryptography", "hdrh", "rich", "scipy", "prometheus_client")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_below(module: str, names: tuple[str, ...]) -> bool:
    """Whether a module is one of these or below one of these."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def breaches(folder: str) -> list[str]:
    """The imports of a folder that its place in the house forbids."""
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module in imported(path)
        if is_below(module, FORBIDDEN[folder]) and not is_below(module, ALLOWED.get(folder, ()))
    ]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_run_one_way(folder: str) -> None:
    """No module reaches for one that its layer must not know."""
    assert breaches(folder) == []


def test_criteria_know_pytest_alone() -> None:
    """verification/ imports pytest and nothing else: a reader who knows only the plan can read it."""
    found = {module for path in (ROOT / "verification").glob("*.py") for module in imported(path)}
    assert found == {"pytest"}


def test_the_check_sees_a_breach() -> None:
    """The walk finds imports inside functions and under another name."""
    tree = "def f():\n    from mt5canary.gateway import log as other\n"
    path = ROOT / "mt5canary" / "link" / "session.py"
    names = [
        f"{node.module}.{node.names[0].name}" for node in ast.walk(ast.parse(tree)) if isinstance(node, ast.ImportFrom)
    ]
    assert is_below(names[0], FORBIDDEN["mt5canary/link"])
    assert "mt5canary.wire.frames" in set(imported(path))


@pytest.mark.parametrize(
    "module", ["mt5canary.plan", "mt5canary.link.session", "mt5canary.operation", "mt5canary.order.watchdog"]
)
def test_client_side_loads_nothing_heavy(module: str) -> None:
    """Importing the client side pulls in no numerical, drawing or cryptographic library, and no test tool."""
    code = f"import sys, {module}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {*HEAVY, *PYTEST_SIDE}


def test_typing_extensions_stay_away_and_can_be_had() -> None:
    """Msgspec is imported without them; whoever asks for them afterwards gets them, where they are installed."""
    code = "import sys, mt5canary; assert 'msgspec' in sys.modules and 'typing_extensions' not in sys.modules"
    after = "import importlib.util; assert importlib.util.find_spec('typing_extensions'); import typing_extensions"
    subprocess.run([sys.executable, "-c", f"{code}; {after}"], check=True)
