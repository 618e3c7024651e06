"""Plans on disk, and what loading them says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mt5canary.plan import PlanProblems, Resolved, load

PLAN = """\
task: "119.6"
targets:
  simulator:
    terminal: simulated
  demo:
    host: ${GTW_HOST}
    protocol: "4.3"
    account: {login: 1, server: Demo, trade_mode: demo, currency: USD, leverage: 500, min_balance: 50}
decision: {record: decision/admission.json, hash: 1ac7db5b277d4dd1}
order:
  symbol: EURUSD
  side: BUY
  magic: 1196
"""


class Workshop:
    """A folder with a plan in it, which a test changes and loads."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "canary.yaml"
        self.file.write_text(PLAN)
        self.environment: dict[str, str] = {}

    def replace(self, old: str, new: str) -> Workshop:
        """Change the plan's text in one place."""
        text = self.file.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        self.file.write_text(text.replace(old, new))
        return self

    def add(self, text: str) -> Workshop:
        """Add lines at the plan's end."""
        self.file.write_text(self.file.read_text() + text)
        return self

    def dotenv(self, text: str) -> Workshop:
        """Write the ``.env`` beside the plan."""
        (self.file.parent / ".env").write_text(text)
        return self

    def load(self, overrides: Mapping[str, str] | None = None, **options: Any) -> Resolved:
        """Load the plan with this workshop's environment."""
        return load(self.file, overrides=overrides or {}, environment=self.environment, **options)

    def problems(self, overrides: Mapping[str, str] | None = None, **options: Any) -> list[str]:
        """Load the plan, expecting problems; return each as it is printed."""
        with pytest.raises(PlanProblems) as caught:
            self.load(overrides, **options)
        lines = str(caught.value).splitlines()
        assert lines[0].endswith("nothing was sent")
        return [line.removeprefix("  ") for line in lines[1:]]

    def problem(self, overrides: Mapping[str, str] | None = None, **options: Any) -> str:
        """Load the plan, expecting exactly one problem."""
        (problem,) = self.problems(overrides, **options)
        return problem


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A folder with a plan that is right."""
    return Workshop(tmp_path)


@pytest.fixture
def new_workshop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workshop]:
    """Make a fresh folder each time, for tests that load many plans."""
    return lambda: Workshop(tmp_path_factory.mktemp("plan"))
