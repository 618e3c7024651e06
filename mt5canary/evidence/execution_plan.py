"""``EXECUTION_PLAN.md``: what a run will do, a pure function of the plan in effect, written before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mt5canary.catalogue import STAGES, Criterion
from mt5canary.evidence.text import markdown, markdown_table
from mt5canary.evidence.wording import REHEARSAL

EXECUTION_PLAN = "EXECUTION_PLAN.md"


def execution_plan(values: Mapping[str, Any], title: str, criteria: Sequence[Criterion], *, rehearsal: bool) -> str:
    """``EXECUTION_PLAN.md``, rendered from the plan in effect before anything is done.

    ``values`` are the plan's fields by dotted name, each with its ``value`` and its ``source``, secrets masked: a
    ``settings`` record's.
    """
    lines = [f"# Execution plan. {markdown(title)}", "", *_promise(criteria), ""]
    if rehearsal:
        lines += [f"**{REHEARSAL}.** The terminal, its market and its account are simulated.", ""]
    left = dict(values)
    for number, stage in enumerate(STAGES, 1):
        mine = [criterion for criterion in criteria if criterion.stage == stage]
        lines += [f"## {number}. {stage}", ""]
        lines += [*(f"- **{criterion.id}** {markdown(criterion.title)}" for criterion in mine), ""]
        rows = [(name, *value_and_source(values[name])) for name in values if name.startswith(_FIELDS[stage])]
        if rows:
            lines += [*markdown_table(("Field", "Value", "Source"), rows), ""]
        left = {name: value for name, value in left.items() if not name.startswith(_FIELDS[stage])}
    rows = [(name, *value_and_source(left[name])) for name in left]
    return "\n".join([*lines, "## The rest of the plan", "", *markdown_table(("Field", "Value", "Source"), rows), ""])


_FIELDS = {
    "link": ("target", "limits.clock", "limits.latency"),
    "decision": ("decision",),
    "execution": ("order", "limits.max_leverage", "limits.loss", "limits.history_deadline"),
    "guardrails": ("limits.latency", "limits.drift", "limits.loss", "limits.max_gap", "limits.errors", "limits.watch"),
    "evidence": ("evidence",),
}
"""The plan's fields that a stage holds the run against."""


def _promise(criteria: Sequence[Criterion]) -> list[str]:
    if criteria and not any(criterion.live_only for criterion in criteria):
        return ["This run only reads: it sends no request that could trade or change anything."]
    return [
        "The stages run in this order, each only if every criterion before it passed. One order is sent, at most once; "
        "a lost reply is resolved by asking, never by sending again. Whatever ends the run after the order has left "
        "closes every position of this plan's magic number, unless the plan keeps it and every criterion passed."
    ]


def value_and_source(entry: object) -> tuple[object, object]:
    """A recorded setting's value and where it came from."""
    return (entry.get("value"), entry.get("source")) if isinstance(entry, Mapping) else (entry, "not recorded")
