"""The static part of report.html: complete without JavaScript, and nothing in it executes."""

from __future__ import annotations

from html.parser import HTMLParser

from mt5canary.evidence import page
from mt5canary.measurement import Outcome, below

HOSTILE = "<script>alert(1)</script>\"' onload=alert(2) <img src=x onerror=alert(3)>"
VOID = {"br"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(blocks: list[str]) -> Reader:
    reader = Reader()
    reader.feed("".join(blocks))
    reader.close()
    assert reader.open == []
    return reader


def test_nothing_from_outside_becomes_a_tag(records, verdict, result) -> None:  # type: ignore[no-untyped-def]
    """Whatever a reply, a reason or a title holds, the page has our own tags and attributes alone."""
    records.exchange("OPEN", {"symbol": HOSTILE, "comment": HOSTILE}, {"status": HOSTILE, "error_msg": HOSTILE})
    measured = below(HOSTILE, 1.0, 2, HOSTILE)
    hostile = result("L1", "link", "FAIL", HOSTILE, title=HOSTILE, measurements=[measured], findings=[HOSTILE])

    read = _read(page.summary(records.all, verdict(hostile, target=HOSTILE)))

    assert read.tags == {
        "style",
        "div",
        "p",
        "span",
        "br",
        "h2",
        "table",
        "tr",
        "th",
        "td",
        "ul",
        "ol",
        "li",
        "a",
        "strong",
        "details",
        "summary",
    }
    assert read.attributes == {"class", "scope", "href", "open"}
    assert "<script>alert(1)</script>" in read.text


def test_the_page_says_it_all_without_a_script(records, verdict, result, no_samples, order) -> None:  # type: ignore[no-untyped-def]
    """Verdict, deciding criterion, REHEARSAL, stages, figures and the order's story are plain HTML."""
    records.canary()
    unproven = result("G3", "guardrails", "UNPROVEN", "too few rows", measurements=[no_samples])
    blocked = result("E1", "evidence", "BLOCKED", "not tried")

    text = _read(
        page.summary(records.all, verdict(result("L1", "link"), unproven, blocked, order=order, flat=True))
    ).text

    for expected in ("REHEARSAL", "UNPROVEN (decided by G3)", "too few rows", "BLOCKED", "P99: unproven (n=0)"):
        assert expected in text
    assert "history: deal out" in text
    assert "2026-01-16T18:17:13.285050Z" in text


def test_a_position_that_may_be_open_is_an_alarm(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """What a person must do stands in the page, as steps."""
    records.exchange("OPEN", {"symbol": "EURUSD", "magic": 1196}, None, failure="no reply within 15 s")

    blocks = "".join(page.summary(records.all, verdict()))

    assert '<div class="alarm">' in blocks
    assert "<ol><li>Log in to the account" in blocks


def test_columns_and_cells_belong_together(result) -> None:  # type: ignore[no-untyped-def]
    """As many cells as headers, named alike so that the table can be sorted by them."""
    headers, cells = page.headers(), page.cells("BLOCKED", "X1 <b>")

    assert len(headers) == len(cells)
    assert [name in header for name, header in zip(("verdict", "criterion"), headers, strict=True)] == [True, True]
    assert cells[0].startswith('<td class="col-verdict">')
    assert "BLOCKED" in cells[0]
    assert "X1 &lt;b&gt;" in cells[1]


def test_a_test_without_a_criterion_has_empty_cells() -> None:
    """The columns are filled for criteria alone."""
    assert page.cells(None, "") == ('<td class="col-verdict"></td>', '<td class="col-criterion"></td>')


def test_an_unfolded_row_shows_outcome_and_figures(result, no_samples) -> None:  # type: ignore[no-untyped-def]
    """The row's details begin with outcome and reason, and escape both."""
    made = result("G2", "guardrails", "UNPROVEN", "<b>", measurements=[no_samples], findings=["odd"])

    assert page.details(made) == [
        "G2 UNPROVEN: &lt;b&gt;\n",
        "P99: unproven (n=0), limit &lt; 100 ms\n",
        "finding: odd\n",
    ]


def test_every_outcome_has_a_colour() -> None:
    """No outcome falls back to the page's plain text."""
    assert all(f".outcome-{outcome} " in page.STYLE for outcome in Outcome)


def test_only_what_passed_is_folded_away(records, verdict, result, no_samples) -> None:  # type: ignore[no-untyped-def]
    """The figures of a criterion that did not pass are seen without a click."""
    passed = result("L1", "link", measurements=[below("a", 1, 2)])
    unproven = result("G2", "guardrails", "UNPROVEN", measurements=[no_samples])

    blocks = "".join(page.summary(records.all, verdict(passed, unproven)))

    assert "<details><summary>1</summary>a: 1" in blocks
    assert "<details open><summary>1</summary>P99: unproven (n=0)" in blocks
