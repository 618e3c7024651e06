"""What the gateway must not forget: requests before they are acted on, their replies, the halt, the leases.

One SQLite file with full synchronous writes. A request is *in flight* from before the terminal is asked until
its reply is on disk; one found in flight at a start is resolved against the terminal's history (resolution.py).
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import NamedTuple

from mt5canary.gateway.database import opened

_SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS requests (
    uuid TEXT PRIMARY KEY,
    action TEXT NOT NULL,
    body TEXT NOT NULL,
    frame BLOB NOT NULL,
    begun REAL NOT NULL,
    server_msc INTEGER NOT NULL,
    reply BLOB,
    unknown INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS requests_begun ON requests (begun);
CREATE TABLE IF NOT EXISTS orders (ticket INTEGER PRIMARY KEY, uuid TEXT NOT NULL, sent REAL NOT NULL);
CREATE TABLE IF NOT EXISTS halt (only INTEGER PRIMARY KEY CHECK (only = 1), reason TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS leases (magic TEXT PRIMARY KEY, expires REAL NOT NULL);
COMMIT;
"""

KEPT_SECONDS = 7 * 24 * 3600.0
"""How long a request stays known; the protocol demands 72 h at least."""


FORGETTING_EVERY = 100
"""After how many requests some of what is too old is deleted."""

FORGOTTEN_AT_ONCE = 2 * FORGETTING_EVERY
"""How many requests at most are deleted then: more than come, and few enough that nobody waits for it."""


class Record(NamedTuple):
    """A request as it was written down.

    ``body`` is what makes two requests the same; ``server_msc`` is the terminal's latest quote time when it was
    written down; ``reply`` is None while in flight; ``unknown`` says that the reply was that the outcome is
    unknown, so that asking again may find it out.
    """

    uuid: str
    action: str
    body: str
    frame: bytes
    begun: float
    server_msc: int
    reply: bytes | None
    unknown: bool


class Journal:
    """The gateway's memory on disk; safe to use from the loop and from the terminal's worker."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = opened(path, _SCHEMA)
        self._begun = 0
        self._forget(time.time())
        self._halt_reason = self._read_halt()
        self._leases = self._read_leases()

    def _forget(self, now: float) -> None:
        limit = (now - KEPT_SECONDS, FORGOTTEN_AT_ONCE)
        old = "SELECT rowid FROM requests WHERE begun < ? AND reply IS NOT NULL ORDER BY begun LIMIT ?"
        self._connection.execute(f"DELETE FROM requests WHERE rowid IN ({old})", limit)
        first = "SELECT ticket FROM orders ORDER BY ticket LIMIT ?"  # tickets rise with time
        self._connection.execute(f"DELETE FROM orders WHERE sent < ? AND ticket IN ({first})", limit)

    # -- requests -------------------------------------------------------------------------------------------

    def find(self, uuid: str) -> Record | None:
        """A request by its uuid."""
        with self._lock:
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM requests WHERE uuid = ?", (uuid,)).fetchone()
        return _record(row) if row else None

    def in_flight(self) -> list[Record]:
        """Every request without a reply, the oldest first."""
        query = f"SELECT {_COLUMNS} FROM requests WHERE reply IS NULL ORDER BY begun"
        with self._lock:
            return [_record(row) for row in self._connection.execute(query)]

    def begin(self, record: Record) -> None:
        """Write a request down before it is acted on."""
        with self._lock:
            self._begun += 1
            if self._begun % FORGETTING_EVERY == 0:
                self._forget(record.begun)
            self._connection.execute(f"INSERT INTO requests ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", record)

    def finish(self, uuid: str, reply: bytes, orders: tuple[int, ...], now: float, unknown: bool = False) -> None:
        """Write down a request's reply, and which of the terminal's orders were its doing."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(
                "UPDATE requests SET reply = ?, unknown = ? WHERE uuid = ?", (reply, unknown, uuid)
            )
            for ticket in orders:
                self._connection.execute("REPLACE INTO orders VALUES (?, ?, ?)", (ticket, uuid, now))

    def claim(self, orders: tuple[int, ...], owner: str, now: float) -> None:
        """Write down orders that no request made, so that none is taken for a request's."""
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for ticket in orders:
                self._connection.execute("REPLACE INTO orders VALUES (?, ?, ?)", (ticket, owner, now))

    def withdraw(self, uuid: str) -> None:
        """Forget a request that is known not to have reached the terminal and was never answered."""
        with self._lock:
            self._connection.execute("DELETE FROM requests WHERE uuid = ?", (uuid,))

    def owner(self, order: int) -> str | None:
        """The request that an order of the terminal was made by."""
        with self._lock:
            row = self._connection.execute("SELECT uuid FROM orders WHERE ticket = ?", (order,)).fetchone()
        return str(row[0]) if row else None

    def opened_since(self, instant: float) -> int:
        """How many ``OPEN`` requests went to the terminal since an instant."""
        query = "SELECT COUNT(*) FROM requests WHERE begun >= ? AND action = 'OPEN'"
        with self._lock:
            return int(self._connection.execute(query, (instant,)).fetchone()[0])

    # -- the halt -------------------------------------------------------------------------------------------

    def _read_halt(self) -> str | None:
        row = self._connection.execute("SELECT reason FROM halt").fetchone()
        return str(row[0]) if row else None

    @property
    def halt_reason(self) -> str | None:
        """Why the gateway is halted; None where it is not."""
        return self._halt_reason

    def halt(self, reason: str, now: float) -> None:
        """Latch the halt."""
        with self._lock:
            self._connection.execute("REPLACE INTO halt VALUES (1, ?, ?)", (reason, now))
            self._halt_reason = reason

    def resume(self) -> None:
        """Lift the halt."""
        with self._lock:
            self._connection.execute("DELETE FROM halt")
            self._halt_reason = None

    # -- leases ---------------------------------------------------------------------------------------------

    def _read_leases(self) -> dict[int, float]:
        return {int(magic): expires for magic, expires in self._connection.execute("SELECT * FROM leases")}

    @property
    def leases(self) -> dict[int, float]:
        """Each leased magic number with the instant at which its lease ends (s since 1970, UTC)."""
        return self._leases

    def lease(self, magic: int, expires: float) -> None:
        """Give or renew a lease."""
        with self._lock:
            self._connection.execute("REPLACE INTO leases VALUES (?, ?)", (str(magic), expires))
            self._leases = self._leases | {magic: expires}

    def end_lease(self, magic: int) -> None:
        """Take a lease away."""
        with self._lock:
            self._connection.execute("DELETE FROM leases WHERE magic = ?", (str(magic),))
            self._leases = {leased: expires for leased, expires in self._leases.items() if leased != magic}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


_COLUMNS = "uuid, action, body, frame, begun, server_msc, reply, unknown"


def _record(row: tuple[str, str, str, bytes, float, int, bytes | None, int]) -> Record:
    return Record(*row[:7], unknown=bool(row[7]))
