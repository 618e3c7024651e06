"""Only what the way out needs of a plan: where the gateway is, which account, which magic number.

A plan that is broken elsewhere must not keep a position open. Of such a file the selected target's section and the
magic number are read, everything else is passed over; what the command line says stands in the place of both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mt5canary.plan.checking import Checker
from mt5canary.plan.loading import load, read_tree, secret_texts
from mt5canary.plan.problems import PlanProblems, Problem
from mt5canary.plan.resolved import Resolved
from mt5canary.plan.sources import filled_in, read_variables, with_variables
from mt5canary.plan.tree import COMMAND_LINE, Branch, Leaf, Unreadable

NEEDED = ("terminal", "host", "port", "protocol", "curve", "source", "risk_secret")
"""What is read of a target's section, beside its account's login and server."""

_REST = {
    "task": "rescue",
    "decision.record": "none.json",
    "decision.hash": "0" * 16,
    "order.symbol": "NONE",
    "order.side": "BUY",
}
_REST_OF_ACCOUNT = {"trade_mode": "demo", "currency": "USD", "leverage": "1", "min_balance": "1"}
"""What a plan must say and the way out never looks at."""

_SAID = {"magic": ("order", "magic"), "login": ("account", "login"), "server": ("account", "server")}


def load_for_rescue(
    path: Path,
    *,
    target: str | None = None,
    said: Mapping[str, str] = MappingProxyType({}),
    environment: Mapping[str, str] = os.environ,
) -> tuple[Resolved, str]:
    """Read a plan whole where that is possible, and otherwise what the way out needs of it.

    Args:
        path: the plan's file, which may be broken, or missing where ``said`` holds everything.
        target: the target's name, instead of the plan's own choice.
        said: ``host``, ``port``, ``login``, ``server``, ``magic``, ``risk_secret`` of the command line.
        environment: the variables.

    Returns:
        The plan, and what was passed over in it, in words; empty where the plan is whole.

    Raises:
        PlanProblems: where even the little that is needed cannot be read.

    """
    trouble = ""
    if not said:
        try:
            return load(path, target=target, environment=environment), ""
        except PlanProblems as problems:
            trouble = f"{problems}\nonly the target's section and the magic number are used"
    try:
        return _rescue(path, target, said, environment), trouble
    except PlanProblems as problems:
        if not trouble:
            raise
        hint = Problem("", "", "what is missing can be said by --host, --port, --login, --server, --magic")
        raise PlanProblems(path, [*problems.problems, hint]) from None


def _rescue(path: Path, target: str | None, said: Mapping[str, str], environment: Mapping[str, str]) -> Resolved:
    passed_over: list[Problem] = []
    variables = read_variables(path.parent, environment, passed_over)
    try:
        tree = read_tree(path, passed_over)
    except Unreadable:
        tree = Branch("", path.name, {})
    chosen = tree.get("target")
    name = target or (chosen.text if isinstance(chosen, Leaf) else None) or "rescue"
    section = tree.get("targets", name)
    section = section if isinstance(section, Branch) else Branch(f"targets.{name}", path.name, {})
    effective = _reduced(tree, with_variables(_only_needed(section), variables), name, said)
    problems: list[Problem] = []
    checker = Checker(problems, secret_texts(effective, variables))
    filled = filled_in(effective, variables, checker.note)
    assert isinstance(filled, Branch)
    plan = checker.build(filled)
    if problems or plan is None:
        raise PlanProblems(path, problems)
    return Resolved(plan, name, MappingProxyType({}), path, path.parent / plan.state)


def _only_needed(section: Branch) -> Branch:
    kept = {key: node for key, node in section.entries.items() if key in NEEDED}
    account = section.get("account")
    own = {key: account.get(key) for key in ("login", "server")} if isinstance(account, Branch) else {}
    path = f"{section.path}.account"
    rest = {key: Leaf(f"{path}.{key}", "not looked at", text) for key, text in _REST_OF_ACCOUNT.items()}
    kept["account"] = Branch(path, section.origin, {**{key: node for key, node in own.items() if node}, **rest})
    return Branch(section.path, section.origin, kept)


def _reduced(tree: Branch, target: Branch, name: str, said: Mapping[str, str]) -> Branch:
    """The smallest plan with this target, what the command line says in its place."""
    reduced = Branch("", tree.origin, {}).put(Leaf("target", tree.origin, name), "target").put(target, "targets", name)
    for path, text in _REST.items():
        reduced = reduced.put(Leaf(path, "not looked at", text), *path.split("."))
    for keys in (("order", "magic"), ("state",)):
        node = tree.get(*keys)
        reduced = reduced if node is None else reduced.put(node, *keys)
    if "host" in said and target.get("protocol") is None:  # whoever names a gateway by hand says that it is one
        said = {**said, "protocol": "4.3"}
    for key, text in said.items():
        keys = _SAID.get(key, (key,))
        keys = keys if keys[0] == "order" else ("targets", name, *keys)
        reduced = reduced.put(Leaf(".".join(keys), f"{COMMAND_LINE} --{key.replace('_', '-')}", text), *keys)
    return reduced
