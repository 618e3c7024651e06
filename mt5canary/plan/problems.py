"""What is wrong with a plan, all of it at once, in words that say where, what, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from mt5canary.errors import UsageProblem


class Problem(Struct, frozen=True):
    """One mistake: where it stands, the field by its dotted path (empty: the whole file), and the rest in words."""

    where: str
    field: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.field, self.text) if part)


class PlanProblems(UsageProblem):
    """Everything that is wrong with a plan; nothing was sent."""

    def __init__(self, file: Path, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__(file, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        heading = f"the plan {self.file} has {count} problem{'s' if count > 1 else ''}; nothing was sent"
        return "\n".join([heading, *(f"  {problem}" for problem in self.problems)])


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word was meant, or which ones there are."""
    from difflib import get_close_matches  # only for who made a mistake

    candidates = list(known)
    close = get_close_matches(word, candidates, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"the known ones are {', '.join(candidates)}" if candidates else "there is none"


def shown(text: str | None) -> str:
    """Show what was written: nothing, a bare number, or a quoted and shortened text."""
    if not text:
        return "nothing"
    if text.lstrip("+-").replace(".", "", 1).isdecimal():
        return text[:60]
    return repr(text if len(text) <= 60 else text[:59] + "…")
