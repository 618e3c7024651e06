"""The reference page of the plan, written from the schema so that it cannot say anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mt5canary.plan.fields import NO_AGE, Expect
from mt5canary.plan.resolved import plain_value
from mt5canary.plan.schema import Limits, Plan
from mt5canary.plan.sources import SET_BY
from mt5canary.plan.words import expected, fields_of, kind_of

_PARAGRAPH = "\n\n"
_INTRODUCTION = f"""\
# The plan

Every key of `canary.yaml`. This page is written from the schema: `python -m mt5canary.plan > docs/plan.md`.

A plan is one YAML document. Each value is read by the type of its field, from the text as it stands: quotes
change nothing, `0.001` is exact, a duration has a unit (`us`, `ms`, `s`, `m`, `h`). Aliases, tags and a key that
stands twice are refused. Paths are relative to the plan's file.

## Where values come from

Weakest first: the plan's file, `.env` beside it, the environment, the command line.

- {", ".join(f"`{name}`" for name in SET_BY)} set {", ".join(f"`{key}`" for key in SET_BY.values())} of the selected
  target, unless the run starts that target itself.
- `${{NAME}}` inside a value is replaced from the environment, then from `.env`. A variable that is set to nothing
  counts as not set. Only values in effect are replaced: what other targets need may be missing.
- `--target NAME` selects a target, `--set order.magic=1196` sets a field by its dotted path, `--state DIR` moves
  the state.
- A target's own `limits` cover the plan's, field by field; `--set limits...` covers both.

The target `simulator` is always there: a plan that does not name it has one with a watch of 30 s. Every mistake of
a plan is reported in one go, with its line, and nothing is sent. `{NO_AGE}` is for `decision.max_age` alone: a guard
cannot be switched off.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_section(Plan, "", {})])


def _section(section: type[BaseModel], path: str, written: dict[type[BaseModel], str]) -> Iterator[str]:
    """Write a section's table, then the sections inside it; one that occurs twice is written once."""
    written[section] = path
    yield f"## {f'`{path}`' if path else 'The keys at the top'}\n"
    yield f"{(section.__doc__ or '').partition(_PARAGRAPH)[0]}\n"
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    inside: list[tuple[type[BaseModel], str]] = []
    for key, field in fields_of(section).items():
        kind, below = kind_of(field.annotation, field.metadata), f"{path}.{key}" if path else key
        if get_origin(kind.type) is Mapping:
            kind, below = kind.inside(), f"{below}.NAME"
        elif kind.section is Limits:
            below = key  # a target's are a part of the plan's
        takes = expected(kind) if kind.section is None else f"a section, `{written.get(kind.section, below)}`"
        yield "| " + " | ".join(_cell(text) for text in (f"`{key}`", takes, _default(field), field.description)) + " |"
        if kind.section and kind.section not in written and not (kind.section is Limits and path):
            inside.append((kind.section, below))
    yield ""
    for model, below in inside:
        yield from _section(model, below, written)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "" if field.annotation is Plan.model_fields["targets"].annotation else "required"
    value: Any = plain_value(field.default)
    if value is None:
        return f"`{NO_AGE}`" if _takes_none(field) else ""
    return "" if isinstance(value, dict) else f"`{value}`".replace("'", "").replace("False", "false")


def _takes_none(field: FieldInfo) -> bool:
    return any(isinstance(one, Expect) and NO_AGE in one.words.split() for one in field.metadata)


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")
