"""Read a tree as a plan, and say each mistake where it was written."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from msgspec import NODEFAULT

from mt5canary.plan.fields import MASK, NO_AGE, Beyond, Several, Takes
from mt5canary.plan.problems import Problem, nearest, shown
from mt5canary.plan.schema import Plan
from mt5canary.plan.sections import Field, Kind, Named, Section, expected, fields_of
from mt5canary.plan.tree import Branch, Items, Leaf, Node, joined, leaves

_GUARD = r"(targets\.[^.]+\.)?limits\.|decision\.min_confidence$|order\.(max_lot|stop_loss_points|deadline)$"
"""Fields that limit what may happen."""

_OFF = {"none", "null", "off", "no", "false", "never", "disabled", "unlimited", "inf", ".inf", "infinity", "nan"}
_WRONG: Any = object()
"""In place of a value that could not be read; what was wrong with it is noted."""


class Checker:
    """Reads trees and collects the problems; knows the secrets, to keep them out of every text."""

    def __init__(self, problems: list[Problem], secrets: Iterable[str]) -> None:
        self.problems = problems
        self._secrets = [secret for secret in secrets if secret]
        self._known: set[str] = set()
        self._unread: Collection[str] = ()

    def note(self, node: Node, text: str) -> None:
        """Note a mistake in a value."""
        self.problems.append(Problem(node.origin, node.path, text))

    def build(self, tree: Branch, unread: Collection[str] = ()) -> Plan | None:
        """Read a tree as a plan; values in ``unread``, by path, cannot be judged, so nothing is said of them.

        A field that has its problem already is not given a second one.
        """
        self._known = {problem.field for problem in self.problems}
        self._unread = unread
        plan = self._section(Plan, tree)
        return plan if isinstance(plan, Plan) else None

    def refuse_none(self, tree: Branch) -> None:
        """Note each ``none``: one field takes it, and no guard is switched off by it."""
        for leaf in leaves(tree):
            if leaf.text is None or leaf.text.lower() != NO_AGE or leaf.path == "decision.max_age":
                continue
            kind = _kind_at(leaf.path)
            if kind is not None:
                reason = _reason(leaf) or "; leave the key out where it is optional"
                text = f"was none, which decision.max_age alone may be; must be {expected(kind)}{reason}"
                self.note(leaf, text)

    def shown(self, node: Node, kind: Kind | None = None) -> str:
        """Show a value; a secret, or a text with one inside, is masked."""
        if isinstance(node, Branch):
            return "a section"
        if isinstance(node, Items):
            return f"a list of {len(node.nodes)}"
        hidden = isinstance(kind, Takes) and kind.secret
        if node.text and (hidden or any(secret in node.text for secret in self._secrets)):
            return MASK
        return shown(node.text)

    def _section(self, section: type[Section], node: Node) -> Any:
        if not isinstance(node, Branch):
            return self._refused(node, section)
        fields = fields_of(section)
        unknown = {key: nearest(key, fields) for key in node.entries if key not in fields}
        values: dict[str, Any] = {}
        for key, field in fields.items():
            written = node.entries.get(key)
            place = written or Leaf(joined(node.path, key), node.origin, None)
            if place.path in self._unread and isinstance(field.kind, Takes | Several):
                continue  # no variable stands for a section, so that is judged
            value = self._value(field, written) if written else section.unsaid(values).get(key, field.default)
            if value is NODEFAULT:
                value = _WRONG
                if f"did you mean {key}?" not in unknown.values():
                    self._note(place, f"is missing; must be {expected(field.kind)}")
            elif value is not _WRONG and field.rule and (must := field.rule(value, values)):
                value = _WRONG
                self._note(place, f"was {self.shown(written, field.kind) if written else 'left out'}; {must}")
            if value is not _WRONG:
                values[key] = value
        for key, meant in unknown.items():
            self._note(node.entries[key], f"is no key of the plan; {meant}")
        if unknown or len(values) < len(fields):
            return _WRONG
        made: Any = section
        return made(**{field.attribute: values[key] for key, field in fields.items()})

    def _value(self, field: Field, node: Node) -> Any:
        kind = field.kind
        if field.optional and isinstance(node, Leaf) and node.text is None:
            return None
        if isinstance(kind, Takes):
            return self._leaf(kind, node)
        if isinstance(kind, Several):
            return self._several(kind, node)
        return self._named(kind, node) if isinstance(kind, Named) else self._section(kind, node)

    def _leaf(self, kind: Takes, node: Node) -> Any:
        if not isinstance(node, Leaf) or node.text is None:
            return self._refused(node, kind)
        try:
            return kind.read(node.text)
        except Beyond:
            return self._refused(node, kind, beyond=True)
        except ValueError:
            return self._refused(node, kind)

    def _several(self, kind: Several, node: Node) -> Any:
        if not isinstance(node, Items) or len(node.nodes) < kind.least:
            return self._refused(node, kind)
        values = [self._leaf(kind.each, inner) for inner in node.nodes]
        return _WRONG if _WRONG in values else tuple(values)

    def _named(self, kind: Named, node: Node) -> Any:
        if not isinstance(node, Branch):
            return self._refused(node, kind)
        values: dict[str, Any] = {}
        for name, inner in node.entries.items():
            fits = kind.name.fits(name)
            if not fits:
                self._note(inner, f"was named {shown(name)}; must be {kind.name.words}")
            value = self._section(kind.section, inner)
            values[name] = value if fits else _WRONG
        return _WRONG if _WRONG in values.values() else values

    def _refused(self, node: Node, kind: Kind, beyond: bool = False) -> Any:
        """Note that a value is not what its field takes."""
        self._note(node, f"was {self.shown(node, kind)}; must be {expected(kind)}{_reason(node, beyond)}")
        return _WRONG

    def _note(self, node: Node, text: str) -> None:
        if node.path not in self._known:
            self.note(node, text)


def _reason(node: Node, beyond: bool = False) -> str:
    text = node.text if isinstance(node, Leaf) else None
    off = beyond or not text or text.lower() in _OFF
    return "; a guard cannot be switched off" if off and re.match(_GUARD, node.path) else ""


def _kind_at(path: str) -> Kind | None:
    """Return what the plan has under a dotted path, or None where it has nothing."""
    kind: Kind | None = Plan
    for key in path.split("."):
        if isinstance(kind, type):
            field = fields_of(kind).get(key)
            kind = field.kind if field else None
        else:
            kind = kind.each if isinstance(kind, Several) else kind.section if isinstance(kind, Named) else None
    return kind
