"""``report.html``: what the run adds to pytest-html's page. Registered by the completion report.

The table of pytest-html is drawn by a script; title and summary are plain HTML, so the report itself stands there. The
finished file is mended at the very end: see ``mt5canary.evidence.page.shell``.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from mt5canary.evidence import wording
from mt5canary.evidence.page import rows
from mt5canary.evidence.records import each_readable
from mt5canary.evidence.run import Run
from mt5canary.evidence.text import hypertext
from mt5canary.evidence.words import Words


class Page:
    """``report.html``: the verdict in the title and above the table, and its columns in the table."""

    def __init__(self, config: pytest.Config, run: Run, environment: dict[str, str]) -> None:
        self._config = config
        self._run = run
        self._environment = environment
        self._words = Words(config.getoption("report_language"))
        self._report: Any = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Say what the run is in the table of the environment, and nothing that the machine's variables hold."""
        from pytest_metadata.plugin import metadata_key  # type: ignore[import-untyped]

        run = self._run
        facts = {"Run": run.title, "Task": run.task, "Target": run.target, "Started (UTC)": run.started_at}
        self._config.stash[metadata_key] = {
            name: hypertext(value) for name, value in (facts | self._environment).items()
        }

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        """Keep the page's data: its title is the verdict, once there is one."""
        report.title = self._run.title
        self._report = report

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Add the columns Verdict and Criterion after Result."""
        cells[1:1] = rows.headers(self._words)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """Fill them: every phase of a test shows what its criterion came to in the end."""
        result = self._run.results.get(getattr(report, "criterion", ""))
        name = f"{result.id} {result.title}" if result else ""
        cells[1:1] = rows.cells(result.outcome if result else None, name)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        """Begin the unfolded row with what was measured."""
        result = self._run.results.get(getattr(report, "criterion", ""))
        if result is not None and (report.when == "call" or not report.passed):
            data[:0] = rows.details(result)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Put the verdict into the title, and the report above the table."""
        from mt5canary.evidence.page.facts import spared
        from mt5canary.evidence.page.static import static_part

        verdict = self._run.conclude()
        if self._report is not None:
            self._report.title = wording.title(verdict)
        prefix.append(static_part(each_readable(self._run.chain.path, spared), verdict, self._words.language))
        prefix.append(rows.heading_of_the_table(self._words))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Mend the file once pytest-html has written it; this wrapper ends before the bundle's, which copies it."""
        yield
        from mt5canary.evidence.page.shell import UnknownPage, finish

        written = self._config.getoption("htmlpath", None)
        if written and (file := Path(written)).is_file():
            try:
                mended = finish(file.read_text(encoding="utf-8"), self._words)
            except UnknownPage as error:
                self._run.log("report", f"report.html stays as pytest-html wrote it: {error}", level="WARNING")
                return
            file.write_text(mended, encoding="utf-8")
