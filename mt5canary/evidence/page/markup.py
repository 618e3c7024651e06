"""HTML and SVG made of elements: what is not markup already is escaped, so nothing from outside becomes a tag."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from mt5canary.evidence.text import hypertext


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


EMPTY = Markup("")
VOID = frozenset({"br", "meta", "input", "line", "rect", "circle", "polyline"})
"""Elements that are written without an end tag here; SVG's are closed in themselves."""

_DRAWN = frozenset({"line", "rect", "circle", "polyline"})


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element. A child that is no Markup is escaped; None and False are left out, lists are taken apart.

    Attributes: a trailing underscore is dropped and other underscores become hyphens (``class_``, ``data_label``);
    None and False are left out, True is a bare attribute; what is no Markup is escaped, and cut where it is overlong.
    """
    head = name
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        shown = value if isinstance(value, Markup) else hypertext(value)
        head += f" {_spelled(key)}" if value is True else f' {_spelled(key)}="{shown}"'
    if name in VOID:
        return Markup(f"<{head}/>" if name in _DRAWN else f"<{head}>")
    return Markup(f"<{head}>{join(children)}</{name}>")


@cache
def _spelled(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def join(children: Iterable[object]) -> Markup:
    """Several children as one piece of markup."""
    return Markup("".join(map(piece, children)))


def piece(child: object) -> str:
    """A child as markup: itself where it is some, else escaped."""
    kind = type(child)
    if kind is Markup:
        return child  # type: ignore[return-value]
    if kind is str:
        return hypertext(child)
    if child is None or child is False:
        return ""
    if isinstance(child, Iterable):
        return join(child)
    return hypertext(child)
