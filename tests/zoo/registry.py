"""The zoo's register: what each member is, and what a run against it must come to.

A liar must not pass, and each criterion that it names must be among those that did not; ``because`` is part of what
the first of them says. An honest oddity must pass, unless it says what it must come to instead and why.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.zoo.base import Gateway

T = TypeVar("T", bound=type[Gateway])


@dataclass(frozen=True)
class Member:
    """One gateway of the zoo; ``not_passed`` are the criteria that must be among, or all, that did not pass.

    ``verdict`` is what a run against it comes to, None where both FAIL and UNPROVEN will do.
    """

    name: str
    description: str
    family: str
    is_liar: bool
    gateway: type[Gateway]
    not_passed: tuple[str, ...]
    because: str
    verdict: str | None


MEMBERS: dict[str, Member] = {}
FAMILIES = tuple(
    sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem.startswith(("liars_", "odd_")))
)


def _register(kind: T, **facts: Any) -> T:
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
    assert name not in MEMBERS, f"two members are called {name}"
    description = " ".join((kind.__doc__ or "").split())
    family = kind.__module__.rpartition(".")[2]
    MEMBERS[name] = Member(name=name, description=description, family=family, gateway=kind, **facts)
    return kind


def liar(*caught_by: str, because: str) -> Callable[[T], T]:
    """A gateway that lies; ``caught_by`` the criteria that must not pass, the first of them saying ``because``."""
    assert caught_by
    return lambda kind: _register(kind, is_liar=True, not_passed=caught_by, because=because, verdict=None)


def odd(verdict: str = "PASS", not_passed: tuple[str, ...] = (), because: str = "") -> Callable[[T], T]:
    """An honest gateway that is merely odd; where it is not a PASS, exactly these criteria are not passed."""
    return lambda kind: _register(kind, is_liar=False, not_passed=not_passed, because=because, verdict=verdict)


def members() -> dict[str, Member]:
    """All members by name, family by family."""
    for family in FAMILIES:
        importlib.import_module(f"tests.zoo.{family}")
    return dict(MEMBERS)
