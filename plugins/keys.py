"""What the plugins and fixtures share through pytest's stash."""

from __future__ import annotations

import pytest

from mt5canary.catalogue import Catalogue, Criterion
from mt5canary.evidence.run import Run
from mt5canary.operation import Operation
from mt5canary.plan import Resolved

MODE = pytest.StashKey[str | None]()
"""``preflight`` or ``live`` where the command line asks for one of them, else None."""

CATALOGUE = pytest.StashKey[Catalogue]()
RESOLVED = pytest.StashKey[Resolved]()
"""The plan as resolved; only in a run with a mode."""

RUN = pytest.StashKey[Run]()
"""The run; only with a mode, from configuration to the very end."""

OPERATION = pytest.StashKey[Operation]()
"""The run's gateway, sessions and way out; only with a mode."""

CRITERION = pytest.StashKey[Criterion]()
"""On an item: the criterion that it proves."""
