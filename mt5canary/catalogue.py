"""The catalogue of success criteria, and the gates between them.

The gate is decided against what is declared here, never against what happened to be collected: "0 of 0 passed"
opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from mt5canary.errors import UsageProblem
from mt5canary.measurement import Outcome

STAGES = ("link", "decision", "execution", "guardrails", "evidence")
MODES = ("preflight", "live")

_BEFORE_THE_ORDER = ("X1", "X2", "X3", "X4", "X5")

OF_THE_OPEN_POSITION = ("X10", "X11")
"""What is asked of a position that is there: once it was closed for another reason, the answer would accuse nobody."""


class Criterion(Struct, frozen=True):
    """One success criterion: its stable identifier, its stage, its title, and whether only the live run has it."""

    id: str
    stage: str
    title: str
    live_only: bool

    def belongs_to(self, mode: str) -> bool:
        """Whether a run of this mode has the criterion."""
        return mode == "live" or not self.live_only


class Catalogue:
    """All criteria in their order."""

    def __init__(self, criteria: Iterable[Criterion]) -> None:
        self.criteria = tuple(criteria)
        self._by_id = {criterion.id: criterion for criterion in self.criteria}
        self._position = {criterion.id: place for place, criterion in enumerate(self.criteria)}

    def __getitem__(self, identifier: str) -> Criterion:
        return self._by_id[identifier]

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._by_id

    def position(self, identifier: str) -> int:
        """A criterion's place in the order of the run."""
        return self._position[identifier]

    def of_mode(self, mode: str) -> tuple[Criterion, ...]:
        """The criteria that a run of this mode must prove."""
        return tuple(criterion for criterion in self.criteria if criterion.belongs_to(mode))

    def needs(self, criterion: Criterion) -> tuple[Criterion, ...]:
        """The criteria that must have passed before this one may be tried."""
        if criterion.stage == "evidence":
            return ()
        stage = STAGES.index(criterion.stage)
        needed = {other.id for other in self.criteria if STAGES.index(other.stage) < stage}
        if criterion.stage == "execution" and criterion.id not in _BEFORE_THE_ORDER:
            needed.update(_BEFORE_THE_ORDER)
            if criterion.id != "X6":
                needed.add("X6")
            if criterion.id not in ("X6", "X7"):
                needed.add("X7")
        return tuple(other for other in self.criteria if other.id in needed)

    def why_blocked(self, criterion: Criterion, outcomes: Mapping[str, Outcome], waived: Iterable[str]) -> str | None:
        """Why a criterion may not be tried yet, in words, or None where its gate is open.

        A waived criterion may stay UNPROVEN; a failed one is never waived. The words name the first stage that falls
        short, for what falls short after it is its consequence.
        """
        waivers = frozenset(waived)
        missing = [
            needed
            for needed in self.needs(criterion)
            if outcomes.get(needed.id) is not Outcome.PASS
            and not (outcomes.get(needed.id) is Outcome.UNPROVEN and needed.id in waivers)
        ]
        if not missing:
            return None
        first = min((needed.stage for needed in missing), key=STAGES.index)
        return self._shortfall(first, missing, outcomes)

    def _shortfall(self, stage: str, missing: list[Criterion], outcomes: Mapping[str, Outcome]) -> str:
        members = [criterion for criterion in self.criteria if criterion.stage == stage]
        passed = sum(outcomes.get(member.id) is Outcome.PASS for member in members)
        named = ", ".join(
            f"{needed.id} {outcomes.get(needed.id, 'not run')}" for needed in missing if needed.stage == stage
        )
        return f"stage {stage!r} proved {passed} of {len(members)} criteria in this run ({named})"


def load(path: Path) -> Catalogue:
    """Read the catalogue; raises UsageProblem where it is not one."""
    import yaml

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        content: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (OSError, yaml.YAMLError) as error:
        raise UsageProblem(f"the catalogue {path} cannot be read: {error}") from None
    if not isinstance(content, dict) or tuple(content) != STAGES:
        raise UsageProblem(f"the catalogue {path} must hold the stages {', '.join(STAGES)}, in this order")
    return Catalogue(_criterion(stage, name, entry) for stage in STAGES for name, entry in content[stage].items())


def _criterion(stage: str, identifier: str, entry: Any) -> Criterion:
    if not re.fullmatch(r"[LDXGE]\d{1,2}", identifier):
        raise UsageProblem(f"the catalogue's criterion {identifier!r} is not named by stage letter and number")
    if isinstance(entry, str):
        return Criterion(identifier, stage, entry, live_only=False)
    return Criterion(identifier, stage, entry["title"], live_only=bool(entry["live"]))
