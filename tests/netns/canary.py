"""A run of pytest on one of a world's hosts, in a copy of the repository's run-time files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.canary.harness import Harness, eventually
from tests.link.situation import plan_of
from tests.netns.world import Host

LIMITS = {"watch": {"for": "6s", "every": "100ms"}, "latency": {"warn_ms": "400", "p99_ms": "1000"}}
"""Short; what needs more samples than that is UNPROVEN then, and no test of these asks for it."""


class HostedRun:
    """``pytest -m live`` (or ``preflight``) on a host; ``harness`` reads what it left."""

    def __init__(self, folder: Path, host: Host, target: dict[str, Any], mode: str = "live", **top: Any) -> None:
        folder.mkdir()
        self.harness = Harness(folder)
        plan = plan_of(folder, {"limits": LIMITS} | target, **top)
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            mode,
            f"--plan={plan}",
        ]  # in one word, or pytest takes its folder for the root
        self._terminal = (folder / "terminal.txt").open("w+")
        self.process = host.start(
            words,
            cwd=self.harness.folder,
            env=self.harness.environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._terminal,
            stderr=subprocess.STDOUT,
        )

    def log(self) -> str:
        """The run's log so far; empty before there is one."""
        file = self.harness.folder / "VERIFY_LOG.log"
        return file.read_text() if file.exists() else ""

    def reaches(self, words: str, seconds: float = 60) -> None:
        """Wait until the run's log holds some words; AssertionError where the run ends without them."""
        eventually(lambda: words in self.log() or self.process.poll() is not None, seconds)
        assert words in self.log(), self.terminal()

    def terminal(self) -> str:
        """What the run has said on its terminal."""
        return (self.harness.folder.parent / "terminal.txt").read_text()

    def ended(self, seconds: float = 90) -> int:
        """Wait for the end and return the exit status."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End it, hard, where it has not ended."""
        self.process.kill()
        self.process.wait()
        self._terminal.close()
        self.harness.end_what_is_left()
