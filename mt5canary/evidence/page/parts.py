"""What every section of the page is made of: headings, tables, outcomes in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from mt5canary.evidence.chain import utc
from mt5canary.evidence.page.markup import EMPTY, Markup, join, piece, tag
from mt5canary.evidence.text import hypertext
from mt5canary.evidence.words import Words
from mt5canary.measurement import Outcome

SIGNS = {Outcome.PASS: "✓", Outcome.FAIL: "✕", Outcome.UNPROVEN: "?", Outcome.BLOCKED: "○"}
"""Beside each outcome's word and colour: none of the three carries the meaning alone."""


def section(name: str, heading: str, *children: object, note: str | None = None) -> Markup:
    """A section with its heading, to which the page's own links lead."""
    title = tag("h2", heading, id=f"{name}-heading")
    remark = tag("p", note, class_="note") if note else None
    return tag("section", title, remark, children, id=name, aria_labelledby=f"{name}-heading")


@cache
def outcome(word: str | None) -> Markup:
    """An outcome as sign and word in its colour."""
    if not word:
        return EMPTY
    sign = SIGNS.get(Outcome(word)) if word in Outcome.__members__ else ""
    return tag("span", tag("span", sign, class_="sign", aria_hidden="true"), word, class_=f"outcome outcome-{word}")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], kind: str = "") -> Markup:
    """A table whose rows become cards on a narrow screen; every cell knows its column's name."""
    top = tag("tr", [tag("th", head, scope="col") for head in heads])
    row = row_of(heads)
    body = [row(cells) for cells in rows]
    return tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", top),
        tag("tbody", body),
        class_=f"cards {kind}".strip(),
    )


Row = Callable[[Sequence[object]], Markup]


def row_of(heads: Sequence[str]) -> Row:
    """What makes a row of so many cells; a page has a thousand of them, so the cells' beginnings are made once."""
    begun = [f'<td data-label="{hypertext(head)}">' for head in heads]

    def row(cells: Sequence[object]) -> Markup:
        inner = "".join([f"{begin}{piece(cell)}</td>" for begin, cell in zip(begun, cells, strict=True)])
        return Markup(f"<tr>{inner}</tr>")

    return row


def pairs(entries: Iterable[tuple[object, object]], kind: str = "") -> Markup:
    """Names with their values."""
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in entries]
    return tag("dl", rows, class_=f"pairs {kind}".strip())


def bullets(kind: str, entries: Iterable[object]) -> Markup:
    """A list, ``ul`` or ``ol``; nothing where there is no entry."""
    rows = [tag("li", entry) for entry in entries]
    return tag(kind, rows) if rows else EMPTY


def folded(summary: object, *children: object, opened: bool = False, kind: str = "") -> Markup:
    """Something to unfold; paper shows it all."""
    return tag("details", tag("summary", summary), children, open=opened, class_=kind or None)


def clock(nanoseconds: int) -> Markup:
    """A time of day in UTC to the millisecond, the whole time in its attribute."""
    whole = utc(nanoseconds)
    return tag("time", whole[11:23], datetime=whole)


def quoted(words: Words, text: object) -> object:
    """A text of the records, which are in English whatever the page's language is."""
    return text if words.language == "en" else tag("span", text, lang="en")


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """What a chart's lines and dots mean: the same line or dot beside each name."""
    return tag(
        "p",
        [tag("span", tag("i", class_=f"swatch {kind}", aria_hidden="true"), text) for kind, text in entries],
        class_="legend",
    )


def sentences(*texts: str) -> str:
    """Several sentences as one text."""
    return " ".join(text for text in texts if text)


def short(value: float) -> str:
    """A figure to four digits, with its thousands apart where it has any."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def joined(children: Iterable[object]) -> Markup:
    """Children one after another."""
    return join(children)
