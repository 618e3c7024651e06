"""What is read first: the verdict and what decided it, the position, every criterion at a glance, the key figures."""

from __future__ import annotations

from datetime import datetime

from mt5canary.catalogue import STAGES
from mt5canary.evidence import wording
from mt5canary.evidence.page.facts import Facts
from mt5canary.evidence.page.latency import Latency
from mt5canary.evidence.page.ledger import Ledger
from mt5canary.evidence.page.margin import margin
from mt5canary.evidence.page.markup import EMPTY, Markup, tag
from mt5canary.evidence.page.parts import SIGNS, bullets, outcome, pairs, quoted, section, short
from mt5canary.evidence.position import PositionReport
from mt5canary.evidence.verdict import CriterionResult, Verdict
from mt5canary.evidence.words import Words
from mt5canary.measurement import Measurement, Outcome, worst


def band(verdict: Verdict, words: Words) -> Markup:
    """REHEARSAL across the top, and it stays there; nothing in a run that is none."""
    if not verdict.rehearsal:
        return EMPTY
    text = (tag("strong", words("rehearsal")), " ", tag("span", words("rehearsal.note")))
    return tag("div", text, class_="rehearsal", role="note")


def headline(verdict: Verdict, position: PositionReport, words: Words) -> Markup:
    """The verdict, the criterion that decided it with its reason, and which run this is."""
    deciding = wording.deciding_criterion(verdict)
    if deciding is not None:
        decided: tuple[object, ...] = (
            tag("strong", words("verdict.decided_by", criterion=deciding.id), " "),
            words.title(deciding.id, deciding.title),
            tag("span", quoted(words, deciding.reason), class_="reason"),
        )
    else:
        key = "verdict.all_passed" if verdict.verdict is Outcome.PASS else "verdict.nothing_tried"
        decided = (tag("strong", words(key, count=len(verdict.criteria))),)
    sign = tag("span", SIGNS[verdict.verdict], class_="sign", aria_hidden="true")
    return tag(
        "div",
        tag("p", words("report.name", task=verdict.task), class_="kicker"),
        tag("p", sign, verdict.verdict.value, " ", tag("small", words(f"verdict.{verdict.verdict}")), class_="verdict"),
        tag("p", decided, class_="decided"),
        pairs([*_facts(verdict, words), (words("fact.position"), position.summary)], "facts"),
        class_=f"headline outcome-{verdict.verdict}",
    )


def _facts(verdict: Verdict, words: Words) -> list[tuple[object, object]]:
    known = verdict.order is not None and verdict.evidence_level in wording.EVIDENCE_LEVELS
    level = f"{verdict.evidence_level}: {words(f'level.{verdict.evidence_level}')}" if known else words("fact.no_fill")
    return [
        (words("fact.run"), verdict.run),
        (words("fact.mode"), words(f"mode.{verdict.mode}")),
        (words("fact.target"), verdict.target),
        (words("fact.time"), f"{_minute(verdict.started_at)}, {_lasted(verdict, words)}"),
        (words("fact.level"), level),
    ]


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:19]} UTC"


def _lasted(verdict: Verdict, words: Words) -> str:
    try:
        span = datetime.fromisoformat(verdict.ended_at) - datetime.fromisoformat(verdict.started_at)
    except ValueError:
        return "?"
    return words.lasted(span.total_seconds())


def whereabouts(position: PositionReport, words: Words) -> Markup:
    """Where the position is; an alarm with steps for a person where it is not known to be closed."""
    known = bullets("ul", [quoted(words, fact) for fact in position.known])
    summary = tag("p", tag("strong", position.summary))
    if not position.needs_a_person:
        return section("position", words("position.heading"), summary, known)
    steps = (tag("p", words("position.to_do")), bullets("ol", position.to_do))
    return section("position", words("position.heading"), tag("div", summary, steps, known, class_="alarm"))


