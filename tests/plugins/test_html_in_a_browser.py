"""report.html as a person meets it: from a file, without a network, on a desk, on a phone and on paper."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser import PHONE, Opened, browser, opened
from tests.plugins.sample_run import Finished


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def report(started: Browser, finished: Finished) -> Iterator[Opened]:
    assert finished.folder is not None
    with opened(started, finished.folder / "report.html") as page:
        yield page


def test_the_page_needs_nothing_but_itself(report: Opened, finished: Finished) -> None:
    """One request, the file; no complaint of the browser, no dialog of a hostile reply."""
    assert finished.folder is not None
    assert report.requests == [(finished.folder / "report.html").as_uri()]
    assert report.complaints == []
    assert report.page.locator("#results-table tbody tr.collapsible").count() == 9


def test_the_browser_runs_no_script_but_the_pages_own(report: Opened) -> None:
    """Markup that got into the page by whatever way runs nothing: the policy admits two scripts by their digest."""
    report.evaluate(
        """() => {
            const hostile = document.createElement("div");
            const harm = "window.harmed = true";
            hostile.innerHTML = `<img src="data:," onerror="${harm}"><button onclick="${harm}">`;
            document.querySelector("main").append(hostile);
            hostile.querySelector("button").click();
            const script = document.createElement("script");
            script.textContent = "window.harmed = true";
            document.querySelector("main").append(script);
        }"""
    )

    assert report.evaluate("window.harmed") is None
    assert any("Content Security Policy" in complaint for complaint in report.complaints)


def test_verdict_and_outcomes_are_shown(report: Opened) -> None:
    """The verdict is on the first screen, and every row of the table says its outcome."""
    verdict = report.page.locator(".verdict")
    box = verdict.bounding_box()

    assert "FAIL" in verdict.inner_text()
    assert box is not None
    assert box["y"] + box["height"] < 400
    words = [row.strip() for row in report.page.locator("#results-table td.col-verdict").all_inner_texts()]
    assert [word.strip("✓✕?○\n") for word in words] == [
        *("PASS", "PASS", "FAIL", "BLOCKED", "UNPROVEN", "FAIL", "FAIL", "FAIL", "")
    ]


def test_the_rehearsal_stays_across_the_top(report: Opened) -> None:
    """However far one has read, the band is there."""
    report.page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    box = report.page.locator(".rehearsal").bounding_box()

    assert box is not None
    assert box["y"] == 0


def test_exchanges_unfold_and_can_be_searched(report: Opened) -> None:
    """A search shows what holds the text in request or reply, and says how many; a click unfolds the frames."""
    shown = report.page.locator(".exchange:visible")
    assert shown.count() == 3

    report.page.get_by_label("Search").fill("onerror")
    assert shown.count() == 1
    assert report.page.locator("#exchange-count").inner_text() == "1 of 3"
    assert not shown.locator("pre").first.is_visible()
    shown.locator("summary").click()
    assert "<img src=x onerror=alert(1)>" in shown.locator("pre").last.inner_text()

    report.page.get_by_label("Search").fill("nothing has this")
    assert shown.count() == 0
    report.page.get_by_label("Search").fill("")
    report.page.get_by_label("Action").select_option("HELLO")
    assert shown.count() == 1


def test_a_mark_leads_to_its_criterion_unfolded(report: Opened) -> None:
    """From the overview to what was measured in one click."""
    fold = report.page.locator("#L1 details")
    assert fold.get_attribute("open") is None

    report.page.locator('.mark[href="#L1"]').click()

    report.page.locator("#L1 details[open]").wait_for(timeout=5000)
    assert fold.locator("table").is_visible()


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_is_wider_than_the_screen(started: Browser, finished: Finished, width: int) -> None:
    """On a phone, a tablet and a desk, also with everything unfolded."""
    assert finished.folder is not None
    with opened(started, finished.folder / "report.html", screen={"width": width, "height": 740}) as page:
        assert page.width == width
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.width == width


@pytest.mark.parametrize("screen", [PHONE, {"width": 1200, "height": 900}], ids=["phone", "desk"])
def test_anyone_can_read_it(started: Browser, finished: Finished, screen: dict[str, int]) -> None:
    """Contrast, landmarks, names and roles pass axe, with everything unfolded."""
    assert finished.folder is not None
    with opened(started, finished.folder / "report.html", screen=screen) as page:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        found = Axe().run(page.page)

    assert found.violations_count == 0, found.generate_report()
    checked = {rule["id"] for rule in found.response["passes"]}
    assert {"color-contrast", "landmark-one-main", "region", "html-has-lang", "svg-img-alt", "label"} <= checked


def test_paper_shows_every_measurement(started: Browser, finished: Finished) -> None:
    """What is folded on a screen stands open on paper, without the search; the raw frames stay folded."""
    assert finished.folder is not None
    with opened(started, finished.folder / "report.html") as page:
        assert not page.page.locator("#L1 table.inner").is_visible()
        page.page.emulate_media(media="print")

        assert page.page.locator("#L1 table.inner").is_visible()
        assert not page.page.locator(".search").is_visible()
        assert not page.page.locator(".exchange pre").first.is_visible()


def test_without_scripts_it_is_complete(started: Browser, finished: Finished) -> None:
    """Where scripts are off, nothing of the report is missing but the search and pytest's own table."""
    assert finished.folder is not None
    with opened(started, finished.folder / "report.html", scripts=False) as page:
        text = page.page.locator("main").inner_text()

        assert not page.page.locator(".search").is_visible()
        for expected in ("FAIL", "Decided by D1", "What was not proven", "How to verify this"):
            assert expected in text
