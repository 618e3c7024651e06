"""The risk signature: what it binds, for how long, and to whom."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.wire import signature
from mt5canary.wire.requests import Close, CloseAll, Halt, Lease, Open, Ping, Resume
from mt5canary.wire.signature import (
    SignatureError,
    check_age,
    read_secret,
    shortest_decimal,
    sign,
    signed_fields,
    verify,
)

SECRET = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 1, 17, 3, 54, 22, 961398, tzinfo=UTC)
OPEN = Open(
    uuid="6f2f7f1c-5a9f-4d0c-8a44-3c3f5d2b1a00",
    timestamp="2026-01-17T03:54:22Z",
    symbol="EURUSD",
    type="BUY",
    volume=0.001,
    sl=1.0812,
    deviation=20,
    magic=1196,
    comment="ABCDEFGH",
)
TIME = "20260117T035422.961398Z"


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (OPEN, f"{OPEN.uuid}|OPEN|Demo|7|EURUSD|BUY|0.001|0|1.0812|0|20|1196|ABCDEFGH|{TIME}"),
        (Close(uuid="u", timestamp="t", ticket=5), f"u|CLOSE|Demo|7|5||{TIME}"),
        (Close(uuid="u", timestamp="t", ticket=5, volume=0.5), f"u|CLOSE|Demo|7|5|0.5|{TIME}"),
        (CloseAll(uuid="u", timestamp="t", magic=9, reason="r"), f"u|CLOSE_ALL|Demo|7|9|r|{TIME}"),
        (CloseAll(uuid="u", timestamp="t", scope="account", reason="r"), f"u|CLOSE_ALL|Demo|7|account|r|{TIME}"),
        (Lease(uuid="u", timestamp="t", magic=9, seconds=60), f"u|LEASE|Demo|7|9|60|{TIME}"),
        (Halt(uuid="u", timestamp="t", reason="r"), f"u|HALT|Demo|7|r|{TIME}"),
        (Resume(uuid="u", timestamp="t", reason="r"), f"u|RESUME|Demo|7|r|{TIME}"),
    ],
)
def test_the_signed_fields_are_the_protocols(request_: object, fields: str) -> None:
    """Each action signs the fields of the protocol's table, in its order."""
    assert fields == signed_fields(request_, "Demo", 7, TIME)  # type: ignore[arg-type]


def test_a_signature_is_its_prefix_checksum_and_time() -> None:
    """The form is RISK_PASS, 64 hex digits, and the time without a colon."""
    prefix, checksum, time = sign(SECRET, OPEN, "Demo", 7, NOW).split(":")

    assert (prefix, len(checksum), time) == ("RISK_PASS", 64, TIME)


def test_a_signature_holds_for_what_was_signed() -> None:
    """Signed and verified alike, the time comes back."""
    assert verify(SECRET, sign(SECRET, OPEN, "Demo", 7, NOW), OPEN, "Demo", 7) == NOW


@pytest.mark.parametrize(
    "change",
    [
        {"uuid": "6f2f7f1c-5a9f-4d0c-8a44-3c3f5d2b1a01"},
        {"symbol": "GBPUSD"},
        {"type": "SELL"},
        {"volume": 0.01},
        {"price": 1.0},
        {"sl": 0.0},
        {"tp": 2.0},
        {"deviation": 21},
        {"magic": 1197},
        {"comment": "ABCDEFGI"},
    ],
)
def test_any_altered_field_breaks_it(change: dict[str, object]) -> None:
    """No field of an order can be changed under its signature."""
    signed = sign(SECRET, OPEN, "Demo", 7, NOW)

    with pytest.raises(SignatureError, match="does not match"):
        verify(SECRET, signed, msgspec.structs.replace(OPEN, **change), "Demo", 7)


@pytest.mark.parametrize(
    ("server", "login", "secret"), [("Live", 7, SECRET), ("Demo", 8, SECRET), ("Demo", 7, SECRET[::-1])]
)
def test_it_is_good_for_one_account_and_one_secret(server: str, login: int, secret: bytes) -> None:
    """Another server, login or secret refuses it."""
    with pytest.raises(SignatureError, match="does not match"):
        verify(secret, sign(SECRET, OPEN, "Demo", 7, NOW), OPEN, server, login)


@pytest.mark.parametrize("text", ["", "RISK_PASS", "RISK_PASS:x", "OTHER:x:y", "RISK_PASS:x:2026-01-17T03:54:22Z"])
def test_another_form_is_refused(text: str) -> None:
    """What is not of the form is refused with words for it."""
    with pytest.raises(SignatureError):
        verify(SECRET, text, OPEN, "Demo", 7)


@pytest.mark.parametrize(("age", "word"), [(5.001, "expired"), (-1.001, "future")])
def test_its_age_is_bounded(age: float, word: str) -> None:
    """Over five seconds old or over one second ahead, it is dead."""
    with pytest.raises(SignatureError, match=word):
        check_age(NOW, NOW + timedelta(seconds=age))


@pytest.mark.parametrize("age", [5.0, 0.0, -1.0])
def test_inside_its_age_it_lives(age: float) -> None:
    """The bounds themselves are inside."""
    check_age(NOW, NOW + timedelta(seconds=age))


@pytest.mark.parametrize("comment", ["a|b", "a\nb", "a\x7fb"])
def test_a_separator_in_a_text_cannot_be_signed(comment: str) -> None:
    """A field that could be read as two is refused before it is signed."""
    with pytest.raises(SignatureError, match="cannot be signed"):
        sign(SECRET, msgspec.structs.replace(OPEN, comment=comment), "Demo", 7, NOW)


def test_a_read_is_not_signed() -> None:
    """An action that changes nothing has no signature."""
    with pytest.raises(SignatureError, match="not a signed action"):
        signed_fields(Ping(uuid="u", timestamp="t"), "Demo", 7, TIME)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60))
def test_a_number_keeps_its_value_without_exponent(number: float) -> None:
    """The shortest decimal form reads back as the same number and never holds an exponent or an idle zero."""
    text = shortest_decimal(number)

    assert float(text) == float(number)
    assert "e" not in text.lower()
    assert text == "0" or not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("number", "text"), [(0.001, "0.001"), (0, "0"), (-0.0, "0"), (1.0812, "1.0812"), (1e-7, "0.0000001")]
)
def test_the_protocols_own_examples(number: float, text: str) -> None:
    """The forms that the page shows are the forms that are written."""
    assert text == shortest_decimal(number)


def test_a_secret_leaves_its_line_end_and_has_a_length() -> None:
    """A file's trailing newline is no part of the secret, and a short one is refused without being shown."""
    assert read_secret(SECRET + b"\n") == SECRET
    with pytest.raises(SignatureError, match="needs 32") as refused:
        read_secret(b"short-and-secret\n")
    assert "short-and" not in str(refused.value)


def test_the_prefix_is_the_protocols() -> None:
    """Other clients write the same word."""
    assert signature.PREFIX == "RISK_PASS"
