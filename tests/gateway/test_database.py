"""The gateway's files: there whole or not at all, and every commit waits for the disk."""

from __future__ import annotations

from pathlib import Path

from mt5canary.gateway.database import opened

SCHEMA = "CREATE TABLE IF NOT EXISTS kept (value INTEGER);"
FULL = 2
"""What ``PRAGMA synchronous`` says for FULL (https://www.sqlite.org/pragma.html#pragma_synchronous)."""


def test_a_new_file_is_as_safe_as_an_old_one(tmp_path: Path) -> None:
    """What is made with fewer waits is written with all of them afterwards, and what it holds is still there."""
    path = tmp_path / "kept.sqlite"
    for count in (0, 1):
        connection = opened(path, SCHEMA)
        assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT COUNT(*) FROM kept").fetchone() == (count,)
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.close()
    assert [each.name for each in tmp_path.iterdir()] == ["kept.sqlite"]


def test_what_a_kill_left_half_made_is_made_anew(tmp_path: Path) -> None:
    """A file that never got its name is no reason not to start."""
    (tmp_path / "kept.sqlite.new").write_bytes(b"SQLite format 3\x00 cut off")
    connection = opened(tmp_path / "kept.sqlite", SCHEMA)
    assert connection.execute("SELECT COUNT(*) FROM kept").fetchone() == (0,)
    connection.close()
