"""From the sources to one plan: ``canary.yaml``, under ``.env``, under the environment, under the command line.

Only what is in effect is taken in. Of the targets that are not selected the spelling is checked, and their
``${NAME}`` stay as they are: a rehearsal needs no gateway's address and reads no gateway's secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from mt5canary.plan.checking import Checker
from mt5canary.plan.problems import PlanProblems, Problem, nearest
from mt5canary.plan.resolved import Resolved, masked, paths_of
from mt5canary.plan.sources import (
    SET_BY,
    Variables,
    filled_in,
    read_variables,
    refers,
    with_overrides,
    with_signing_key,
    with_variables,
)
from mt5canary.plan.tree import COMMAND_LINE, Branch, Leaf, Node, Unreadable, leaves, overlaid, read_file

LARGEST = 1_048_576
BUILT_IN = "simulator"
_BUILT_IN_TARGET = {
    ("terminal",): "simulated",
    ("limits", "watch", "for"): "30s",
    ("limits", "watch", "every"): "20ms",
    ("limits", "drift", "every"): "25s",
}
_NOTHING: Mapping[str, str] = MappingProxyType({})


def load(
    path: Path,
    *,
    target: str | None = None,
    overrides: Mapping[str, str] = _NOTHING,
    environment: Mapping[str, str] = os.environ,
    state: Path | None = None,
) -> Resolved:
    """Read a plan and everything that has a say in it.

    Args:
        path: the plan's file; ``.env`` beside it is read too.
        target: the target's name, instead of the plan's own choice.
        overrides: values of the command line by dotted path, as the person typed them.
        environment: the variables.
        state: the folder of the journal and the breaker, instead of the plan's.

    Raises:
        PlanProblems: with every mistake that was found.

    """
    problems: list[Problem] = []
    variables = read_variables(path.parent, environment, problems)
    try:
        tree = read_tree(path, problems)
    except Unreadable as unreadable:
        problems.append(unreadable.problem)
        tree = None
    if tree is None:  # raised here, where no other exception hangs on it
        raise PlanProblems(path, problems)
    tree = with_signing_key(with_overrides(_with_built_in(tree), overrides, problems), variables)
    if target is not None:
        tree = tree.put(Leaf("target", f"{COMMAND_LINE} --target", target), "target")
    checker = Checker(problems, secret_texts(tree, variables))
    checker.refuse_none(tree)
    name = _selected(tree, variables, checker)
    effective = _in_effect(tree, name, variables, checker)
    plan = checker.build(effective)
    _check_rest(tree, name, checker)
    if problems or plan is None or name is None:
        raise PlanProblems(path, problems)
    sources = {".".join(keys): _origin(effective, keys) for keys in paths_of(masked(plan))}
    if state is not None:
        sources["state"] = f"{COMMAND_LINE} --state"
    return Resolved(plan, name, MappingProxyType(sources), path, state or path.parent / plan.state)


def read_tree(path: Path, problems: list[Problem]) -> Branch:
    """Read the plan's file into a tree; raises Unreadable where there is nothing to go on with."""
    reason = ""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        reason = "there is no such file; name the plan with --plan FILE"
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    except UnicodeError:
        reason = "is no text in UTF-8"
    if not reason and len(content) > LARGEST:
        reason = f"has {len(content)} bytes; a plan has at most {LARGEST}"
    if reason:
        raise Unreadable(Problem(str(path), "", reason))
    tree = read_file(text, path.name, problems)
    if isinstance(tree, Branch):
        return tree
    found = "is empty" if isinstance(tree, Leaf) and tree.text is None else "is no mapping"
    raise Unreadable(Problem(tree.origin, "", f"{found}; a plan has keys such as task, targets, decision and order"))


def _with_built_in(tree: Branch) -> Branch:
    """Add the built-in target where the plan does not name it, and the choice of it where the plan makes none."""
    if tree.get("target") is None:
        tree = tree.put(Leaf("target", "default", BUILT_IN), "target")
    if isinstance(tree.get("targets") or tree, Branch) and tree.get("targets", BUILT_IN) is None:
        for keys, text in _BUILT_IN_TARGET.items():
            path = ("targets", BUILT_IN, *keys)
            tree = tree.put(Leaf(".".join(path), "built in", text), *path)
    return tree


