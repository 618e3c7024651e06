"""The written policy of a review: a YAML file, read whole or not at all.

Every key has a default, and none of them is lenient: an empty file asks for a live run of a real terminal, verified and
signed, of a plan that is approved by digest, and for one name, two where the account is real.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mt5canary.errors import UsageProblem

DAY = timedelta(days=1)


class ApprovedPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan that may be flown: SHA-256 of a bundle's ``plan.yaml``, its last day (UTC), and who approved it."""

    sha256: str
    until: date
    by: str


class Names(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many people must put their names to an approval, by the account's kind."""

    demo: int = 1
    real: int = 2


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle must be to be approved."""

    plans: list[ApprovedPlan] = []
    names: Names = Names()
    evidence_level: str = "E2"
    max_age_days: int = 7
    """How old a run may be, in days."""
    signed: bool = True
    """Whether an unsigned bundle is refused."""
    rehearsals: bool = False
    """Whether a rehearsal may be approved; it proves the harness and the plan, not a broker."""
    findings: str = "list"
    """``list``: remarks that do not decide are shown; ``none``: each is a reason for changes."""
    reviewer: str = "optional"
    """``required``: without an outside reviewer's answer nothing is approved."""


class ReadPolicy(Struct, frozen=True, kw_only=True):
    """A policy with where it stands and its digest."""

    policy: Policy
    file: str
    sha256: str


def read(path: Path) -> ReadPolicy:
    """Read a policy; raises UsageProblem naming the file, the key and what would be right."""
    import yaml

    try:
        content = path.read_bytes()
        plain: Any = yaml.safe_load(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageProblem(f"{path}: cannot be read as YAML: {error}") from None
    try:
        policy = msgspec.convert(plain if plain is not None else {}, Policy)
    except msgspec.ValidationError as error:
        keys = ", ".join(Policy.__struct_fields__)
        raise UsageProblem(f"{path}: {error}; the keys are {keys}") from None
    problems = list(_problems(policy))
    if problems:
        raise UsageProblem(f"{path}: " + "; ".join(problems))
    return ReadPolicy(policy=policy, file=path.name, sha256=hashlib.sha256(content).hexdigest())


def _problems(policy: Policy) -> list[str]:
    found = []
    for name, value, words in (
        ("evidence_level", policy.evidence_level, ("E0", "E1", "E2", "E3")),
        ("findings", policy.findings, ("list", "none")),
        ("reviewer", policy.reviewer, ("optional", "required")),
    ):
        if value not in words:
            found.append(f"{name} is {value!r}, must be one of {', '.join(words)}")
    for name, number in (
        ("names.demo", policy.names.demo),
        ("names.real", policy.names.real),
        ("max_age_days", policy.max_age_days),
    ):
        if number < 1:
            found.append(f"{name} is {number}, must be 1 or more")
    for number, plan in enumerate(policy.plans):
        if len(plan.sha256) != 64 or set(plan.sha256) - set("0123456789abcdef"):
            found.append(
                f"plans[{number}].sha256 is {plan.sha256!r}, must be 64 hex digits: sha256sum BUNDLE/plan.yaml"
            )
        if not plan.by.strip():
            found.append(f"plans[{number}].by is empty, must name who approved the plan")
    return found
