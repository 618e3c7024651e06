"""A link as a run and as ``mt5canary diagnose`` see it, over a plan that is made for the occasion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mt5canary.errors import Finding, Unproven
from mt5canary.evidence.verdict import outcome_of
from mt5canary.link.diagnosis import Diagnosis, Walk
from mt5canary.link.dialect import Dialect
from mt5canary.link.inspection import LinkInspection
from mt5canary.link.session import ReadSession
from mt5canary.measurement import Measurement, Outcome
from mt5canary.plan import Resolved, load
from mt5canary.target import route_of

SHIPPED = Path(__file__).resolve().parents[2] / "canary.yaml"
ON_LOOPBACK = {"terminal": "simulated", "host": "127.0.0.1", "protocol": "4.3"}
"""A target that the plan declares a simulation on this machine."""


def plan_of(folder: Path, target: Mapping[str, Any], **top: Any) -> Path:
    """The shipped plan with one more target, ``there``, selected; everything in it as text, as a person writes it."""
    plan = yaml.load(SHIPPED.read_text(), Loader=yaml.BaseLoader)
    for key in ("record",):
        plan["decision"][key] = str(SHIPPED.parent / plan["decision"][key])
    plan["limits"]["drift"]["baseline"] = str(SHIPPED.parent / plan["limits"]["drift"]["baseline"])
    plan["targets"]["there"] = dict(target)
    plan["target"] = "there"
    plan.update(top)
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(plan))
    return file


def resolved_for(folder: Path, url: str, **target: Any) -> Resolved:
    """The plan for a gateway at a URL."""
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    return load(plan_of(folder, ON_LOOPBACK | {"host": host, "port": port} | target), environment={})


@dataclass
class Seen:
    """What the link's criteria came to, why, what was remarked, and how long it took."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    measurements: dict[str, list[Measurement]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0


def inspect(resolved: Resolved, criteria: str = "L1 L2 L3 L4 L5 L6") -> Seen:
    """The link stage as a run would see it, up to the first criterion that does not pass."""
    seen = Seen()
    route = route_of(resolved)
    host, _, port = route.url.removeprefix("tcp://").rpartition(":")
    dialect = Dialect(resolved.target.protocol)
    started = time.monotonic()

    def another() -> ReadSession:
        return ReadSession(route, lambda kind, body: None, dialect=dialect)

    with another() as session:
        link = LinkInspection(
            session,
            (host.strip("[]"), int(port)),
            resolved.target,
            resolved.limits,
            resolved.plan.order.symbol,
            lambda criterion, text: seen.remarks.append(f"{criterion}: {text}"),
            lambda *_, **__: None,
            another=another,
        )
        questions = {
            "L1": link.address_is_remote,
            "L2": link.connection_is_complete,
            "L3": link.answers_this_client,
            "L4": link.is_the_expected_one,
            "L5": link.clocks_agree,
            "L6": link.latency_is_plausible,
        }
        for name in criteria.split():
            try:
                seen.measurements[name] = questions[name]()
                seen.outcomes[name], seen.reasons[name] = outcome_of(seen.measurements[name])
            except Finding as finding:
                seen.outcomes[name], seen.reasons[name] = Outcome.FAIL, str(finding)
            except Unproven as missing:
                seen.outcomes[name], seen.reasons[name] = Outcome.UNPROVEN, str(missing)
            if seen.outcomes[name] is Outcome.FAIL:
                break
    seen.seconds = time.monotonic() - started
    return seen


def diagnose(resolved: Resolved) -> Diagnosis:
    """What ``mt5canary diagnose`` finds."""
    dialect = Dialect(resolved.target.protocol)
    with ReadSession(route_of(resolved), lambda kind, body: None, dialect=dialect) as session:
        return Walk(session, resolved.name, resolved.target, resolved.limits, resolved.plan.order.symbol).go()
