"""What the watch saw: latency over time and as a distribution, drift by time and feature, events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mt5canary.evidence.page import charts
from mt5canary.evidence.page.facts import Facts
from mt5canary.evidence.page.latency import SHARES, Interval, Latency
from mt5canary.evidence.page.markup import Markup, tag
from mt5canary.evidence.page.parts import clock, folded, legend, pairs, quoted, section, short, table
from mt5canary.evidence.words import Words

OVER_TIME = 220
DISTRIBUTION = 210
DRIFT = 130
MOST_EVENTS = 200
ENVELOPE = frozenset({"prev", "seq", "at", "monotonic", "kind", "name"})


def latency_section(latency: Latency | None, words: Words) -> Markup:
    """The round trips over time and as a distribution, with the limit and what the samples allow to claim."""
    if latency is None:
        return section("latency", words("latency.heading"), tag("p", words("latency.none")))
    source = words("latency.paced" if latency.paced else "latency.unpaced")
    return section(
        "latency",
        words("latency.heading"),
        tag("p", _claim(latency, words), class_="claim"),
        _over_time(latency, words),
        _distribution(latency, words),
        _percentiles(latency, words),
        _by_time(latency, words),
        note=source,
    )


def _claim(latency: Latency, words: Words) -> str:
    """What so many samples say of the 99th percentile, in one sentence."""
    figures = {
        "samples": f"{latency.samples:,}",
        "lost": latency.lost,
        "p99": short(latency.percentiles["p99"]),
        "above": latency.above,
        "confidence": f"{latency.confidence:.0%}",
        "limit": "?" if latency.limit is None else short(latency.limit),
        "share": "?" if latency.share_bound is None else f"{latency.share_bound * 100:.2g} %",
        "bound": "?" if latency.bound is None else short(latency.bound),
    }
    text = words("latency.claim", **figures)
    text += words("latency.claim.limit", **figures) if latency.limit is not None else ""
    return text + words("latency.claim.bound" if latency.bound is not None else "latency.claim.no_bound", **figures)


def _over_time(latency: Latency, words: Words) -> Markup:
    intervals = latency.intervals
    lowest = min(each.median for each in intervals)
    highest = max(latency.percentiles["largest"], latency.limit or 0.0)
    scale = charts.decades(max(lowest, 1e-3), max(highest, 1e-3))
    plot = charts.log_plot(OVER_TIME, scale[0], scale[-1])
    span = max(latency.seconds, latency.interval_seconds)
    middles = [min((each.start + latency.interval_seconds / 2) / span, 1.0) for each in intervals]
    parts = [charts.horizontal(plot, value, f"{value:g} ms") for value in scale]
    if latency.limit is not None:
        limit = words("latency.limit", limit=short(latency.limit))
        parts.append(charts.horizontal(plot, latency.limit, limit, "limit"))
    parts += [
        charts.lines(plot, "largest", middles, [each.largest for each in intervals]),
        charts.lines(plot, "p99", middles, [each.p99 for each in intervals]),
        charts.lines(plot, "median", middles, [each.median for each in intervals]),
        charts.ticks(plot, [(share, _offset(share * span)) for share in (0, 0.25, 0.5, 0.75, 1)]),
    ]
    text = words(
        "latency.time.text",
        interval=words.lasted(latency.interval_seconds),
        count=len(intervals),
        p99=short(max(each.p99 for each in intervals)),
        largest=short(latency.percentiles["largest"]),
    )
    drawn = charts.drawing("latency-time", words("latency.time"), text, OVER_TIME, parts)
    names = [("median", words("legend.median")), ("p99", words("legend.p99")), ("largest", words("legend.largest"))]
    return tag("figure", tag("h3", words("latency.time")), drawn, tag("figcaption", legend(names), tag("p", text)))


def _offset(seconds: float) -> str:
    """How far into the series: 0:30, 12:00, 23:59:00 as hours, minutes, seconds where there are any."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _distribution(latency: Latency, words: Words) -> Markup:
    """A histogram, both axes logarithmic: a single slow round trip among a million is still seen."""
    first, last = latency.bars[0][0], latency.bars[-1][1]
    first, last = first / 1.2, max(last, latency.limit or 0.0) * 1.2
    most = max(count for _, _, count in latency.bars)
    plot = charts.log_plot(DISTRIBUTION, 0.7, max(most * 30.0, 30.0))

    def place(milliseconds: float) -> float:
        low, high = math.log(first), math.log(last)
        return (math.log(max(milliseconds, first)) - low) / (high - low)

    counts = [each for each in charts.decades(1, max(most, 2)) if each <= most]
    parts = [charts.horizontal(plot, count, f"{count:,.0f}") for count in counts]
    parts += [
        charts.bar(plot, place(left), place(right) - 0.002, 0.7, count, "count")
        for left, right, count in latency.bars
        if count
    ]
    marks = [("median", latency.percentiles["p50"], "p50"), ("p99", latency.percentiles["p99"], "p99")]
    if latency.bound is not None:
        marks.append(("bound", latency.bound, words("latency.bound", confidence=f"{latency.confidence:.0%}")))
    if latency.limit is not None:
        marks.append(("limit", latency.limit, words("latency.limit.short")))
    for row, (kind, value, name) in enumerate(marks):
        parts.append(charts.vertical(plot, place(value), kind, f"{name} {short(value)} ms", row))
    ends = charts.decades(first, last)
    parts.append(charts.ticks(plot, [(place(each), f"{each:g}") for each in ends if first <= each <= last]))
    text = words("latency.distribution.text", samples=f"{latency.samples:,}", **_marked(latency))
    drawn = charts.drawing("latency-distribution", words("latency.distribution"), text, DISTRIBUTION, parts)
    return tag("figure", tag("h3", words("latency.distribution")), drawn, tag("figcaption", tag("p", text)))


