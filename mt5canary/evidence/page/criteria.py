"""The plan's five groups of success criteria: limit, value, samples, margin and level of evidence of each."""

from __future__ import annotations

from mt5canary.catalogue import STAGES
from mt5canary.evidence import wording
from mt5canary.evidence.page.facts import Facts
from mt5canary.evidence.page.front import margin_text, used
from mt5canary.evidence.page.levels import level
from mt5canary.evidence.page.margin import foremost, nearest
from mt5canary.evidence.page.markup import EMPTY, Markup, tag
from mt5canary.evidence.page.parts import Row, bullets, folded, outcome, quoted, row_of, section, table
from mt5canary.evidence.verdict import CriterionResult, Verdict
from mt5canary.evidence.words import Words
from mt5canary.measurement import Measurement, Outcome

COLUMNS = ("criterion", "measured", "value", "limit", "samples", "margin", "level")


def criteria(verdict: Verdict, facts: Facts, words: Words) -> Markup:
    """One table a stage; a row shows the measurement to look at first, all of them unfold below it."""
    groups = [_group(number, stage, verdict, facts, words) for number, stage in enumerate(STAGES, 1)]
    legend = [(name, words(f"level.{name}")) for name in wording.EVIDENCE_LEVELS]
    levels = tag("p", [tag("span", tag("strong", name), " ", text, " ") for name, text in legend], class_="levels")
    return section("criteria", words("criteria.heading"), levels, groups, note=words("criteria.note"))


def _group(number: int, stage: str, verdict: Verdict, facts: Facts, words: Words) -> Markup:
    results = wording.of_stage(verdict, stage)
    name = words(f"stage.{stage}")
    heading = tag("h3", f"{number}. {name} ", tag("small", wording.tally(results)))
    if not results:
        return tag("div", heading, tag("p", words("criteria.none")))
    heads = [words(f"column.{column}") for column in COLUMNS]
    top = tag("tr", [tag("th", head, scope="col") for head in heads])
    row = row_of(heads)
    bodies = [_criterion(result, facts, row, words) for result in results]
    caption = tag("caption", words("criteria.caption", stage=name), class_="unseen")
    return tag("div", heading, tag("table", caption, tag("thead", top), bodies, class_="cards criteria"))


def _criterion(result: CriterionResult, facts: Facts, row: Row, words: Words) -> Markup:
    why = None if result.outcome is Outcome.PASS else tag("span", quoted(words, result.reason), class_="reason")
    title = words.title(result.id, result.title)
    name = (outcome(result.outcome), " ", tag("strong", result.id), " ", title, why)
    cells = [name, *_measured(foremost(result.measurements), words), level(result, facts) or "—"]
    return tag("tbody", row(cells), _rest(result, words), id=result.id)


def _measured(measurement: Measurement | None, words: Words) -> list[object]:
    if measurement is None:
        return ["—"] * 5
    return [
        quoted(words, measurement.name),
        wording.figure(measurement),
        measurement.limit,
        f"{measurement.samples:,}",
        (margin_text(measurement, words), used(measurement)),
    ]


def _rest(result: CriterionResult, words: Words) -> Markup:
    """Every measurement and remark of a criterion; those of one that did not pass stand open."""
    if not result.measurements and not result.findings:
        return EMPTY
    count = words("criteria.all", measurements=len(result.measurements), findings=len(result.findings))
    close = nearest(result.measurements)
    if close is not None:
        count += words("criteria.nearest", name=close.name, margin=margin_text(close, words))
    heads = [words("column.outcome"), *(words(f"column.{column}") for column in COLUMNS[1:])]
    rows = [(outcome(each.outcome), *_measured(each, words), each.level or "—") for each in result.measurements]
    inner = table(words("criteria.all_of", criterion=result.id), heads, rows, "inner measured") if rows else EMPTY
    findings = bullets("ul", [quoted(words, finding) for finding in result.findings])
    opened = result.outcome is not Outcome.PASS
    return tag("tr", tag("td", folded(count, inner, findings, opened=opened), colspan=len(COLUMNS)), class_="rest")
