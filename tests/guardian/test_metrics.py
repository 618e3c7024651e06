"""The endpoint is read by Prometheus' own parser, and says nothing where nothing is known."""

from __future__ import annotations

import socket
import urllib.request
from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from mt5canary.guardian.metrics import serve
from mt5canary.guardian.status import Status
from mt5canary.measurement import Outcome

STATUS = Status(
    after_seconds=10.0, left_seconds=20.0, probes=500, probes_lost=2, probes_over=3, p99_ms=21.5, p99_bound=0.017,
    p99_claim=Outcome.UNPROVEN, errors=2, readings=10, position="BUY 0.001 EURUSD", profit=-0.02, equity=199.98,
    balance=200.0, currency="USD", spread_points=10.0, margin_level=555_500.0, clock_offset_ms=1.5, session_open=True,
    psi={"spread": 0.04}, drift_checks=1, largest_gap_seconds=0.1, breach=None, events=[],
)  # fmt: skip


def scraped(status: Status) -> dict[tuple[str, ...], float]:
    """What the endpoint says, by the sample's name and its labels' values."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stop = serve(("127.0.0.1", port), lambda: status)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            text = reply.read().decode()
    finally:
        stop()
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.name.startswith("mt5canary_")
        for sample in family.samples:
            found[sample.name, *sample.labels.values()] = sample.value
    return found


def test_figures_are_parsed_back() -> None:
    """Counters end in _total, times are in seconds, and the figures are the watch's."""
    found = scraped(STATUS)
    expected: dict[tuple[str, ...], Any] = {
        ("mt5canary_probes_total", "answered"): 498,
        ("mt5canary_probes_total", "lost"): 2,
        ("mt5canary_probes_over_limit_total",): 3,
        ("mt5canary_probe_latency_p99_seconds",): 0.0215,
        ("mt5canary_clock_offset_seconds",): 0.0015,
        ("mt5canary_watch_remaining_seconds",): 20,
        ("mt5canary_drift_psi", "spread"): 0.04,
        ("mt5canary_breach",): 0,
        ("mt5canary_position_open",): 1,
    }
    assert {name: found[name] for name in expected} == expected


def test_what_is_not_known_is_absent() -> None:
    """No samples are no figure: a P99 of nothing is not 0."""
    found = scraped(msgspec.structs.replace(STATUS, p99_ms=None, profit=None, position=None, breach="loss: 6"))
    assert ("mt5canary_probe_latency_p99_seconds",) not in found
    assert ("mt5canary_position_profit",) not in found
    assert found["mt5canary_position_open",] == 0
    assert found["mt5canary_breach",] == 1
