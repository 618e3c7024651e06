"""What a watch proves: one that was as it must be passes, and each thing that was not is found under its own name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from mt5canary.guardian import judgement
from mt5canary.guardian.breaker import Breaker
from mt5canary.guardian.drift import DriftCheck, FeatureDrift
from mt5canary.guardian.guards import GUARDS, Reading
from mt5canary.guardian.latencies import Latencies
from mt5canary.guardian.market import Market
from mt5canary.guardian.record import Breach, Problem, WatchRecord
from mt5canary.measurement import Measurement, Outcome
from mt5canary.plan import Limits
from tests.guardian.sampled import with_drift, with_watch

FAIL, UNPROVEN = Outcome.FAIL, Outcome.UNPROVEN
SECONDS, EVERY, READINGS = 600.0, 1.0, 20
MINUTE = 60.0
FAST_NS = 1_000_000


@pytest.fixture
def short(limits: Limits) -> Limits:
    """A watch of ten minutes, with a drift check a minute."""
    return with_watch(with_drift(limits, every=timedelta(seconds=MINUTE)), timedelta(seconds=SECONDS))


def latencies(limits: Limits, *hours: tuple[int, int]) -> Latencies:
    """For each hour so many fast probes and so many at the limit."""
    made = Latencies(limits.latency.p99_ms, limits.latency.confidence)
    at_limit = int(limits.latency.p99_ms * 1e6)
    for hour, (fast, slow) in enumerate(hours):
        for took in [FAST_NS] * fast + [at_limit] * slow:
            made.probe(hour, took, took)
    return made


def watched(limits: Limits, probes: int = int(SECONDS), **changes: Any) -> WatchRecord:
    """A watch in which all was well, but for what is given."""
    fields: dict[str, Any] = {"started": 0.0, "ended": SECONDS, "readings": READINGS}
    fields |= {"guards_run": READINGS * len(GUARDS), "drift_checks": checks(limits)}
    return WatchRecord(SECONDS, EVERY, latencies(limits, (probes, 0)), Market(0.0), **(fields | changes))


def checks(limits: Limits, count: int = 10, *, late: float = 0.0, rows: int | None = None) -> list[DriftCheck]:
    """So many checks of features that did not drift, the last of them late."""
    rows = limits.drift.min_rows if rows is None else rows
    made = []
    for number in range(1, count + 1):
        features = [
            FeatureDrift(
                feature=name, psi=0.01, chance=0.05, rows=rows, worth=900.0, constant=False, still=False,
                counts=[400, 600],
            )
            for name in limits.drift.features
        ]  # fmt: skip
        after = number * MINUTE + (late if number == count else 0.0)
        made.append(DriftCheck(after_seconds=after, rows=rows, features=features))
    return made


def with_feature(found: list[DriftCheck], places: Iterable[int], **changes: Any) -> list[DriftCheck]:
    """The checks with the first feature changed in some of them."""
    change = msgspec.structs.replace
    for place in places:
        first, *others = found[place].features
        found[place] = change(found[place], features=[change(first, **changes), *others])
    return found


def not_passed(measurements: list[Measurement]) -> dict[str, Outcome]:
    """The measurements that do not pass, by name."""
    return {one.name: one.outcome for one in measurements if one.outcome is not Outcome.PASS}


def test_a_watch_as_it_must_be_passes(short: Limits, reading: Reading, tmp_path: Path) -> None:
    """Every criterion measures, and nothing that it measures is amiss."""
    watch = watched(short, first=reading)
    proven = [
        judgement.guardian_was_healthy(watch, short), judgement.latency_inside_limit(watch, short),
        judgement.drift_inside_limits(watch, short), judgement.nothing_tripped(watch, Breaker(tmp_path)),
        judgement.nothing_changed(watch, short), judgement.covered_its_time(watch, short),
    ]  # fmt: skip
    assert [not_passed(measurements) for measurements in proven] == [{}] * 6
    assert [len(measurements) for measurements in proven] == [5, 2, 6 + len(short.drift.features), 2, 7, 2]


def test_guardian_that_was_not_healthy(short: Limits) -> None:
    """A gap, probes left out, too few readings, guards left out, errors: the limits themselves included."""

    def found(**changes: Any) -> dict[str, Outcome]:
        return not_passed(judgement.guardian_was_healthy(watched(short, **changes), short))

    gap = short.max_gap.total_seconds()
    errors = [Problem(0.0, "no reply")] * (short.errors.max_critical + 1)
    assert found(largest_gap_seconds=gap, probes=594, errors=errors[1:]) == {}
    assert found(largest_gap_seconds=gap + 0.001) == {"largest gap of the watch": FAIL}
    assert found(probes=593) == {"probes made over probes due": FAIL}
    few = {"readings of position, account, gateway and quote": FAIL}
    assert found(readings=1, guards_run=len(GUARDS)) == few
    assert found(guards_run=READINGS * len(GUARDS) - 1) == {"guards run": FAIL}
    assert found(errors=errors) == {"errors": FAIL}
    assert found(ended=0.0) == {"probes made over probes due": UNPROVEN}


@pytest.mark.parametrize(
    ("hours", "outcomes"),
    [
        ([(299, 0)], [Outcome.PASS] * 2),
        ([(298, 0)], [UNPROVEN] * 2),
        ([(500, 100)], [FAIL] * 2),
        ([], [UNPROVEN]),
    ],
    ids=["enough", "too-few", "slow", "none"],
)
def test_latency_of_the_whole(short: Limits, hours: list[tuple[int, int]], outcomes: list[Outcome]) -> None:
    """What so many probes can claim, by the figure and by the bound behind it."""
    watch = watched(short)
    watch.latencies = latencies(short, *hours)
    assert [one.outcome for one in judgement.latency_inside_limit(watch, short)] == outcomes


def test_one_slow_hour_is_found(short: Limits) -> None:
    """An hour that is over the limit fails though the whole passes."""
    watch = watched(short)
    watch.latencies = latencies(short, (9_000, 0), (570, 30), (9_000, 0))
    found = not_passed(judgement.latency_inside_limit(watch, short))
    assert list(found.values()) == [FAIL]
    assert "hour" in next(iter(found))


def test_drift_checks_that_were_not_made_as_planned(short: Limits) -> None:
    """Too few, too late, not worked out, of too few rows, or none planned at all."""

    def found(made: list[DriftCheck], limits: Limits = short) -> dict[str, Outcome]:
        return not_passed(judgement.drift_inside_limits(watched(limits, drift_checks=made), limits))

    assert found(checks(short, late=5.0)) == {}
    assert found(checks(short, 9)) == {"drift checks made": FAIL}
    assert found(checks(short, late=5.1)) == {"latest drift check behind its time": FAIL}
    broken = [*checks(short)[:-1], msgspec.structs.replace(checks(short)[-1], problem="no quotes")]
    assert found(broken) == {"drift checks that could not be worked out": FAIL}
    assert found(checks(short, rows=short.drift.min_rows - 1)) == {"rows of the smallest check": UNPROVEN}
    unplanned = with_watch(short, timedelta(seconds=30))
    assert found(checks(short, 1), unplanned)["drift checks planned"] is UNPROVEN
    assert {f"PSI of {name}": UNPROVEN for name in short.drift.features}.items() <= found([]).items()


def test_features_that_drifted(short: Limits) -> None:
    """One event fails its feature's index; as many as the plan does not allow fail their number too."""

    def found(events: int, **changes: Any) -> dict[str, Outcome]:
        made = with_feature(checks(short), range(events), **changes)
        return not_passed(judgement.drift_inside_limits(watched(short, drift_checks=made), short))

    index = f"PSI of {short.drift.features[0]}"
    assert found(1, psi=1.0) == {index: FAIL}
    assert found(short.drift.max_events_24h, psi=1.0) == {index: FAIL, "drift events": FAIL}
    assert found(10, psi=1.0, chance=1.1) == {}
    few = f"independent rows of {short.drift.features[0]}"
    assert found(1, worth=1.0) == {few: UNPROVEN}


