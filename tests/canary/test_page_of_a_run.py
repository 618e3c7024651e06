"""report.html of a real run, in both languages, as ``mt5canary verify`` sees it."""

from __future__ import annotations

import pytest

from mt5canary.verify.findings import State
from mt5canary.verify.verification import verify
from tests.canary.harness import Harness


def _state(harness: Harness) -> set[State]:
    """What was found of the page's own part; that its bytes are the manifest's is another matter."""
    items = [item for item in verify(harness.bundle).items if item.subject == "report.html"]
    return {item.state for item in items if "own part" in item.text or "rendered again" in item.text}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_changed_word_of_the_page_is_found(harness: Harness, language: str) -> None:
    """The page renders again to the same bytes in its own language; one altered figure contradicts the records."""
    assert harness.pytest("-m", "preflight", "--report-language", language).status == 0
    assert _state(harness) == {State.HOLDS}

    report = harness.bundle / "report.html"
    page = report.read_text(encoding="utf-8")
    assert page.count("<dd>simulator</dd>") == 1
    report.write_text(page.replace("<dd>simulator</dd>", "<dd>real money</dd>"), encoding="utf-8")

    assert State.CONTRADICTED in _state(harness)


def test_a_page_without_its_report_is_found(harness: Harness) -> None:
    """Neither a page that says nothing nor one that says it twice passes for the run's."""
    harness.pytest("-m", "preflight")
    report = harness.bundle / "report.html"
    page = report.read_text(encoding="utf-8")

    report.write_text(page.replace("<!-- end of the static part -->", ""), encoding="utf-8")
    assert State.CONTRADICTED in _state(harness)
    report.write_text(page + page, encoding="utf-8")
    assert State.CONTRADICTED in _state(harness)


def test_an_unknown_language_is_refused(harness: Harness) -> None:
    """A usage error that names the languages there are; nothing is run."""
    finished = harness.pytest("-m", "preflight", "--report-language", "fr")

    assert finished.status == 4
    assert "choose from" in finished.output
    assert finished.has_no_traceback()
    assert harness.bundles == []
