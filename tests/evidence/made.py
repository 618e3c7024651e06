"""Records of a chain made by hand, with times that do not move."""

from __future__ import annotations

import base64
import json
from typing import Any

STARTED = 1_768_587_433_285_050_000
"""2026-01-16T18:17:13.285050Z in nanoseconds."""


class Records:
    """A chain's records, a millisecond apart."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []

    def add(self, kind: str, **body: Any) -> None:
        at = STARTED + len(self.all) * 1_000_000
        self.all.append({"prev": "", "seq": len(self.all), "at": at, "monotonic": at, "kind": kind, **body})

    def exchange(self, action: str, request: Any = None, reply: Any = None, **rest: Any) -> None:
        sent = STARTED + len(self.all) * 1_000_000
        body: dict[str, Any] = {"action": action, "uuid": "u", "connection": 0, "sent_wall": sent, "sent": sent}
        body["request"] = _frame({"action": action, **(request or {})})
        if reply is not None:
            body |= {"received": sent + 400_000, "reply": _frame(reply)}
        self.add("exchange", **(body | rest))

    def canary(self) -> None:
        """One order, filled, shown by the history, closed again."""
        self.exchange("GET_TICK", {"symbol": "EURUSD"}, {"status": "ok", "tick": {"bid": 1.0811, "ask": 1.0812}})
        self.add("intent", step="INTENT", uuid="u", symbol="EURUSD", side="BUY", volume="0.001", magic=1196)
        order = {"type": "BUY", "volume": 0.001, "symbol": "EURUSD", "magic": 1196, "comment": "NONCE"}
        filled = {"status": "FILLED", "ticket": 7, "order": 7, "deal": 8, "position": 7, "price": 1.0812}
        self.exchange("OPEN", order, filled)
        self.add("intent", step="FILLED", uuid="u", facts={"ticket": 7})
        self.exchange("GET_TICK", {"symbol": "EURUSD"}, {"status": "ok", "tick": {"bid": 1.0812, "ask": 1.0813}})
        opening = {"ticket": 8, "order": 7, "position_id": 7, "entry": "in", "price": 1.0812, "magic": 1196}
        closing = {"ticket": 10, "order": 9, "position_id": 7, "entry": "out", "price": 1.0811, "profit": -0.01}
        foreign = {"ticket": 99, "order": 98, "position_id": 98, "entry": "in", "price": 2.0, "magic": 5}
        self.exchange("GET_DEALS", {}, {"status": "ok", "deals": [foreign, opening]})
        self.exchange("GET_POSITIONS", {}, {"status": "ok", "positions": [{"ticket": 7, "magic": 1196}]})
        self.exchange("CLOSE_ALL", {"magic": 1196, "reason": "end"}, {"status": "ok", "closed": [{"position": 7}]})
        self.exchange("GET_POSITIONS", {}, {"status": "ok", "positions": []})
        self.exchange("GET_DEALS", {}, {"status": "ok", "deals": [opening, closing]})


def _frame(message: Any) -> str:
    content = message if isinstance(message, bytes) else json.dumps(message).encode()
    return base64.b64encode(content).decode()
