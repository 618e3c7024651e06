"""``mt5canary archive BUNDLE``: keep a bundle in a git repository, for good."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mt5canary.errors import Finding
from mt5canary.evidence.archive import commit
from mt5canary.evidence.finished import folder_of, verdict_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="a run's folder, such as reports/latest")
    parser.add_argument("--repository", metavar="DIR", type=Path, required=True, help="a git repository; never pushed")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    """Pack and commit; exit status 1 where the repository holds another archive of the same run."""
    folder = folder_of(arguments.bundle)
    try:
        anchor = commit(arguments.repository, folder, verdict_of(folder))
    except Finding as finding:
        print(f"not archived: {finding}")
        return 1
    if arguments.json:
        print(json.dumps(anchor._asdict(), indent=2))
    else:
        print(f"{anchor.path}: sha256 {anchor.digest}, commit {anchor.commit} of {anchor.committed_at}; not pushed")
    return 0
