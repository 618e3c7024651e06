"""Durations: one number, one unit, nothing lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5canary.plan.durations import LONGEST, UNITS, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", timedelta(seconds=30)),
        ("20ms", timedelta(milliseconds=20)),
        ("24h", timedelta(hours=24)),
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("1.5h", timedelta(minutes=90)),
        ("250us", timedelta(microseconds=250)),
        (" 3 s ", timedelta(seconds=3)),
    ],
)
def test_reads_number_and_unit(text: str, expected: timedelta) -> None:
    """Every unit is read for what it is."""
    assert expected == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "30", "s", "-5s", "5 minutes", "1h30m", "1e3s", "٣s", "0.1us", "9999999h", "5S", "1d", "5s\n5s"]
)
def test_refuses_what_is_no_duration(text: str) -> None:
    """What has no unit, no number, a sign or two parts is refused."""
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(text)


@settings(deadline=None)
@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_written_duration_reads_back(duration: timedelta) -> None:
    """Writing and reading a duration gives the same duration."""
    assert duration == parse_duration(format_duration(duration))


@settings(deadline=None)
@given(st.integers(0, 10**4), st.sampled_from(sorted(UNITS)))
def test_writing_is_stable(count: int, unit: str) -> None:
    """A duration is written in one way only, however it was given."""
    written = format_duration(parse_duration(f"{count}{unit}"))

    assert written == format_duration(parse_duration(written))
