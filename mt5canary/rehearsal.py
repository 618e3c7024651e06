"""The simulated gateway that a run starts and stops by itself.

It is the same ``mt5canary serve`` that a person would start, in a process of its own, with a shared secret and a
state of its own that are gone with it. Its log stays in the run's folder.
"""

from __future__ import annotations

import os
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mt5canary.errors import Finding
from mt5canary.plan import Resolved

START_SECONDS = 15.0
GATEWAY_LOG = "gateway.log"
READY = "listening on "


class SimulatedGateway:
    """A gateway of the run's own; it lives until ``stop``, or until nobody holds its standard input."""

    def __init__(self, log: Path, scenario: str | None = None) -> None:
        self._state = tempfile.TemporaryDirectory(prefix="mt5canary-")
        self.folder = folder = Path(self._state.name)
        self.secret = secrets.token_hex(32).encode()
        secret_file = folder / "risk.secret"
        secret_file.touch(0o600)
        secret_file.write_bytes(self.secret)
        self.log = log
        # without site it comes up with a third less work; what site would have found is where this process found it
        command = [sys.executable, "-S", "-m", "mt5canary", "serve", "--terminal", "simulated"]
        command += ["--bind", "tcp://127.0.0.1:*", "--state", str(folder / "gateway")]
        command += ["--risk-secret-file", str(secret_file), "--stop-with-input"]
        if scenario is not None:
            command += ["--scenario", scenario]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])},
                text=True,
            )
        self._url: str | None = None

    @property
    def process_id(self) -> int:
        """The gateway's process."""
        return self._process.pid

    @property
    def input_descriptor(self) -> int:
        """Whoever holds this descriptor keeps the gateway alive."""
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    @property
    def url(self) -> str:
        """Where it listens; waits for its banner, and raises Finding where it does not come up."""
        if self._url is None:
            self._url = self._wait_for_banner()
        return self._url

    @property
    def is_coming_up(self) -> bool:
        """Whether its banner is still awaited, so that there is time for something else."""
        return self._url is None and not self._said_something(0)

    def _said_something(self, seconds: float) -> bool:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def _wait_for_banner(self) -> str:
        assert self._process.stdout is not None
        deadline = time.monotonic() + START_SECONDS
        while (left := deadline - time.monotonic()) > 0 and self._said_something(left):
            line = self._process.stdout.readline()
            if line.startswith(READY):
                return line.removeprefix(READY).strip()
            if not line:
                break
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise Finding(f"the simulated gateway did not start; its log's last line: {''.join(said) or '(empty)'}")

    def stand_down(self) -> None:
        """Ask the process to end, without waiting for it."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """End the process, hard if it has not ended yet, for its state goes with it; a second call does nothing."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._state.cleanup()


def own_gateway(resolved: Resolved, folder: Path) -> SimulatedGateway | None:
    """Start the gateway that a run of this plan needs, its log in a folder; None where somebody else runs it."""
    if not resolved.started_by_run:
        return None
    return SimulatedGateway(folder / GATEWAY_LOG, resolved.target.scenario)


def state_folder(root: Path, server: str, login: int, magic: int) -> Path:
    """Where journal and breaker of one account and magic number live."""
    safe = "".join(character if character.isalnum() or character in "-_." else "_" for character in server)
    return root / f"{safe}-{login}-{magic}"
