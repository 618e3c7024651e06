"""A gateway with a simulated terminal on one of a world's hosts."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.netns.world import PORT, Host


class HostedGateway:
    """``mt5canary serve`` in a namespace; ``restart`` keeps its state."""

    def __init__(self, host: Host, folder: Path, address: str, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.host, self.folder, self.address, self._options = host, folder, address, options
        self.log = folder / "gateway.log"
        self.secret_file = folder / "risk.secret"
        self.secret_file.write_text(secrets.token_hex(32))
        self.secret_file.chmod(0o600)
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "mt5canary", "serve", "--terminal", "simulated"]
        words += ["--bind", f"tcp://{self.address}:{PORT}", "--state", str(self.folder / "state")]
        words += ["--risk-secret-file", str(self.secret_file), *self._options]
        with self.log.open("a") as log:
            process = self.host.start(words, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), self.log.read_text()
        return process

    def stop(self) -> None:
        """End it, hard."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def restart(self) -> None:
        """Kill it and start it again on the same state."""
        self.stop()
        self._process = self._start()

    def target(self, **more: Any) -> dict[str, Any]:
        """What the plan says of it."""
        return {
            "terminal": "simulated",
            "host": self.address,
            "port": str(PORT),
            "protocol": "4.3",
            "risk_secret": self.secret_file.read_text(),
        } | more

    def requests(self) -> list[dict[str, Any]]:
        """Every request in its own log."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in map(json.loads, lines) if "action" in entry]
