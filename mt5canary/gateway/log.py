"""The gateway's own log: one JSON line a request, on stderr, without secrets or signatures."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any, NamedTuple

import msgspec

from mt5canary.gateway import words
from mt5canary.gateway.decoding import Envelope

_encode = msgspec.json.Encoder().encode


_NOTHING: dict[str, Any] = {}


class Line(NamedTuple):
    """What was asked and what became of it."""

    action: str
    uuid: str
    status: str
    milliseconds: float
    error_code: str | None = None
    error_msg: str | None = None
    retcode: int | None = None
    detail: dict[str, Any] = _NOTHING

    @classmethod
    def of(cls, envelope: Envelope, reply: dict[str, Any], milliseconds: float) -> Line:
        """The line of a request and its reply."""
        return cls(
            envelope.action[:40],
            envelope.uuid[:64],
            reply["status"],
            milliseconds,
            reply.get("error_code"),
            reply.get("error_msg"),
            reply.get("retcode"),
        )

    def with_detail(self, **detail: Any) -> Line:
        """The same line with more members."""
        return self._replace(detail=detail)


def write(line: Line) -> None:
    """Write a line and flush it."""
    members: dict[str, Any] = {"time": words.rfc3339(time.time()), "action": line.action, "uuid": line.uuid}
    members["status"] = line.status
    for name in ("error_code", "error_msg", "retcode"):
        if (value := getattr(line, name)) is not None:
            members[name] = value
    members["ms"] = round(line.milliseconds, 3)
    if line.detail:
        members.update(line.detail)
    _put(members)


def event(name: str, **detail: Any) -> None:
    """Write a line about the gateway itself."""
    members = {"time": words.rfc3339(time.time()), "event": name} | detail
    _put(members)


def _put(members: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # whoever read the log is gone; the leases must be enforced all the same
        sys.stderr.buffer.write(_encode(members) + b"\n")
        sys.stderr.buffer.flush()
