"""What a shape of the round trips comes to as a measurement; how shapes are told apart has tests that take time."""

from __future__ import annotations

import pytest

from mt5canary.link import shape
from mt5canary.link.latency import RoundTrips
from mt5canary.link.shape import Shape
from mt5canary.measurement import Outcome


@pytest.mark.parametrize(
    "found", [shape.AT_ONCE, shape.FORWARDER, shape.TOO_FAST], ids=["at-once", "forwarder", "too-fast"]
)
def test_shape_decides_by_what_it_shows(found: Shape) -> None:
    """A living gateway at a distance passes; one that ends on this machine does not."""
    measured = shape.of_a_remote_gateway(found, RoundTrips(milliseconds=(0.2, 0.3)))
    assert measured.outcome is found.outcome
    assert (measured.outcome is Outcome.PASS) == (found is shape.AT_ONCE)


@pytest.mark.parametrize(
    ("fastest", "outcome"),
    [(shape.LOCAL_MS, Outcome.PASS), (shape.LOCAL_MS * 0.99, Outcome.UNPROVEN), (None, Outcome.UNPROVEN)],
)
def test_answers_through_a_tunnel_come_from_afar(fastest: float | None, outcome: Outcome) -> None:
    """Nearer than any other machine could be, they prove nothing; nor does silence."""
    trips = RoundTrips(milliseconds=() if fastest is None else (fastest, 90.0))
    assert shape.beyond_a_tunnel(trips).outcome is outcome
