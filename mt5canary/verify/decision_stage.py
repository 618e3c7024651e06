"""The decision stage's criteria, judged again from the copy of the decision record that the chain holds."""

from __future__ import annotations

import base64
from pathlib import Path

from mt5canary import decision
from mt5canary.decision import AdmissionRecord
from mt5canary.measurement import Measurement
from mt5canary.verify.world import NotThere, World


def admission(world: World) -> AdmissionRecord:
    """The decision record as it was read."""
    record = next(world.evidence.of_kind("decision"), None)
    if record is None:
        raise NotThere("no copy of the decision record is in the evidence")
    return decision.parsed(Path(record["name"]), base64.b64decode(record["content"]), record["read_at"])


def parses(world: World) -> list[Measurement]:
    """D1: the record parses."""
    return decision.exists_and_parses(admission(world))


def hash_recomputes(world: World) -> list[Measurement]:
    """D2: its hash is the plan's."""
    return decision.hash_recomputes(admission(world), world.plan.plan.decision.hash)


def says_go(world: World) -> list[Measurement]:
    """D3: it says GO."""
    return decision.says_go(admission(world))


def is_inside_limits(world: World) -> list[Measurement]:
    """D4: confidence, age and errors."""
    plan = world.plan.plan.decision
    critical = world.limits.errors.max_critical
    return decision.inside_limits(admission(world), plan.min_confidence, plan.max_age, critical)


def figures_are_examined(world: World) -> list[Measurement]:
    """D5: its own figures."""
    return decision.figures_examined(admission(world), world.plan.plan.decision.require_evidence)


CRITERIA = {
    "D1": parses,
    "D2": hash_recomputes,
    "D3": says_go,
    "D4": is_inside_limits,
    "D5": figures_are_examined,
}
