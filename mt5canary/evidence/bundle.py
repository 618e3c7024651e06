"""The end of a run's folder: the documents that need the verdict, the manifest over everything, ``latest``."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import convert

from mt5canary.evidence import manifest, overview
from mt5canary.evidence.chain import parse
from mt5canary.evidence.documents import COMPLETION_REPORT, VERDICT, completion_report, verdict_json
from mt5canary.evidence.manifest import Manifest
from mt5canary.evidence.run import CHAIN_NAME, Run
from mt5canary.evidence.verdict import Verdict

if TYPE_CHECKING:
    from mt5canary.evidence.signing import SigningKey

LATEST = "latest"


def gather(folder: Path, source: Path, name: str) -> None:
    """Copy a report that was written elsewhere into the bundle; one that is there already stays."""
    target = folder / name
    if source.is_dir() and source.resolve() != target.resolve():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file() and source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def write_documents(folder: Path, records: Sequence[dict[str, Any]], verdict: Verdict) -> None:
    """Write ``verdict.json`` and ``COMPLETION_REPORT.md``, once every report plugin has written its own."""
    _write(folder / VERDICT, verdict_json(verdict))
    _write(folder / COMPLETION_REPORT, completion_report(records, verdict))


def close(run: Run, key: SigningKey | None = None) -> None:
    """Close the run, write the manifest over everything in its folder, sign it where there is a key, set ``latest``.

    The page over all runs is a convenience: where it cannot be written no run fails for it.
    """
    verdict = run.conclude()
    run.close()
    written = manifest.write(run.folder, run.id, CHAIN_NAME)
    if key is not None:
        _attest(run, written, verdict, key)
    point_latest(run.folder)
    with contextlib.suppress(OSError):
        overview.write(run.folder.parent)


def _attest(run: Run, written: Manifest, verdict: Verdict, key: SigningKey) -> None:
    # here: a run that signs nothing does not pay for it
    from mt5canary.evidence import attestation
    from mt5canary.evidence.provenance import Provenance

    with run.chain.path.open("rb") as file:
        first = file.readline()
        code = next(record for record in map(parse, file) if record["kind"] == "provenance")
    content = attestation.statement(
        written,
        (run.folder / manifest.NAME).read_bytes(),
        verdict,
        run.challenge,
        convert(code, Provenance),
        first,
    )
    attestation.write(run.folder, attestation.seal(content, key))


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def point_latest(folder: Path) -> None:
    """Make ``latest`` beside a run's folder lead to it; a text file with its name where links are impossible.

    It is a convenience: where something else stands in its place, that stays and no run fails for it.
    """
    latest = folder.parent / LATEST
    fresh = folder.parent / f".{LATEST}-{folder.name}"
    try:
        fresh.symlink_to(folder.name, target_is_directory=True)
    except (OSError, NotImplementedError):
        fresh.write_text(folder.name + "\n", encoding="utf-8")
    try:
        fresh.replace(latest)
    except OSError:
        fresh.unlink()
