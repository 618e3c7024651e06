"""What is judged again of the later stages: of every run its evidence, of a live run its flight and its watch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mt5canary.evidence.books import BOOKS
from mt5canary.measurement import Measurement
from mt5canary.verify import evidence_stage
from mt5canary.verify.execution_stage import AFTER, Flight
from mt5canary.verify.world import World

FEWER_SAMPLES = frozenset(
    {
        *(f"changes of {name}" for name in ("position", "gateway", "permissions", "balance", "books")),
        "errors",
        "records in monotonic order",
        "replies received after their requests were sent",
        "gateway's times that lie outside their exchanges",
    }
)
"""Judged again on other numbers than at the time: on the readings that were kept raw, or on all records to the end."""

ELSEWHERE = frozenset(
    {"record numbers run on", "wall clock against monotonic clock"}
    | {f"{name} is the view of its records" for name in BOOKS.values()}
)
"""Judged over the whole chain, or with the documents."""

ALWAYS = {
    "E3": evidence_stage.every_exchange_is_recorded,
    "E4": evidence_stage.clocks_agree,
    "E5": evidence_stage.seal_holds,
}
"""The evidence stage's criteria of every run."""


def of_a_flight(world: World) -> dict[str, Callable[[], list[Measurement]]]:
    """The criteria that only a live run has."""
    from mt5canary.verify import guardrail_stage

    flight = Flight(world)
    watched = guardrail_stage.Watched(world, flight)
    return {
        **{name: partial(judge, world, flight) for name, judge in AFTER.items()},
        **{name: partial(judge, world, watched) for name, judge in guardrail_stage.CRITERIA.items()},
        "E1": partial(evidence_stage.is_closed, world, flight),
        "E2": partial(evidence_stage.ledger_balances, world, flight),
        "E4": partial(evidence_stage.times_agree, world, flight),
    }
