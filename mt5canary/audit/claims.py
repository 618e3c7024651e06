"""What somebody claims: a log, a report or a record as numbered lines, each with its time where it names one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field

from mt5canary.errors import UsageProblem

LARGEST_BYTES = 64 * 1_048_576
"""The largest file that is read."""

_TIME = re.compile(
    r"(?<![\d.])(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?(?![\d])"
)


class Line(Struct, frozen=True):
    """One line of a claim; ``time`` is the first that it names, in UTC where no zone stands beside it."""

    file: str
    number: int
    text: str
    time: datetime | None = None
    leads: bool = False
    """Whether the line begins with its time, as a log's lines do."""


class Objection(Struct, frozen=True):
    """What a line does not prove: the rule, where, what stands there, why it proves nothing, what would."""

    rule: str
    line: Line
    why: str
    instead: str


class Claim(Struct):
    """One file's lines."""

    file: str
    lines: list[Line] = field(default_factory=list)

    def around(self, line: Line, before: int, after: int) -> Sequence[Line]:
        """A line with those before and after it."""
        index = line.number - 1
        return self.lines[max(0, index - before) : index + after + 1]


def read(path: Path) -> Claim:
    """Read a file of text; raises UsageProblem where that cannot be done."""
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise UsageProblem(f"{path}: {size} bytes; at most {LARGEST_BYTES} are read")
        content = path.read_bytes()
    except OSError as error:
        raise UsageProblem(f"{path}: cannot be read: {error.strerror or error}") from None
    if not content.strip():
        raise UsageProblem(f"{path}: is empty; an empty file claims nothing")
    if b"\0" in content[:4096]:
        raise UsageProblem(f"{path}: is no text; give a log, a report or a record")
    return Claim(str(path), list(_lines(str(path), content.decode("utf-8-sig", "replace"))))


def _lines(file: str, text: str) -> Iterator[Line]:
    for number, each in enumerate(text.split("\n"), 1):
        found = _TIME.search(each)
        time = None if found is None else _moment(found)
        leads = found is not None and each[: found.start()].strip(" [(|*`\t") == ""
        yield Line(file, number, each.rstrip("\r"), time, leads and time is not None)


def _moment(found: re.Match[str]) -> datetime | None:
    day, clock, fraction, zone = found.groups()
    offset = {None: "+00:00", "Z": "+00:00", "UTC": "+00:00"}.get(zone, zone)
    try:
        return datetime.fromisoformat(f"{day}T{clock}{_microseconds(fraction, clock)}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _microseconds(fraction: str | None, clock: str) -> str:
    return "" if fraction is None or clock.count(":") < 2 else "." + fraction[:6].ljust(6, "0")
