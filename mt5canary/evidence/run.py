"""One run: its folder, its chain, its logs, and what its criteria came to.

The chain is the one record; the logs are views of its ``log`` records, written line by line as they happen, and
``verdict.json`` is what its ``outcome`` and ``measurement`` records amount to.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mt5canary import __version__
from mt5canary.catalogue import Catalogue, Criterion
from mt5canary.errors import UsageProblem
from mt5canary.evidence.books import BOOKS, Entry, line
from mt5canary.evidence.chain import Chain, utc
from mt5canary.evidence.verdict import SCHEMA, CriterionResult, OrderFacts, Verdict, complete, decide
from mt5canary.measurement import Measurement, Outcome

if TYPE_CHECKING:
    from mt5canary.decision import AdmissionRecord

CHAIN_NAME = "evidence.jsonl"
DISTRIBUTIONS = ("pyzmq", "msgspec", "pytest", "pytest-html", "allure-pytest", "pytest-timeout")


LONGEST_CHALLENGE = 200


def challenged(text: str) -> str:
    """A challenge as it is recorded; raises UsageProblem where it cannot be read back as it was given."""
    if len(text) > LONGEST_CHALLENGE or not text.isprintable():
        raise UsageProblem(
            f"--challenge: must be at most {LONGEST_CHALLENGE} printable characters, such as 64 hex digits"
        )
    return text


def new_run_id(now: datetime) -> str:
    """A run's identifier: when it began, and six random hex digits."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


