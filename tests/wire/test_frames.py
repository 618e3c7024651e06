"""Frames: what is one, what is none, and why."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.wire import frames
from mt5canary.wire.requests import Ping

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUE = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
NESTED = st.recursive(
    VALUE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(TEXT, NESTED, max_size=5))
def test_every_json_object_is_a_frame(value: dict[str, object]) -> None:
    """An object that JSON can hold comes back as it was."""
    assert frames.parse(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_other_bytes_are_an_error_and_never_a_crash(content: bytes) -> None:
    """Whatever the bytes are, the answer is a dictionary or a FrameError."""
    try:
        assert isinstance(frames.parse(content), dict)
    except frames.FrameError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a":1,"a":2}', "'a' stands twice"),
        (b'{"a":{"b":1,"b":1}}', "'b' stands twice"),
        (b'{"a":1,"\\u0061":2}', "'a' stands twice"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b'{"a":-Infinity}', "-Infinity is not JSON"),
        (b'{"a":1e999}', "out of range"),
        (b"[1]", "not a JSON object but an array"),
        (b"null", "not a JSON object but null"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b'{"a":"\\ud800"}', "lone surrogate"),
        (b"", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_frame_says_why(content: bytes, reason: str) -> None:
    """Each way of not being a frame has its own words."""
    with pytest.raises(frames.FrameError, match=reason):
        frames.parse(content)


def test_a_message_is_one_object() -> None:
    """A message is written with its action and without what it does not have."""
    written = frames.encode(Ping(uuid="u", timestamp="t"))

    assert msgspec.json.decode(written) == {"action": "PING", "uuid": "u", "timestamp": "t"}
