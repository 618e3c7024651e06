"""The kill matrix: which criterion caught which lying gateway, and that honest ones pass, as it was last measured.

``verification/kill-matrix.json`` is written by ``make kill-matrix`` from real runs; a run records it as it stands, so
that its report can say what each of its criteria has been seen to catch. Everything here is a pure function of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mt5canary.catalogue import STAGES
from mt5canary.errors import UsageProblem

FILE = "kill-matrix.json"
KIND = "kill_matrix"
LETTERS = {"PASS": ".", "FAIL": "F", "UNPROVEN": "u", "BLOCKED": "-"}
LEGEND = "`.` passed, `F` failed, `u` unproven, `-` not tried because an earlier criterion had not passed"


class Member(Struct, frozen=True, kw_only=True):
    """One gateway: what it is, the criteria that are to catch it, and what each criterion came to, a letter each."""

    name: str
    what: str
    liar: bool
    expected: tuple[str, ...]
    verdict: str
    outcomes: str

    def caught_by(self, criteria: Sequence[str]) -> list[str]:
        """The criteria that were tried and did not pass."""
        return [name for name, letter in zip(criteria, self.outcomes, strict=True) if letter in "Fu"]


class KillMatrix(Struct, frozen=True, kw_only=True):
    """All members against all criteria."""

    schema: int
    criteria: tuple[str, ...]
    members: tuple[Member, ...]

    @property
    def liars(self) -> list[Member]:
        """Those that lie."""
        return [member for member in self.members if member.liar]

    @property
    def honest(self) -> list[Member]:
        """Those that are merely odd."""
        return [member for member in self.members if not member.liar]

    def caught(self, criterion: str) -> list[str]:
        """The liars that a criterion was to catch and caught."""
        return [
            each.name
            for each in self.liars
            if criterion in each.expected and criterion in each.caught_by(self.criteria)
        ]


def read(path: Path) -> KillMatrix | None:
    """Read the matrix; None where there is none, UsageProblem where it is not one."""
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=KillMatrix)
    except msgspec.DecodeError as error:
        raise UsageProblem(f"the kill matrix {path} cannot be read: {error}; make kill-matrix writes it anew") from None


def recorded(records: Iterable[Mapping[str, Any]]) -> KillMatrix | None:
    """The matrix that a run recorded; None where it recorded none that can be read."""
    for record in records:
        if record["kind"] == KIND:
            try:
                return msgspec.convert(dict(record), KillMatrix)
            except msgspec.ValidationError:
                return None
    return None


def counts(matrix: KillMatrix) -> dict[str, int]:
    """How many lie and how many of those passed; how many are merely odd and passed; how many are insufficient."""
    odd = [member for member in matrix.honest if not member.expected]
    return {
        "liars": len(matrix.liars),
        "passed": sum(member.verdict == "PASS" for member in matrix.liars),
        "odd": len(odd),
        "fine": sum(member.verdict == "PASS" for member in odd),
        "insufficient": len(matrix.honest) - len(odd),
    }


def summary(matrix: KillMatrix) -> str:
    """What the matrix shows, in two sentences."""
    return (
        "{liars} lying gateways were run against these criteria: {passed} passed. {fine} of {odd} honest but unusual "
        "ones passed; {insufficient} more are honest and insufficient, and came to what they must."
    ).format(**counts(matrix))


def by_criterion(matrix: KillMatrix) -> list[tuple[str, str]]:
    """Each criterion with the liars that it was to catch and caught."""
    return [(name, ", ".join(matrix.caught(name)) or "none") for name in matrix.criteria]


def by_member(members: Iterable[Member], criteria: Sequence[str]) -> list[tuple[str, str, str, str, str]]:
    """Each member with what it is, what it came to, the criteria that were to catch it, and every outcome by stage."""
    stages = _stages(criteria)
    return [
        (each.name, each.what, each.verdict, ", ".join(each.expected) or "none", _by_stage(each.outcomes, stages))
        for each in members
    ]


def _stages(criteria: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Each stage's initial with where its criteria stand."""
    initials = ["X" if stage == "execution" else stage[0].upper() for stage in STAGES]
    return [(initial, [at for at, name in enumerate(criteria) if name.startswith(initial)]) for initial in initials]


def _by_stage(outcomes: str, stages: Sequence[tuple[str, Sequence[int]]]) -> str:
    return " ".join(f"{initial}:{''.join([outcomes[at] for at in places])}" for initial, places in stages)