def _marked(latency: Latency) -> dict[str, str]:
    names = {"least": "least", "median": "p50", "p99": "p99", "largest": "largest"}
    return {name: short(latency.percentiles[key]) for name, key in names.items()}


def _percentiles(latency: Latency, words: Words) -> Markup:
    entries = [(words(f"percentile.{name}"), f"{short(latency.percentiles[name])} ms") for name in SHARES]
    entries += [
        (words("percentile.samples"), f"{latency.samples:,}"),
        (words("percentile.lost"), f"{latency.lost:,}"),
        (words("percentile.above"), f"{latency.above:,}"),
    ]
    return pairs(entries, "tiles small")


def _by_time(latency: Latency, words: Words) -> Markup:
    """The chart's figures as a table, brought together to at most 24 rows or whole hours."""
    step = max(1, -(-len(latency.intervals) // 24))
    if latency.seconds > 4 * 3600:
        step = max(1, 3600 // latency.interval_seconds)
    groups = [latency.intervals[n : n + step] for n in range(0, len(latency.intervals), step)]
    heads = [words(f"latency.column.{name}") for name in ("from", "samples", "median", "p99", "largest")]
    rows = [_group(group) for group in groups]
    return folded(words("latency.table"), table(words("latency.table"), heads, rows, "figures"))


def _group(group: Sequence[Interval]) -> tuple[str, ...]:
    """An interval of intervals: its worst 99th percentile and its largest, the middle of its medians."""
    medians = sorted(each.median for each in group)
    return (
        _offset(group[0].start),
        f"{sum(each.samples for each in group):,}",
        short(medians[len(medians) // 2]),
        short(max(each.p99 for each in group)),
        short(max(each.largest for each in group)),
    )


def drift_section(facts: Facts, words: Words) -> Markup:
    """The stability index of each feature at each check, with the limits and what chance alone reaches."""
    checks = facts.drift
    if not checks:
        return section("drift", words("drift.heading"), tag("p", words("drift.none")))
    features = list(dict.fromkeys(str(each["feature"]) for check in checks for each in check["features"]))
    warn, most = facts.number("limits.drift.warn_psi"), facts.number("limits.drift.max_psi")
    figures = [_feature(number, name, checks, warn, most, words) for number, name in enumerate(features)]
    names = [("psi", words("legend.psi")), ("chance", words("legend.chance"))]
    return section(
        "drift",
        words("drift.heading"),
        tag("div", figures, class_="multiples"),
        legend(names),
        _checks(checks, features, most, words),
        note=words("drift.note"),
    )


def _feature(
    number: int, name: str, checks: Sequence[dict[str, Any]], warn: float | None, most: float | None, words: Words
) -> Markup:
    found = [
        (check["after_seconds"], each) for check in checks for each in check["features"] if each["feature"] == name
    ]
    top = max([each["psi"] for _, each in found] + [each["chance"] for _, each in found] + [(most or 0.25) * 1.2])
    plot = charts.linear_plot(DRIFT, 0.0, top)
    span = max(after for after, _ in found) * 1.05 or 1.0
    parts = [charts.horizontal(plot, 0.0, "0")]
    for kind, limit in (("warn", warn), ("limit", most)):
        if limit is not None:
            parts.append(charts.horizontal(plot, limit, f"{limit:g}", kind))
    for after, each in found:
        parts.append(
            charts.bar(plot, after / span - 0.012, after / span + 0.012, each["chance"], each["chance"], "chance")
        )
        parts.append(charts.dot(plot, after / span, each["psi"], "psi"))
    parts.append(charts.ticks(plot, [(0, "0:00"), (min(1.0, found[-1][0] / span), _offset(found[-1][0]))]))
    worst = max(each["psi"] for _, each in found)
    text = words(
        "drift.text", feature=name, checks=len(found), worst=f"{worst:.4f}", limit="?" if most is None else most
    )
    drawn = charts.drawing(f"drift-{number}", words("drift.chart", feature=name), text, DRIFT, parts)
    return tag("figure", tag("h3", name), drawn, tag("figcaption", tag("p", text)))


def _checks(checks: Sequence[dict[str, Any]], features: Sequence[str], most: float | None, words: Words) -> Markup:
    heads = [words("drift.column.after"), words("drift.column.rows"), *features, words("drift.column.problem")]
    rows = []
    for check in checks:
        by_name = {each["feature"]: each for each in check["features"]}
        cells = [_index(by_name.get(name), most) for name in features]
        rows.append((_offset(check["after_seconds"]), f"{check['rows']:,}", *cells, check.get("problem") or ""))
    return folded(words("drift.table"), table(words("drift.table"), heads, rows, "figures"), opened=len(rows) <= 24)


def _index(found: dict[str, Any] | None, most: float | None) -> object:
    if found is None:
        return "—"
    event = most is not None and found["psi"] >= max(most, found["chance"])
    text = f"{found['psi']:.4f}"
    return tag("strong", text, class_="outcome-FAIL") if event else text


def events_section(facts: Facts, words: Words) -> Markup:
    """What the breaker, the guards, the way out and the reconciler did."""
    if not facts.events:
        return section("events", words("events.heading"), tag("p", words("events.none")))
    heads = [words(f"events.{name}") for name in ("time", "event", "details")]
    rows = [
        (clock(each["at"]), str(each.get("name")), quoted(words, _body(each))) for each in facts.events[:MOST_EVENTS]
    ]
    left_out = len(facts.events) - len(rows)
    more = tag("p", words("events.more", count=left_out)) if left_out else None
    return section("events", words("events.heading"), table(words("events.heading"), heads, rows), more)


def _body(record: dict[str, Any]) -> str:
    members = {name: value for name, value in record.items() if name not in ENVELOPE}
    return ", ".join(f"{name} {value}" for name, value in members.items())
