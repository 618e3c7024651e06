"""What the Allure results of a run say: parameters, categories, environment, executor. Plain data, no Allure here."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mt5canary.evidence import wording
from mt5canary.evidence.text import visible
from mt5canary.evidence.verdict import CriterionResult, Verdict
from mt5canary.measurement import Outcome

STATUSES = {Outcome.FAIL: "failed", Outcome.UNPROVEN: "broken", Outcome.BLOCKED: "broken"}
"""How Allure counts each outcome that is not a PASS; never as skipped, which it leaves out of its percentage."""

_CATEGORIES = {
    Outcome.FAIL: "FAIL: a criterion was broken",
    Outcome.UNPROVEN: "UNPROVEN: a proof is missing",
    Outcome.BLOCKED: "BLOCKED: an earlier stage did not pass",
}


def message(result: CriterionResult) -> str:
    """What stands at the top of a test that did not pass, and what the categories go by."""
    return f"{result.outcome}: {visible(result.reason)}"


def parameters(result: CriterionResult) -> list[tuple[str, str]]:
    """Outcome, and each measurement's value and limit, by name."""
    found = [("outcome", str(result.outcome)), ("reason", visible(result.reason))]
    for each in result.measurements:
        name = visible(each.name)
        count = f" (n={each.samples})" if each.samples else ""
        found.append((name, visible(f"{wording.figure(each)}{count} {each.outcome}")))
        found.append((f"{name}: limit", visible(each.limit)))
    found += [(f"finding {number}", visible(finding)) for number, finding in enumerate(result.findings, 1)]
    return found


def categories() -> str:
    """``categories.json``; the expressions match in Java and in JavaScript alike."""
    return json.dumps(
        [
            {"name": name, "matchedStatuses": [STATUSES[outcome]], "messageRegex": f"^{outcome}:[\\s\\S]*"}
            for outcome, name in _CATEGORIES.items()
        ],
        indent=2,
    )


def environment(verdict: Verdict, machine: Mapping[str, str]) -> str:
    """``environment.properties``."""
    facts = {
        "title": wording.title(verdict),
        "verdict": str(verdict.verdict),
        "decided_by": verdict.decided_by or "",
        "rehearsal": str(verdict.rehearsal).lower(),
        "run": verdict.run,
        "task": verdict.task,
        "mode": verdict.mode,
        "target": verdict.target,
        **machine,
    }
    return "".join(f"{_property(name)}={_property(visible(value))}\n" for name, value in facts.items())


def _property(text: str) -> str:
    """A key or a value as a Java properties file has it: separators escaped, UTF-16 escapes beyond ASCII."""
    escaped = "".join(f"\\{each}" if each in "\\=:#! " else each for each in text)
    units = (each if each.isascii() else _utf16(each) for each in escaped)
    return "".join(units)


def _utf16(character: str) -> str:
    return "".join(f"\\u{unit:04x}" for unit in memoryview(character.encode("utf-16-le")).cast("H"))


def executor(verdict: Verdict) -> str:
    """``executor.json``: the report's title."""
    facts = {"name": "mt5canary", "type": "pytest", "buildName": verdict.run, "reportName": wording.title(verdict)}
    return json.dumps(facts, indent=2)
