"""The breaker: a stop that latches on the disk.

While it is open no order leaves, in this run or any later one, until a person resets it. Where its state cannot
be read it counts as open. It lives beside the intent journal, one for each (server, login, magic).
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from mt5canary.errors import Finding
from mt5canary.order.journal import Journal

SCHEMA = 1


class BreakerOpen(Finding):
    """No order leaves: the breaker is open."""


class Breaker:
    """The breaker of one account and magic number."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "breaker.json"
        self._journal = Journal(folder)

    def why_open(self) -> str | None:
        """Why it is open, or None while it is closed; a file that cannot be understood keeps it open."""
        try:
            state: Any = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self._why_open_by_journal()
        except (OSError, ValueError, RecursionError) as error:
            return f"its state {self.path} cannot be read ({error})"
        if not isinstance(state, dict) or state.get("schema") != SCHEMA or not isinstance(state.get("open"), bool):
            return f"its state {self.path} is not of this version"
        return str(state.get("reason", "no reason given")) if state["open"] else None

    def trip(self, reason: str) -> None:
        """Open it and keep it open over restarts; the first reason stays."""
        if self.why_open() is None:
            self._journal.note("BREAKER_OPEN", reason=reason)
            self._store({"schema": SCHEMA, "open": True, "reason": reason, "at": time.time_ns()})

    def reset(self, reason: str, by: str) -> None:
        """Close it; ``by`` is the person who answers for that."""
        closed = {
            "schema": SCHEMA,
            "open": False,
            "reset_reason": reason,
            "reset_by": by,
            "at": time.time_ns(),
        }
        self._journal.note("BREAKER_RESET", reason=reason, by=by)
        self._store(closed)

    def _why_open_by_journal(self) -> str | None:
        """Without its file the breaker is as the journal last had it: closed where it never opened."""
        try:
            notes = [entry for entry in self._journal.entries() if entry["step"] in ("BREAKER_OPEN", "BREAKER_RESET")]
        except Finding as finding:
            return f"its state {self.path} is gone, and {finding}"
        if not notes or notes[-1]["step"] == "BREAKER_RESET":
            return None
        return f"its state {self.path} is gone, and the journal says that it opened: {notes[-1].get('facts')}"

    def require_closed(self) -> None:
        """Raise BreakerOpen unless it is closed; called on every send of an order."""
        reason = self.why_open()
        if reason is not None:
            raise BreakerOpen(
                f"the breaker is open: {reason}. No order leaves until a person has looked and resets it with "
                "mt5canary reset --reason TEXT --by NAME"
            )

    def _store(self, state: dict[str, Any]) -> None:
        written = self.path.with_suffix(".new")
        with written.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self.path)
