"""Frames: one JSON object in UTF-8, parsed strictly (wire-protocol, "Transport").

The standard library's parser alone lets a key through twice (the last wins), NaN and Infinity, numbers that
overflow to infinity and lone surrogates. Any of these in a reply would let two readers see two different
replies, so none of them is a frame.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import msgspec

REQUEST_LIMIT = 65_536
"""The longest request, in bytes."""

REPLY_LIMIT = 1_048_576
"""The longest reply, in bytes; also what a socket accepts at most."""


class FrameError(ValueError):
    """The bytes are not a frame; the text says why, in words for a person."""


def encode(message: msgspec.Struct) -> bytes:
    """Write a message as one frame."""
    return msgspec.json.encode(message)


def parse(frame: bytes) -> dict[str, Any]:
    """Read a frame into a dictionary, or raise FrameError saying what is wrong with it."""
    try:
        value = _decode(frame.decode("utf-8"))
        if b"\\u" in frame:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise FrameError(f"not UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise FrameError("a lone surrogate is not UTF-8") from None
    except RecursionError:
        raise FrameError("nested too deeply") from None
    except FrameError:
        raise
    except ValueError as error:
        raise FrameError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FrameError(f"not a JSON object but {_json_name(value)}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise FrameError(f"the key {key!r} stands twice")
            seen.add(key)
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise FrameError(f"the number {text[:40]} is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise FrameError(f"{name} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant).decode


def _json_name(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