def test_watch_in_which_something_tripped(short: Limits, tmp_path: Path) -> None:
    """A breach of a guard, and a breaker that somebody opened."""
    breaker = Breaker(tmp_path)
    breach = Breach("spread", "a spread of 61 points", 3.0)
    assert not_passed(judgement.nothing_tripped(watched(short, breach=breach), breaker)) == {"breach": FAIL}
    breaker.trip("by hand")
    assert not_passed(judgement.nothing_tripped(watched(short), breaker)) == {"breaker": FAIL}


@pytest.mark.parametrize("name", ["position", "gateway", "permissions", "balance", "books"])
def test_something_changed(short: Limits, reading: Reading, name: str) -> None:
    """One reading in which a guard of these tripped is a change."""
    watch = watched(short, first=reading, tripped=Counter({name: 1}))
    assert not_passed(judgement.nothing_changed(watch, short)) == {f"changes of {name}": FAIL}


def test_gateway_started_anew_or_its_clock_ran_away(short: Limits, reading: Reading) -> None:
    """The instance that the link stage met must be the one that the watch began with; the clock's limit included."""
    limit = short.clock.max_offset_ms
    gateway = msgspec.structs.replace(reading.hello.gateway, instance="another")
    before = msgspec.structs.replace(reading.hello, gateway=gateway)
    found = judgement.nothing_changed(watched(short, first=reading, largest_clock_offset_ms=limit), short, before)
    assert not_passed(found) == {"gateway instance since the link stage": FAIL}
    watch = watched(short, first=reading, largest_clock_offset_ms=limit + 1)
    assert not_passed(judgement.nothing_changed(watch, short)) == {"gateway's clock off by, at least": FAIL}


@pytest.mark.parametrize(("first", "readings"), [(False, 2), (True, 1), (True, 2)])
def test_nothing_to_compare_is_unproven(short: Limits, reading: Reading, first: bool, readings: int) -> None:
    """A change shows between two readings or not at all."""
    watch = watched(short, first=reading if first else None, readings=readings)
    found = not_passed(judgement.nothing_changed(watch, short))
    assert found == ({} if first and readings == 2 else {"readings compared": UNPROVEN})


def test_watch_that_did_not_cover_its_time(short: Limits) -> None:
    """A watch that ended early, or saw nothing for a while, proves less than was planned; it is no failure."""
    gap = short.max_gap.total_seconds()
    watch = watched(short)
    assert not_passed(judgement.covered_its_time(replace(watch, largest_gap_seconds=gap), short)) == {}
    assert not_passed(judgement.covered_its_time(replace(watch, ended=599.9), short)) == {"time watched": UNPROVEN}
    late = replace(watch, largest_gap_seconds=gap + 0.1)
    assert not_passed(judgement.covered_its_time(late, short)) == {"largest gap": UNPROVEN}
