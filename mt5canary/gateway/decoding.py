"""From a frame to a typed request, or to the error code that says what is wrong with it."""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

import msgspec

from mt5canary.gateway.refusals import Refusal
from mt5canary.wire import frames, signature
from mt5canary.wire.requests import (
    REQUESTS,
    SIGNED_ACTIONS,
    CheckOrder,
    CloseAll,
    GetDeals,
    GetOrders,
    Lease,
    Open,
    OrderRequest,
    Request,
)

_MISSING = {"symbol": "MISSING_SYMBOL", "type": "MISSING_TYPE", "ticket": "MISSING_TICKET", "nonce": "MISSING_NONCE"}
_INTEGER_BITS = {
    **dict.fromkeys(("magic", "ticket", "order", "position", "after", "magic_number"), 63),
    **dict.fromkeys(("deviation", "seconds"), 31),
    **dict.fromkeys(("from_msc", "to_msc"), 62),
}
_CHECKED = (Open, CheckOrder, CloseAll, GetDeals, GetOrders, Lease)
_TEXT_LIMIT = 29  # UTF-16 units of symbol and comment: the package's own limit (mt5-facts 2.1)
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELD = re.compile(r"`\$\.(\w+)|field `(\w+)`")


class Envelope(NamedTuple):
    """What a reply repeats of its request, whatever else is wrong with it; "" where it cannot be known."""

    uuid: str = ""
    nonce: str | None = None
    action: str = ""


def envelope(members: dict[str, Any]) -> Envelope:
    """Read what a reply repeats."""
    uuid, nonce, action = members.get("uuid"), members.get("nonce"), members.get("action")
    return Envelope(
        uuid if isinstance(uuid, str) else "",
        nonce if isinstance(nonce, str) else None,
        action if isinstance(action, str) else "",
    )


def parse(frame: bytes) -> dict[str, Any]:
    """Read a frame's members. Raises Refusal."""
    if len(frame) > frames.REQUEST_LIMIT:
        raise Refusal("FRAME_TOO_LARGE", f"{len(frame)} bytes, at most {frames.REQUEST_LIMIT}")
    try:
        return frames.parse(frame)
    except frames.FrameError as error:
        raise Refusal("INVALID_JSON", str(error)) from None


def decode(members: dict[str, Any]) -> Request:
    """Make the typed request. Raises Refusal naming the field."""
    if "action" not in members:
        raise Refusal("MISSING_ACTION", "the field 'action' is missing")
    action = members["action"]
    if not isinstance(action, str):
        raise Refusal("INVALID_FIELD", "the field 'action' must be a string")
    kind = REQUESTS.get(action)
    if kind is None:
        raise Refusal("UNKNOWN_ACTION", f"no action {action[:40]!r} here")
    try:
        request = msgspec.convert(members, kind)
    except (msgspec.ValidationError, OverflowError) as error:
        raise _field_refusal(members, action, str(error)) from None
    _check_ranges(request)
    if action in SIGNED_ACTIONS:
        _check_signable(request)
    return request


def _field_refusal(members: dict[str, Any], action: str, text: str) -> Refusal:
    match = _FIELD.search(text)
    name = (match.group(1) or match.group(2)) if match else "?"
    if name == "volume" and action == "OPEN":
        return Refusal("INVALID_VOLUME", f"the field 'volume' must be a number above 0: {text}")
    if name not in members or (name == "nonce" and members[name] is None):
        return Refusal(_MISSING.get(name, "MISSING_FIELD"), f"the field {name!r} is missing")
    return Refusal("INVALID_FIELD", f"the field {name!r}: {text}")


@functools.cache
def _ranged(kind: type[Request]) -> tuple[list[tuple[str, int]], list[str]]:
    """The fields of a kind of request that hold integers, each with its bits, and those that hold short texts."""
    fields = kind.__struct_fields__
    return (
        [(name, bits) for name, bits in _INTEGER_BITS.items() if name in fields],
        [name for name in ("symbol", "comment") if name in fields],
    )


def _check_ranges(request: Request) -> None:
    integers, texts = _ranged(type(request))
    for name, bits in integers:
        value = getattr(request, name)
        if isinstance(value, int) and not 0 <= value < 1 << bits:
            raise Refusal("INVALID_FIELD", f"the field {name!r} must be from 0 to 2**{bits} - 1")
    for name in texts:
        text = getattr(request, name)
        if isinstance(text, str) and len(text.encode("utf-16-le")) // 2 > _TEXT_LIMIT:
            raise Refusal("INVALID_FIELD", f"the field {name!r} has more than {_TEXT_LIMIT} characters")
    if type(request) in _CHECKED:
        _check_sense(request)


def _check_sense(request: Request) -> None:
    match request:
        case Open():
            _check_order(request)
            if not request.volume > 0:
                raise Refusal("INVALID_VOLUME", f"the field 'volume' must be above 0, was {request.volume}")
        case CheckOrder():
            _check_order(request)
        case CloseAll():
            _check_scope(request)
        case GetDeals():
            _check_window(request, "order")
        case GetOrders():
            _check_window(request, "ticket")
        case Lease() if request.seconds > 7 * 24 * 3600:
            raise Refusal("INVALID_FIELD", "the field 'seconds' must be at most a week, 604800")


def _check_order(request: OrderRequest) -> None:
    if not request.symbol:
        raise Refusal("MISSING_SYMBOL", "the field 'symbol' is empty")


def _check_scope(request: CloseAll) -> None:
    by_magic = isinstance(request.magic, int)
    if by_magic == (request.scope == "account") or request.magic is None:
        raise Refusal("MISSING_FIELD", "give either 'magic' or 'scope': 'account'")


def _check_window(request: GetDeals | GetOrders, ticket_field: str) -> None:
    given = [name for name in (ticket_field, "position") if getattr(request, name) is not msgspec.UNSET]
    window = [name for name in ("from_msc", "to_msc") if getattr(request, name) is not msgspec.UNSET]
    if len(window) == 1:
        missing = "to_msc" if window == ["from_msc"] else "from_msc"
        raise Refusal("MISSING_FIELD", f"the field {missing!r} is missing")
    if len(given) + len(window) // 2 != 1:
        code = "INVALID_FIELD" if given else "MISSING_FIELD"
        raise Refusal(code, f"give one of {ticket_field!r}, 'position', or 'from_msc' with 'to_msc'")


def _check_signable(request: Request) -> None:
    if not _UUID.fullmatch(request.uuid):
        raise Refusal("INVALID_FIELD", "the field 'uuid' must be a UUID in canonical lower-case form")
    try:
        body(request)
    except signature.SignatureError as error:
        raise Refusal("INVALID_FIELD", str(error)) from None


def body(request: Request) -> str:
    """What makes two requests with the same uuid the same: action and signed fields, account and time aside."""
    return signature.signed_fields(request, "", 0, "")
