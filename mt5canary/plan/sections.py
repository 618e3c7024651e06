"""What the sections of the plan are made of, for those who read one and those who list its keys.

A field's annotation says everything of it: ``Annotated[type, what it takes, what else must hold, "its meaning"]``.
What it takes goes without saying for a section, a choice of words and a truth value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from mt5canary.plan.fields import YES_OR_NO, Several, Takes, choice

Rule = Callable[[Any, Mapping[str, Any]], str | None]
"""Given a value and those of the fields before it, by their keys: what it must be besides, or None where it is."""


class Section(Struct, frozen=True):
    """A mapping of the plan: immutable, and closed to keys that it does not know."""

    @classmethod
    def unsaid(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what keys that are left out stand for, where that hangs on the fields before them."""
        return {}


class Named(Struct, frozen=True):
    """Sections by their names."""

    name: Takes
    section: type[Section]
    words: str


Kind = Takes | Several | Named | type[Section]


class Field(Struct, frozen=True):
    """One key of a section."""

    attribute: str
    kind: Kind
    meaning: str
    rule: Rule | None
    default: Any
    optional: bool

    @property
    def required(self) -> bool:
        """Whether the key must be there."""
        return self.default is NODEFAULT


@cache
def fields_of(section: type[Section]) -> Mapping[str, Field]:
    """Return a section's fields by the keys that a plan writes."""
    return {info.encode_name: _field(info) for info in fields(section)}


def expected(kind: Kind) -> str:
    """Say what a field takes: ``a whole number from 1 to 65535``."""
    if not isinstance(kind, type):
        return kind.words
    fields = fields_of(kind)
    needed = [name for name, field in fields.items() if field.required]
    return f"a section with the keys {', '.join(needed or fields)}"


def _field(info: FieldInfo) -> Field:
    annotation, *said = get_args(info.type)
    alternatives = get_args(annotation)
    optional = type(None) in alternatives
    bare = alternatives[0] if optional else annotation
    kind = next((one for one in said if isinstance(one, Takes | Several | Named)), None)
    rule = next((one for one in said if callable(one)), None)
    return Field(info.name, kind or _by_type(bare), said[-1], rule, info.default, optional)


def _by_type(bare: Any) -> Kind:
    if bare is bool:
        return YES_OR_NO
    if get_origin(bare) is Literal:
        return choice({word: word for word in get_args(bare)})
    section: type[Section] = bare
    return section
