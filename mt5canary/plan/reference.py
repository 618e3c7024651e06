"""The reference page of the plan, written from the schema so that it cannot say anything else."""

from __future__ import annotations

from collections.abc import Iterator

from mt5canary.plan.fields import AGE, NO_AGE
from mt5canary.plan.resolved import plain_value
from mt5canary.plan.schema import Limits, Plan
from mt5canary.plan.sections import Field, Named, Section, expected, fields_of
from mt5canary.plan.sources import SET_BY, SIGNING_KEY

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
  target, unless the run starts that target itself; `{SIGNING_KEY}` sets `evidence.signing_key`.
- `${{NAME}}` inside a value is replaced from the environment, then from `.env`. A variable that is set to nothing
  counts as not set. Only values in effect are replaced: what other targets need may be missing.
- `--target NAME` selects a target, `--set order.magic=1196` sets a field by its dotted path, `--state DIR` moves
  the state, `--signing-key FILE` names the key.
- A target's own `limits` cover the plan's, field by field; `--set limits...` covers both.

The target `simulator` is always there: a plan that does not name it has one with a watch of 30 s. Every mistake of
a plan is reported in one go, with its line, and nothing is sent. `{NO_AGE}` is for `decision.max_age` alone: a guard
cannot be switched off.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_section(Plan, "", {})])


def _section(section: type[Section], path: str, written: dict[type[Section], str]) -> Iterator[str]:
    """Write a section's table, then the sections inside it; one that occurs twice is written once."""
    written[section] = path
    yield f"## {f'`{path}`' if path else 'The keys at the top'}\n"
    yield f"{(section.__doc__ or '').partition(_PARAGRAPH)[0]}\n"
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    inside: list[tuple[type[Section], str]] = []
    for key, field in fields_of(section).items():
        kind, below = field.kind, f"{path}.{key}" if path else key
        if isinstance(kind, Named):
            kind, below = kind.section, f"{below}.NAME"
        elif kind is Limits:
            below = key  # a target's are a part of the plan's
        takes = f"a section, `{written.get(kind, below)}`" if isinstance(kind, type) else expected(kind)
        yield "| " + " | ".join(_cell(text) for text in (f"`{key}`", takes, _default(field), field.meaning)) + " |"
        if isinstance(kind, type) and kind not in written and not (kind is Limits and path):
            inside.append((kind, below))
    yield ""
    for model, below in inside:
        yield from _section(model, below, written)


def _default(field: Field) -> str:
    if field.required:
        return "" if isinstance(field.kind, Named) else "required"
    if field.default is None:
        return f"`{NO_AGE}`" if field.kind is AGE else ""
    value = plain_value(field.default)
    return "" if isinstance(value, dict) else f"`{value}`".replace("'", "").replace("False", "false")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
