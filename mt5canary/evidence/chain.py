"""The chain: one append-only file of records, each bound to the stored bytes of the one before.

A line is a JSON object that starts with ``"prev"``, the SHA-256 of the line before it (newline included), and
``"seq"``, its number; so the chain is checked without a JSON parser, and nothing is ever serialised again to be
hashed. The first record is bound to 64 zeros. A chain alone does not show a cut tail or a rewritten whole: that
is what the seal, the manifest and the attestation are for.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.errors import Finding

FIRST = "0" * 64
_PREFIX_LENGTH = len('{"prev":"') + 64
_HEAD_LENGTH = 200
"""A line's own fields, up to its kind, end before."""


class Chain:
    """The writing end of a chain. A record is handed to the kernel before ``append`` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._lock = threading.Lock()
        self._pending: list[tuple[str, msgspec.Struct, tuple[int, int]]] = []
        self._is_named_on_disk = False
        self.head = FIRST
        self.count = 0

    def append(self, kind: str, body: dict[str, Any] | msgspec.Struct, *, durable: bool = False) -> int:
        """Write one record and return its number; ``durable`` waits until it is on the disk."""
        with self._lock:
            stamps = (time.time_ns(), time.monotonic_ns())
            self._write_pending()
            sequence = self._write_record(kind, body, stamps)
        if durable:
            self._sync()  # outside the lock: another thread's record need not wait for the disk
        return sequence

    def append_soon(self, kind: str, body: msgspec.Struct) -> None:
        """Take one record with its times, to be written before any later one: at ``settle``, or with the next.

        For reads alone: it lets the work of writing fall into the time that the next reply is waited for.
        """
        with self._lock:
            self._pending.append((kind, body, (time.time_ns(), time.monotonic_ns())))

    def settle(self) -> None:
        """Write what ``append_soon`` took."""
        if self._pending:
            with self._lock:
                self._write_pending()

    def _write_pending(self) -> None:
        while self._pending:
            self._write_record(*self._pending.pop(0))

    def _write_record(self, kind: str, body: dict[str, Any] | msgspec.Struct, stamps: tuple[int, int]) -> int:
        encoded = msgspec.json.encode(body)
        sequence = self.count
        own = f'"at":{stamps[0]},"monotonic":{stamps[1]},"kind":"{kind}"'
        separator = b"," if len(encoded) > 2 else b""
        line = f'{{"prev":"{self.head}","seq":{sequence},{own}'.encode() + separator + encoded[1:] + b"\n"
        self._write(line)
        self.head = hashlib.sha256(line).hexdigest()
        self.count = sequence + 1
        return sequence

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[os.write(self._file, view) :]

    def _sync(self) -> None:
        os.fsync(self._file)
        if not self._is_named_on_disk:
            sync_folder(self.path.parent)
            self._is_named_on_disk = True

    def close(self) -> None:
        """Bring everything to the disk and close the file; a second call does nothing."""
        if self._file >= 0:
            self.settle()
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk: a synced file whose name is lost is lost too."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows: a folder cannot be opened, and NTFS journals the name with the file
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class BrokenChain(Finding):
    """The stored bytes are not one whole chain; the text names the first line that is not."""


def lines(path: Path) -> Iterator[bytes]:
    """The chain's lines with every link checked; raises BrokenChain at the first that does not hold."""
    expected = FIRST
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if not line.endswith(b"\n"):
                raise BrokenChain(f"{path.name}: record {number} is cut off: its line has no end")
            if line[:9] != b'{"prev":"' or line[9:_PREFIX_LENGTH] != expected.encode():
                raise BrokenChain(f"{path.name}: record {number} does not follow the record before it")
            if not line[_PREFIX_LENGTH:].startswith(f'","seq":{number},'.encode()):
                raise BrokenChain(f"{path.name}: record {number} carries another number")
            expected = hashlib.sha256(line).hexdigest()
            yield line


def is_exchange(line: bytes) -> bool:
    """Whether a chain's line is an ``exchange`` record, told without parsing it: only numbers stand before its kind."""
    return b',"kind":"exchange"' in line[:_HEAD_LENGTH]


def is_ping(line: bytes) -> bool:
    """The same for an ``exchange`` record of a ``PING``, of which a run has more than of all else."""
    return b',"kind":"exchange","action":"PING",' in line[:_HEAD_LENGTH]


def parse(line: bytes) -> dict[str, Any]:
    """One record from its line; raises BrokenChain where the line is no JSON object."""
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BrokenChain(f"a record cannot be parsed: {error}") from None
    if not isinstance(record, dict):
        raise BrokenChain("a record is no JSON object")
    return record


def read(path: Path) -> list[dict[str, Any]]:
    """The chain's records, checked and parsed."""
    return [parse(line) for line in lines(path)]


def head(path: Path) -> tuple[int, str]:
    """How many records the file holds and the hash of its last line, every link checked."""
    count, last = 0, FIRST
    for line in lines(path):
        count, last = count + 1, hashlib.sha256(line).hexdigest()
    return count, last


def raw(record: dict[str, Any], field: str) -> bytes | None:
    """The bytes of a frame as it was on the wire, from a record's field; None where there was none."""
    value = record.get(field)
    return None if value is None else base64.b64decode(value)


def utc(nanoseconds: int) -> str:
    """A wall-clock time in nanoseconds since 1970 as RFC 3339 in UTC, to the microsecond."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{_to_the_second(seconds)}.{rest // 1000:06}Z"


@lru_cache(maxsize=64)  # records come many a second, and the calendar costs more than the rest of a line
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00")
