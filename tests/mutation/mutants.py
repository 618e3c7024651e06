"""Mutants of what the harness measures: each comparison that decides, made to say something else, one at a time.

A measurement is either made to pass whatever was measured, as if the check had been taken out, or turned over, so
that it fails where it held. In the modules that decide without one (the guards, the claims of a number of samples,
the outcome of a whole) each comparison is turned over.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONSTRUCTORS = frozenset({"below", "at_most", "above", "at_least", "within", "equal", "one_of", "by_rule"})
MEASURING = ("decision.py", "link", "order", "guardian", "evidence")
"""Where measurements are made."""

COMPARING = (
    "measurement.py",
    "statistics.py",
    "evidence/verdict.py",
    "evidence/continuity.py",
    "guardian/guards.py",
    "link/remoteness.py",
    "order/proof.py",
)
"""Modules in which a comparison decides by itself."""

PRELUDE = """
from msgspec.structs import replace as _mutant_replace
from mt5canary.measurement import Outcome as _MutantOutcome

def _mutant_passes(measurement):
    return _mutant_replace(measurement, outcome=_MutantOutcome.PASS, samples=max(1, measurement.samples))

def _mutant_turned(measurement):
    other = {_MutantOutcome.PASS: _MutantOutcome.FAIL, _MutantOutcome.FAIL: _MutantOutcome.PASS}
    return _mutant_replace(measurement, outcome=other.get(measurement.outcome, measurement.outcome))
"""


@dataclass(frozen=True)
class Mutant:
    """One change of one module; ``key`` names it from version to version as long as what it changes is the same."""

    module: str
    line: int
    kind: str
    text: str
    key: str
    place: int


def modules(package: Path) -> list[str]:
    """The modules that have mutants."""
    found = {path for name in MEASURING for path in (package / name).glob("*.py")} | {package / "decision.py"}
    return sorted({str(path.relative_to(package)) for path in found} | set(COMPARING))


def mutants(package: Path, module: str) -> list[Mutant]:
    """All mutants of a module, in the order in which they stand."""
    found: list[Mutant] = []
    seen: dict[str, int] = {}
    for place, (node, where) in enumerate(_sites(ast.parse((package / module).read_text()), module)):
        text = ast.unparse(node)
        for kind in ("passes", "turned") if isinstance(node, ast.Call) else ("turned",):
            stem = f"{module}:{where}:{kind}:{text}"
            seen[stem] = seen.get(stem, 0) + 1
            key = stem if seen[stem] == 1 else f"{stem} #{seen[stem]}"
            found.append(Mutant(module, node.lineno, kind, text, key, place))
    return found


def mutated(package: Path, mutant: Mutant) -> str:
    """The module's source with the one change."""
    tree = ast.parse((package / mutant.module).read_text())
    node, _ = next(site for place, site in enumerate(_sites(tree, mutant.module)) if place == mutant.place)
    change = _Change(node, mutant.kind)
    changed = change.visit(tree)
    assert change.made
    if isinstance(node, ast.Call):
        head = next(place for place, part in enumerate(changed.body) if not _stands_first(part))
        changed.body[head:head] = ast.parse(PRELUDE).body
    return ast.unparse(ast.fix_missing_locations(changed)) + "\n"


def _sites(tree: ast.AST, module: str, where: str = "") -> Iterator[tuple[ast.Call | ast.Compare, str]]:
    for child in ast.iter_child_nodes(tree):
        inside = where
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = f"{where}.{child.name}".strip(".")
        elif _measures(child) or (isinstance(child, ast.Compare) and module in COMPARING and inside):
            yield child, inside  # type: ignore[misc]
        yield from _sites(child, module, inside)


def _measures(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CONSTRUCTORS


def _stands_first(part: ast.stmt) -> bool:
    docstring = isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
    return docstring or (isinstance(part, ast.ImportFrom) and part.module == "__future__")


class _Change(ast.NodeTransformer):
    def __init__(self, target: ast.AST, kind: str) -> None:
        self._line, self._column, self._type = target.lineno, target.col_offset, type(target)  # type: ignore[attr-defined]
        self._kind = kind
        self.made = False

    def visit(self, node: ast.AST) -> ast.AST:
        here = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0), type(node))
        node = self.generic_visit(node)
        if here != (self._line, self._column, self._type) or self.made:
            return node
        self.made = True
        if isinstance(node, ast.Compare):
            return ast.UnaryOp(op=ast.Not(), operand=node)
        wrapper = ast.Name(id=f"_mutant_{self._kind}", ctx=ast.Load())
        return ast.Call(func=wrapper, args=[node], keywords=[])  # type: ignore[list-item]
