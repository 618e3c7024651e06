"""Days of watching, driven by a clock of the test's own: what each kind of day comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mt5canary.guardian import judgement
from mt5canary.guardian import watch as watching
from mt5canary.guardian.baseline import Baseline
from mt5canary.guardian.breaker import Breaker
from mt5canary.guardian.drift import DriftSampler
from mt5canary.guardian.guards import Reading
from mt5canary.guardian.readings import Watched
from mt5canary.guardian.record import Breach, WatchRecord
from mt5canary.guardian.telling import Teller
from mt5canary.guardian.watch import Watch
from mt5canary.measurement import Outcome, worst
from mt5canary.plan import Limits
from tests.guardian.conftest import MAGIC
from tests.guardian.simulated import (
    HOUR,
    MONDAY,
    SAMPLE_SECONDS,
    SimulatedClock,
    SimulatedSession,
    World,
    baseline_of_the_market,
    drive,
)

FRIDAY_NOON = MONDAY - 3 * 86_400 + 12 * HOUR
FRIDAY_EVENING = FRIDAY_NOON + 8 * HOUR
WEEKEND = (2 * HOUR, 50 * HOUR)
"""In seconds after Friday evening: from 22:00 to Sunday 22:00, UTC."""


@dataclass
class Day:
    """What a watch came to."""

    record: WatchRecord
    breaker: Breaker
    world: World
    told: list[tuple[str, dict[str, Any]]]
    limits: Limits

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The criteria that the record alone decides."""
        judged = {
            "G1": judgement.guardian_was_healthy(self.record, self.limits),
            "G2": judgement.latency_inside_limit(self.record, self.limits),
            "G3": judgement.drift_inside_limits(self.record, self.limits),
            "G4": judgement.nothing_tripped(self.record, self.breaker),
            "G5": judgement.nothing_changed(self.record, self.limits),
            "G6": judgement.covered_its_time(self.record, self.limits),
        }
        return {name: worst([one.outcome for one in measured]) for name, measured in judged.items()}

    @property
    def breach(self) -> Breach:
        assert self.record.breach is not None
        return self.record.breach


Watched24 = Callable[..., Day]


@pytest.fixture(scope="module")
def market(reading: Reading) -> Baseline:
    return baseline_of_the_market(reading)


