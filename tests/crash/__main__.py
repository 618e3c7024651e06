"""``make crash-matrix``: fly every row and write docs/crash-matrix.md; exit status 1 where a row did not hold."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.crash.matrix import CASES, PAGE, fly_all, page
from tests.crash.world import Row


def main() -> int:
    """Fly, and write the page only where every row held."""
    with tempfile.TemporaryDirectory(prefix="crash-matrix-") as folder:
        done = fly_all(CASES, Path(folder), way_back=True)
    failed = {case: row for case, row in done.items() if not isinstance(row, Row)}
    for case, error in failed.items():
        print(f"{case.dies}: {case.point}: {type(error).__name__}: {error}", file=sys.stderr)
    if not failed:
        PAGE.write_text(page({case: row for case, row in done.items() if isinstance(row, Row)}), encoding="utf-8")
    print(f"{len(done) - len(failed)} of {len(done)} rows hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
