"""Hold a tree against the schema, and say each mistake where it was written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from pydantic import ValidationError

from mt5canary.plan.fields import NO_AGE, TargetName
from mt5canary.plan.problems import Problem, nearest, shown
from mt5canary.plan.schema import Plan, Section
from mt5canary.plan.tree import Branch, Items, Leaf, Node, joined, leaves, plain
from mt5canary.plan.words import Kind, expected, fields_of, kind_of

S = TypeVar("S", bound=Section)

_GUARD = re.compile(
    r"(targets\.[^.]+\.)?limits\.|decision\.min_confidence$|order\.(max_lot|stop_loss_points|deadline)$"
)
"""Fields that limit what may happen."""

_OFF = {"", "none", "null", "off", "no", "false", "never", "disabled", "unlimited", "inf", ".inf", "infinity", "nan"}
_BEYOND = {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}
MASK = "****"


class Checker:
    """Checks trees and collects the problems; knows the secrets, to keep them out of every text."""

    def __init__(self, problems: list[Problem], secrets: Iterable[str]) -> None:
        self.problems = problems
        self._secrets = [secret for secret in secrets if secret]

    def note(self, node: Node, text: str) -> None:
        """Note a mistake in a value."""
        self.problems.append(Problem(node.origin, node.path, text))

    def build(self, model: type[S], tree: Node, unread: Collection[str] = ()) -> S | None:
        """Read a tree by a model; paths in ``unread`` hold what cannot be judged, so nothing is said of them."""
        try:
            return model.model_validate(plain(tree))
        except ValidationError as error:  # it carries the values, secrets too: it goes no further than here
            errors: list[Any] = list(error.errors(include_url=False, include_input=False))
        known = {problem.field for problem in self.problems} | set(unread)
        found = [self._problem(Kind(model, ()), tree, one) for one in errors]
        mistyped = " ".join(problem.text for problem in found if problem.text.startswith("is no key"))
        for one, problem in zip(errors, found, strict=True):
            meant = one["type"] == "missing" and f"did you mean {one['loc'][-1]}?" in mistyped
            if problem.field not in known and not meant:
                self.problems.append(problem)
        return None

    def refuse_none(self, tree: Branch) -> None:
        """Note each ``none``: one field takes it, and no guard is switched off by it."""
        for leaf in leaves(tree):
            kind = self.kind(leaf.path)
            if leaf.text is not None and leaf.text.lower() == NO_AGE and kind and leaf.path != "decision.max_age":
                reason = self._reason(leaf.path, leaf.text) or "; leave the key out where it is optional"
                text = f"was none, which decision.max_age alone may be; must be {expected(kind)}{reason}"
                self.note(leaf, text)

    @staticmethod
    def kind(path: str) -> Kind | None:
        """Return what the plan has under a dotted path."""
        kind: Kind | None = Kind(Plan, ())
        for key in path.split("."):
            kind = kind and kind.field(key)
        return kind

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

    def _problem(self, kind: Kind | None, tree: Node, error: Any) -> Problem:
        node: Node | None = tree
        holder, path = tree, tree.path
        for key in error["loc"]:
            if key == "[key]":  # the name itself is wrong, not what is under it
                named = shown(path.rpartition(".")[2])
                return Problem(holder.origin, path, f"was named {named}; must be {expected(kind_of(TargetName))}")
            holder = node or holder
            node = _below(node, key)
            path = node.path if node else joined(holder.path, key)
            section, kind = kind, kind.field(str(key)) if kind else None
        if error["type"] == "extra_forbidden":
            return Problem((node or holder).origin, path, f"is no key of the plan; {self._meant(section, path)}")
        return Problem((node or holder).origin, path, self._said(error, node, kind, path))

    def _meant(self, section: Kind | None, path: str) -> str:
        known = fields_of(section.section) if section and section.section else {}
        return nearest(path.rpartition(".")[2], known)

    def _said(self, error: Any, node: Node | None, kind: Kind | None, path: str) -> str:
        if node is None:
            reason = f", {error['msg']}" if error["type"] == "crossed" else ""
            return f"is missing{reason}; must be {expected(kind) if kind else 'there'}"
        was = f"was {self.shown(node, kind)}"
        if error["type"] == "crossed":
            return f"{was}; {error['msg']}"
        text = node.text or "" if isinstance(node, Leaf) else ""
        reason = self._reason(path, "off" if error["type"] in _BEYOND else text)
        return f"{was}; must be {expected(kind) if kind else 'left out'}{reason}"

    @staticmethod
    def _reason(path: str, text: str) -> str:
        return "; a guard cannot be switched off" if _GUARD.match(path) and text.lower() in _OFF else ""


def _below(node: Node | None, key: str | int) -> Node | None:
    if isinstance(node, Branch):
        return node.entries.get(str(key))
    if isinstance(node, Items) and isinstance(key, int):
        return node.nodes[key]
    return None
