"""Stage 4, guardrails: what happened while the position lived."""

import pytest


@pytest.mark.criterion("G1")
def test_guardian_was_healthy(guardian, measure):
    """The guardian was healthy throughout."""
    measure(guardian.was_healthy())


@pytest.mark.criterion("G2")
def test_latency_is_inside_limit(guardian, measure):
    """P99 latency is under the hard limit at the plan's confidence."""
    measure(guardian.latency_is_inside_limit())


@pytest.mark.criterion("G3")
def test_drift_is_inside_limits(guardian, measure):
    """The drift checks ran on time, on enough data, within limits."""
    measure(guardian.drift_is_inside_limits())


@pytest.mark.criterion("G4")
def test_every_guard_trips(guardian, measure):
    """Every guard trips on seeded input, the breaker latches, and nothing tripped in earnest."""
    measure(guardian.every_guard_trips())


@pytest.mark.criterion("G5")
def test_nothing_changed_unexplained(guardian, measure):
    """No unexplained change of position, account, gateway or permissions."""
    measure(guardian.nothing_changed())


@pytest.mark.criterion("G6")
def test_watch_covered_its_time(guardian, measure):
    """The watch covered its whole time."""
    measure(guardian.covered_its_time())
