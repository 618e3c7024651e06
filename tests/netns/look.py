"""Inside a namespace: look at a plan's link as a run and as a diagnosis would, and print what was seen as JSON.

``python -m tests.netns.look PLAN [CRITERIA]``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.plan import load
from tests.link.situation import diagnose, inspect


def main(plan: str, criteria: str = "L1 L2 L3 L4 L5 L6") -> None:
    """Look, and print."""
    resolved = load(Path(plan), environment={})
    seen = inspect(resolved, criteria)
    found = diagnose(resolved)
    told: dict[str, Any] = {
        "outcomes": seen.outcomes,
        "reasons": seen.reasons,
        "remarks": seen.remarks,
        "measurements": {
            name: {one.name: one.value for one in measured} for name, measured in seen.measurements.items()
        },
        "trouble": found.trouble,
        "observed": [f"{step.name}: {step.observed}" for step in found.steps],
        "seconds": {"criteria": seen.seconds, "diagnosis": found.seconds},
    }
    print(json.dumps(msgspec.to_builtins(told)))


if __name__ == "__main__":
    main(*sys.argv[1:])