@pytest.fixture
def watch(
    reading: Reading, market: Baseline, limits: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Watched24:
    """Watch a world for so many hours, a probe and a quote every ten seconds and a reading every thirty."""
    monkeypatch.setattr(watching, "SET_SECONDS", 30.0)
    monkeypatch.setattr(watching, "HEALTH_SECONDS", 20.0)

    def run(
        hours: float = 24.0,
        begins: float = MONDAY,
        budget: int = 5,
        gap: float = 30.0,
        every: float = SAMPLE_SECONDS,
        **scripts: Any,
    ) -> Day:
        change = msgspec.structs.replace
        own = change(
            limits,
            watch=change(limits.watch, duration=timedelta(hours=hours), every=timedelta(seconds=every)),
            drift=change(limits.drift, every=timedelta(hours=1), sample=timedelta(seconds=SAMPLE_SECONDS)),
            errors=change(limits.errors, max_critical=budget),
            max_gap=timedelta(seconds=gap),
        )
        world = World(reading, SimulatedClock(begins), **scripts)
        breaker = Breaker(tmp_path / "state")
        told: list[tuple[str, dict[str, Any]]] = []
        assert reading.position is not None
        record = Watch(
            SimulatedSession(world),  # type: ignore[arg-type]
            SimulatedSession(world),  # type: ignore[arg-type]
            Watched(reading.position.ticket, MAGIC, reading.spec),
            own,
            Teller(lambda name, facts: told.append((name, facts))),
            sampler=DriftSampler(market, own),
            lease=True,
            answer=lambda breach: breaker.trip(f"guard {breach.guard}: {breach.text}"),
            clock=world.clock,  # type: ignore[arg-type]
            drive=drive(world),
        ).run()
        return Day(record, breaker, world, told, own)

    return run


def test_clean_day_passes_whole(watch: Watched24) -> None:
    """24 hours of a gateway 20 ms away: every criterion passes, 24 drift checks, the breaker closed."""
    day = watch()
    assert day.record.breach is None
    assert day.breaker.why_open() is None
    assert set(day.outcomes.values()) == {Outcome.PASS}, day.outcomes
    assert len(day.record.drift_checks) == 24
    assert day.record.probes == 8_640
    assert len(day.record.latencies.shares()) == 25, "the whole, and each hour"
    assert day.record.errors == []
    assert judgement.health_findings(day.record) == []


@pytest.mark.nightly
def test_three_clean_days_pass_whole(watch: Watched24) -> None:
    """72 hours of the same, as a promotion asks for."""
    day = watch(hours=72.0)
    assert set(day.outcomes.values()) == {Outcome.PASS}, day.outcomes
    assert len(day.record.drift_checks) == 72


def test_ten_seconds_of_silence_use_up_the_budget_before_it_is_gone(watch: Watched24) -> None:
    """Three lost probes in a row would soon be six: the watch is left, the breaker opens, nothing is passed."""
    day = watch(every=1.0, answers=lambda at: not HOUR <= at < HOUR + 10)
    assert day.breach.guard == "errors"
    assert "would be gone" in day.breach.text
    assert HOUR < day.breach.after_seconds < HOUR + 10
    assert "errors" in (day.breaker.why_open() or "")
    assert day.outcomes["G4"] is Outcome.FAIL
    assert day.outcomes["G6"] is Outcome.UNPROVEN


def test_ten_seconds_of_silence_are_no_one_percent(watch: Watched24) -> None:
    """A plan that allows for them has a P99 that holds, and both figures with the reason why they differ."""
    day = watch(hours=4.0, every=1.0, budget=1_000, gap=60.0, answers=lambda at: not HOUR <= at < HOUR + 10)
    assert day.record.breach is None
    assert day.outcomes["G2"] is Outcome.PASS
    assert day.outcomes["G6"] is Outcome.PASS
    assert 2 <= day.record.latencies.lost <= 10
    assert day.record.latencies.shares()[2].over >= day.record.latencies.lost
    assert "errors" not in day.record.warned


def test_creep_over_the_limit_warns_first_and_halts(watch: Watched24) -> None:
    """From 20 to 180 ms within a day: a warning at 50 ms, a halt soon after 100, though the day so far was good."""
    day = watch(latency=lambda at: 0.02 + 0.16 * at / (24 * HOUR))
    assert day.breach.guard == "latency"
    assert 12 * HOUR < day.breach.after_seconds < 13.5 * HOUR
    assert "latency" in day.record.warned
    assert day.outcomes["G2"] is Outcome.FAIL
    assert day.breaker.why_open() is not None
    assert day.world.closes == [pytest.approx(day.breach.after_seconds, abs=1)]


def test_one_bad_hour_is_not_drowned_in_a_good_day(watch: Watched24) -> None:
    """Eight slow minutes late in a day are under 1 % of it, and far over 1 % of their hour."""
    day = watch(latency=lambda at: 0.15 if 20.2 * HOUR <= at < 20.2 * HOUR + 480 else 0.02)
    assert day.breach.guard == "latency"
    assert "of hour 21 took" in day.breach.text
    assert 21 * HOUR <= day.breach.after_seconds < 21.1 * HOUR
    assert day.outcomes["G2"] is Outcome.FAIL


def test_shifted_market_is_drift(watch: Watched24) -> None:
    """Twice the spread from the sixth hour on: one event an hour, and out at the plan's fifth."""
    day = watch(spread_points=lambda at: 10 if at < 6 * HOUR else 20)
    assert day.breach.guard == "drift"
    assert 10.9 * HOUR < day.breach.after_seconds < 11.2 * HOUR
    assert day.outcomes["G3"] is Outcome.FAIL
    assert len([name for name, _ in day.told if name == "drift event"]) == 5


def test_weekend_is_no_outage(watch: Watched24) -> None:
    """From Friday evening over the weekend: closed and opened again without a breach, its empty drift checks named."""
    closed = range(*(int(at) for at in WEEKEND))
    day = watch(hours=53.0, begins=FRIDAY_EVENING, session_open=lambda at: int(at) not in closed)
    assert day.record.breach is None, day.record.breach
    assert day.breaker.why_open() is None
    assert set(day.outcomes.values()) == {Outcome.PASS}, day.outcomes
    said = [facts["session"] for name, facts in day.told if name == "market"]
    assert said == ["closed, as at every week's end", "open"]
    assert day.record.market.closed_seconds == pytest.approx(48 * HOUR, rel=0.01)
    assert any("closed for 48" in text for text in judgement.health_findings(day.record))
    assert sum(check.closed_seconds > 0 for check in day.record.drift_checks) >= 48


def test_watch_of_a_weekend_alone_proves_no_absence_of_drift(watch: Watched24) -> None:
    """Where no hour had quotes, G3 is not passed."""
    day = watch(hours=4.0, begins=FRIDAY_NOON + 12 * HOUR, session_open=lambda at: False)
    assert day.record.breach is None
    assert day.outcomes["G3"] is Outcome.UNPROVEN


def test_outage_is_no_weekend(watch: Watched24) -> None:
    """A feed that stands still in an open session warns after a minute and halts after five."""
    day = watch(feed_lives=lambda at: at < 3 * HOUR)
    assert day.breach.guard == "market"
    assert 3 * HOUR + 260 < day.breach.after_seconds < 3 * HOUR + 345
    assert "market" in day.record.warned
    assert day.outcomes["G4"] is Outcome.FAIL


def test_session_closed_on_a_monday_is_an_outage_or_a_holiday(watch: Watched24) -> None:
    """A gateway that knows the session by its quotes calls an outage closed; the calendar does not."""
    day = watch(session_open=lambda at: at < 3 * HOUR)
    assert day.breach.guard == "market"
    assert "a holiday or an outage" in day.breach.text
    assert day.breach.after_seconds < 3 * HOUR + 1_000


def test_gateway_restart_is_a_breach(watch: Watched24) -> None:
    """Another instance behind the same address ends the watch, though every answer is in order."""
    day = watch(instance=lambda at: "the first" if at < 5 * HOUR else "the second")
    assert day.breach.guard == "gateway"
    assert day.breach.after_seconds == pytest.approx(5 * HOUR, abs=35)
    assert day.outcomes["G5"] is Outcome.FAIL
    assert day.breaker.why_open() is not None


@pytest.mark.parametrize("asleep", [False, True], ids=["stopped", "asleep"])
def test_gap_of_an_hour_makes_the_watch_unproven(watch: Watched24, asleep: bool) -> None:
    """A host that stood still for an hour, or slept through it, saw nothing of it; the watch does not go on."""
    day = watch(pauses=[(2 * HOUR, HOUR, asleep)])
    assert day.breach.guard == "heartbeat"
    assert day.record.largest_gap_seconds == pytest.approx(HOUR, abs=15)
    assert day.outcomes["G6"] is Outcome.UNPROVEN
    assert day.outcomes["G1"] is Outcome.FAIL


def test_stop_out_is_named(watch: Watched24) -> None:
    """A position that the broker closed is a breach, and the history says by whom."""
    gone = 7 * HOUR
    day = watch(position_is_open=lambda at: at < gone, equity_lost=lambda at: 3.0 if at > gone - 60 else 0.0)
    assert day.breach.guard == "position"
    assert "deal 77: stop out" in day.breach.text
    assert day.breach.after_seconds == pytest.approx(gone, abs=35)
    assert "loss" in day.record.warned
    assert day.outcomes["G5"] is Outcome.FAIL


def test_gateway_polled_once_a_second_never_passes_and_the_cause_is_named(watch: Watched24) -> None:
    """Answers come when a timer fires: the round trips lie evenly over a second, and the report says why."""
    day = watch(hours=1.0, every=2.0, budget=1_000, gap=60.0, latency=lambda at: 1.0 - at % 1.0 if at % 1.0 else 0.37)
    assert day.outcomes["G2"] is Outcome.FAIL
    assert day.breach.guard == "latency"


@pytest.mark.parametrize("seed", range(3))
def test_uniform_round_trips_name_the_one_second_timer(watch: Watched24, seed: int) -> None:
    """Uniform from 0 to 1000 ms, whatever the phase: no pass, and EventSetTimer(1) is named."""
    import random

    drawn = random.Random(seed)
    day = watch(hours=1.0, every=2.0, budget=1_000, gap=60.0, latency=lambda at: drawn.random() * 0.999)
    assert day.outcomes["G2"] is Outcome.FAIL
    findings = judgement.latency_findings(day.record, day.limits.latency.warn_ms)
    assert any("one-second timer" in text for text in findings), findings
