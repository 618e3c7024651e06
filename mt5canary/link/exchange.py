"""One exchange: a request and its reply as they were on the wire, and how the reply is read.

A reply that answers another request, repeats another nonce or is not of the protocol is no reply; a refusal is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mt5canary.errors import Finding, LinkFinding
from mt5canary.wire import frames, replies

R = TypeVar("R", bound=replies.Reply)


class Exchange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request and its reply as they were on the wire, with both monotonic times in nanoseconds."""

    action: str
    uuid: str
    connection: int
    request: bytes
    sent_wall: int
    sent: int
    received: int | None = None
    reply: bytes | None = None
    failure: str | None = None
    gave_up: int | None = None

    @property
    def round_trip_ms(self) -> float | None:
        """From the request's last instant here to the reply's first, in milliseconds."""
        return None if self.received is None else (self.received - self.sent) / 1e6

    @property
    def received_wall(self) -> int:
        """When the reply came, or was given up, by the wall clock at sending and the monotonic one since."""
        return self.sent_wall + (self.received or self.gave_up or self.sent) - self.sent

    @property
    def waited_ms(self) -> float:
        """How long a reply was waited for in vain; 0 where it came."""
        return 0.0 if self.gave_up is None else (self.gave_up - self.sent) / 1e6


class Timeout(LinkFinding):
    """No reply came in time; whether the gateway acted is unknown."""


class Unreadable(LinkFinding):
    """What came is not a reply to this request; whether the gateway acted is unknown."""


class Refused(Finding):
    """The gateway answered and said no."""

    def __init__(self, text: str, reply: replies.Reply) -> None:
        super().__init__(text)
        self.reply = reply


Recorder = Callable[[str, Struct], object]
"""Where exchanges and connections go: called with the record's kind and its body."""


def understand(exchange: Exchange, nonce: str | UnsetType, kind: type[R]) -> R:
    """Read an exchange's reply as a success of its action.

    Raises Timeout where none came, Unreadable where it is no reply to this request, Refused where it says no.
    """
    at = f"{exchange.action} {exchange.uuid}"
    if exchange.reply is None:
        raise Timeout(f"{at}: {exchange.failure or 'no reply'}")
    try:
        members = frames.parse(exchange.reply)
        plain = msgspec.convert(members, replies.Reply)
    except (frames.FrameError, msgspec.ValidationError) as error:
        raise Unreadable(f"{at}: the reply is not one of the protocol: {error}; {_glimpse(exchange.reply)}") from None
    if plain.uuid != exchange.uuid:
        raise Unreadable(f"{at}: the reply answers another request, uuid {plain.uuid!r}")
    if nonce is not UNSET and plain.is_success and plain.nonce not in (nonce, None):
        raise Unreadable(f"{at}: the reply repeats another nonce, {plain.nonce!r} instead of {nonce!r}")
    if not plain.is_success:
        code = plain.error_code or "no error_code"
        retcode = "" if plain.retcode is None else f", retcode {plain.retcode}"
        raise Refused(
            f"{exchange.action}: the gateway answered {plain.status} {code}{retcode}: {plain.error_msg}",
            plain,
        )
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        raise Unreadable(f"{at}: the reply says {plain.status} but lacks what that needs: {error}") from None


def _glimpse(reply: bytes) -> str:
    shown = reply[:64].decode("ascii", "backslashreplace")
    return f"{len(reply)} bytes, first {shown!r}"
