"""The written documents of a bundle, each a pure function of the chain's records and the verdict.

The same records and verdict give the same bytes again. Whatever came from outside is shown, never interpreted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from mt5canary.catalogue import STAGES
from mt5canary.evidence import kill_matrix, wording
from mt5canary.evidence.chain import utc
from mt5canary.evidence.execution_plan import value_and_source
from mt5canary.evidence.kill_matrix import KillMatrix
from mt5canary.evidence.position import report_position
from mt5canary.evidence.records import environment_of, settings_of
from mt5canary.evidence.story import story
from mt5canary.evidence.text import markdown, markdown_table
from mt5canary.evidence.verdict import CriterionResult, Verdict

COMPLETION_REPORT = "COMPLETION_REPORT.md"
VERDICT = "verdict.json"


def verdict_json(verdict: Verdict) -> str:
    """``verdict.json``."""
    return msgspec.json.format(msgspec.json.encode(verdict), indent=2).decode() + "\n"


def completion_report(records: Sequence[dict[str, Any]], verdict: Verdict) -> str:
    """``COMPLETION_REPORT.md``; its first line is the verdict and the criterion that decided it."""
    sections = (
        _head(verdict),
        _position(records, verdict),
        _not_proven(verdict),
        *(_stage(number, stage, verdict) for number, stage in enumerate(STAGES, 1)),
        _story(records, verdict),
        _findings(records),
        _settings(settings_of(records)),
        _environment(records),
        _how_to_check(verdict),
        _kill_matrix(records),
    )
    return "\n".join(line for section in sections for line in (*section, ""))


def _head(verdict: Verdict) -> list[str]:
    lines = [f"# {markdown(wording.title(verdict))}", ""]
    deciding = wording.deciding_criterion(verdict)
    if deciding is not None:
        lines += [f"**{deciding.id}** ({deciding.stage}), {markdown(deciding.title)}: {markdown(deciding.reason)}", ""]
    if verdict.rehearsal:
        lines += [f"**{wording.REHEARSAL}.** {wording.REHEARSAL_NOTE}", ""]
    level = wording.EVIDENCE_LEVELS.get(verdict.evidence_level, "unknown")
    return lines + markdown_table(
        ("", ""),
        [
            ("Run", verdict.run),
            ("Task", verdict.task),
            ("Mode", verdict.mode),
            ("Target", f"{verdict.target}{' (simulated)' if verdict.rehearsal else ''}"),
            ("From", verdict.started_at),
            ("To", verdict.ended_at),
            ("Criteria", wording.tally(verdict.criteria)),
            ("Evidence level", f"{verdict.evidence_level}: {level}"),
        ],
    )


def _position(records: Sequence[dict[str, Any]], verdict: Verdict) -> list[str]:
    position = report_position(records, verdict)
    lines = ["## The position", "", f"**{markdown(position.summary)}**", ""]
    if position.to_do:
        lines += ["What to do now:", "", *(f"{n}. {markdown(step)}" for n, step in enumerate(position.to_do, 1)), ""]
    if position.known:
        lines += ["What is known:", "", *(f"- {markdown(fact)}" for fact in position.known)]
    return lines


def _not_proven(verdict: Verdict) -> list[str]:
    missing = wording.not_passed(verdict)
    lines = ["## What was not proven, and why", ""]
    if not missing:
        return [*lines, "Nothing: every criterion of this run passed."]
    return lines + markdown_table(
        ("Criterion", "Outcome", "What", "Why"),
        [(result.id, result.outcome, result.title, result.reason) for result in missing],
    )


def _stage(number: int, stage: str, verdict: Verdict) -> list[str]:
    results = wording.of_stage(verdict, stage)
    lines = [f"## Success criteria {number}: {stage} ({wording.tally(results)})", ""]
    if not results:
        return [*lines, "This run has no criterion of this stage."]
    lines += markdown_table(
        ("Criterion", "Outcome", "What", "Reason"),
        [(result.id, result.outcome, result.title, result.reason) for result in results],
    )
    measured = _measurements(results)
    if measured:
        heads = ("Criterion", "Measurement", "Value", "Limit", "Samples", "Level", "Outcome")
        lines += ["", *markdown_table(heads, measured)]
    return lines


def _measurements(results: Iterable[CriterionResult]) -> list[tuple[object, ...]]:
    return [
        (result.id, each.name, wording.figure(each), each.limit, each.samples, each.level or "", each.outcome)
        for result in results
        for each in result.measurements
    ]


def _story(records: Sequence[dict[str, Any]], verdict: Verdict) -> list[str]:
    steps = story(records, verdict)
    lines = ["## The order's story", ""]
    if not steps:
        return [*lines, "No order was meant or sent in this run."]
    return lines + markdown_table(
        ("Time (UTC)", "What", "Details", "Record"),
        [(utc(step.at), step.what, step.detail, step.record) for step in steps],
    )


def _findings(records: Iterable[dict[str, Any]]) -> list[str]:
    found = [f"- **{each['criterion']}**: {markdown(each['text'])}" for each in records if each["kind"] == "finding"]
    return ["## Findings", "", *(found or ["None."])]


def _settings(values: Mapping[str, Any]) -> list[str]:
    lines = ["## The plan's values and where they come from", ""]
    if not values:
        return [*lines, "They were not recorded."]
    rows = [(name, *value_and_source(values[name])) for name in values]
    return lines + markdown_table(("Field", "Value", "Source"), rows)


def _environment(records: Iterable[dict[str, Any]]) -> list[str]:
    environment = environment_of(records)
    lines = ["## Environment", ""]
    return lines + (markdown_table(("", ""), list(environment.items())) if environment else ["It was not recorded."])


def _how_to_check(verdict: Verdict) -> list[str]:
    return f"""## How to check this

Nothing here needs to be believed. In this run's folder (`{markdown(verdict.run)}`), with standard tools:

```
jq -r '.files[] | .sha256 + "  " + .path' manifest.json | sha256sum --check --quiet
jq -r 'select(.kind == "exchange") | .reply // empty | @base64d' evidence.jsonl
python3 -c '
import hashlib
previous = "0" * 64
for line in open("evidence.jsonl", "rb"):
    assert line[9:73] == previous.encode(), line[:90]
    previous = hashlib.sha256(line).hexdigest()
print(previous)'
```

The first compares every file with the manifest. The second shows what the gateway answered, as it was on the wire. \
The third walks the chain of records and prints its head, which is `chain.head` in the manifest.""".splitlines()


def _kill_matrix(records: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    matrix = kill_matrix.recorded(records)
    if matrix is None:
        return [_KILL_MATRIX, "", "No kill matrix was recorded."]
    return appendix(matrix)


_KILL_MATRIX = "## Appendix: what these criteria have been seen to catch"


@lru_cache(maxsize=1)  # a run writes it, and renders it once more when it verifies itself
def appendix(matrix: KillMatrix) -> Sequence[str]:
    """The lines of the kill matrix."""
    lines = [_KILL_MATRIX, ""]
    heads = ("Gateway", "What it does", "Came to", "Must not pass", "Every criterion")
    lines += [kill_matrix.summary(matrix), "", f"Every criterion: {kill_matrix.LEGEND}.", ""]
    lines += [*markdown_table(("Criterion", "Lying gateways that it caught"), kill_matrix.by_criterion(matrix)), ""]
    return lines + markdown_table(heads, kill_matrix.by_member(matrix.members, matrix.criteria))
