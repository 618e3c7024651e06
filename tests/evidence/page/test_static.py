"""The static part of report.html: complete without JavaScript, and nothing in it executes."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from mt5canary.evidence.page import rows
from mt5canary.evidence.page.static import LINKS, find_static_part, static_part
from mt5canary.evidence.words import LANGUAGES
from mt5canary.measurement import Outcome, below, equal

HOSTILE = "<script>alert(1)</script>\"' onload=alert(2) <img src=x onerror=alert(3)>"
VOID = {"br", "input"}
OWN_TAGS = {
    *("style", "div", "nav", "section", "ul", "ol", "li", "a", "p", "span", "strong", "small", "h2", "h3", "dl", "dt"),
    *(
        "dd",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "time",
        "pre",
        "code",
        "form",
    ),
    *("label", "input", "select", "option", "output", "figure", "figcaption", "svg", "title", "desc", "text", "line"),
    *("rect", "circle", "polyline", "i"),
}
OWN_ATTRIBUTES = {
    *(
        "class",
        "id",
        "lang",
        "role",
        "href",
        "title",
        "scope",
        "open",
        "hidden",
        "type",
        "value",
        "datetime",
        "colspan",
    ),
    *("tabindex", "aria-label", "aria-labelledby", "aria-hidden", "data-label", "data-text", "data-action", "style"),
    *("width", "height", "viewbox", "preserveaspectratio", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "dx"),
    *("points", "text-anchor"),
}


class Reader(HTMLParser):
    """Collects tags, attributes, identifiers and text, and checks that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.identifiers: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.identifiers += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(part: str) -> Reader:
    reader = Reader()
    reader.feed(part)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_from_outside_becomes_a_tag(records, verdict, result, language) -> None:  # type: ignore[no-untyped-def]
    """Whatever a reply, a reason, a title, a setting or an event holds, the page has our own tags and attributes."""
    records.add("run", environment={HOSTILE: HOSTILE}, challenge=HOSTILE, signed_by=HOSTILE)
    records.add("settings", values={HOSTILE: {"value": HOSTILE, "source": HOSTILE}, "limits.latency.p99_ms": HOSTILE})
    records.exchange("PING", {}, {"status": "ok"})
    records.exchange("GET_ACCOUNT", {}, {"status": "ok", "balance": 1, "currency": HOSTILE})
    records.exchange("OPEN", {"symbol": HOSTILE, "comment": HOSTILE}, {"status": HOSTILE, "error_msg": HOSTILE})
    records.exchange(HOSTILE, {HOSTILE: HOSTILE}, HOSTILE.encode(), failure=HOSTILE)
    records.exchange("GET_ACCOUNT", {}, {"status": "ok", "balance": 1, "currency": HOSTILE})
    deal = {"ticket": HOSTILE, "type": HOSTILE, "entry": HOSTILE, "symbol": HOSTILE, "price": HOSTILE, "profit": 1}
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": [deal]})
    records.add("event", name=HOSTILE, text=HOSTILE)
    records.add("finding", criterion=HOSTILE, text=HOSTILE)
    drifted = {"feature": HOSTILE, "psi": 0.1, "chance": 0.2, "rows": 3, "constant": False}
    records.add("drift", after_seconds=5.0, rows=3, problem=HOSTILE, features=[drifted])
    measured = below(HOSTILE, 1.0, 2, HOSTILE)
    hostile = result("L1", "link", "FAIL", HOSTILE, title=HOSTILE, measurements=[measured], findings=[HOSTILE])

    read = _read(static_part(records.all, verdict(hostile, target=HOSTILE, run=HOSTILE), language))

    assert read.tags <= OWN_TAGS
    assert read.attributes <= OWN_ATTRIBUTES
    assert read.text.count("<script>alert(1)</script>") >= 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_records_give_the_same_bytes(records, verdict, order, language) -> None:  # type: ignore[no-untyped-def]
    """A verifier renders the part again and finds what the page holds; other languages give another part."""
    records.canary()
    judged = verdict(order=order, flat=True)

    part = static_part(iter(records.all), judged, language)

    assert static_part(records.all, judged, language) == part
    assert find_static_part(f"<html><body>{part}<p></body></html>") == (part, language)
    assert find_static_part(part + part) is None


