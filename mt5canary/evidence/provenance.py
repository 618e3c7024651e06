"""What a run ran: the digest of its own sources, and the git commit that they were checked out from.

The digest is SHA-256 over the lines that ``sha256sum`` prints for every source, sorted by path, so that a checkout can
be held against it with standard tools::

    find mt5canary plugins fixtures verification -name '*.py' -o -name '*.yaml' |
        LC_ALL=C sort | xargs sha256sum | sha256sum
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from msgspec import Struct

import mt5canary

SOURCES = ("mt5canary", "plugins", "fixtures", "verification")
_SUFFIXES = (".py", ".yaml")
_GIT_SECONDS = 10.0


class Provenance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of a run's code; ``commit`` and ``dirty`` are None where there is no checkout, or it was not asked."""

    code_sha256: str
    files: int
    commit: str | None = None
    dirty: bool | None = None


def take(root: Path, *, ask_git: bool) -> Provenance:
    """Describe the code: of the installed package, and of the criteria with their fixtures and plugins under ``root``.

    ``ask_git`` starts git, which costs some 20 ms.
    """
    digests = dict(sorted(_digests(root)))
    listing = "".join(f"{digest}  {path}\n" for path, digest in digests.items())
    commit, dirty = _git(root) if ask_git else (None, None)
    digest = hashlib.sha256(listing.encode()).hexdigest()
    return Provenance(code_sha256=digest, files=len(digests), commit=commit, dirty=dirty)


def _digests(root: Path) -> list[tuple[str, str]]:
    package = Path(mt5canary.__file__).parent
    folders = [(name, package if name == package.name else root / name) for name in SOURCES]
    return [
        (f"{name}/{path.relative_to(folder).as_posix()}", hashlib.sha256(path.read_bytes()).hexdigest())
        for name, folder in folders
        for path in folder.rglob("*")
        if path.suffix in _SUFFIXES
    ]


def _git(root: Path) -> tuple[str | None, bool | None]:
    commit = _ask(root, "rev-parse", "HEAD")
    changes = None if commit is None else _ask(root, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _ask(root: Path, *words: str) -> str | None:
    command = ["git", "-C", str(root), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
