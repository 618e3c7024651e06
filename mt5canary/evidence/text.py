"""Text from outside, made safe to show: seen as it is, never interpreted.

A reply, a symbol, a comment or an error may carry HTML, Markdown, control characters or a megabyte. Whatever goes
into a document passes through here once, at the very end.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

LONGEST = 600
"""How many characters of one text a document shows; the rest is in the chain."""

_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")

_SPECIAL = re.compile("[&<>\"']")


def visible(text: object, longest: int = LONGEST) -> str:
    """A text on one line, with what cannot be seen written as an escape and an overlong rest named by its length."""
    whole = str(text)
    shown = whole[:longest]
    line = shown if shown.isprintable() else "".join(map(_escape, shown))
    return line if len(whole) <= longest else f"{line}… ({len(whole)} characters)"


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\n\r\t" else character.encode("unicode_escape").decode("ascii")


def markdown(text: object) -> str:
    """A text as Markdown that renders as that text, also inside a table's cell."""
    return _markdown(str(text))


@lru_cache(maxsize=4096)  # a run renders its documents twice: when it writes them, and when it verifies them
def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", html.escape(visible(text), quote=False))


def hypertext(text: object) -> str:
    """A text as HTML that renders as that text, also inside an attribute."""
    return _hypertext(text if type(text) is str else str(text))


@lru_cache(maxsize=4096)  # a page says the same few words in most of its cells
def _hypertext(text: str) -> str:
    shown = visible(text)
    return html.escape(shown, quote=True) if _SPECIAL.search(shown) else shown


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table; every cell renders as its text."""
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(map(markdown, row))} |" for row in rows),
    ]
