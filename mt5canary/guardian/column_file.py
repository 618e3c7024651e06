"""A strategy's own features: a CSV file with a header that the strategy appends one row to at every sample.

Read from where it ended when the watch began, a piece at a time, so that a large file holds up no probe. A line that
has no end yet is left for the next time. A file that was cut or replaced, a row that does not fit the header and a
cell that is no finite number are findings: nothing is guessed, and nothing is skipped.
"""

from __future__ import annotations

import csv
import hashlib
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from mt5canary.errors import Finding, Unproven

if TYPE_CHECKING:
    from mt5canary.guardian.stability import Column

LARGEST_HEADER = 1_048_576


class ColumnSpan(Struct, frozen=True, kw_only=True):
    """Which rows of the file were taken: where their lines stand in it, and the SHA-256 of those bytes."""

    file: str
    first_byte: int
    bytes: int
    rows: int
    sha256: str


class ColumnFile:
    """The file from one instant on."""

    def __init__(self, path: Path, features: Sequence[str], *, whole: bool = False) -> None:
        """Open the file at its end, or at its first row; raises Unproven where there is none, Finding for its header.

        Args:
            path: the file.
            features: the columns that are wanted; others may be there.
            whole: take the rows that are there already too.

        """
        self.path = path
        try:
            with path.open("rb") as file:
                header = file.readline(LARGEST_HEADER)
                start = file.tell()
                self._inode = path.stat().st_ino
                size = path.stat().st_size
                self._position = start if whole else self._last_line_end(file, start, size)
        except OSError as error:
            raise Unproven(
                f"the column file {path} cannot be read ({error.strerror}): the strategy must write it, "
                "a header and one row a sample"
            ) from None
        self._header = header
        self._places = self._find(features)
        self._line = 0
        self._problem: str | None = None
        self._begin()

    @staticmethod
    def _last_line_end(file: BinaryIO, start: int, size: int) -> int:
        """Where the last whole line ends: what follows it is the beginning of a row that is still being written."""
        position = size
        while position > start:
            step = min(65_536, position - start)
            file.seek(position - step)
            end = file.read(step).rfind(b"\n")
            if end >= 0:
                return position - step + end + 1
            position -= step
        return start

    def _find(self, features: Sequence[str]) -> dict[str, int]:
        if not self._header.endswith(b"\n"):
            raise Finding(f"the column file {self.path} has no header: its first line must name the columns")
        try:
            names = next(csv.reader([self._header.decode("utf-8-sig").strip()]), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise Finding(f"the header of the column file {self.path} cannot be read: {error}") from None
        names = [name.strip() for name in names]
        self._width = len(names)
        twice = sorted({name for name in names if names.count(name) > 1})
        missing = [name for name in features if name not in names]
        if twice:
            raise Finding(f"the column file {self.path} names {', '.join(twice)} more than once")
        if missing:
            raise Finding(f"the column file {self.path} has no column {', '.join(missing)}; it has {', '.join(names)}")
        return {name: names.index(name) for name in features}

    def _begin(self) -> None:
        self._columns = {name: array("d") for name in self._places}
        self._first_byte = self._position
        self._hash = hashlib.sha256()

    def poll(self) -> None:
        """Read the rows that were added; a finding is kept for ``take``."""
        if self._problem is not None:
            return
        try:
            self._read_on()
        except Finding as finding:
            self._problem = str(finding)
        except OSError as error:
            self._problem = f"the column file {self.path} cannot be read any more: {error.strerror}"

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            status = self.path.stat()
            if status.st_ino != self._inode or status.st_size < self._position:
                raise Finding(f"the column file {self.path} was cut or replaced: rows are only ever added to it")
            if file.readline(LARGEST_HEADER) != self._header:
                raise Finding(f"the header of the column file {self.path} changed")
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        self._line += 1
        cells = line.decode("utf-8", "backslashreplace").strip().split(",")
        if len(cells) != self._width:
            raise Finding(
                f"row {self._line} read from the column file {self.path} has {len(cells)} cells, its header has "
                f"{self._width}"
            )
        for name, place in self._places.items():
            try:
                self._columns[name].append(float(cells[place]))
            except ValueError:
                raise Finding(
                    f"row {self._line} read from the column file {self.path} holds {cells[place]!r} in {name}: "
                    "no number"
                ) from None
        self._hash.update(line)
        self._position += len(line)

    def take(self) -> tuple[Mapping[str, Column], ColumnSpan]:
        """The columns since the last call, and which bytes of the file they are; raises Finding for what was wrong."""
        import numpy

        self.poll()
        if self._problem is not None:
            raise Finding(self._problem)
        columns = {name: numpy.array(values) for name, values in self._columns.items()}
        span = ColumnSpan(
            file=self.path.name,
            first_byte=self._first_byte,
            bytes=self._position - self._first_byte,
            rows=min((len(values) for values in columns.values()), default=0),
            sha256=self._hash.hexdigest(),
        )
        self._begin()
        return columns, span
