"""The crash matrix: every kill with what it must come to; ``make crash-matrix`` flies all and prints it into docs/."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.crash.killed_harness import POINTS
from tests.crash.world import Row, World

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "crash-matrix.md"
AT_ONCE = 3

WITH, WITHOUT, GATEWAY = "run", "run and watchdog", "gateway"
"""Who is killed: the run alone, its watchdog with it as in a power failure, or the gateway."""


class Case(NamedTuple):
    """Who dies, and when."""

    dies: str
    point: str


GATEWAY_POINTS = ("before the terminal is asked", "the broker has written", "the terminal has answered")
CASES = [
    *(Case(dies, point) for dies in (WITHOUT, WITH) for point in POINTS),
    *(Case(GATEWAY, point) for point in GATEWAY_POINTS),
]
IN_CI = [
    Case(WITHOUT, "half of INTENT's line is written"),
    Case(WITHOUT, "INTENT is in the journal"),
    Case(WITHOUT, "OPEN is sent"),
    Case(WITHOUT, "SENT is in the journal"),
    Case(WITHOUT, "in the watch"),
    Case(WITHOUT, "CLOSE_ALL is sent"),
    Case(WITH, "FILLED is in the journal"),
    Case(WITH, "before verdict.json"),
]
"""What CI flies; the rest is the nightly's."""

FAILURES = {
    "before the intent is on the disk": "crash: before INTENT is in the journal; "
    "crash: half of INTENT's line is written",
    "after the intent, before the order is sent": "crash: INTENT is in the journal; crash: before OPEN is sent",
    "the send itself fails": "tests/order/test_canary.py::test_connection_lost_before_the_order_sends_nothing",
    "sent, lost before the gateway": "tests/order/test_canary.py::test_order_that_arrives_after_we_gave_up_is_found",
    "the gateway has it, the terminal was not asked": "crash: before the terminal is asked",
    "the terminal was asked when the gateway dies": "crash: the broker has written",
    "executed, the reply lost": "tests/order/test_canary.py::test_fill_whose_reply_says_nothing_is_adopted",
    "reply received, not yet written down": "crash: OPEN's reply is received; crash: before FILLED is in the journal",
    "after the fill is written down": "crash: FILLED is in the journal",
    "partial fill": "tests/canary/test_outcomes.py::test_outcome_of_the_situation",
    "in or after the close": "crash: before CLOSE_ALL is sent; crash: CLOSE_ALL is sent",
    "more than one order of one intent": "tests/order/test_canary.py::test_two_orders_for_one_intent_are_one_too_many",
    "nobody can be asked": "tests/order/test_canary.py::test_unknown_where_nothing_can_be_asked",
    "the journal is lost or broken": "tests/commands/test_status.py::test_orphan_without_an_intent_is_adopted; "
    "tests/order/test_journal.py::test_journal_that_cannot_be_understood_stops_the_order",
    "the disk is full": "tests/order/test_canary.py::test_journal_that_cannot_be_written_sends_nothing",
    "a clock jumps": "tests/order/test_reconciliation.py::test_each_discrepancy_has_its_name; "
    "tests/order/test_flatten.py::test_clock_that_jumped_keeps_nothing_open",
}
"""Each way in which an order's life can be cut, and what plays it."""

HEAD = """# The crash matrix

Written by `make crash-matrix`, which flies every row against a gateway that outlives the run: the run is killed by
SIGKILL at the point, then started again, and the gateway's own history says what became of the one intent. In every
row there was at most one order, no position went unreported, and no run started over an open one. Continuous
integration flies eight rows, `make nightly` all of them, each held against this page.

"the next start" is `pytest -m live` on the same account: it *flies*, or X5 refuses with these names. "and then" is what
a person does about it, and the start after that. Without its watchdog a run is as after a power failure; the lease at
the gateway, which closes the position after 60 s without a sign of the run, is not waited for.

| dies | at the point | the journal ends at | at the broker | the next start | and then |
|---|---|---|---|---|---|
"""
FAILURES_HEAD = """
## Each way to lose an order

| what is cut off | what plays it |
|---|---|
"""


def fly(case: Case, folder: Path, *, way_back: bool) -> Row:
    """One row; raises AssertionError where an order is doubled or a position goes unreported."""
    if case.dies == GATEWAY:
        return _fly_against_a_dying_gateway(case, folder)
    world = World(folder)
    try:
        world.kill_run(case.point, watchdog=case.dies == WITH)
        return _what_follows(world, way_back=way_back)
    finally:
        world.end()


def _what_follows(world: World, *, way_back: bool) -> Row:
    journal, broker = world.journal(), world.ledger().describe()
    said = world.next_start()
    back = world.way_back(said) if way_back and said != "flies" else ""
    return Row(journal, broker, said, back)


def _fly_against_a_dying_gateway(case: Case, folder: Path) -> Row:
    os.environ["KILL_AT"] = case.point
    try:
        world = World(folder, program=("-m", "tests.crash.killed_gateway"))
    finally:
        del os.environ["KILL_AT"]
    try:
        world.harness.live()
        world.gateway.kill()
        world.gateway.start()
        world.write_plan()
        return _what_follows(world, way_back=True)
    finally:
        world.end()


def fly_all(cases: Iterable[Case], folder: Path, *, way_back: bool) -> dict[Case, Row | BaseException]:
    """Several rows at once; one that fails does not stop the others."""

    def try_it(case: Case) -> Row | BaseException:
        try:
            return fly(case, folder / re.sub(r"\W+", "-", f"{case.dies} {case.point}"), way_back=way_back)
        except Exception as error:
            return error

    wanted = list(cases)
    runs = [case for case in wanted if case.dies != GATEWAY]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = dict(zip(runs, pool.map(try_it, runs), strict=True))
    done |= {case: try_it(case) for case in wanted if case.dies == GATEWAY}  # they need the environment for themselves
    return {case: done[case] for case in wanted}


def page(rows: dict[Case, Row]) -> str:
    """The page in docs/."""
    lines = [
        f"| {case.dies} | {case.point} | {row.journal} | {row.broker} | {row.next_start} | {row.way_back} |"
        for case, row in rows.items()
    ]
    failures = [f"| {what} | {'; '.join(f'`{one}`' for one in by.split('; '))} |" for what, by in FAILURES.items()]
    return HEAD + "\n".join(lines) + "\n" + FAILURES_HEAD + "\n".join(failures) + "\n"


def documented() -> dict[Case, Row]:
    """The rows as the page has them."""
    found: dict[Case, Row] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and cells[0] in (WITH, WITHOUT, GATEWAY):
            dies, point, *rest = (*cells, "")[:6]
            found[Case(dies, point)] = Row(*rest)
    return found
