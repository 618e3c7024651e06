"""A finished run's folder, opened by somebody who was not there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.errors import UsageProblem
from mt5canary.evidence.chain import lines, parse
from mt5canary.evidence.documents import VERDICT
from mt5canary.evidence.run import CHAIN_NAME
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


def records_of(folder: Path, kinds: Collection[str]) -> Iterator[dict[str, Any]]:
    """A chain's records of some kinds, every link checked; a day's probes are not even parsed.

    Raises BrokenChain where the chain does not hold, and UsageProblem where there is none.
    """
    path = folder / CHAIN_NAME
    if not path.is_file():
        raise UsageProblem(f"{path}: there is no such file; give a run's folder under reports/")
    marks = tuple(f',"kind":"{kind}"'.encode() for kind in kinds)
    for line in lines(path):
        if any(mark in line[:_HEAD_BYTES] for mark in marks):
            yield parse(line)


_HEAD_BYTES = 256
"""A record begins with its links, times and kind, which are shorter than this."""
