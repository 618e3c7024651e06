"""What the gateway answers when it does not do what was asked."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An error reply in the making.

    ``rejected`` forces or forbids the status ``REJECTED``; where it is None the action decides. ``fields`` are
    added to the reply.
    """

    def __init__(self, code: str, text: str, rejected: bool | None = None, **fields: Any) -> None:
        super().__init__(text)
        self.code = code
        self.rejected = rejected
        self.fields = fields


_REJECTING = ("OPEN", "CLOSE")


def refusal_reply(action: str, refusal: Refusal) -> dict[str, Any]:
    """The reply that a refusal becomes: ``OPEN`` and ``CLOSE`` say ``REJECTED`` with a retcode, 0 where not asked."""
    reply: dict[str, Any] = {}
    if action == "SYNC_ALL":
        reply["status"] = "ERROR"
    elif refusal.rejected is True or (refusal.rejected is None and action in _REJECTING):
        reply |= {"status": "REJECTED", "retcode": 0}
    else:
        reply["status"] = "error"
    return reply | {"error_code": refusal.code, "error_msg": str(refusal)} | refusal.fields
