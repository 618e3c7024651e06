"""Where the values of a plan come from besides its file: ``.env``, the environment, the command line.

A variable that is set to nothing counts as not set, so that a copied ``.env.example`` changes nothing by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from mt5canary.plan.problems import Problem
from mt5canary.plan.tree import COMMAND_LINE, Branch, Items, Leaf, Node, read_value

SET_BY = {"GTW_HOST": "host", "GTW_PORT": "port", "GTW_SOURCE": "source", "RISK_SECRET": "risk_secret"}
"""The variables that set a field of the selected target, unless the run starts it itself."""

SIGNING_KEY = "SIGNING_KEY"
"""The variable that sets ``evidence.signing_key``."""

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_KEYS = re.compile(r"[^.\s]+(\.[^.\s]+)*")


class Variables:
    """The environment, and the ``.env`` beside the plan that stands behind it; never shown: secrets are in there."""

    def __init__(self, environment: Mapping[str, str], file: Mapping[str, str]) -> None:
        self.environment = environment
        self.file = file

    def find(self, name: str) -> tuple[str, str] | None:
        """Return a variable's value and where it is set, or None where nothing sets it."""
        for origin, values in (("environment", self.environment), (".env", self.file)):
            if values.get(name):
                return values[name], f"{origin} {name}"
        return None


def read_variables(folder: Path, environment: Mapping[str, str], problems: list[Problem]) -> Variables:
    """Read the ``.env`` of a folder, where there is one."""
    path = folder / ".env"
    values: dict[str, str] = {}
    if path.is_file():
        from dotenv.parser import parse_stream  # 20 ms, for those who have the file

        try:
            with path.open(encoding="utf-8-sig") as stream:
                for line in parse_stream(stream):
                    if line.error:
                        problems.append(Problem(f".env:{line.original.line}", "", "is no line of the form NAME=value"))
                    elif line.key and line.value is not None:
                        values[line.key] = line.value
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            problems.append(Problem(".env", "", f"cannot be read: {reason}"))
    return Variables(environment, values)


def with_overrides(tree: Branch, overrides: Mapping[str, str], problems: list[Problem]) -> Branch:
    """Put the command line's values into a tree."""
    for path, text in overrides.items():
        origin = f"{COMMAND_LINE} --set {path}"
        if _KEYS.fullmatch(path):
            tree = tree.put(read_value(text, path, origin), *path.split("."))
        else:
            problems.append(Problem(origin, "", "must name a field by its dotted path, such as order.magic=1196"))
    return tree


def with_variables(target: Branch, variables: Variables) -> Branch:
    """Put the variables that set a target's fields into it; what the command line says is stronger."""
    for name, key in SET_BY.items():
        found, below = variables.find(name), target.get(key)
        if found and not (below and below.origin.startswith(COMMAND_LINE)):
            target = target.put(Leaf(f"{target.path}.{key}", found[1], found[0]), key)
    return target


def with_signing_key(tree: Branch, variables: Variables) -> Branch:
    """Put the variable that names the signing key into a tree; what the command line says is stronger."""
    found, below = variables.find(SIGNING_KEY), tree.get("evidence", "signing_key")
    if not found or (below and below.origin.startswith(COMMAND_LINE)):
        return tree
    return tree.put(Leaf("evidence.signing_key", found[1], found[0]), "evidence", "signing_key")


def filled_in(node: Node, variables: Variables, note: Callable[[Node, str], None]) -> Node:
    """Replace each ``${NAME}`` of a tree by the variable's value; notes those that are not set."""
    if isinstance(node, Branch):
        return replace(node, entries={key: filled_in(one, variables, note) for key, one in node.entries.items()})
    if isinstance(node, Items):
        return replace(node, nodes=tuple(filled_in(one, variables, note) for one in node.nodes))
    if not refers(node):
        return node
    text = node.text or ""
    names = _REFERENCE.findall(text)
    if "${" in _REFERENCE.sub("", text):
        note(node, "holds ${ without a variable's name; must be as in ${GTW_HOST}")
        return node
    found = {name: variables.find(name) for name in names}
    unset = [name for name, value in found.items() if value is None]
    for name in unset:
        note(node, f"needs ${{{name}}}, which is not set; set {name} in the environment or in .env beside the plan")
    if unset:
        return node
    values = {name: value for name, value in found.items() if value}
    origins = " and ".join(origin for _, origin in values.values())
    filled = _REFERENCE.sub(lambda reference: values[reference[1]][0], text)
    return Leaf(node.path, f"{origins} ({node.origin})", filled)


def refers(leaf: Leaf) -> bool:
    """Whether a value holds a variable's place, ``${...}``."""
    return leaf.text is not None and "${" in leaf.text
