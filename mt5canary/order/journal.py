"""The intent journal: what this account's runs meant to send, on the disk before it left.

One file of JSON lines for each (server, login, magic), each line synchronised before the next step is taken. A
line that was cut off by a crash counts as not written. The first step of an intent is always INTENT; one whose
last step is not final is open, and a new run does not start over it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mt5canary.errors import Finding

FINAL_STEPS = frozenset({"REFUSED", "NOT_EXECUTED", "NOT_SENT", "FLAT", "KEPT"})
"""Steps after which nothing of the intent is left to look after; KEPT is a position left open by plan."""


class Intent(Struct, frozen=True, kw_only=True):
    """What is about to be sent: the request's uuid, the order, the nonce in its comment."""

    uuid: str
    nonce: str
    run: str
    symbol: str
    side: str
    volume: str
    magic: int


class RecordedIntent(Struct, frozen=True, kw_only=True):
    """An intent as the journal has it: its last step, what all its steps said, when it began and last moved.

    Times are of this host's clock, in nanoseconds since 1970.
    """

    intent: Intent
    step: str
    facts: dict[str, Any]
    begun: int
    at: int

    @property
    def is_open(self) -> bool:
        """Whether its story has no end yet."""
        return self.step not in FINAL_STEPS

    @property
    def is_kept(self) -> bool:
        """Whether it left a position open by plan."""
        return self.step == "KEPT"

    @property
    def position(self) -> int | None:
        """The position's ticket, where a step named it."""
        return self.facts.get("position") or None


class Journal:
    """The journal of one account and magic number."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "journal.jsonl"

    def make_ready(self) -> None:
        """Make the file, so that an intent's own line is the one thing that has to reach the disk."""
        if not self.path.exists():
            self.path.touch()
            self._sync_folder()

    def begin(self, intent: Intent) -> None:
        """Put an intent on the disk; raises OSError where that fails, and then nothing may be sent."""
        fields = {name: getattr(intent, name) for name in intent.__struct_fields__}
        self._append({"uuid": intent.uuid, "step": "INTENT", "intent": fields})

    def step(self, uuid: str, step: str, **facts: Any) -> None:
        """Put the next step of an intent on the disk."""
        self._append({"uuid": uuid, "step": step, "facts": facts})

    def note(self, step: str, **facts: Any) -> None:
        """Put something on the disk that belongs to the account and to no intent, such as the breaker's opening."""
        self._append({"uuid": "", "step": step, "facts": facts})

    def _append(self, entry: dict[str, Any]) -> None:
        text = json.dumps({"at": time.time_ns(), **entry}) + "\n"
        self.make_ready()
        with self.path.open("ab") as file:
            if file.tell() and not self._ends_whole():
                text = "\n" + text
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def _sync_folder(self) -> None:
        if hasattr(os, "O_DIRECTORY"):
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def entries(self) -> list[dict[str, Any]]:
        """Every whole line; raises Finding where the file cannot be read."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise Finding(f"the intent journal {self.path} cannot be read: {error}; no order may be sent") from None
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            except RecursionError:
                entry = None
            if not isinstance(entry, dict) or not {"uuid", "step"} <= entry.keys():
                raise Finding(f"the intent journal {self.path} cannot be read: line {number} is none of its entries")
            found.append(entry)
        return found

    def intents(self) -> list[RecordedIntent]:
        """Every intent; raises Finding where a whole line is none of the journal's."""
        try:
            return _gathered(self.entries())
        except (KeyError, TypeError, RecursionError, msgspec.ValidationError) as error:
            raise Finding(
                f"the intent journal {self.path} holds a line that is none of its own ({error}); an order may hide "
                "behind it, so no order may be sent until a person has looked"
            ) from None

    def open_intents(self) -> list[RecordedIntent]:
        """Intents whose last step is not final; raises Finding where a whole line is none of the journal's."""
        return [intent for intent in self.intents() if intent.is_open]


def _gathered(entries: list[dict[str, Any]]) -> list[RecordedIntent]:
    intents: dict[str, RecordedIntent] = {}
    for entry in entries:
        uuid, step, at = entry["uuid"], entry["step"], entry.get("at", 0)
        if not uuid:  # a note of the account, such as the breaker's opening
            continue
        if step == "INTENT":
            intent = msgspec.convert(entry["intent"], Intent)
            intents[uuid] = RecordedIntent(intent=intent, step=step, facts={}, begun=at, at=at)
        else:
            facts = {**intents[uuid].facts, **entry.get("facts", {})}
            intents[uuid] = msgspec.structs.replace(intents[uuid], step=step, facts=facts, at=at)
    return list(intents.values())
