"""The completion report: where the reports go, and who writes them.

Only a run registers any of it, and only a run pays for its import.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from mt5canary.evidence.words import LANGUAGES
from plugins.keys import RESOLVED, RUN

if TYPE_CHECKING:
    from mt5canary.evidence.run import Run
    from mt5canary.evidence.signing import SigningKey


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the language of the page."""
    parser.getgroup("canary", "the canary run").addoption(
        "--report-language",
        choices=LANGUAGES,
        default=LANGUAGES[0],
        help="the language of report.html; what the records hold stays in English",
    )


def direct_reports(config: pytest.Config, run: Run, key: SigningKey | None = None) -> None:
    """Send every report into the run's folder; to be called before the report plugins read their paths.

    A path that the command line gives is kept, and what is written there is copied into the bundle at the end, which
    ``key`` signs.
    """
    from plugins.last_words import REPORTS

    # Cleanups run last to first, so that nothing writes into the folder any more when this one, added first, runs
    config.add_cleanup(partial(_close, run, key))
    option = config.option
    for name, file in REPORTS:
        if hasattr(option, name) and not getattr(option, name):
            setattr(option, name, str(run.folder / file))
    if hasattr(option, "self_contained_html"):
        option.self_contained_html = True


def _close(run: Run, key: SigningKey | None) -> None:
    from mt5canary.evidence import bundle

    try:
        bundle.close(run, key)
    except OSError as error:  # what was written is verified all the same, and does not hold
        print(f"the bundle could not be closed: {error}")


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int | None, int | None]:
    """Verify the run's own bundle, once it is closed: the last act, and no exit status of 0 where it does not hold."""
    status = yield
    run = config.stash.get(RUN, None)
    if run is None:
        return status
    from plugins.last_words import verify_bundle

    failed = verify_bundle(run, config.stash.get(RESOLVED, None))
    return status or failed


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Write the plan, register the reports; last, so that each comes before the plugin that it adds to.

    The bundle is registered before the page, so that its end of the session comes after the page's.
    """
    run = config.stash.get(RUN, None)
    if run is None:
        return
    from mt5canary.evidence.execution_plan import EXECUTION_PLAN, execution_plan
    from mt5canary.evidence.records import environment_of, readable, settings_of
    from plugins.html_report import Page
    from plugins.last_words import Bundle, Words

    records = readable(run.chain.path)
    environment = environment_of(records)
    plan = execution_plan(settings_of(records), run.title, run.required, rehearsal=run.rehearsal)
    run.document(EXECUTION_PLAN, plan)
    for reporter in (Words(config, run), Bundle(config, run), Page(config, run, environment)):
        config.pluginmanager.register(reporter)
    if config.pluginmanager.has_plugin("allure_listener"):
        # Only here: a run without Allure does not pay for its import
        from plugins.allure_report import AllureReport

        config.pluginmanager.register(AllureReport(config, run, environment))
