"""The completion report: pytest-html, JUnit XML, the terminal's last words, and the documents of the bundle.

Only a run registers any of it. What the words are is decided in ``mt5canary.evidence``.
"""

from __future__ import annotations

import pytest

from mt5canary.evidence.run import Run


def direct_reports(config: pytest.Config, run: Run) -> None:
    """Send every report into the run's folder; call it before the report plugins read their paths.

    A path that the command line gives is kept, and the file is copied into the bundle at the end.
    """
    option = config.option
    for name, file in (("htmlpath", "report.html"), ("xmlpath", "junit.xml"), ("allure_report_dir", "allure-results")):
        if hasattr(option, name) and not getattr(option, name):
            setattr(option, name, str(run.folder / file))
    if hasattr(option, "self_contained_html"):
        option.self_contained_html = True
