"""Three clocks, from exchanges and quotes made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.errors import LinkFinding
from mt5canary.link.clock import ClockOffset, ServerZone, clocks_agree, estimate, parse_time, server_zone
from mt5canary.link.exchange import Exchange
from mt5canary.measurement import Outcome, worst
from mt5canary.wire.replies import PingReply, Tick

NOW = 1_768_587_433_000_000_000


def pinged(sent_wall: int, took_ns: int, server_ns: int) -> tuple[Exchange, PingReply]:
    """A PING that left at a wall-clock time, took so long, and was answered with the server's time."""
    exchange = Exchange(
        action="PING", uuid="u", connection=0, request=b"", sent_wall=sent_wall, sent=1000, received=1000 + took_ns
    )
    text = datetime.fromtimestamp(server_ns // 1000 / 1e6, UTC).isoformat(timespec="microseconds")
    return exchange, PingReply(uuid="u", status="ok", server_time=text)


@given(
    st.integers(-(10**6), 10**6),
    st.lists(st.tuples(st.integers(1000, 10**8), st.integers(0, 100)), min_size=1, max_size=8),
)
def test_true_offset_lies_within_the_uncertainty(offset_us: int, trips: list[tuple[int, int]]) -> None:
    """However lopsided each way was, the true offset is inside the estimate's own uncertainty."""
    pairs = [
        pinged(NOW + number * 10**9, took, NOW + number * 10**9 + took * share // 100 + offset_us * 1000)
        for number, (took, share) in enumerate(trips)
    ]
    found = estimate(pairs)
    assert abs(found.offset_ms - offset_us / 1000) <= found.uncertainty_ms + 0.002
    assert found.samples == len(trips)
    assert found.uncertainty_ms == pytest.approx(min(took for took, _ in trips) / 2e6)


def test_no_answer_is_no_offset() -> None:
    """Without an answered PING the clock is unknown."""
    with pytest.raises(LinkFinding, match="unknown"):
        estimate([])


@pytest.mark.parametrize("text", ["yesterday", "", "2026-01-16T18:17:13", "2026-13-01T00:00:00Z"])
def test_time_that_is_none(text: str) -> None:
    """A time without a zone, or no time at all, is a finding with the text."""
    with pytest.raises(LinkFinding):
        parse_time(text)


@given(st.integers(-56, 56), st.floats(-400, 400))
def test_zone_is_whole_quarter_hours(quarters: int, late_seconds: float) -> None:
    """A quote up to a few minutes old still shows the server's zone, and the rest is said apart."""
    wall = NOW
    time_msc = int(wall / 1e6 + quarters * 900_000 - late_seconds * 1000)
    zone = server_zone(
        Tick(bid=1.0, ask=1.1, time_msc=time_msc), wall, ClockOffset(offset_ms=0.0, uncertainty_ms=0.1, samples=8)
    )
    assert zone.offset_seconds == quarters * 900
    assert zone.residual_ms == pytest.approx(-late_seconds * 1000, abs=2)
    assert zone.msc(wall) == wall // 1_000_000 + quarters * 900_000


@pytest.mark.parametrize(
    ("offset_ms", "uncertainty_ms", "residual_ms", "expected"),
    [
        (0.0, 1.0, 0.0, Outcome.PASS),
        (999.0, 1.0, 0.0, Outcome.PASS),
        (999.5, 1.0, 0.0, Outcome.FAIL),
        (-1001.0, 0.0, 0.0, Outcome.FAIL),
        (0.0, 1.0, -60_001.0, Outcome.FAIL),
    ],
)
def test_offset_counts_with_its_uncertainty(
    offset_ms: float, uncertainty_ms: float, residual_ms: float, expected: Outcome
) -> None:
    """The limit holds for the worst that the estimate allows, and for the age of the latest quote."""
    offset = ClockOffset(offset_ms=offset_ms, uncertainty_ms=uncertainty_ms, samples=8)
    zone = ServerZone(offset_seconds=7200, residual_ms=residual_ms)
    measured = clocks_agree(offset, zone, timedelta(seconds=1), timedelta(seconds=60))
    assert worst([one.outcome for one in measured]) is expected


@pytest.mark.parametrize(("hours", "expected"), [(14, Outcome.PASS), (-14, Outcome.PASS), (14.25, Outcome.FAIL)])
def test_zone_that_no_country_has(hours: float, expected: Outcome) -> None:
    """A server further from UTC than any zone tells no time that can be used."""
    zone = ServerZone(offset_seconds=int(hours * 3600), residual_ms=0.0)
    offset = ClockOffset(offset_ms=0.0, uncertainty_ms=1.0, samples=8)
    measured = clocks_agree(offset, zone, timedelta(seconds=1), timedelta(seconds=60))
    assert worst([one.outcome for one in measured]) is expected
