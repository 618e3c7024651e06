"""``make kill-matrix``: every member of the zoo against every criterion, from each run's own verdict.

Writes ``verification/kill-matrix.json``, which every run records and every report shows, and ``docs/kill-matrix.md``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from mt5canary.catalogue import load
from mt5canary.evidence import kill_matrix
from mt5canary.evidence.kill_matrix import LETTERS, KillMatrix
from mt5canary.evidence.text import markdown
from tests.canary.harness import REPOSITORY
from tests.netns.world import why_impossible
from tests.zoo.flight import Landed, fly_all, why_not_as_declared
from tests.zoo.registry import Member, members

DATA = REPOSITORY / "verification" / kill_matrix.FILE
PAGE = REPOSITORY / "docs" / "kill-matrix.md"
CATALOGUE = load(REPOSITORY / "verification" / "catalogue.yaml")
CRITERIA = tuple(criterion.id for criterion in CATALOGUE.criteria)


def declared(member: Member, landed: Landed) -> kill_matrix.Member:
    """A member's row."""
    return kill_matrix.Member(
        name=member.name,
        what=member.description,
        liar=member.is_liar,
        expected=member.not_passed,
        verdict=landed.verdict,
        outcomes="".join(LETTERS[landed.outcomes[name]] for name in CRITERIA),
    )


def disagreements(matrix: KillMatrix) -> list[str]:
    """Where the matrix and the register differ, and what the matrix itself must not show."""
    found = []
    registered = {name: (each.description, each.is_liar, each.not_passed) for name, each in members().items()}
    shown = {each.name: (each.what, each.liar, each.expected) for each in matrix.members}
    found += [f"{name} is in the register and not in the matrix" for name in registered if name not in shown]
    found += [f"{name} is in the matrix and not in the register" for name in shown if name not in registered]
    found += [
        f"{name} is declared otherwise in the register than in the matrix"
        for name in registered
        if name in shown and registered[name] != shown[name]
    ]
    for each in matrix.members:
        caught = each.caught_by(matrix.criteria)
        if each.liar and each.verdict == "PASS":
            found.append(f"the liar {each.name} passed")
        found += [f"{name} did not catch {each.name}" for name in each.expected if name not in caught]
        if not each.liar and set(caught) != set(each.expected):
            found.append(f"the honest {each.name} was caught by {', '.join(caught) or 'nothing'}")
    if matrix.criteria != CRITERIA:
        found.append("the matrix is of other criteria than the catalogue's")
    found += [f"{name} catches nobody" for name in CRITERIA if not matrix.caught(name)]
    return found


def page(matrix: KillMatrix) -> str:
    """``docs/kill-matrix.md``."""
    lines = [
        "# The kill matrix",
        "",
        "Who is caught by what. Written by `make kill-matrix` from real runs, one against each gateway of `tests/zoo`:",
        "gateways that lie, each in a way that a real or careless system could, and honest ones that are merely odd.",
        "",
        kill_matrix.summary(matrix),
        "",
        "## Each criterion and the liars that it is there to catch",
        "",
        *_table(
            ("Criterion", "What is proven", "Caught"),
            [(name, CATALOGUE[name].title, caught) for name, caught in kill_matrix.by_criterion(matrix)],
        ),
        "",
    ]
    for title, rows in (("Liars", matrix.liars), ("Honest gateways", matrix.honest)):
        heads = ("Gateway", "What it does", "Came to", "Must not pass", "Every criterion")
        lines += [f"## {title}", "", f"Every criterion: {kill_matrix.LEGEND}.", ""]
        lines += [*_table(heads, kill_matrix.by_member(rows, matrix.criteria)), ""]
    return "\n".join(lines)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(map(markdown, row))} |" for row in rows),
    ]


def write(matrix: KillMatrix) -> None:
    """Write the data and the page."""
    DATA.write_bytes(msgspec.json.format(msgspec.json.encode(matrix), indent=1) + b"\n")
    PAGE.write_text(page(matrix))


def main(*names: str) -> int:
    """Fly against every member, or the named ones, and write the matrix; 1 where it is not as it must be.

    With names, the other members keep the rows that they have.
    """
    reason = why_impossible()
    if reason is not None:
        print(f"no kill matrix here: {reason}")
        return 2
    wanted = [members()[name] for name in names] or list(members().values())
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mt5canary-zoo-") as scratch:
        landed = fly_all(wanted, Path(scratch) / "flights", tell=print)
    wrong = [said for member in wanted if (said := why_not_as_declared(member, landed[member.name]))]
    before = kill_matrix.read(DATA)
    rows = {} if before is None else {each.name: each for each in before.members}
    rows |= {member.name: declared(member, landed[member.name]) for member in wanted}
    kept = tuple(rows[name] for name in members() if name in rows)
    matrix = KillMatrix(schema=1, criteria=CRITERIA, members=kept)
    write(matrix)
    wrong += disagreements(matrix)
    for text in wrong:
        print(f"WRONG {text}")
    seconds = time.monotonic() - started
    print(f"{len(wanted)} of {len(members())} members flown in {seconds:.0f} s. {kill_matrix.summary(matrix)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
