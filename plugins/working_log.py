"""VERIFY_LOG.log in the working directory: the run's own log while it goes on, a copy of it afterwards.

A link, so that ``tail -f VERIFY_LOG.log`` follows the run; then a copy, so that what a person appends to it never
touches the bundle.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from mt5canary.evidence.books import BOOKS


class WorkingLog:
    """The log's name in the working directory, for as long as one run lasts."""

    def __init__(self, bundle: Path, directory: Path) -> None:
        self._target = (bundle / BOOKS["verify"]).absolute()
        self._link = directory / BOOKS["verify"]
        self._linked = False
        if self._link.resolve() == self._target:
            return
        try:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self._target)
            self._linked = True
        except OSError:
            self._linked = False

    def leave_copy(self) -> None:
        """Put a copy of the log in the link's place; a person's own file of that name stays."""
        if self._linked and self._link.is_symlink():
            self._link.unlink()
            with suppress(OSError):  # a full disk; the log itself is in the bundle
                shutil.copyfile(self._target, self._link)
