"""The gateway's own log: one JSON line a request, without secrets or signatures.

It goes to stderr; where there is none, as under Windows' ``pythonw``, to a file that ``keep_in`` names. What changed
something, a refusal and an event are written out at once; a read that went well waits for the loop's next pass, so
that no client waits for the disk.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from mt5canary.gateway import words
from mt5canary.gateway.decoding import Envelope
from mt5canary.wire.requests import SIGNED_ACTIONS

FILE_LIMIT = 50_000_000
"""Bytes in the log file before it becomes ``.old`` and a new one begins."""

_encode = msgspec.json.Encoder().encode
_NOTHING: dict[str, Any] = {}
_TOLD = ("status", "error_code", "error_msg", "retcode")


class Line(NamedTuple):
    """What was asked and what became of it."""

    envelope: Envelope
    reply: dict[str, Any]
    milliseconds: float
    detail: dict[str, Any] = _NOTHING

    def with_detail(self, **detail: Any) -> Line:
        """The same line with more members."""
        return self._replace(detail=detail)


class _LogFile:
    """A file that stays below twice its limit, with the one before it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab")

    def write(self, lines: bytes) -> None:
        """Write lines, in a new file where this one is full."""
        if self._file.tell() > FILE_LIMIT:
            self._file.close()
            self._path.replace(self._path.with_suffix(".old"))
            self._file = self._path.open("ab")
        self._file.write(lines)

    def flush(self) -> None:
        self._file.flush()


class _Log:
    """Where the lines go, and those that wait; used by the loop and by the terminal's worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._file: _LogFile | None = None

    def keep_in(self, path: Path) -> None:
        self._file = _LogFile(path)

    def put(self, members: dict[str, Any], at_once: bool) -> None:
        line = _encode(members)
        with self._lock:
            self._waiting.append(line)
        if at_once:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        with self._lock:
            lines, self._waiting = b"\n".join(self._waiting) + b"\n", []
            stream: BinaryIO | _LogFile | None = self._file or (sys.stderr.buffer if sys.stderr else None)
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):  # whoever read the log is gone; leases must be enforced
                    stream.write(lines)
                    stream.flush()


_log = _Log()
keep_in = _log.keep_in
flush = _log.flush


def write(line: Line) -> None:
    """Write a request's line."""
    (uuid, _, action), reply = line.envelope, line.reply
    told = {name: reply[name] for name in _TOLD if name in reply}
    now, milliseconds = words.rfc3339(time.time()), round(line.milliseconds, 3)
    members = {"time": now, "action": action[:40], "uuid": uuid[:64], **told, "ms": milliseconds, **line.detail}
    _log.put(members, at_once=action in SIGNED_ACTIONS or "error_code" in told or bool(line.detail))


def event(name: str, **detail: Any) -> None:
    """Write a line about the gateway itself."""
    _log.put({"time": words.rfc3339(time.time()), "event": name, **detail}, at_once=True)
