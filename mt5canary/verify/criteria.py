"""Every criterion that came to an outcome, judged again from the raw records, and held against what was recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from mt5canary.errors import Finding, HarnessError, Unproven
from mt5canary.measurement import Measurement, Outcome, describe
from mt5canary.verify import decision_stage, link_stage
from mt5canary.verify.accounts import Accounts
from mt5canary.verify.findings import State, Verification
from mt5canary.verify.world import NotThere, World

_DECIMAL = re.compile(r"\d+\.\d+")
Judge = Callable[[], list[Measurement]]
TRIED = (Outcome.PASS, Outcome.FAIL, Outcome.UNPROVEN)


def judges(world: World, mode: str) -> dict[str, Judge]:
    """How each criterion is judged again; what only a live run has is loaded for one alone."""
    from mt5canary.verify import execution_stage, late_stage

    found: dict[str, Judge] = {}

    def add(name: str, judge: Callable[[World], list[Measurement]]) -> None:
        found[name] = lambda: judge(world)

    for table in (link_stage.CRITERIA, decision_stage.CRITERIA, execution_stage.BEFORE, late_stage.ALWAYS):
        for name, judge in table.items():
            add(name, judge)
    return found | (late_stage.of_a_flight(world) if mode == "live" else {})


def judge(found: Verification, world: World, accounts: Accounts) -> None:
    """Judge every criterion that was tried."""
    table = judges(world, accounts.header["mode"])
    again: list[str] = []
    own_word: list[str] = []
    for name, result in accounts.results.items():
        if result.outcome not in TRIED:
            continue
        try:
            judged = table[name]()
        except NotThere as missing:
            _not_there(found, name, result.outcome, str(missing))
            continue
        except (Finding, Unproven) as error:
            _raised(found, name, result.outcome, error)
            continue
        except (HarnessError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            found.add(name, State.CONTRADICTED, f"its records are not of the form that a run writes: {error}")
            continue
        rest = _compare(found, name, result.measurements, judged)
        again.append(name)
        if rest:
            own_word.append(f"{name} ({'; '.join(rest)})")
    if again:
        found.add("criteria", State.HOLDS, f"judged again from the raw records: {', '.join(again)}")
    for text in own_word:
        found.add("criteria", State.NOT_JUDGED, f"the node's own word, inside its limits: {text}")


def _not_there(found: Verification, name: str, outcome: Outcome, missing: str) -> None:
    state = State.CONTRADICTED if outcome is Outcome.PASS else State.NOT_JUDGED
    found.add(name, state, f"it says {outcome}, and it cannot be judged from here: {missing}")


def _raised(found: Verification, name: str, outcome: Outcome, error: Exception) -> None:
    if outcome is Outcome.PASS:
        found.add(name, State.CONTRADICTED, f"it says PASS, and its records say: {error}")


def _compare(
    found: Verification, name: str, recorded: Iterable[Measurement], judged: Iterable[Measurement]
) -> list[str]:
    """Hold what was recorded against what was judged again; returns the recorded names that nothing was held against.

    A criterion may have been measured partly before it broke; a measurement that was never recorded is only missed
    where the criterion recorded others.
    """
    from mt5canary.verify.late_stage import ELSEWHERE, FEWER_SAMPLES

    left = list(recorded)
    was_measured = bool(left)
    for measurement in judged:
        twin = next((each for each in left if each.name == measurement.name), None)
        if twin is None:
            if was_measured:
                text = f"its records give {describe(measurement)}, and it recorded no such measurement"
                found.add(name, State.CONTRADICTED, text)
            continue
        left.remove(twin)
        samples = 0 if measurement.name in FEWER_SAMPLES else None
        if _plain(twin, samples) != _plain(measurement, samples):
            text = f"recorded: {describe(twin)}; its records give: {describe(measurement)}"
            found.add(name, State.CONTRADICTED, text)
    return [each.name for each in left if each.name not in ELSEWHERE]


def _plain(measurement: Measurement, samples: int | None) -> Measurement:
    """A measurement to be compared: numbers in its limit as 0.8, however the plan wrote them; ``samples`` in place."""
    limit = _DECIMAL.sub(lambda number: number[0].rstrip("0").rstrip("."), measurement.limit)
    return replace(measurement, limit=limit, samples=measurement.samples if samples is None else samples)
