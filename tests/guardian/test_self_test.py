"""The guardian's test of itself: it passes on sound parts, and finds each part that does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mt5canary.guardian import self_test
from mt5canary.guardian.baseline import Baseline
from mt5canary.guardian.breaker import Breaker
from mt5canary.guardian.guards import GUARDS, Reading
from mt5canary.guardian.heartbeat import Heartbeat
from mt5canary.measurement import Measurement, Outcome
from mt5canary.plan import Limits
from tests.guardian.sampled import baseline_of, market, window_of


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Two minutes of the simulator's market."""
    return baseline_of(window_of(market("baseline"), 1_200))


def not_passed(measurements: list[Measurement]) -> dict[str, Outcome]:
    """The measurements that do not pass, by name."""
    return {one.name: one.outcome for one in measurements if one.outcome is not Outcome.PASS}


def test_sound_parts_pass(reading: Reading, limits: Limits, baseline: Baseline, tmp_path: Path) -> None:
    """Every guard quiet and tripped, both loops, every feature, the breaker."""
    found = self_test.every_guard_trips(reading, limits, baseline, tmp_path)
    assert not_passed(found) == {}
    assert len(found) == 2 * len(GUARDS) + 1 + 3 + 2 * len(limits.drift.features) + 2


@pytest.mark.parametrize("name", ["spread", "drift"])
def test_guard_that_never_trips(reading: Reading, limits: Limits, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that says nothing to a seeded reading fails."""
    monkeypatch.setitem(GUARDS, name, lambda first, now, limits: None)
    assert not_passed(self_test.guards_trip(reading, limits)) == {f"guard {name} on seeded input": Outcome.FAIL}


def test_guard_that_always_trips(reading: Reading, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that says something to a true reading would halt every run."""
    monkeypatch.setitem(GUARDS, "clock", lambda first, now, limits: "an hour off")
    assert not_passed(self_test.guards_trip(reading, limits)) == {"guard clock on a true reading": Outcome.FAIL}


def test_guard_that_nobody_seeded(reading: Reading, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new guard without a seed is not passed over."""
    monkeypatch.setitem(GUARDS, "new", lambda first, now, limits: None)
    assert not_passed(self_test.guards_trip(reading, limits)) == {"guards seeded": Outcome.FAIL}


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ("the probes", {"heartbeat of both loops"}),
        (None, {"heartbeat, the loop of the probes killed", "heartbeat, the loop of the readings killed"}),
    ],
)
def test_heartbeat_that_says_the_same_whatever_happens(
    limits: Limits, monkeypatch: pytest.MonkeyPatch, said: str | None, failed: set[str]
) -> None:
    """One that always complains, and one that never does."""
    monkeypatch.setattr(Heartbeat, "what_stands_still", lambda heartbeat: said)
    assert set(not_passed(self_test.heartbeat_trips(limits))) == failed


@pytest.mark.parametrize(("index", "what"), [(0.0, "seeded with a shift"), (9.0, "against itself")])
def test_index_that_is_the_same_whatever_happens(
    limits: Limits, baseline: Baseline, monkeypatch: pytest.MonkeyPatch, index: float, what: str
) -> None:
    """One that never sees a shift, and one that always does."""
    monkeypatch.setattr(self_test, "stability_index", lambda expected, found: index)
    found = not_passed(self_test.drift_trips(baseline, limits))
    assert len(found) == len(limits.drift.features)
    assert all(what in name for name in found)


def test_breaker_that_lets_an_order_through(tmp_path: Path) -> None:
    """An attempt that is not stopped fails."""
    found = self_test.breaker_latches(tmp_path, lambda breaker: None)
    assert not_passed(found) == {"an order is stopped by the seeded breaker": Outcome.FAIL}


def test_breaker_that_forgets(tmp_path: Path) -> None:
    """A breaker that is closed again for the next reader fails."""

    def forget(breaker: Breaker) -> None:
        for file in tmp_path.rglob("*"):
            if file.is_file():
                file.unlink()
        Breaker(tmp_path).trip("another reason")
        breaker.require_closed()

    found = self_test.breaker_latches(tmp_path, forget)
    assert not_passed(found) == {"seeded breaker read back open": Outcome.FAIL}
