"""How a run ends: JUnit XML, the documents of the bundle, the terminal's last words.

Registered by ``plugins.completion_report``. What the words are is decided in ``mt5canary.evidence``; what is needed at
the end alone is loaded in ``plugins.loading_ahead`` or there.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mt5canary.evidence import wording
from mt5canary.evidence.records import readable
from mt5canary.evidence.run import Run
from mt5canary.evidence.text import visible
from mt5canary.evidence.verdict import Verdict
from mt5canary.measurement import Outcome
from mt5canary.plan import Resolved

if TYPE_CHECKING:
    from mt5canary.evidence.position import PositionReport

REPORTS = (("htmlpath", "report.html"), ("xmlpath", "junit.xml"), ("allure_report_dir", "allure-results"))
"""The option of each report plugin, and the report's name in the bundle."""

COLOURS: dict[Outcome, dict[str, bool]] = {Outcome.PASS: {"green": True}, Outcome.FAIL: {"red": True}}


def verify_bundle(run: Run, plan: Resolved | None) -> int:
    """Verify a closed bundle from its files alone and say so; returns 1 where it does not hold, else 0."""
    from mt5canary.verify import command
    from mt5canary.verify.findings import State
    from mt5canary.verify.verification import verify

    found = verify(run.folder, known=plan)
    if found.state is State.HOLDS:
        print(f"verify: {command.conclusion(found)}")
        return 0
    print("verify: this run's own bundle does not hold", *command.lines(found), sep="\n")
    return 1


class Words:
    """BLOCKED and UNPROVEN in words in pytest's own reports, and what the run came to in JUnit's properties."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config = config
        self._run = run
        self._outcomes: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the outcome and its reason where each report format looks for a message."""
        report = yield
        criterion, outcome = getattr(report, "criterion", None), getattr(report, "criterion_outcome", None)
        if criterion and outcome:
            self._outcomes[criterion] = outcome
            if report.failed and outcome not in report.longreprtext:
                report.longrepr = f"{outcome}: {visible(getattr(report, 'criterion_reason', ''))}"
        if criterion and report.when == "teardown":
            report.user_properties.append(("criterion", criterion))
            report.user_properties.append(("criterion_outcome", self._outcomes.get(criterion, Outcome.UNPROVEN.value)))
        return report

    def pytest_sessionfinish(self) -> None:
        """Write the verdict into JUnit's suite; this runs before JUnit's own hook, which was registered earlier."""
        from _pytest.junitxml import xml_key

        suite = self._config.stash.get(xml_key, None)
        if suite is None:
            return
        verdict = self._run.conclude()
        suite.suite_name = wording.title(verdict)
        for name, value in {
            "run": verdict.run,
            "verdict": verdict.verdict,
            "decided_by": verdict.decided_by or "",
            "rehearsal": str(verdict.rehearsal).lower(),
            "not_passed": " ".join(f"{result.id}:{result.outcome}" for result in wording.not_passed(verdict)),
        }.items():
            suite.add_global_property(name, value)


class Bundle:
    """The bundle's last files, after every report plugin wrote its own; then the terminal's last words."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config = config
        self._run = run
        self._end: tuple[Verdict, PositionReport] | None = None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Write them whatever happened before; where the disk takes no more, the terminal's words are all there is."""
        try:
            yield
        except OSError as error:
            self._run.cannot_write(error)
        finally:
            from mt5canary.evidence.position import report_position

            verdict, records = self._run.conclude(), readable(self._run.chain.path)
            self._end = verdict, report_position(records, verdict, order_left=self._run.order_left)
            try:
                self._write(verdict, records)
            except OSError as error:
                self._run.cannot_write(error)

    def _write(self, verdict: Verdict, records: list[dict[str, Any]]) -> None:
        from mt5canary.evidence import bundle

        for name, file in REPORTS:
            written = getattr(self._config.option, name, None)
            if written:
                bundle.gather(self._run.folder, Path(written), file)
        bundle.write_documents(self._run.folder, records, verdict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how it ended."""
        self._say(terminalreporter)

    def pytest_unconfigure(self) -> None:
        """Say it here where pytest has no summary: it has none for an exit status of our own, such as SIGTERM's."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            self._say(terminal)

    def _say(self, terminal: pytest.TerminalReporter) -> None:
        """The verdict, every criterion that did not pass, what a person must do, and where the report is; once."""
        if self._end is None:
            return
        from mt5canary.evidence.documents import COMPLETION_REPORT

        (verdict, position), self._end = self._end, None
        write = terminal.write_line
        terminal.section(visible(self._run.title))
        write(visible(wording.verdict_line(verdict)), bold=True, **COLOURS.get(verdict.verdict, {"yellow": True}))
        for result in wording.not_passed(verdict):
            write(f"  {result.id:<3} {result.outcome}: {visible(result.reason)}")
        write(visible(position.summary), bold=position.needs_a_person, red=position.needs_a_person)
        for number, step in enumerate(position.to_do, 1):
            write(f"  {number}. {visible(step)}")
        if self._run.unwritten:
            write(f"the report could not be written: {self._run.unwritten}", bold=True, red=True)
            return
        write(f"report: {self._run.folder / COMPLETION_REPORT}")
