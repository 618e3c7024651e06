"""Keeping a reply inside the protocol's size: what fits, and where to go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mt5canary.wire.frames import REPLY_LIMIT

_LISTS = ("positions", "deals", "orders")
_ROOM = 4096  # for the members beside the list


def fitted(reply: dict[str, Any], encode: Callable[[Any], bytes]) -> bytes:
    """Encode a reply; a list that would make it too long is cut, with ``more`` and ``after`` saying so."""
    frame = encode(reply)
    if len(frame) <= REPLY_LIMIT:
        return frame
    name = next(name for name in _LISTS if name in reply)
    size, kept = _ROOM, []
    for entry in reply[name]:
        size += len(encode(entry)) + 1
        if size > REPLY_LIMIT:
            break
        kept.append(entry)
    return encode(reply | {name: kept, "more": True, "after": kept[-1]["ticket"]})
