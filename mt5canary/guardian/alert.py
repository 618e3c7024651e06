"""The alert hook: a command that is given each grave event as one JSON object on its standard input.

It runs beside the watch, one event after the other, and is ended where it takes too long. Whatever becomes of it, the
watch does not notice: an event that finds the queue full is dropped, and a failure is one line in the log.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shlex
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mt5canary.errors import UsageProblem

SECONDS = 10.0
MOST_WAITING = 100
SILENT = frozenset({"PSI", "watching"})
"""Events that nobody need be woken for."""


def words(command: str) -> list[str]:
    """A command's words as a shell would take them; raises UsageProblem where it has none."""
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise UsageProblem(f"--alert {command!r}: {error}") from None
    if not found:
        raise UsageProblem("--alert: must be a command, such as --alert 'notify.sh canary'")
    return found


class Alert:
    """Hands events to the command, in a thread of its own."""

    def __init__(self, command: list[str], run: str, failed: Callable[[str], object], seconds: float = SECONDS) -> None:
        self._command = command
        self._run = run
        self._failed = failed
        self._seconds = seconds
        self._waiting: queue.Queue[bytes] = queue.Queue(MOST_WAITING)
        threading.Thread(target=self._work, name="alert", daemon=True).start()

    def __call__(self, name: str, facts: dict[str, Any]) -> None:
        """Take an event and return at once."""
        if name in SILENT:
            return
        event = {"run": self._run, "at": datetime.now(UTC).isoformat(), "event": name, "facts": facts}
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(json.dumps(event, default=str).encode())

    def _work(self) -> None:
        while True:
            event = self._waiting.get()
            said = self._hand_over(event)
            if said is not None:
                self._failed(said)
            self._waiting.task_done()

    def _hand_over(self, event: bytes) -> str | None:
        try:
            done = subprocess.run(self._command, input=event, capture_output=True, timeout=self._seconds, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            return f"the alert command failed: {error}"
        return None if done.returncode == 0 else f"the alert command ended with status {done.returncode}"
