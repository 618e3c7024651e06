"""The lease on an account: one live run at a time, whatever its plan's magic number is.

It is an operating system's lock on a file of the state folder, so it ends with whoever holds it, by SIGKILL too, and
the watchdog inherits it: a second run begins only after the first one's way out is done. Beside it stands a record
of who holds it and until when, renewed while the run goes on. On the holder's own host the lock alone decides; where
the state folder is shared with another host, whose lock may not be seen here, the record does until it expires.

Two nodes with state folders of their own cannot see each other's lease. What then shows is only what the gateway
shows: the other's position under the same magic number (X5 calls it an orphan), or two new positions (X10 fails).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

EXPIRES_SECONDS = 60
RENEWAL_SECONDS = 10.0


class AccountLease:
    """The lease on one account, as one process sees it."""

    def __init__(self, root: Path, server: str, login: int) -> None:
        safe = "".join(character if character.isalnum() or character in "-_." else "_" for character in server)
        self.path = root / f"{safe}-{login}.lease"
        self._file = -1
        self._run = ""
        self._renewed = 0.0

    @property
    def is_held(self) -> bool:
        """Whether this process holds it."""
        return self._file >= 0

    @property
    def descriptor(self) -> int:
        """The file that the lock hangs on: a process that inherits it goes on holding the lease."""
        return self._file

    def take(self, run: str) -> str | None:
        """Take it for a run; returns who holds it where somebody else does. Raises OSError where it cannot be kept."""
        if self.is_held:
            return None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        holder = self._holder(file)
        if holder is not None:
            os.close(file)
            return holder
        self._file, self._run = file, run
        self._write()
        return None

    def renew(self) -> None:
        """Say that the run goes on; writes once in a while, and never raises: the lock holds without it."""
        if self.is_held and time.monotonic() - self._renewed >= RENEWAL_SECONDS:
            with contextlib.suppress(OSError):
                self._write()

    def release(self) -> None:
        """Give it up; whoever inherited the descriptor goes on holding it."""
        if self.is_held:
            os.close(self._file)
            self._file = -1

    def why_held(self) -> str | None:
        """Who holds it, or None where nobody does; takes nothing."""
        if self.is_held:
            return f"run {self._run}, this one"
        try:
            file = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"somebody: {self.path} cannot be read ({error.strerror})"
        try:
            return self._holder(file)
        finally:
            os.close(file)

    def _holder(self, file: int) -> str | None:
        record = _read(file)
        if not _lock(file):
            return _describe(record) or "another process, which has not said yet which run it is"
        elsewhere = bool(record) and record.get("host") != socket.gethostname()
        return _describe(record) if elsewhere and record["expires"] > time.time() else None

    def _write(self) -> None:
        now = time.time()
        record = {"run": self._run, "host": socket.gethostname(), "process": os.getpid()}
        text = json.dumps({**record, "renewed": now, "expires": now + EXPIRES_SECONDS}).encode()
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))
        self._renewed = time.monotonic()


def _lock(file: int) -> bool:
    import fcntl  # a run's node is a Linux machine; the gateway's, which may be none, needs no lease

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(file: int) -> dict[str, Any]:
    try:
        record = json.loads(os.pread(file, 4096, 0) or b"{}")
    except ValueError:
        return {}
    if not isinstance(record, dict) or not all(type(record.get(name)) is float for name in ("renewed", "expires")):
        return {}
    return record


def _describe(record: dict[str, Any]) -> str | None:
    if not record:
        return None
    silent = time.time() - record["renewed"]
    return (
        f"run {record.get('run')}, process {record.get('process')} on {record.get('host')}, renewed {silent:.0f} s ago"
    )
