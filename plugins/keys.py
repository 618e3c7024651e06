"""What the plugins and fixtures share through pytest's stash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # a run needs these, the collection of other tests does not
    from mt5canary.catalogue import Catalogue, Criterion
    from mt5canary.evidence.run import Run
    from mt5canary.operation import Operation
    from mt5canary.plan import Resolved

MODE: pytest.StashKey[str | None] = pytest.StashKey()
"""``preflight`` or ``live`` where the command line asks for one of them, else None."""

CATALOGUE: pytest.StashKey[Catalogue] = pytest.StashKey()
RESOLVED: pytest.StashKey[Resolved] = pytest.StashKey()
"""The plan as resolved; only in a run with a mode."""

RUN: pytest.StashKey[Run] = pytest.StashKey()
"""The run; only with a mode, from configuration to the very end."""

OPERATION: pytest.StashKey[Operation] = pytest.StashKey()
"""The run's gateway, sessions and way out; only with a mode."""

CRITERION: pytest.StashKey[Criterion] = pytest.StashKey()
"""On an item: the criterion that it proves."""

UNDER_TEST: pytest.StashKey[Criterion] = pytest.StashKey()
"""The criterion whose test is being run."""
