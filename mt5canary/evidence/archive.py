"""A bundle kept for good: packed the same way every time, and committed to a git repository that the user names.

The archive is a plain tar: names sorted, owners and times left out, nothing compressed (git does that), so the same
bundle gives the same bytes on any machine. Its commit is an anchor outside the bundle: whoever holds the repository can
show that the bundle was this one when it was committed. Nothing is ever pushed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from mt5canary.errors import Finding, UsageProblem
from mt5canary.evidence.verdict import Verdict

GIT_SECONDS = 120.0
DIGEST_LINE = "bundle-sha256: "
_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")


class Anchor(NamedTuple):
    """Where an archive stands: the commit, its path in the repository, its SHA-256, and when it was committed."""

    commit: str
    path: str
    digest: str
    committed_at: str


def pack(folder: Path) -> bytes:
    """A bundle's folder as a tar whose bytes depend on names and contents alone."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in _files(folder):
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            entry.size, entry.mode, entry.mtime = len(content), 0o644, 0
            archive.addfile(entry, BytesIO(content))
    return packed.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.as_posix())


def message(verdict: Verdict, digest: str) -> str:
    """The commit's message: task, verdict and digest."""
    decided = f", decided by {verdict.decided_by}" if verdict.decided_by else ""
    rehearsal = "REHEARSAL: " if verdict.rehearsal else ""
    return (
        f"{rehearsal}task {verdict.task}: {verdict.verdict} ({verdict.mode} run {verdict.run})\n\n"
        f"target: {verdict.target}\nverdict: {verdict.verdict}{decided}\nevidence level: {verdict.evidence_level}\n"
        f"{DIGEST_LINE}{digest}\n"
    )


def commit(repository: Path, folder: Path, verdict: Verdict) -> Anchor:
    """Commit a bundle's archive; one that stands there already is left as it is.

    Raises UsageProblem where there is no repository that can take it, Finding where it holds another archive of the
    same run.
    """
    top = Path(_git(repository, "rev-parse", "--show-toplevel"))
    name = f"{folder.name}.tar"
    packed = pack(folder)
    digest = hashlib.sha256(packed).hexdigest()
    standing = anchor(top, folder.name)
    if standing is not None:
        if standing.digest != digest:
            raise Finding(
                f"{top} holds another archive of {folder.name}, {standing.digest} in commit {standing.commit}; "
                f"this bundle is {digest}: one of the two was changed"
            )
        return standing
    _add(top, name, packed, message(verdict, digest))
    made = anchor(top, folder.name)
    if made is None or made.digest != digest:
        raise Finding(f"{top}: the commit was made and does not hold {name} as it was packed")
    return made


def _add(top: Path, name: str, packed: bytes, text: str) -> None:
    """Commit one file and nothing else that may be staged; what cannot be committed leaves no trace."""
    (top / name).write_bytes(packed)
    try:
        _git(top, "add", "--force", "--", name)
        _git(top, "commit", "--quiet", "--message", text, "--", name)
    except UsageProblem:
        _git(top, "rm", "--quiet", "--cached", "--force", "--ignore-unmatch", "--", name)
        (top / name).unlink()
        raise


def anchor(repository: Path, run: str) -> Anchor | None:
    """The first commit that a run's archive stands in, its digest worked out from the bytes committed; None if none."""
    name = f"{run}.tar"
    found = _git(repository, "log", "--all", "--diff-filter=A", "--format=%H %cI", "--", f":(top){name}").splitlines()
    if not found:
        return None
    made, committed_at = found[-1].split()
    stored = _run(repository, "cat-file", "blob", f"{made}:{name}")
    return Anchor(made, name, hashlib.sha256(stored).hexdigest(), committed_at)


def _git(repository: Path, *words: str) -> str:
    return _run(repository, *words).decode("utf-8", "replace").strip()


def _run(repository: Path, *words: str) -> bytes:
    environment = {name: value for name, value in os.environ.items() if name not in _ANOTHER_REPOSITORY}
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *words],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
            env=environment,
        )
    except FileNotFoundError:
        raise UsageProblem("git is not installed; an archive is a commit") from None
    except subprocess.TimeoutExpired:
        raise UsageProblem(f"git {words[0]} in {repository} did not end within {GIT_SECONDS:g} s") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageProblem(
            f"git {words[0]} in {repository}: {said[-1] if said else 'failed and said nothing'}"
        ) from None
    return done.stdout
