"""``make mutation``: how many mutants of the harness its tests notice; ``docs/mutation.md`` names those they do not.

``python -m tests.mutation [--minutes N] [MODULE...]``; a module by its path below ``mt5canary/``. Exit status 1 where
fewer than 95 of 100 are noticed, one survives without a reason in ``survivors.py``, or one was not hunted.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.mutation.hunting import PACKAGE, ROOT, Outcomes, all_mutants, hunt
from tests.mutation.mutants import Mutant, modules
from tests.mutation.survivors import REASONS

PAGE = ROOT / "docs" / "mutation.md"
LEAST_SHARE = 0.95


def page(hunted: list[Mutant], outcomes: Outcomes) -> str:
    """``docs/mutation.md``."""
    noticed = sum(outcome == "noticed" for outcome in outcomes.values())
    lines = [
        "# Mutation",
        "",
        "Each comparison by which the harness measures, made to say something else, one at a time: a measurement that",
        "passes whatever was measured, as if the check had been taken out, or one that is turned over; in the modules",
        "that decide without a measurement, each comparison turned over. The tests of the module must notice.",
        "Written by `make mutation`.",
        "",
        f"{noticed} of {len(outcomes)} mutants were noticed ({noticed / len(outcomes):.1%}).",
        "",
        "| Module | Mutants | Noticed |",
        "|---|---|---|",
    ]
    total, found = Counter(each.module for each in hunted), Counter[str]()
    found.update(each.module for each in hunted if outcomes[each.key] == "noticed")
    lines += [f"| `{module}` | {count} | {found[module]} |" for module, count in sorted(total.items())]
    lines += ["", "## Survivors, and why", ""]
    lines += [
        f"- `{each.module}`, {each.kind}: `{each.text}`. {REASONS.get(each.key, 'No reason is known.')}"
        for each in hunted
        if outcomes[each.key] == "survived"
    ]
    return "\n".join([*lines, ""])


def main() -> int:
    """Hunt, and write the page where all are known."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="all where none is named")
    parser.add_argument("--minutes", type=float, default=600, help="stop after so many; the next call goes on")
    given = parser.parse_args()
    wanted = all_mutants(given.modules or modules(PACKAGE))
    outcomes = hunt(wanted, print, given.minutes)
    hunted = [mutant for mutant in wanted if mutant.key in outcomes]
    noticed = sum(outcome == "noticed" for outcome in outcomes.values())
    print(f"{len(hunted)} of {len(wanted)} mutants hunted, {noticed} noticed ({noticed / max(1, len(hunted)):.1%})")
    unexplained = [each for each in hunted if outcomes[each.key] == "survived" and each.key not in REASONS]
    for each in unexplained:
        print(f"survived without a reason: {each.key}")
    if len(hunted) == len(wanted) and not given.modules:
        PAGE.write_text(page(hunted, outcomes))
    missed = unexplained or len(hunted) < len(wanted) or noticed < LEAST_SHARE * len(hunted)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
