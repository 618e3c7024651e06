"""An OpenHTF test with as many phases and measurements as a run of ours: ``openhtf_station.py OUT COUNT ...``.

It asks nobody anything: what is timed is the framework, its record and its JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import openhtf as htf  # type: ignore[import-untyped]
from openhtf.output.callbacks import json_factory  # type: ignore[import-untyped]


def phase(number: int, measurements: int) -> Any:
    """One phase that measures so many things, each within its limits."""
    names = [f"measurement_{each}" for each in range(measurements)]

    def measures(test: Any) -> None:
        for name in names:
            test.measurements[name] = 0.5

    measures.__name__ = f"phase_{number}"
    decorate: Callable[[Any], Any] = htf.measures(*(htf.Measurement(name).in_range(0, 1) for name in names))
    return decorate(measures)


def main() -> None:
    """Run the test and write its record."""
    out, *counts = sys.argv[1:]
    test = htf.Test(*(phase(number, int(count)) for number, count in enumerate(counts)), test_name="canary")
    test.add_output_callbacks(json_factory.OutputToJSON(out, indent=2))
    passed = test.execute(test_start=lambda: "canary")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
