"""Allure's single file: made by npm's command line from a run's results, and it loads nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mt5canary.errors import UsageProblem
from mt5canary.evidence import allure_page
from tests.browser import browser, opened
from tests.plugins.sample_run import CRITERIA, run

ROOT = Path(__file__).parents[2]
COUNTER = (
    '<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>\n'
    "<script>\n window.dataLayer = [];\n gtag('config', 'G-1');\n</script>"
)


def test_the_script_that_counts_readers_is_taken_out() -> None:
    """Script and its call go, everything else stays as it was."""
    page = f"<head><script>own()</script>{COUNTER}</head><body><script>data()</script></body>"

    assert allure_page.without_counter(page) == (
        "<head><script>own()</script></head><body><script>data()</script></body>"
    )


@pytest.mark.parametrize("foreign", ['<script src="https://x/y.js">', '<link rel="x" href="//x/y.css">'])
def test_a_page_that_would_load_anything_is_refused(foreign: str) -> None:
    """Another version of Allure that phones somewhere else is noticed, not shipped."""
    with pytest.raises(UsageProblem, match="would load"):
        allure_page.without_counter(f"<head>{foreign}</head>")


def test_what_is_no_bundle_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 4, one line, what to name instead."""
    assert allure_page.main([str(tmp_path)]) == 4
    assert re.fullmatch(r"allure: .* has no allure-results: name a run's folder.*\n", capsys.readouterr().err)


def test_a_missing_tool_is_said(tmp_path: Path) -> None:
    """Whoever calls the module without make is told what installs it."""
    (tmp_path / "run" / "allure-results").mkdir(parents=True)

    with pytest.raises(UsageProblem, match="make allure installs it with npm"):
        allure_page.render(tmp_path / "run", tmp_path / "absent")


def test_a_tool_that_fails_is_quoted(tmp_path: Path) -> None:
    """What the command line said is what the person reads."""
    (tmp_path / "run" / "allure-results").mkdir(parents=True)
    (tmp_path / "run" / "allure-results" / "executor.json").write_text('{"reportName": "x"}')
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho no such luck >&2\nexit 3\n")
    tool.chmod(0o755)

    with pytest.raises(UsageProblem, match=r"exit status 3\): no such luck"):
        allure_page.render(tmp_path / "run", tool)


def test_the_lock_names_no_registry() -> None:
    """Whoever installs from the lock does so from where their own npm is told to."""
    lock = (ROOT / "allure-report" / "package-lock.json").read_text(encoding="utf-8")

    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') > 100


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("no npm here")
    subprocess.run(["make", "-s", "allure-report/installed"], cwd=ROOT, check=True, capture_output=True, timeout=110)
    done = run(tmp_path_factory.mktemp("allure"), CRITERIA, "--mode", "live")
    assert done.folder is not None
    before = {path: path.read_bytes() for path in done.folder.rglob("*") if path.is_file()}
    written = allure_page.render(done.folder)
    assert {path: path.read_bytes() for path in done.folder.rglob("*") if path.is_file()} == before
    return written


@pytest.mark.timeout(180)
def test_the_single_file_shows_the_run_without_a_network(page: Path) -> None:
    """Title and stages in their order, from a file; nothing is asked of any server, no hostile reply runs."""
    with browser() as started, opened(started, page) as shown:
        shown.page.get_by_text("Total").first.wait_for(timeout=20_000)
        text = shown.page.locator("body").inner_text()

        assert "REHEARSAL: FAIL (decided by D1): canary live run" in shown.page.title() + text
        places = [text.find(f"\n{stage}\n") for stage in ("link", "decision", "execution", "guardrails", "evidence")]
        assert -1 not in places
        assert places == sorted(places)
        assert {address.partition(":")[0] for address in shown.requests} <= {"file", "data", "blob"}
        assert not [each for each in shown.complaints if each.startswith(("error", "dialog"))]


@pytest.mark.timeout(180)
def test_the_outcomes_are_categories(page: Path) -> None:
    """FAIL, UNPROVEN and BLOCKED each have a category of their own that one can filter by."""
    with browser() as started, opened(started, page) as shown:
        shown.page.get_by_text("Categories").first.click(timeout=20_000)
        for name in ("FAIL: a criterion was broken", "UNPROVEN: a proof is missing", "BLOCKED: an earlier stage"):
            shown.page.get_by_text(name).first.wait_for(timeout=20_000)
