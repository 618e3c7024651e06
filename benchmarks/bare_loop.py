"""The bare loop that the gateway is measured beside: a REP socket, ``json``, and for an ``OPEN`` the same writes.

``python -m benchmarks.bare_loop FOLDER`` serves it. It judges nothing and knows no terminal.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import zmq

COMMITS = 3
"""What an order takes: the request before it is acted on, the broker's own book, the reply."""


class Commits:
    """As many commits as an ``OPEN`` makes, of rows of the same sizes, in two files with the gateway's settings."""

    def __init__(self, folder: Path) -> None:
        self._requests = _opened(folder / "requests.sqlite")
        self._requests.execute("CREATE TABLE requests (uuid TEXT PRIMARY KEY, body TEXT, reply BLOB)")
        self._book = _opened(folder / "book.sqlite")
        self._book.execute("CREATE TABLE records (ticket INTEGER PRIMARY KEY, body BLOB)")

    def make(self) -> None:
        """Make them, each on disk before the next."""
        name = str(uuid.uuid4())
        self._requests.execute("INSERT INTO requests VALUES (?, ?, NULL)", (name, "x" * 450))
        with self._book:
            self._book.execute("BEGIN IMMEDIATE")
            self._book.executemany("INSERT INTO records VALUES (NULL, ?)", [(b"x" * 280,)] * 4)
        self._requests.execute("UPDATE requests SET reply = ? WHERE uuid = ?", (b"x" * 420, name))


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def main(folder: Path) -> None:
    """Serve on a free port, whose address is printed first."""
    commits = Commits(folder)
    socket: zmq.Socket[bytes] = zmq.Context().socket(zmq.REP)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    print(f"listening on tcp://127.0.0.1:{port}", flush=True)
    while True:
        request: dict[str, Any] = json.loads(socket.recv())
        status = "ok"
        if request["action"] == "OPEN":
            commits.make()
            status = "FILLED"
        reply = {"uuid": request["uuid"], "status": status, "server_time": time.time(), "latency_ms": 0.1}
        socket.send(json.dumps(reply).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
