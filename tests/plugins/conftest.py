"""The runs whose reports are read: one that is over, and two that were cut off."""

from __future__ import annotations

import pytest

from tests.plugins.sample_run import CRITERIA, INTERRUPTED, Finished, run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A rehearsal with a pass, a failure, a blocked, an unproven and a broken criterion, and one never collected."""
    secret = {"GIT_URL": "https://user:hunter2@git/"}
    return run(tmp_path_factory.mktemp("finished"), CRITERIA, "--mode", "live", environment=secret)


@pytest.fixture(scope="session", params=["raise KeyboardInterrupt", "pytest.exit('SIGTERM', returncode=143)"])
def interrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run that is cut off inside its second criterion."""
    tests = INTERRUPTED.replace("INTERRUPTION", request.param)
    return run(tmp_path_factory.mktemp("interrupted"), tests, "--mode", "live")
