"""What a field takes, in words: the same for a problem's text and for the reference page."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mt5canary.plan.durations import format_duration
from mt5canary.plan.fields import Expect, Secret


class Kind(NamedTuple):
    """A field's type without its wrappings, and what was said about it in them."""

    type: Any
    metadata: tuple[Any, ...]

    @property
    def section(self) -> type[BaseModel] | None:
        """The model, where the field is a section."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def secret(self) -> bool:
        """Whether the value may never be shown."""
        return isinstance(self.type, type) and issubclass(self.type, Secret)

    def inside(self) -> Kind:
        """Return the kind of what a list or a mapping holds."""
        arguments = get_args(self.type)
        return kind_of(arguments[1] if get_origin(self.type) is Mapping else arguments[0])

    def field(self, key: str) -> Kind | None:
        """Return the kind of what stands under a key, or None where there is no such key."""
        if get_origin(self.type) in (tuple, Mapping):
            return self.inside()
        found = fields_of(self.section).get(key) if self.section else None
        return kind_of(found.annotation, found.metadata) if found else None


def fields_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a section's fields by the keys that a plan writes."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def kind_of(annotation: Any, metadata: Any = ()) -> Kind:
    """Unwrap an annotation."""
    said = list(metadata)
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            said += [inner for one in more for inner in (one.metadata if isinstance(one, FieldInfo) else [one])]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(one for one in get_args(annotation) if one is not type(None))
        else:
            return Kind(annotation, tuple(said))


def expected(kind: Kind) -> str:
    """Say what a field takes: ``a whole number from 1 to 65535``."""
    for one in kind.metadata:
        if isinstance(one, Expect):
            return one.words
    if kind.section:
        return f"a section with the keys {', '.join(fields_of(kind.section))}"
    if get_origin(kind.type) is Literal:
        return " or ".join(get_args(kind.type))
    if get_origin(kind.type) is tuple:
        many = "one or more" if any(isinstance(one, MinLen) for one in kind.metadata) else "any number"
        return f"a list of {many}, each {expected(kind.inside())}"
    if get_origin(kind.type) is Mapping:
        return "a section of targets, each under its name"
    return f"{_NOUNS[kind.type]} {_bounds(kind.metadata)}".rstrip()


_NOUNS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    timedelta: "a duration such as 30s or 5m,",
    str: "a text",
    Path: "a path",
}


def _bounds(metadata: tuple[Any, ...]) -> str:
    words = {Ge: "at least", Gt: "above", Le: "at most", Lt: "below"}
    found = {type(one): _written(getattr(one, type(one).__name__.lower())) for one in metadata if type(one) in words}
    if Ge in found and Le in found:
        return f"from {found[Ge]} to {found[Le]}"
    return " and ".join(f"{words[kind]} {bound}" for kind, bound in found.items())


def _written(bound: object) -> str:
    return format_duration(bound) if isinstance(bound, timedelta) else str(bound)
