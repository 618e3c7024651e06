"""The far end of the connection and the gateway's instance under the watch."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from mt5canary.guardian import judgement
from mt5canary.guardian.guards import GUARDS, Reading
from mt5canary.guardian.latencies import Latencies
from mt5canary.guardian.market import Market
from mt5canary.guardian.record import WatchRecord
from mt5canary.measurement import Outcome, worst
from mt5canary.plan import Limits


def test_gateway_guard_sees_another_far_end(reading: Reading, limits: Limits) -> None:
    """Another address behind the same words is named with both."""
    first = replace(reading, peer="198.51.100.20:5555")
    said = GUARDS["gateway"](first, replace(reading, peer="198.51.100.21:5555"), limits) or ""
    assert "198.51.100.20:5555" in said
    assert "198.51.100.21:5555" in said
    assert GUARDS["gateway"](first, first, limits) is None


def test_instance_is_held_against_the_link_stages(reading: Reading, limits: Limits) -> None:
    """A gateway that was restarted before the watch began fails G5, though nothing changed within the watch."""
    watch = WatchRecord(1.0, 0.1, Latencies(100.0, 0.95), Market(0.0), first=reading, latest=reading, readings=2)
    other = msgspec.structs.replace(
        reading.hello, gateway=msgspec.structs.replace(reading.hello.gateway, instance="another")
    )
    same = judgement.nothing_changed(watch, limits, reading.hello)
    changed = judgement.nothing_changed(watch, limits, other)
    assert worst([one.outcome for one in same]) is Outcome.PASS
    assert worst([one.outcome for one in changed]) is Outcome.FAIL
