"""A finished run's folder, opened by somebody who was not there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mt5canary.errors import UsageProblem
from mt5canary.evidence.documents import VERDICT
from mt5canary.evidence.verdict import Verdict


def folder_of(path: Path) -> Path:
    """The run's folder that a path leads to, ``latest`` followed; raises UsageProblem where there is none."""
    folder = path.resolve()
    if folder.is_file() and folder.name == "latest":  # what stands in for the link where there are no links
        folder = folder.parent / folder.read_text(encoding="utf-8").strip()
    if not folder.is_dir():
        raise UsageProblem(f"{path}: there is no such folder; give a run's folder under reports/")
    return folder


def verdict_of(folder: Path) -> Verdict:
    """What a run's ``verdict.json`` says; raises UsageProblem where it cannot be read."""
    path = folder / VERDICT
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except OSError as error:
        raise UsageProblem(f"{path}: cannot be read: {error.strerror or error}; a finished run has one") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path}: is no verdict: {error}") from None
