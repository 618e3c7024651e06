"""The plan's three logs, each a view of the chain's ``log`` records.

A line is ``<RFC 3339 time> <level> [<source>] <text>``. The same records give the same bytes again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from mt5canary.evidence.chain import utc

BOOKS = {
    "verify": "VERIFY_LOG.log",
    "live": "LIVE_EXECUTION_LOG.log",
    "physical": "PHYSICAL_EVIDENCE.log",
}
"""Each book with its file in the bundle."""


class Entry(Struct, frozen=True, kw_only=True):
    """One line of one or more books; ``at_wall`` in nanoseconds since 1970."""

    at_wall: int
    level: str
    source: str
    text: str
    books: tuple[str, ...]


def line(entry: Entry) -> str:
    """An entry as its line; a text never breaks it."""
    text = entry.text
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return f"{utc(entry.at_wall)} {entry.level:<7} [{entry.source}] {text}\n"


def render(records: Iterable[dict[str, Any]], book: str) -> str:
    """A whole book from the chain's records."""
    return "".join(
        line(
            Entry(
                at_wall=record["at_wall"],
                level=record["level"],
                source=record["source"],
                text=record["text"],
                books=tuple(record["books"]),
            )
        )
        for record in records
        if record["kind"] == "log" and book in record["books"]
    )
