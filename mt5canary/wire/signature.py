"""The risk signature: an HMAC over what a request changes, for whom, and when (wire-protocol, part A).

``RISK_PASS:<checksum>:<time>``. It binds one request to one account for five seconds, so that an order which
waited in a buffer dies at the gateway instead of reaching the terminal late.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import UNSET, UnsetType

from mt5canary.wire.requests import Close, CloseAll, Halt, Lease, Open, Request, Resume

PREFIX = "RISK_PASS"
MAXIMUM_AGE = timedelta(seconds=5)
MAXIMUM_LEAD = timedelta(seconds=1)
MINIMUM_SECRET_BYTES = 32
_TIME_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SignatureError(ValueError):
    """A text that cannot be signed, or a signature that does not hold; the text says why."""


def shortest_decimal(number: float | int) -> str:
    """Write a number in its shortest decimal form without exponent: ``0.001``, ``0``, ``1.0812``."""
    text = str(number)
    if "e" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def signed_fields(request: Request, server: str, login: int, time: str) -> str:
    """Join the fields that the protocol's table names for this action.

    Raises SignatureError where a text holds ``|`` or a control character, or the action is not a signed one.
    """
    fields = [
        request.uuid,
        str(request.__struct_config__.tag),
        server,
        str(login),
        *_own_fields(request),
        time,
    ]
    joined = "|".join(fields)
    if joined.count("|") >= len(fields) or _CONTROL.search(joined):
        field = next(field for field in fields if "|" in field or _CONTROL.search(field))
        raise SignatureError(f"the text {field!r} cannot be signed: it holds '|' or a control character")
    return joined


def _own_fields(request: Request) -> list[str]:
    match request:
        case Open():
            numbers = (
                request.volume,
                request.price,
                request.sl,
                request.tp,
                request.deviation,
                request.magic,
            )
            return [request.symbol, request.type, *map(shortest_decimal, numbers), request.comment]
        case Close():
            return [str(request.ticket), _optional_number(request.volume)]
        case CloseAll():
            whole_account = request.scope is not UNSET
            return ["account" if whole_account else _optional_number(request.magic), request.reason]
        case Lease():
            return [str(request.magic), str(request.seconds)]
        case Halt() | Resume():
            return [request.reason]
    raise SignatureError(f"{type(request).__name__} is not a signed action")


def _optional_number(value: float | int | UnsetType | None) -> str:
    return "" if value is None or isinstance(value, UnsetType) else shortest_decimal(value)


def sign(secret: bytes, request: Request, server: str, login: int, now: datetime) -> str:
    """Make the signature of a request for one account; ``now`` is UTC in the gateway's clock."""
    time = now.astimezone(UTC).strftime(_TIME_FORMAT)
    return f"{PREFIX}:{_checksum(secret, signed_fields(request, server, login, time))}:{time}"


def _checksum(secret: bytes, text: str) -> str:
    return hmac.new(secret, text.encode("utf-8"), hashlib.sha256).hexdigest()


def verify(secret: bytes, signature: str, request: Request, server: str, login: int) -> datetime:
    """Check a signature's shape and checksum and return its time; its age is judged by ``check_age``.

    Raises SignatureError.
    """
    prefix, _, rest = signature.partition(":")
    checksum, _, time = rest.partition(":")
    if prefix != PREFIX or not checksum or not time:
        raise SignatureError("missing" if not signature else "not of the form RISK_PASS:<checksum>:<time>")
    try:
        signed_at = datetime.strptime(time, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise SignatureError("its time is not of the form 20260117T035422.961398Z") from None
    expected = _checksum(secret, signed_fields(request, server, login, time))
    if not hmac.compare_digest(expected.encode(), checksum.encode()):
        raise SignatureError("its checksum does not match this request and account")
    return signed_at


def check_age(signed_at: datetime, now: datetime) -> None:
    """Raise SignatureError unless the signature is at most 5 s old and at most 1 s ahead."""
    age = now - signed_at
    if age > MAXIMUM_AGE:
        raise SignatureError(f"expired: {age.total_seconds():.3f} s old, at most 5 s")
    if age < -MAXIMUM_LEAD:
        raise SignatureError(f"from the future: {-age.total_seconds():.3f} s ahead, at most 1 s")


def read_secret(text: bytes) -> bytes:
    """Take a shared secret as a file holds it: without the trailing newline, 32 bytes or more."""
    secret = text.rstrip(b"\r\n")
    if len(secret) < MINIMUM_SECRET_BYTES:
        raise SignatureError(f"the shared secret has {len(secret)} bytes, needs {MINIMUM_SECRET_BYTES} or more")
    return secret
