"""The risk signature, checked as docs/wire-protocol.md (part A) says it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

SIGNED = {
    "OPEN": ("symbol", "type", "volume", "price", "sl", "tp", "deviation", "magic", "comment"),
    "CLOSE": ("ticket", "volume"),
    "CLOSE_ALL": ("magic", "reason"),
    "LEASE": ("magic", "seconds"),
    "HALT": ("reason",),
    "RESUME": ("reason",),
}
DEFAULTS: dict[str, Any] = {"price": 0, "sl": 0, "tp": 0, "deviation": 20, "magic": 0, "comment": "", "reason": ""}


def written(value: Any) -> str:
    """A field as it is signed: a number in its shortest decimal form, a text as it is, nothing where it is absent."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed_text(request: dict[str, Any], server: str, login: int, time: str) -> str:
    """The fields that a request is signed over, joined."""
    action = request["action"]
    own = [written(request.get(name, DEFAULTS.get(name))) for name in SIGNED[action]]
    if action == "CLOSE_ALL" and request.get("scope") == "account":
        own[0] = "account"
    return "|".join([request["uuid"], action, server, str(login), *own, time])


def why_invalid(request: dict[str, Any], secret: bytes, server: str, login: int) -> str | None:
    """What is wrong with a request's signature now, or None."""
    parts = str(request.get("risk_signature", "")).split(":")
    if len(parts) != 3 or parts[0] != "RISK_PASS":
        return "not of the form RISK_PASS:<checksum>:<time>"
    _, checksum, time = parts
    expected = hmac.new(secret, signed_text(request, server, login, time).encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, checksum):
        return "the checksum does not match"
    made = datetime.strptime(time, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    age = (datetime.now(UTC) - made).total_seconds()
    return None if -1 <= age <= 5 else f"its age is {age:.3f} s"
