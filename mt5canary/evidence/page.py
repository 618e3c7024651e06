"""The static part of ``report.html``: what pytest-html shows above its table, readable without JavaScript.

Every function gives HTML of which all outside text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mt5canary.catalogue import STAGES
from mt5canary.evidence import wording
from mt5canary.evidence.chain import utc
from mt5canary.evidence.position import report_position
from mt5canary.evidence.story import story
from mt5canary.evidence.text import hypertext
from mt5canary.evidence.verdict import CriterionResult, Verdict
from mt5canary.measurement import Outcome, describe

STYLE = """<style>
body { color: #222; min-width: 0; max-width: 1200px; margin: 1rem auto; padding: 0 1rem;
  display: flex; flex-direction: column; }
#environment-header, #environment { order: 1; }
#results-table { color: #222; }
.canary { color: #222; font-size: 13px; line-height: 1.45; }
.canary table { margin: 0.5rem 0 1.25rem; width: 100%; }
.canary th, .canary td { border: 1px solid #ccc; padding: 4px 8px; text-align: left; vertical-align: top;
  overflow-wrap: break-word; }
.canary td:last-child { overflow-wrap: anywhere; }
.canary th { background: #f1f3f5; }
.canary h2 { margin-top: 1.5rem; }
.canary .banner { font-size: 18px; padding: 0.75rem 1rem; background: #f8f9fa; color: #111;
  border-style: solid; border-width: 0 0 0 8px; }
.canary .rehearsal { background: #5f3dc4; color: #fff; font-weight: bold; padding: 0.5rem 1rem; }
.canary .alarm { border: 2px solid #c92a2a; padding: 0.5rem 1rem; }
.outcome { font-weight: bold; white-space: nowrap; }
.outcome-PASS { color: #1b6e34; border-color: #1b6e34; } .outcome-FAIL { color: #b02a2a; border-color: #b02a2a; }
.outcome-UNPROVEN { color: #8a4b00; border-color: #8a4b00; } .outcome-BLOCKED { color: #495057; border-color: #495057; }
</style>"""

FILES = (
    ("COMPLETION_REPORT.md", "the completion report"),
    ("EXECUTION_PLAN.md", "the plan as it was before the run"),
    ("verdict.json", "the verdict for programs"),
    ("VERIFY_LOG.log", "the verification log"),
    ("LIVE_EXECUTION_LOG.log", "the execution log"),
    ("PHYSICAL_EVIDENCE.log", "the evidence log"),
    ("evidence.jsonl", "every record of the run, with the raw frames"),
    ("manifest.json", "every file's SHA-256"),
)


def summary(records: Sequence[dict[str, Any]], verdict: Verdict) -> list[str]:
    """The verdict, the stages with their criteria, the position, the order's story, and where the rest is."""
    blocks = (
        *_banner(verdict),
        _facts(verdict),
        *_position(records, verdict),
        *(_stage(stage, verdict) for stage in STAGES),
        _story(records, verdict),
        _files(),
    )
    return [STYLE, f'<div class="canary">{"".join(blocks)}</div>']


def outcome(word: str | None) -> str:
    """An outcome as a coloured word; the word itself carries the meaning."""
    return f'<span class="outcome outcome-{hypertext(word)}">{hypertext(word)}</span>' if word else ""


def headers() -> tuple[str, str]:
    """The two columns that the table of tests gets."""
    return (
        '<th class="sortable" data-column-type="verdict">Verdict</th>',
        '<th class="sortable" data-column-type="criterion">Criterion</th>',
    )


def cells(word: str | None, criterion: str) -> tuple[str, str]:
    """A test's cells of these columns; empty for a test that proves no criterion."""
    return (f'<td class="col-verdict">{outcome(word)}</td>', f'<td class="col-criterion">{hypertext(criterion)}</td>')


def details(result: CriterionResult) -> list[str]:
    """What a test's unfolded row says: outcome, reason, and each measurement."""
    lines = [f"{result.id} {result.outcome}: {result.reason}"]
    lines += [*map(describe, result.measurements), *(f"finding: {finding}" for finding in result.findings)]
    return [hypertext(line) + "\n" for line in lines]


def _banner(verdict: Verdict) -> list[str]:
    rehearsal = f'<p class="rehearsal">{wording.REHEARSAL}. {hypertext(wording.REHEARSAL_NOTE)}</p>'
    deciding = wording.deciding_criterion(verdict)
    reason = "" if deciding is None else f"<br>{hypertext(deciding.title)}: {hypertext(deciding.reason)}"
    line = f"{outcome(verdict.verdict)} ({hypertext(wording.decided_by(verdict))}){reason}"
    banner = f'<p class="banner outcome-{hypertext(verdict.verdict)}">{line}</p>'
    return [rehearsal, banner] if verdict.rehearsal else [banner]


def _facts(verdict: Verdict) -> str:
    level = wording.EVIDENCE_LEVELS.get(verdict.evidence_level, "unknown")
    rows = (
        ("Run", verdict.run),
        ("Task, mode, target", f"{verdict.task}, {verdict.mode}, {verdict.target}"),
        ("From, to (UTC)", f"{verdict.started_at}, {verdict.ended_at}"),
        ("Criteria", wording.tally(verdict.criteria)),
        ("Evidence level", f"{verdict.evidence_level}: {level}"),
    )
    return _table((), [[hypertext(cell) for cell in row] for row in rows])


def _position(records: Sequence[dict[str, Any]], verdict: Verdict) -> list[str]:
    position = report_position(records, verdict)
    known = _list("ul", position.known)
    if not position.needs_a_person:
        return ["<h2>The position</h2>", f"<p>{hypertext(position.summary)}</p>{known}"]
    alarm = f"<p><strong>{hypertext(position.summary)}</strong></p>{_list('ol', position.to_do)}{known}"
    return ["<h2>The position</h2>", f'<div class="alarm">{alarm}</div>']


def _stage(stage: str, verdict: Verdict) -> str:
    results = wording.of_stage(verdict, stage)
    heading = f"<h2>{hypertext(stage.capitalize())}: {hypertext(wording.tally(results))}</h2>"
    if not results:
        return f"{heading}<p>This run has no criterion of this stage.</p>"
    heads = ("Id", "Verdict", "What is proven", "Reason", "Measured (limit, samples)")
    return heading + _table(heads, [_criterion(result) for result in results])


def _criterion(result: CriterionResult) -> list[str]:
    measured = [*map(describe, result.measurements), *(f"finding: {finding}" for finding in result.findings)]
    texts = [hypertext(text) for text in (result.title, result.reason)]
    return [hypertext(result.id), outcome(result.outcome), *texts, _folded(measured, result.outcome)]


def _folded(lines: Sequence[str], word: Outcome) -> str:
    """Lines to unfold; those of a criterion that did not pass stand open."""
    if not lines:
        return ""
    state = "" if word is Outcome.PASS else " open"
    return f"<details{state}><summary>{len(lines)}</summary>{'<br>'.join(map(hypertext, lines))}</details>"


def _story(records: Sequence[dict[str, Any]], verdict: Verdict) -> str:
    steps = story(records, verdict)
    if not steps:
        return "<h2>The order's story</h2><p>No order was meant or sent in this run.</p>"
    rows = [[hypertext(cell) for cell in (utc(step.at), step.what, step.detail)] for step in steps]
    return "<h2>The order's story</h2>" + _table(("Time (UTC)", "What", "Details"), rows)


def _files() -> str:
    entries = "".join(f'<li><a href="{name}">{name}</a>: {what}</li>' for name, what in FILES)
    return f"<h2>The rest of the evidence</h2><ul>{entries}</ul>"


def _list(kind: str, lines: Iterable[str]) -> str:
    entries = "".join(f"<li>{hypertext(line)}</li>" for line in lines)
    return f"<{kind}>{entries}</{kind}>" if entries else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    top = "".join(f'<th scope="col">{hypertext(head)}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"
