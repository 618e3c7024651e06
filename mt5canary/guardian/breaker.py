"""The breaker: a stop that latches on the disk.

While it is open no order leaves, in this run or any later one, until a person resets it. Where its state cannot
be read it counts as open. It lives beside the intent journal, one for each (server, login, magic), and the journal
notes each opening and each reset first: a file that is gone, or older than the journal's last note, closes nothing.

In the process that opens it the breaker is open at once, also where the disk takes no more writing.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
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
        self._latched: str | None = None

    def why_open(self) -> str | None:
        """Why it is open, or None while it is closed; a file that cannot be understood keeps it open."""
        if self._latched is not None:
            return self._latched
        try:
            state: Any = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self._why_open_by_journal("is gone")
        except (OSError, ValueError, RecursionError) as error:
            return f"its state {self.path} cannot be read ({error})"
        if not isinstance(state, dict) or state.get("schema") != SCHEMA or not isinstance(state.get("open"), bool):
            version = state.get("schema") if isinstance(state, dict) else None
            return f"its state {self.path} is not of this version (it says {version!r}, this program knows {SCHEMA})"
        if state["open"]:
            return str(state.get("reason", "no reason given"))
        return self._why_open_by_journal("says closed")

    def latch(self, reason: str) -> None:
        """Open it in this process, at once; ``trip`` brings it to the disk. The first reason stays."""
        self._latched = self.why_open() or reason

    def trip(self, reason: str) -> None:
        """Open it and keep it open over restarts; the first reason stays.

        Raises OSError where it cannot be written; in this process it is open all the same.
        """
        if self._is_written_open():
            return
        self.latch(reason)
        self._journal.note("BREAKER_OPEN", reason=reason)
        self._store({"schema": SCHEMA, "open": True, "reason": reason, "at": time.time_ns()})
        self._latched = None

    def reset(self, reason: str, by: str) -> None:
        """Close it; ``by`` is the person who answers for that."""
        was = self.why_open()
        closed = {
            "schema": SCHEMA,
            "open": False,
            "reset_reason": reason,
            "reset_by": by,
            "at": time.time_ns(),
        }
        self._journal.note("BREAKER_RESET", reason=reason, by=by, was=was)
        self._store(closed)
        self._latched = None

    def last_reset(self) -> str | None:
        """Who closed it since the last order was meant, why, and what it had been open for; None where nobody did."""
        last = None
        for entry in self._journal.entries():
            if entry["step"] == "INTENT":
                last = None
            elif entry["step"] == "BREAKER_RESET":
                facts = entry.get("facts", {})
                when = datetime.fromtimestamp(entry.get("at", 0) // 1_000_000_000, UTC).isoformat()
                last = (
                    f"{facts.get('by')} reset it at {when}: {facts.get('reason')}; it was open for: {facts.get('was')}"
                )
        return last

    def _is_written_open(self) -> bool:
        try:
            state: Any = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(state, dict) and state.get("schema") == SCHEMA and state.get("open") is True

    def _why_open_by_journal(self, file: str) -> str | None:
        """As the journal last had it: closed where it never opened, or where a reset came after."""
        try:
            notes = [entry for entry in self._journal.entries() if entry["step"] in ("BREAKER_OPEN", "BREAKER_RESET")]
        except Finding as finding:
            return f"its state {self.path} {file}, and {finding}"
        if not notes or notes[-1]["step"] == "BREAKER_RESET":
            return None
        facts = notes[-1].get("facts", {})
        if facts.get("by") == "watchdog":  # it leaves the note alone: the file is the run's, which may wake up over it
            return str(facts.get("reason"))
        return f"its state {self.path} {file}, and the journal says that it opened: {facts}"

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