def test_what_comes_after_the_verdict_changes_nothing(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The page shows the run up to its verdict; lines that are logged afterwards are no part of it."""
    records.canary()
    records.add("verdict", verdict="PASS")
    before = static_part(records.all, verdict())
    records.exchange("GET_TICK", {}, {"status": "ok"})
    records.add("event", name="late")

    assert static_part(records.all, verdict()) == before


def test_every_link_of_the_page_leads_somewhere(records, verdict, result, order) -> None:  # type: ignore[no-untyped-def]
    """Each section that the contents name is there, each mark leads to its criterion, and no identifier is double."""
    records.canary()
    results = [result("L1", "link"), result("G2", "guardrails", "UNPROVEN"), result("E1", "evidence", "BLOCKED")]

    read = _read(static_part(records.all, verdict(*results, order=order, flat=True)))

    inside = {link[1:] for link in read.links if link.startswith("#")}
    assert {*LINKS, "L1", "G2", "E1"} == inside
    assert inside <= set(read.identifiers)
    assert len(read.identifiers) == len(set(read.identifiers))


def test_the_page_says_it_all_without_a_script(records, verdict, result, no_samples, order) -> None:  # type: ignore[no-untyped-def]
    """Verdict, deciding criterion, REHEARSAL, stages, figures and the order's story are plain HTML."""
    records.canary()
    unproven = result("G3", "guardrails", "UNPROVEN", "too few rows", measurements=[no_samples])
    blocked = result("E1", "evidence", "BLOCKED", "not tried")

    text = _read(
        static_part(records.all, verdict(result("L1", "link"), unproven, blocked, order=order, flat=True))
    ).text

    for expected in ("REHEARSAL", "Decided by G3:", "too few rows", "BLOCKED", "unproven (n=0)", "Flat: no position"):
        assert expected in text
    for moment in ("quote before", "intent on disk", "request sent (OPEN)", "answer (OPEN)", "quote after"):
        assert moment in text
    for moment in ("history: opening deal", "position list: open", "close sent (CLOSE_ALL)", "history: closing deal"):
        assert moment in text


def test_a_run_against_a_broker_says_no_rehearsal(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The band across the top is a rehearsal's alone."""
    assert "REHEARSAL" not in static_part(records.all, verdict(rehearsal=False))


def test_nothing_proven_is_said_as_such(records, verdict, result) -> None:  # type: ignore[no-untyped-def]
    """A run of blocked and unproven criteria shows no figure that looks like one."""
    text = _read(static_part([], verdict(result("L1", "link", "UNPROVEN", "not run"), order=None))).text

    for expected in ("none filled", "not measured", "No round trip was measured", "No drift check was recorded"):
        assert expected in text
    assert "0.00" not in text


def test_a_position_that_may_be_open_is_an_alarm(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """What a person must do stands in the page, as steps, before the criteria."""
    records.exchange("OPEN", {"symbol": "EURUSD", "magic": 1196}, None, failure="no reply within 15 s")

    part = static_part(records.all, verdict())

    assert '<div class="alarm">' in part
    assert "<ol><li>Log in to the account" in part
    assert part.index('class="alarm"') < part.index('id="criteria"')


def test_chinese_says_it_in_chinese(records, verdict, order) -> None:  # type: ignore[no-untyped-def]
    """The page's own words are Chinese; what the records hold stays as it is, marked as English."""
    records.canary()

    part = static_part(records.all, verdict(order=order, flat=True), "zh")
    text = _read(part).text

    for expected in ("演练", "已平仓", "成功准则", "网关地址是远程地址", "如何验证"):
        assert expected in text
    assert '<span lang="en">' in part
    assert 'lang="zh-Hans"' in part


def test_columns_and_cells_belong_together(result) -> None:  # type: ignore[no-untyped-def]
    """As many cells as headers, named alike so that the table can be sorted by them."""
    headers, cells = rows.headers(), rows.cells("BLOCKED", "X1 <b>")

    assert len(headers) == len(cells)
    assert [name in header for name, header in zip(("verdict", "criterion"), headers, strict=True)] == [True, True]
    assert cells[0].startswith('<td class="col-verdict">')
    assert "BLOCKED" in cells[0]
    assert "X1 &lt;b&gt;" in cells[1]


def test_a_test_without_a_criterion_has_empty_cells() -> None:
    """The columns are filled for criteria alone."""
    assert rows.cells(None, "") == ('<td class="col-verdict"></td>', '<td class="col-criterion"></td>')


def test_an_unfolded_row_shows_outcome_and_figures(result, no_samples) -> None:  # type: ignore[no-untyped-def]
    """The row's details begin with outcome and reason, and escape both."""
    made = result("G2", "guardrails", "UNPROVEN", "<b>", measurements=[no_samples], findings=["odd"])

    assert rows.details(made) == [
        "G2 UNPROVEN: &lt;b&gt;\n",
        "P99: unproven (n=0), limit &lt; 100 ms\n",
        "finding: odd\n",
    ]


def test_every_outcome_has_a_colour(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """No outcome falls back to the page's plain text."""
    style = static_part(records.all, verdict()).partition("</style>")[0]

    assert all(f".outcome-{outcome} {{" in style for outcome in Outcome)


def test_only_what_passed_is_folded_away(records, verdict, result, no_samples) -> None:  # type: ignore[no-untyped-def]
    """The figures of a criterion that did not pass are seen without a click."""
    passed = result("L1", "link", measurements=[below("a", 1, 2)])
    unproven = result("G2", "guardrails", "UNPROVEN", measurements=[no_samples])

    part = static_part(records.all, verdict(passed, unproven))

    assert part.count("<details open>") == 1
    assert part.index('id="G2"') < part.index("<details open>")


def test_a_row_shows_limit_value_samples_margin_and_level(records, verdict, result) -> None:  # type: ignore[no-untyped-def]
    """Of a criterion's measurements the one that failed comes first, whatever its place."""
    records.exchange("PING", {}, {"status": "ok"})
    records.add("outcome", criterion="L6", outcome="FAIL", reason="slow")
    measured = [equal("shape", "plain", "plain"), below("round trip P99", 150.0, 100, "ms", 299)]

    part = static_part(records.all, verdict(result("L6", "link", "FAIL", "slow", measurements=measured)))
    row = part.split('<tbody id="L6">')[1].split("</tr>")[0]

    for expected in (">round trip P99<", ">150 ms<", ">&lt; 100<", ">299<", ">50 ms beyond<", ">E1<"):
        assert expected in row
