"""An SQLite file with full synchronous writes; a new one is made beside its place and is there whole or not at all."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path


def opened(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file that every commit reaches the disk of, or make it; ``schema`` makes what is not there yet.

    The connection commits by itself and may be used by several threads, one at a time.
    """
    if not path.exists():
        _make(path, schema)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(schema)
    return connection


def _make(path: Path, schema: str) -> None:
    """Make the file with one wait for the disk instead of one for each step, and give it its name when it is whole."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    connection = sqlite3.connect(fresh, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(schema)
    connection.close()
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())
    fresh.replace(path)
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be opened, its list of names is brought to the disk too
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
