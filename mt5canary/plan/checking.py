"""Hold a tree against the schema, and say each mistake where it was written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_origin

from pydantic import ValidationError

from mt5canary.plan.fields import NO_AGE, TargetName
from mt5canary.plan.problems import Problem, nearest, shown
from mt5canary.plan.schema import Plan
from mt5canary.plan.tree import Branch, Items, Leaf, Node, joined, leaves, plain
from mt5canary.plan.words import Kind, expected, fields_of, kind_of

_GUARD = re.compile(
    r"(targets\.[^.]+\.)?limits\.|decision\.min_confidence$|order\.(max_lot|stop_loss_points|deadline)$"
)
"""Fields that limit what may happen."""

_OFF = {"", "none", "null", "off", "no", "false", "never", "disabled", "unlimited", "inf", ".inf", "infinity", "nan"}
_BEYOND = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}
MASK = "****"
_NAME_ITSELF = "[key]"
"""How pydantic says that a mapping's key is wrong, not what is under it."""


class Checker:
    """Checks trees and collects the problems; knows the secrets, to keep them out of every text."""

    def __init__(self, problems: list[Problem], secrets: Iterable[str]) -> None:
        self.problems = problems
        self._secrets = [secret for secret in secrets if secret]

    def note(self, node: Node, text: str) -> None:
        """Note a mistake in a value."""
        self.problems.append(Problem(node.origin, node.path, text))

    def build(self, tree: Branch, unread: Collection[str] = ()) -> Plan | None:
        """Read a tree as a plan; values in ``unread``, by path, cannot be judged, so nothing is said of them."""
        try:
            return Plan.model_validate(plain(tree))
        except ValidationError as error:  # it carries the values, secrets too: it goes no further than here
            errors: list[Any] = list(error.errors(include_url=False, include_input=False))
        known = {problem.field for problem in self.problems}
        known |= {path for path in unread if not _holds_more(_kind(path.split(".")))}
        found = [self._problem(tree, one) for one in errors]
        meant = " ".join(problem.text for problem in found if problem.text.startswith("is no key"))
        for one, problem in zip(errors, found, strict=True):
            mistyped = one["type"] == "missing" and f"did you mean {one['loc'][-1]}?" in meant
            if problem.field not in known and not mistyped:
                self.problems.append(problem)
        return None

    def refuse_none(self, tree: Branch) -> None:
        """Note each ``none``: one field takes it, and no guard is switched off by it."""
        for leaf in leaves(tree):
            kind = _kind(leaf.path.split("."))
            if leaf.text is not None and leaf.text.lower() == NO_AGE and kind and leaf.path != "decision.max_age":
                reason = _reason(leaf.path, leaf.text) or "; leave the key out where it is optional"
                text = f"was none, which decision.max_age alone may be; must be {expected(kind)}{reason}"
                self.note(leaf, text)

    def shown(self, node: Node | None, kind: Kind | None) -> str:
        """Show a value; a secret, or a text with one inside, is masked."""
        if isinstance(node, Branch):
            return "a section"
        if isinstance(node, Items):
            return f"a list of {len(node.nodes)}"
        text = node.text if node else None
        if text and ((kind and kind.secret) or any(secret in text for secret in self._secrets)):
            return MASK
        return shown(text)

    def _problem(self, tree: Branch, error: Any) -> Problem:
        keys = list(error["loc"])
        misnamed = error["type"] != "extra_forbidden" and keys[-1] == _NAME_ITSELF
        if misnamed:
            keys.pop()
        holder: Node = tree
        node: Node | None = tree
        for key in keys:
            holder, node = node or holder, _below(node, key)
        path = node.path if node else joined(holder.path, keys[-1])
        if misnamed:
            said = f"was named {shown(str(keys[-1]))}; must be {expected(kind_of(TargetName))}"
        else:
            said = self._said(error, keys, node)
        return Problem((node or holder).origin, path, said)

    def _said(self, error: Any, keys: list[str | int], node: Node | None) -> str:
        kind, crossed = _kind(keys), error["type"] == "crossed"
        if kind is None:
            section = _kind(keys[:-1])
            known = fields_of(section.section) if section and section.section else {}
            return f"is no key of the plan; {nearest(str(keys[-1]), known)}"
        if node is None:
            return f"was left out; {error['msg']}" if crossed else f"is missing; must be {expected(kind)}"
        if crossed:
            return f"was {self.shown(node, kind)}; {error['msg']}"
        text = node.text or "" if isinstance(node, Leaf) else ""
        reason = _reason(".".join(map(str, keys)), "off" if error["type"] in _BEYOND else text)
        return f"was {self.shown(node, kind)}; must be {expected(kind)}{reason}"


def _reason(path: str, text: str) -> str:
    return "; a guard cannot be switched off" if _GUARD.match(path) and text.lower() in _OFF else ""


def _kind(keys: Iterable[str | int]) -> Kind | None:
    """Return what the plan has under the keys, or None where it has nothing."""
    kind: Kind | None = Kind(Plan, ())
    for key in keys:
        kind = kind.field(str(key)) if kind else None
    return kind


def _holds_more(kind: Kind | None) -> bool:
    """Whether a field is a section: no variable can stand for one."""
    return kind is not None and (kind.section is not None or get_origin(kind.type) is Mapping)


def _below(node: Node | None, key: str | int) -> Node | None:
    if isinstance(node, Branch):
        return node.entries.get(str(key))
    if isinstance(node, Items) and isinstance(key, int):
        return node.nodes[key]
    return None