def secret_texts(tree: Branch, variables: Variables) -> Iterator[str]:
    """Every text that is a secret or would be one; too short a text would mask half of every message."""
    written = (leaf for leaf in leaves(tree) if leaf.path.endswith(".risk_secret"))
    texts = [one.text for one in (filled_in(leaf, variables, _ignore) for leaf in written) if isinstance(one, Leaf)]
    texts += [values.get("RISK_SECRET") for values in (variables.environment, variables.file)]
    return (text for text in texts if text and len(text) >= 6)


def _ignore(node: Node, text: str) -> None:
    """Note nothing: the same mistake is noted where the value is read."""


def _selected(tree: Branch, variables: Variables, checker: Checker) -> str | None:
    """Return the name of the target to use; None where there is no such target."""
    chosen, targets = tree.get("target"), tree.get("targets")
    if not isinstance(chosen, Leaf) or chosen.text is None or not isinstance(targets, Branch):
        return None  # the schema says what is wrong with it
    filled = filled_in(chosen, variables, checker.note)
    if not isinstance(filled, Leaf) or not filled.text or (filled is chosen and refers(chosen)):
        return None
    if filled.text not in targets.entries:
        known = ", ".join(targets.entries)
        meant = nearest(filled.text, targets.entries)
        hint = f"; {meant}" if meant.startswith("did") else ""
        checker.note(chosen, f"was {checker.shown(filled, None)}; must be one of the targets {known}{hint}")
        return None
    return filled.text if isinstance(targets.entries[filled.text], Branch) else None


def _in_effect(tree: Branch, name: str | None, variables: Variables, checker: Checker) -> Branch:
    """Return the plan with the selected target alone, under its limits, every value filled in."""
    target = tree.get("targets", name) if name else None
    if name and isinstance(target, Branch) and not _started_by_run(target, variables):
        tree = tree.put(with_variables(target, variables), "targets", name)
    filled = filled_in(_one_volume(_for_target(tree, name), checker), variables, checker.note)
    assert isinstance(filled, Branch)
    return filled


def _for_target(tree: Branch, name: str | None) -> Branch:
    """Return the plan as it is for one target: without the others, its limits over the plan's."""
    targets, limits = tree.get("targets"), tree.get("limits") or Branch("limits", tree.origin, {})
    if not isinstance(targets, Branch):
        return tree
    target = targets.entries.get(name) if name else None
    own = target.get("limits") if isinstance(target, Branch) else None
    if isinstance(target, Branch) and isinstance(own, Branch) and isinstance(limits, Branch):
        tree, target = tree.put(overlaid(limits, own), "limits"), target.without("limits")
    return tree.put(replace(targets, entries={name: target} if name and target else {}), "targets")


def _started_by_run(target: Branch, variables: Variables) -> bool:
    terminal, host = target.get("terminal"), target.get("host")
    if terminal is not None:
        terminal = filled_in(terminal, variables, _ignore)
    no_host = host is None or (isinstance(host, Leaf) and host.text is None)
    return isinstance(terminal, Leaf) and terminal.text == "simulated" and no_host


def _one_volume(tree: Branch, checker: Checker) -> Branch:
    """Keep one of volume and risk_coefficient: the command line's, or the only one there is."""
    order, volume, share = (tree.get("order", *key) for key in ((), ("volume",), ("risk_coefficient",)))
    if not isinstance(order, Branch) or volume is None or share is None:
        return tree
    typed = [node.origin.startswith(COMMAND_LINE) for node in (volume, share)]
    if typed[0] == typed[1]:
        checker.note(share, f"must be left out beside volume ({volume.origin}), which stands in its place")
    return tree.put(order.without("volume" if typed[1] and not typed[0] else "risk_coefficient"), "order")


def _check_rest(tree: Branch, selected: str | None, checker: Checker) -> None:
    """Check what is not in effect: the other targets, and the limits that the selected one covers."""
    targets = tree.get("targets")
    others = [name for name in targets.entries if name != selected] if isinstance(targets, Branch) else []
    unread = {leaf.path for leaf in leaves(tree) if refers(leaf)}
    unread |= {
        f"targets.{name}.{key}" for name in others for key in SET_BY.values() if not tree.get("targets", name, key)
    }
    for name in (None, *others):
        checker.build(_for_target(tree, name), unread)


def _origin(tree: Branch, keys: tuple[str, ...]) -> str:
    node = tree.get(*keys)
    return "default" if node is None or (isinstance(node, Leaf) and node.text is None) else node.origin
