"""The objections: each rule names one way in which a report can sound true and prove nothing.

Every rule is a function from all claims to its objections. What a rule cannot decide it leaves alone: an objection must
hold for whoever looks the line up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from mt5canary.audit.claims import Claim, Line, Objection
from mt5canary.audit.figures import drift_without_rows, percentile_without_samples
from mt5canary.audit.link import addresses, error_taken_for_an_answer
from mt5canary.audit.trades import balance_moves_on_opening, demo_called_real, fill_while_closed, ticket_without_history

STEP_BACK = timedelta(seconds=1)
"""How far a log's time may go back from line to line; threads write a little out of order."""

MOST_STEPS = 5


def times_out_of_order(claims: Iterable[Claim]) -> Iterator[Objection]:
    """A log is written as things happen, so its times run on; one put together afterwards shows at the seams."""
    for claim in claims:
        before: Line | None = None
        steps = 0
        for line in claim.lines:
            if not line.leads or line.time is None:
                continue
            if before is not None and before.time is not None and before.time - line.time > STEP_BACK:
                steps += 1
                if steps <= MOST_STEPS:
                    back = (before.time - line.time).total_seconds()
                    yield Objection(
                        "times out of order",
                        line,
                        f"it is {back:g} s earlier than line {before.number}, which stands before it",
                        "the log as it was written, or each line's number in a chain of hashes",
                    )
            before = line


RULES: tuple[Callable[[list[Claim]], Iterator[Objection]], ...] = (
    error_taken_for_an_answer,
    percentile_without_samples,
    ticket_without_history,
    balance_moves_on_opening,
    addresses,
    fill_while_closed,
    times_out_of_order,
    demo_called_real,
    drift_without_rows,
)


def audit(claims: list[Claim]) -> list[Objection]:
    """Every objection to some claims, in the order of files and lines; each file is read for all the others too."""
    order = {claim.file: index for index, claim in enumerate(claims)}
    found = [objection for rule in RULES for objection in rule(claims)]
    return sorted(found, key=lambda each: (order[each.line.file], each.line.number))
