"""A plan as it was written: texts in a tree, each with the place that it came from.

YAML's own types are not used. A value is kept as the text that the person wrote and is read later by the type of
its field, so nothing becomes an octal number, a base 60 time or a boolean on the way, and a decimal is exact.
Only an empty value, ``~`` and ``null`` mean that there is no value. Aliases and tags are refused: a plan says each
value where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import yaml
from msgspec import Struct
from msgspec.structs import replace

from mt5canary.plan.problems import Problem

COMMAND_LINE = "command line"
DEEPEST = 32
_ABSENT = {"", "~", "null", "Null", "NULL"}
_PLAIN_TAGS = {None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "map", "seq"))}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Leaf(Struct, frozen=True):
    """One value: its text, or None where there is none."""

    path: str
    origin: str
    text: str | None


class Items(Struct, frozen=True):
    """A list of values."""

    path: str
    origin: str
    nodes: tuple[Node, ...]


class Branch(Struct, frozen=True):
    """A section: values by their keys."""

    path: str
    origin: str
    entries: dict[str, Node]

    def get(self, *keys: str) -> Node | None:
        """Return what stands under the keys, one inside the other."""
        node: Node | None = self
        for key in keys:
            node = node.entries.get(key) if isinstance(node, Branch) else None
        return node

    def put(self, node: Node, *keys: str) -> Branch:
        """Return this section with a node under the keys; sections on the way are made where they are missing."""
        first, *rest = keys
        if rest:
            inner = self.entries.get(first)
            if not isinstance(inner, Branch):
                inner = Branch(joined(self.path, first), node.origin, {})
            node = inner.put(node, *rest)
        return replace(self, entries=self.entries | {first: node})

    def without(self, key: str) -> Branch:
        """Return this section without a key."""
        return replace(self, entries={name: node for name, node in self.entries.items() if name != key})


Node = Leaf | Items | Branch


class Unreadable(Exception):
    """The text is no YAML, or goes beyond the part of it that a plan uses; carries the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def joined(path: str, key: str | int) -> str:
    """Add a key to a dotted path."""
    return f"{path}.{key}" if path else str(key)


def leaves(node: Node) -> Iterator[Leaf]:
    """Every value below a node."""
    if isinstance(node, Leaf):
        yield node
    else:
        for inner in node.nodes if isinstance(node, Items) else node.entries.values():
            yield from leaves(inner)


def plain(node: Node) -> Any:
    """The tree as mappings, lists and texts."""
    if isinstance(node, Leaf):
        return node.text
    if isinstance(node, Items):
        return [plain(inner) for inner in node.nodes]
    return {key: plain(inner) for key, inner in node.entries.items()}


def overlaid(base: Branch, over: Branch) -> Branch:
    """Put a section over another, field by field; what the command line says is covered by nothing."""
    merged = base
    for key, node in over.entries.items():
        below = base.entries.get(key)
        if isinstance(node, Branch) and isinstance(below, Branch):
            node = overlaid(below, node)  # noqa: PLW2901  # the same key, merged
        elif below is not None and below.origin.startswith(COMMAND_LINE):
            continue
        merged = merged.put(node, key)
    return merged


def read_file(text: str, file: str, problems: list[Problem]) -> Node:
    """Read a file's text; raises Unreadable where nothing can be made of it, and notes lesser problems."""
    return _Reader(lambda line: f"{file}:{line}", problems).read(text, "")


def read_value(text: str, path: str, origin: str) -> Node:
    """Read a value of the command line: a scalar or a list as YAML has it; what is no YAML stands for itself."""
    problems: list[Problem] = []
    try:
        node = _Reader(lambda line: origin, problems).read(text, path)
    except Unreadable:
        return Leaf(path, origin, text)
    return Leaf(path, origin, text) if problems or isinstance(node, Branch) else node


class _Reader:
    """Build the tree from the parser's events: they know their lines, and the depth is ours to bound."""

    def __init__(self, origin: Callable[[int], str], problems: list[Problem]) -> None:
        self._origin = origin
        self._problems = problems
        self._events: Iterator[Any] = iter(())

    def read(self, text: str, path: str) -> Node:
        try:
            self._events = iter(yaml.parse(text, Loader=_LOADER))
            return self._document(path)
        except (yaml.YAMLError, UnicodeError) as error:
            problem = self._syntax(error)
        raise Unreadable(problem)

    def _document(self, path: str) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise Unreadable(self._problem(event, path, "a second document starts; a plan is one"))
                root = self._node(next(self._events), path, self._at(event), 0)
        return root or Leaf(path, self._origin(1), None)

    def _node(self, event: Any, path: str, origin: str, depth: int) -> Node:
        if depth > DEEPEST:
            raise Unreadable(self._problem(event, "", f"nested more than {DEEPEST} deep"))
        if isinstance(event, yaml.AliasEvent):
            self._note(event, path, f"is an alias, *{event.anchor}; write the value out")
            return Leaf(path, origin, None)
        if event.tag not in _PLAIN_TAGS:
            self._note(event, path, f"has the tag {event.tag}; leave the tag out")
        if isinstance(event, yaml.ScalarEvent):
            absent = not event.style and event.value in _ABSENT
            return Leaf(path, origin, None if absent else event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(path, origin, tuple(self._items(path, depth)))
        return self._branch(path, origin, depth)

    def _items(self, path: str, depth: int) -> Iterator[Node]:
        for index, event in enumerate(iter(self._events)):
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, joined(path, index), self._at(event), depth + 1)

    def _branch(self, path: str, origin: str, depth: int) -> Branch:
        entries: dict[str, Node] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable(self._problem(event, path, "a key is a plain name"))
            inner = joined(path, event.value)
            node = self._node(next(self._events), inner, self._at(event), depth + 1)
            if event.value in entries:
                self._note(event, inner, f"stands twice, first in {entries[event.value].origin}")
            else:
                entries[event.value] = node
        return Branch(path, origin, entries)

    def _at(self, event: Any) -> str:
        return self._origin(event.start_mark.line + 1)

    def _problem(self, event: Any, path: str, text: str) -> Problem:
        return Problem(self._at(event), path, text)

    def _note(self, event: Any, path: str, text: str) -> None:
        self._problems.append(self._problem(event, path, text))

    def _syntax(self, error: Exception) -> Problem:
        """Say where the text stops being YAML, in the parser's words, without a line of the file."""
        mark = getattr(error, "problem_mark", None)
        words = " ".join(part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
        if mark is None:
            return Problem(self._origin(1), "", "is no YAML: it contains a character that YAML does not allow")
        return Problem(self._origin(mark.line + 1), "", f"is no YAML: {words}, at column {mark.column + 1}")
