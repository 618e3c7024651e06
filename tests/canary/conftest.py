"""Real runs in a throw-away copy of the repository; nothing of them may outlive its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary.harness import Harness, eventually


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    """A copy to run pytest in; afterwards no process and no temporary folder of it may be left."""
    made = Harness(tmp_path)
    try:
        yield made
        eventually(lambda: not made.processes(), 20)
        assert made.leftovers() == []
    finally:
        made.end_what_is_left()
