"""What a verification says: what holds, what is contradicted, what is missing, what cannot be judged from here."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from mt5canary.measurement import Outcome


class State(StrEnum):
    """What was found of one subject."""

    HOLDS = "holds"
    CONTRADICTED = "contradicted"
    MISSING = "missing"
    NOT_JUDGED = "cannot be judged"


class Item(Struct, frozen=True, kw_only=True):
    """One thing found: of what (``chain``, ``manifest``, ``signature``, a file, a criterion), and the words."""

    subject: str
    state: State
    text: str


class Verification(Struct, kw_only=True):
    """What was found of a bundle, and the verdict that its raw records amount to; None where they amount to none."""

    bundle: str
    run: str = ""
    title: str = ""
    verdict: Outcome | None = None
    signed_by: str = ""
    items: list[Item] = field(default_factory=list)

    def add(self, subject: str, state: State, text: str) -> None:
        """Add one thing found."""
        self.items.append(Item(subject=subject, state=state, text=text))

    def of(self, state: State) -> list[Item]:
        """Everything in one state."""
        return [item for item in self.items if item.state is state]

    @property
    def state(self) -> State:
        """The whole: contradicted if anything is, else missing if anything is, else it holds."""
        for state in (State.CONTRADICTED, State.MISSING):
            if self.of(state):
                return state
        return State.HOLDS

    @property
    def exit_status(self) -> int:
        """0 where all that can be judged holds, 1 where anything is contradicted, 2 where anything is missing."""
        return {State.HOLDS: 0, State.CONTRADICTED: 1, State.MISSING: 2}[self.state]