class Run:
    """A run from its first record to its verdict.

    ``challenge`` is a text of somebody who will verify the run and could not be known before it; ``signed_by`` is the
    fingerprint of the key that will sign the bundle. Both stand in the first record, so that neither can be given, or
    taken away, afterwards.
    """

    def __init__(
        self,
        reports: Path,
        mode: str,
        catalogue: Catalogue,
        *,
        task: str,
        target: str,
        rehearsal: bool,
        challenge: str = "",
        signed_by: str = "",
    ) -> None:
        started = datetime.now(UTC)
        self.started_monotonic = time.monotonic()
        self.id = new_run_id(started)
        self.mode = mode
        self.task = task
        self.target = target
        self.rehearsal = rehearsal
        self.challenge = challenge
        self.signed_by = signed_by
        self.required: tuple[Criterion, ...] = catalogue.of_mode(mode)
        self.folder = reports / self.id
        self.folder.mkdir(parents=True)
        self.chain = Chain(self.folder / CHAIN_NAME)
        self._books = {
            book: (self.folder / name).open("a", encoding="utf-8", newline="\n") for book, name in BOOKS.items()
        }
        self._log_lock = threading.RLock()
        self.listeners: list[Callable[[Entry], None]] = []
        self.results: dict[str, CriterionResult] = {}
        self.order: OrderFacts | None = None
        self.flat: bool | None = None
        self.order_left = False
        """Whether an order was let out, whatever became of it."""
        self.unwritten = ""
        """Why something could not be written; empty while everything was."""
        self.evidence_level = "E0"
        self.started_at = utc(time.time_ns())
        self._open_findings: dict[str, list[str]] = {}
        self._open_measurements: dict[str, list[Measurement]] = {}
        self._concluded: Verdict | None = None
        self.record("run", self._header())

    @property
    def title(self) -> str:
        """The run's name for people; a rehearsal says so."""
        prefix = "REHEARSAL: " if self.rehearsal else ""
        return f"{prefix}canary {self.mode} run {self.id} of task {self.task} on {self.target}"

    def _header(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "run": self.id,
            "task": self.task,
            "mode": self.mode,
            "target": self.target,
            "rehearsal": self.rehearsal,
            "started_at": self.started_at,
            "started_monotonic": self.started_monotonic,
            "challenge": self.challenge,
            "signed_by": self.signed_by,
            "criteria": [{"id": each.id, "stage": each.stage, "title": each.title} for each in self.required],
            "environment": environment(),
        }

    def record(self, kind: str, body: dict[str, Any] | Struct, *, durable: bool = False) -> int:
        """Append one record to the chain and return its number."""
        return self.chain.append(kind, body, durable=durable)

    def _write_if_possible(self, kind: str, body: dict[str, Any] | Struct) -> None:
        """Append a record that the run must survive without; the first trouble is remembered and said at the end."""
        try:
            self.record(kind, body)
        except OSError as error:
            self.cannot_write(error)

    def cannot_write(self, error: OSError) -> None:
        """Remember that the evidence, or a report, could not be written, and why; the first time counts."""
        self.unwritten = self.unwritten or str(error)

    def log(self, source: str, text: str, *, level: str = "INFO", books: tuple[str, ...] = ("verify",)) -> None:
        """Write one line to one or more of the plan's logs; the line's record is in the chain first."""
        with self._log_lock:  # several threads may have something to say, and a book has its records' order
            entry = Entry(at_wall=time.time_ns(), level=level, source=source, text=text, books=books)
            self._write_if_possible("log", entry)
            for book in books:
                try:
                    self._books[book].write(line(entry))
                    self._books[book].flush()
                except OSError as error:
                    self.cannot_write(error)
            for listener in self.listeners:
                listener(entry)

    def measurement(self, criterion: str, measurement: Measurement) -> None:
        """Record what a criterion measured."""
        self.record("measurement", {"criterion": criterion, **msgspec.structs.asdict(measurement)})
        self._open_measurements.setdefault(criterion, []).append(measurement)

    def measurements(self, criterion: str) -> list[Measurement]:
        """What a criterion has measured so far."""
        return self._open_measurements.get(criterion, [])

    def finding(self, criterion: str, text: str) -> None:
        """Record a remark that a reader must see and that does not decide."""
        self.record("finding", {"criterion": criterion, "text": text})
        self._open_findings.setdefault(criterion, []).append(text)
        self.log(criterion, f"finding: {text}", level="WARNING")

    def outcome(self, criterion: Criterion, outcome: Outcome, reason: str) -> CriterionResult:
        """Record what a criterion came to; a later, worse outcome of the same criterion replaces it."""
        result = CriterionResult(
            id=criterion.id,
            stage=criterion.stage,
            title=criterion.title,
            outcome=outcome,
            reason=reason,
            measurements=list(self.measurements(criterion.id)),
            findings=self._open_findings.get(criterion.id, []),
        )
        self.results[criterion.id] = result
        self._write_if_possible("outcome", {"criterion": criterion.id, "outcome": outcome, "reason": reason})
        return result

    def keep_decision(self, record: AdmissionRecord) -> None:
        """Put a copy of the decision record into the chain: what was hashed can be hashed again."""
        self.record("decision", {"name": record.path.name, "content": record.content, "read_at": record.read_at})

    def fill(self, level: str, **facts: Any) -> None:
        """Say what is known of the order, and on what level of evidence (E1 the reply, E2 the history)."""
        self.order = OrderFacts(**facts)
        self.evidence_level = level
        self.record("order", {"level": level, **facts}, durable=True)

    def document(self, name: str, content: str) -> None:
        """Write a document of the bundle and bind its digest into the chain."""
        (self.folder / name).write_bytes(content.encode("utf-8"))
        self.bind(name)

    def bind(self, name: str) -> None:
        """Bind a document of the bundle into the chain, as it stands on the disk."""
        stored = (self.folder / name).read_bytes()
        digest = hashlib.sha256(stored).hexdigest()
        self.record("document", {"name": name, "sha256": digest, "bytes": len(stored)})

    def conclude(self) -> Verdict:
        """What the run came to, once and for all: recorded the first time, and the same ever after."""
        if self._concluded is None:
            verdict = self._concluded = self.verdict()
            facts = {"verdict": verdict.verdict, "decided_by": verdict.decided_by, "flat": verdict.flat}
            self._write_if_possible("verdict", {**facts, "ended_at": verdict.ended_at})
        return self._concluded

    def verdict(self) -> Verdict:
        """What the run comes to as things stand."""
        results = complete(self.required, self.results)
        verdict, decided_by = decide(results)
        return Verdict(
            schema=SCHEMA,
            run=self.id,
            task=self.task,
            mode=self.mode,
            target=self.target,
            rehearsal=self.rehearsal,
            verdict=verdict,
            decided_by=decided_by,
            evidence_level=self.evidence_level,
            started_at=self.started_at,
            ended_at=utc(time.time_ns()),
            criteria=results,
            order=self.order,
            flat=self.flat,
        )

    def close(self) -> None:
        """Bring the chain and the logs to the disk."""
        for end in (self.chain.close, *(book.close for book in self._books.values())):
            try:
                end()
            except OSError as error:
                self.cannot_write(error)


def environment() -> dict[str, str]:
    """What the run ran on: versions, host, process; nothing secret."""
    return {
        "mt5canary": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "host": platform.node(),
        "process": str(os.getpid()),
        "command": " ".join([Path(sys.argv[0]).name, *map(without_value, sys.argv[1:])]),
        **{name: installed_version(name) for name in DISTRIBUTIONS},
    }


def installed_version(name: str) -> str:
    """A distribution's version; read from its metadata by line, for parsing all of it costs ten times as much."""
    lines = (distribution(name).read_text("METADATA") or "").splitlines()
    return next((line.removeprefix("Version: ") for line in lines if line.startswith("Version: ")), "unknown")


def without_value(word: str) -> str:
    """A word of the command line, with what is assigned to anything that may be a secret masked."""
    name, separator, _ = word.partition("=")
    secret = separator and any(part in name.lower() for part in ("secret", "password", "key"))
    return f"{name}=****" if secret else word