def at_a_glance(verdict: Verdict, words: Words) -> Markup:
    """Every criterion as a small mark under its stage, each leading to its row."""
    stages = []
    for stage in STAGES:
        results = wording.of_stage(verdict, stage)
        if not results:
            continue
        passed = sum(result.outcome is Outcome.PASS for result in results)
        outcomes = [result.outcome for result in results]
        word = Outcome.BLOCKED if set(outcomes) == {Outcome.BLOCKED} else worst(outcomes)
        marks = [tag("li", _mark(result, words)) for result in results]
        heading = tag("h3", words(f"stage.{stage}"), " ", tag("small", f"{passed}/{len(results)}"))
        stages.append(tag("li", heading, tag("ul", marks), class_=f"stage outcome-{word}"))
    return section("glance", words("glance.heading"), tag("ol", stages, class_="stages"), note=words("glance.note"))


def _mark(result: CriterionResult, words: Words) -> Markup:
    title = words.title(result.id, result.title)
    sign = tag("span", SIGNS[result.outcome], class_="sign", aria_hidden="true")
    said = tag("span", f" {result.outcome}: {title}", class_="unseen")
    return tag("a", sign, result.id, said, href=f"#{result.id}", title=title, class_=f"mark outcome-{result.outcome}")


def key_figures(verdict: Verdict, facts: Facts, latency: Latency | None, ledger: Ledger | None, words: Words) -> Markup:
    """The order, the latency, the drift, the ledger and the evidence, each with its limit."""
    tiles = [
        _order_tile(verdict, words),
        _latency_tile(verdict, words),
        _drift_tile(verdict, words),
        _ledger_tile(verdict, ledger, words),
        _evidence_tile(facts, words),
    ]
    return section("figures", words("figures.heading"), tag("div", tiles, class_="tiles"))


def _tile(name: str, figure: str, *rest: object, word: Outcome | None = None) -> Markup:
    kind = f"tile outcome-{word}" if word is not None and word is not Outcome.PASS else "tile"
    return tag("div", tag("p", name, class_="name"), tag("p", figure, class_="figure"), rest, class_=kind)


def _order_tile(verdict: Verdict, words: Words) -> Markup:
    order = verdict.order
    if order is None:
        why = words(f"figure.no_order.{verdict.mode}")
        return _tile(words("figure.order"), words("figure.no_order"), tag("p", why))
    text = f"{order.side} {order.volume:g} {order.symbol}"
    rest = words("figure.order.rest", price=order.price, ticket=order.ticket, level=verdict.evidence_level)
    return _tile(words("figure.order"), text, tag("p", rest))


def _latency_tile(verdict: Verdict, words: Words) -> Markup:
    for criterion in ("G2", "L6"):
        result = next((each for each in verdict.criteria if each.id == criterion), None)
        measured = next((each for each in result.measurements if each.name.endswith("P99")), None) if result else None
        if result and measured:
            return _limited_tile(words("figure.latency"), result, measured, words)
    return _tile(words("figure.latency"), words("figure.not_measured"), word=Outcome.UNPROVEN)


def _drift_tile(verdict: Verdict, words: Words) -> Markup:
    result = next((each for each in verdict.criteria if each.id == "G3"), None)
    measured = [each for each in result.measurements if each.name.startswith("PSI of ")] if result else []
    if result is None or not measured:
        word = None if result is None else result.outcome
        return _tile(words("figure.drift"), words("figure.not_measured"), word=word)
    worst_index = max(measured, key=lambda each: each.value if isinstance(each.value, float | int) else -1.0)
    return _limited_tile(words("figure.drift"), result, worst_index, words)


def _limited_tile(name: str, result: CriterionResult, measured: Measurement, words: Words) -> Markup:
    rest = tag("p", words("figure.limit", limit=measured.limit, samples=f"{measured.samples:,}"), " ", result.id)
    return _tile(name, wording.figure(measured), used(measured), rest, word=result.outcome)


