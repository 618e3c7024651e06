"""The watch's figures for Prometheus: worked out when they are asked for, so that they cost the watch nothing else.

Names and units by its conventions: the application's prefix, base units (seconds, ratios), ``_total`` for counters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mt5canary.guardian.status import Status

PREFIX = "mt5canary_"


def serve(address: tuple[str, int], status: Callable[[], Status]) -> Callable[[], None]:
    """Serve the figures at an address (port 0: any) until the returned function is called; raises OSError."""
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    registry.register(Figures(status))
    server, thread = start_http_server(address[1], address[0], registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5)

    return stop


class Figures:
    """A collector, as the library calls it."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def collect(self) -> Iterator[Any]:
        """All figures as of now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = self._status()
        probes = CounterMetricFamily(f"{PREFIX}probes", "Paced probes by what became of them.", labels=["result"])
        probes.add_metric(["answered"], now.probes - now.probes_lost)
        probes.add_metric(["lost"], now.probes_lost)
        yield probes
        counters = {
            "probes_over_limit": (now.probes_over, "Probes at or over the plan's latency limit."),
            "errors": (now.errors, "Errors counted against the plan's budget."),
            "readings": (now.readings, "Readings of position, account, gateway and quote."),
            "drift_checks": (now.drift_checks, "Drift checks made."),
        }
        for name, (count, text) in counters.items():
            yield CounterMetricFamily(PREFIX + name, text, value=count)
        gauges: dict[str, tuple[float | None, str]] = {
            "probe_latency_p99_seconds": (_seconds(now.p99_ms), "99th percentile from when each probe was due."),
            "probe_over_limit_ratio_upper_bound": (
                now.p99_bound,
                "Upper bound of the share over the limit.",
            ),
            "watch_remaining_seconds": (now.left_seconds, "Time that the watch still has to cover."),
            "position_open": (float(now.position is not None), "1 while the canary's position is there."),
            "position_profit": (now.profit, "Profit of the position, in the account's currency."),
            "account_equity": (now.equity, "Equity, in the account's currency."),
            "account_balance": (now.balance, "Balance, in the account's currency."),
            "margin_level_ratio": (None if now.margin_level is None else now.margin_level / 100, "Equity over margin."),
            "spread_points": (now.spread_points, "The spread, in points of the symbol."),
            "clock_offset_seconds": (now.clock_offset_ms / 1000, "How far the gateway's clock is off at least."),
            "session_open": (float(now.session_open), "1 while the symbol's session is open."),
            "largest_gap_seconds": (now.largest_gap_seconds, "The largest gap of the watch."),
            "breach": (float(now.breach is not None), "1 once a guard has tripped: the breaker is open."),
        }
        for name, (value, text) in gauges.items():
            if value is not None:  # what is not known is absent, and not zero
                yield GaugeMetricFamily(PREFIX + name, text, value=value)
        psi = GaugeMetricFamily(f"{PREFIX}drift_psi", "Stability index of the latest check.", labels=["feature"])
        for feature, index in now.psi.items():
            psi.add_metric([feature], index)
        yield psi


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
