"""Bundles of real runs: one live and signed, one of another run beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mt5canary.cli import main
from tests.canary.harness import Harness

CHALLENGE = "9f2c-given-before-the-run"


@pytest.fixture(scope="session")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """A live run, signed, with a challenge; then a preflight, not signed. Keys are in ``keys`` and ``other``."""
    harness = Harness(tmp_path_factory.mktemp("flown"))
    for name in ("keys", "other"):
        assert main(["keygen", "--only", "signing", str(harness.folder / name)]) == 0
    live = harness.live("--signing-key=keys/signing.key", f"--challenge={CHALLENGE}")
    assert "verify: VERIFIED" in live.output, live.output
    preflight = harness.pytest("-m", "preflight")
    assert "verify: VERIFIED" in preflight.output, preflight.output
    return harness


@pytest.fixture(scope="session")
def keys(flown: Harness) -> Path:
    """The folder of the key that signed."""
    return flown.folder / "keys"


@pytest.fixture
def signed(flown: Harness, tmp_path: Path) -> Path:
    """A copy of the live run's bundle."""
    return Path(shutil.copytree(flown.bundles[0], tmp_path / "signed"))


@pytest.fixture
def unsigned(flown: Harness, tmp_path: Path) -> Path:
    """A copy of the preflight's bundle."""
    return Path(shutil.copytree(flown.bundles[1], tmp_path / "unsigned"))