def used(measurement: Measurement) -> Markup:
    """A small bar: how much of the limit is used up; nothing where the limit is no scale."""
    found = margin(measurement)
    if found is None or found.used is None:
        return EMPTY
    width = min(max(found.used, 0.0), 1.0) * 100
    bar = tag("span", style=f"width:{width:.1f}%", class_=f"outcome-{measurement.outcome}")
    return tag("span", bar, class_="used", aria_hidden="true")


def _ledger_tile(verdict: Verdict, ledger: Ledger | None, words: Words) -> Markup:
    if ledger is None or ledger.moved is None or ledger.difference is None:
        return _tile(words("figure.ledger"), words("figure.not_measured"))
    result = next((each for each in verdict.criteria if each.id == "E2"), None)
    before, after = ledger.line("balance")
    text = words("figure.ledger.rest", before=f"{before:.2f}", after=f"{after:.2f}", currency=ledger.currency)
    figure = words("figure.unexplained", difference=f"{ledger.difference:.2f}", currency=ledger.currency)
    return _tile(words("figure.ledger"), figure, tag("p", text), word=result.outcome if result else None)


def _evidence_tile(facts: Facts, words: Words) -> Markup:
    records = sum(facts.counts.values())
    exchanges = facts.counts["exchange"] + facts.batched
    figure = words("figure.exchanges", count=f"{exchanges:,}")
    return _tile(words("figure.evidence"), figure, tag("p", words("figure.records", count=f"{records:,}")))


def not_proven(verdict: Verdict, facts: Facts, words: Words) -> Markup:
    """Which criteria did not pass and why, what the run remarked, and what no such run can show."""
    rows = [_missing(together, words) for together in _for_one_reason(wording.not_passed(verdict))]
    listed = tag("ul", rows, class_="missing") if rows else tag("p", words("missing.none"))
    limits = ["limits.rehearsal"] if verdict.rehearsal else ["limits.liar", "limits.demo"]
    limits += ["limits.no_order"] if verdict.mode == "preflight" else ["limits.one_order"]
    remarks = [
        (tag("strong", str(each.get("criterion"))), " ", quoted(words, each.get("text"))) for each in facts.findings
    ]
    return section(
        "missing",
        words("missing.heading"),
        listed,
        tag("h3", words("missing.limits")),
        bullets("ul", [words(key) for key in [*limits, "limits.strategy"]]),
        tag("h3", words("missing.findings", count=len(remarks))) if remarks else None,
        bullets("ul", remarks),
    )


def _for_one_reason(results: list[CriterionResult]) -> list[list[CriterionResult]]:
    """Criteria that came to the same for the same reason, together: what blocks one blocks many."""
    found: dict[tuple[str, str], list[CriterionResult]] = {}
    for result in results:
        found.setdefault((result.outcome, result.reason), []).append(result)
    return list(found.values())


def _missing(results: list[CriterionResult], words: Words) -> Markup:
    first = results[0]
    links = [(tag("a", tag("strong", each.id), href=f"#{each.id}"), " ") for each in results]
    title = words.title(first.id, first.title) if len(results) == 1 else None
    why = tag("span", quoted(words, first.reason), class_="reason")
    return tag("li", outcome(first.outcome), " ", links, title, why, class_=f"outcome-{first.outcome}")


def margin_text(measurement: Measurement, words: Words) -> str:
    """The distance to the limit in the measurement's own unit; a dash where a value is only right or wrong."""
    found = margin(measurement)
    if found is None:
        return words("margin.exact") if measurement.outcome is Outcome.PASS and measurement.samples else "—"
    unit = f" {measurement.unit}" if measurement.unit else ""
    if found.distance < 0:
        return words("margin.broken", distance=f"{short(-found.distance)}{unit}")
    share = f" ({1 - found.used:.1%})" if found.used is not None and 0 <= found.used <= 1 else ""
    return words("margin.left", distance=f"{short(found.distance)}{unit}") + share
