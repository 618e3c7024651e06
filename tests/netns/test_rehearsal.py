"""``make rehearsal-netns``, as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.netns.conftest import ROOT
from tests.netns.world import GATEWAY, why_impossible


@pytest.mark.nightly
@pytest.mark.timeout(240)
def test_rehearsal_between_two_hosts() -> None:
    """All 33 criteria pass, L1 by the address and L2 by a round trip of 20 ms."""
    reason = why_impossible()
    if reason is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    words = [sys.executable, "-m", "tests.netns.rehearsal"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"L1 PASS what speaks against {GATEWAY}: nothing" in done.stdout
    assert "L2 PASS kernel's minimum round trip: 2" in done.stdout
