"""The Allure results: stage as epic and feature, criterion as story, figures, exchanges, the outcome in words.

Registered by the completion report where Allure writes results. A test's result is completed at its very end, when
its outcome is known, and also where it was cut off: Allure itself writes a test that was interrupted as passed.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from allure_commons.model2 import Label, Parameter, StatusDetails, TestResult
from allure_commons.types import AttachmentType, LabelType

from mt5canary.catalogue import Criterion
from mt5canary.evidence import allure, wording
from mt5canary.evidence.exchanges import as_attachment
from mt5canary.evidence.run import Run
from mt5canary.evidence.verdict import CriterionResult
from mt5canary.measurement import Outcome
from plugins.keys import CRITERION

OWN_LABELS = frozenset({LabelType.PARENT_SUITE, LabelType.SUITE, LabelType.SUB_SUITE})


class AllureReport:
    """Completes each criterion's result and adds the run's own files."""

    def __init__(self, config: pytest.Config, run: Run, environment: dict[str, str]) -> None:
        self._folder = Path(config.option.allure_report_dir)
        listener: Any = config.pluginmanager.get_plugin("allure_listener")
        self._logger = listener.allure_logger
        self._run = run
        self._environment = environment
        self._criteria = {criterion.id: criterion for criterion in run.required}
        self._begun_at = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note where the test's records begin; a test that is cut off is UNPROVEN, never passed."""
        self._begun_at = self._run.chain.path.stat().st_size
        try:
            return (yield)
        except (KeyboardInterrupt, pytest.exit.Exception):
            criterion = item.stash.get(CRITERION, None)
            if criterion is not None:
                self._complete(criterion)
            raise

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Complete the result once its last phase is over."""
        criterion = self._criteria.get(getattr(report, "criterion", ""))
        if criterion is not None and report.when == "teardown":
            self._complete(criterion)

    def _complete(self, criterion: Criterion) -> None:
        test: TestResult | None = self._logger.get_test(None)
        if test is None:
            return
        result = self._run.results.get(criterion.id) or _cut_off(criterion)
        prefix = f"{wording.REHEARSAL}: " if self._run.rehearsal else ""
        test.name = f"{prefix}{criterion.id} {criterion.title}"
        suites = {LabelType.PARENT_SUITE: f"{prefix}canary {self._run.mode}", LabelType.SUITE: criterion.stage}
        story = f"{criterion.id}: {criterion.title}"
        labels = {LabelType.EPIC: criterion.stage, LabelType.FEATURE: criterion.stage, LabelType.STORY: story}
        test.labels = [label for label in test.labels if label.name not in OWN_LABELS]
        test.labels += [Label(name=name, value=value) for name, value in (labels | suites).items()]
        test.labels += [Label(name=LabelType.TAG, value=str(result.outcome))]
        # Excluded: these change from run to run, and a test's history must not
        test.parameters += [
            Parameter(name=name, value=value, excluded=True) for name, value in allure.parameters(result)
        ]
        if result.outcome is not Outcome.PASS:
            trace = test.statusDetails.trace if test.statusDetails else None
            test.status = allure.STATUSES[result.outcome]
            test.statusDetails = StatusDetails(message=allure.message(result), trace=trace)
        self._attach_exchanges(test)

    def _attach_exchanges(self, test: TestResult) -> None:
        with self._run.chain.path.open("rb") as file:
            file.seek(self._begun_at)
            attachment = as_attachment(file)
        if attachment["exchanges"]:
            self._logger.attach_data(
                str(uuid4()),
                msgspec.json.format(msgspec.json.encode(attachment), indent=2),
                name=f"exchanges ({attachment['exchanges']})",
                attachment_type=AttachmentType.JSON,
                parent_uuid=test.uuid,
            )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the environment, the categories and the report's title beside the results."""
        verdict = self._run.conclude()
        for name, text in (
            ("environment.properties", allure.environment(verdict, self._environment)),
            ("categories.json", allure.categories()),
            ("executor.json", allure.executor(verdict)),
        ):
            (self._folder / name).write_text(text, encoding="utf-8")


def _cut_off(criterion: Criterion) -> CriterionResult:
    return CriterionResult(
        id=criterion.id,
        stage=criterion.stage,
        title=criterion.title,
        outcome=Outcome.UNPROVEN,
        reason="interrupted before the test was over",
    )
