"""What the shape of the round trips gives away about the gateway behind them (criterion L6).

A gateway that answers at once shows the network's own round trip with a little on top. One that looks at its socket
when a timer fires, or when a quote comes, shows that timer or the market instead. The kernel's minimum round trip
of the same TCP connection tells the network from the gateway: it is made by acknowledgements, without the
application.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from mt5canary.link.connection import RoundTripEstimate
from mt5canary.link.latency import RoundTrips
from mt5canary.measurement import Measurement, Outcome, by_rule, unproven
from mt5canary.statistics import quantile

SECOND_MS = 1000.0
WINDOWS_TIMER_MS = 15.625
"""The period of Windows' system timer, 64 to the second, which rounds every shorter one up."""

FEWEST = 8
"""Fewer round trips have no shape."""

SHARE_AT_A_MULTIPLE = 0.9
"""The share of round trips that must end near a whole number of periods for a timer to be named."""

FORWARDER_FLOOR_US = 200
"""A kernel round trip below it ends on this machine, where the plan names no floor."""

FORWARDER_FACTOR = 100
LOCAL_MS = 1.0
"""An application's round trip below it, over a connection that ends here, is answered here too."""


class Shape(Struct, frozen=True, kw_only=True):
    """A shape by name, what it most likely means, and the change that mends it; ``outcome`` is its share in L6."""

    name: str
    cause: str
    mend: str
    outcome: Outcome

    def describe(self) -> str:
        """One line for people."""
        return f"{self.name}: {self.cause}; {self.mend}"


AT_ONCE = Shape(name="answered at once", cause="the gateway waits for requests", mend="", outcome=Outcome.PASS)
ONE_SECOND_TIMER = Shape(
    name="spread over a second",
    cause="an expert advisor that looks at its socket by a one-second timer (EventSetTimer(1))",
    mend="on the gateway: EventSetMillisecondTimer(1) or a gateway that blocks on its socket (`mt5canary serve`)",
    outcome=Outcome.PASS,
)
MILLISECOND_TIMER = Shape(
    name="clustered at 15.6 ms",
    cause="an expert advisor that looks at its socket by a timer, at the grain of Windows' own (64 to the second)",
    mend="on the gateway: wait in zmq_poll instead of the timer, or accept up to 16 ms on every request",
    outcome=Outcome.PASS,
)
SILENT = Shape(
    name="silent between quotes",
    cause="an expert advisor that looks at its socket in OnTick only, so nothing is answered until a quote comes; "
    "or a terminal that hangs",
    mend="on the gateway: move the socket's polling from OnTick to OnTimer; look at the terminal's Experts tab",
    outcome=Outcome.PASS,
)
SLOW = Shape(
    name="slow",
    cause="round trips over the plan's limit, of no shape that gives their cause away",
    mend="look at the load of the terminal and at the network's round trip (kernel figure above)",
    outcome=Outcome.PASS,
)
TOO_FAST = Shape(
    name="too fast to be remote",
    cause="the connection ends on this machine, whatever address it shows (a redirection, a container, a stub)",
    mend="on this machine: look for DNAT and listeners (nft list ruleset; ss -ltnp), or set the target's min_rtt_us if "
    "the gateway really is that near",
    outcome=Outcome.FAIL,
)
FORWARDER = Shape(
    name="a local forwarder in the path",
    cause="TCP ends on this machine while the answers come from far away: ssh -L, socat, a proxy",
    mend="in the plan: declare it (via: tunnel, with curve keys), or connect to the gateway directly",
    outcome=Outcome.FAIL,
)


def recognise(trips: RoundTrips, kernel: RoundTripEstimate | None, minimum_us: int) -> Shape | None:
    """The shape of the round trips; None where they are too few to have one.

    ``minimum_us`` is the plan's floor of the kernel's round trip, 0 where nearness is not judged.
    """
    answered = trips.answered
    network_ms = 0.0 if kernel is None else kernel.minimum_rtt_us / 1000
    if max(trips.milliseconds, default=0.0) > 1.2 * SECOND_MS + network_ms:
        return SILENT
    if not answered:
        return None
    return _timer(answered, network_ms) or _ends_here(answered, kernel, minimum_us) or _at_once(answered)


def _at_once(answered: Sequence[float]) -> Shape | None:
    return AT_ONCE if len(answered) >= FEWEST else None


def _timer(answered: Sequence[float], network_ms: float) -> Shape | None:
    if len(answered) < FEWEST:
        return None
    if network_ms < SECOND_MS / 4 and (_spread_over(answered, SECOND_MS) or _at_multiples(answered, SECOND_MS)):
        return ONE_SECOND_TIMER
    middle = quantile(sorted(answered), 0.5) or 0.0
    often = middle < 2.2 * WINDOWS_TIMER_MS  # a steady network may lie near any one multiple; a timer is met each time
    if often and network_ms < WINDOWS_TIMER_MS / 2 and _at_multiples(answered, WINDOWS_TIMER_MS):
        return MILLISECOND_TIMER
    return None


def _ends_here(answered: Sequence[float], kernel: RoundTripEstimate | None, minimum_us: int) -> Shape | None:
    fastest = min(answered)
    if kernel is None:
        return TOO_FAST if minimum_us and fastest * 1000 < minimum_us else None
    floor = minimum_us or FORWARDER_FLOOR_US
    if kernel.minimum_rtt_us >= floor:
        return None
    if fastest >= LOCAL_MS and fastest * 1000 >= FORWARDER_FACTOR * kernel.minimum_rtt_us:
        return FORWARDER
    return TOO_FAST if minimum_us else None


def _spread_over(values: Sequence[float], period: float) -> bool:
    """Whether values are spread evenly from 0 to a period, by Kolmogorov and Smirnov at the level of 1 %."""
    if max(values) > 1.1 * period or max(values) < 0.5 * period:
        return False
    ordered = sorted(value / period for value in values)
    count = len(ordered)
    distance = max(max((place + 1) / count - value, value - place / count) for place, value in enumerate(ordered))
    return distance < 1.63 / math.sqrt(count)


def _at_multiples(values: Sequence[float], period: float) -> bool:
    """Whether nearly all values end near a whole number of periods, and not near none; the first began anywhere."""
    slack = 0.08 * period
    near = [abs(value - round(value / period) * period) <= slack and round(value / period) >= 1 for value in values[1:]]
    return sum(near) >= SHARE_AT_A_MULTIPLE * len(near)


def of_a_remote_gateway(shape: Shape | None, trips: RoundTrips) -> Measurement:
    """The shape as a measurement of L6: one that shows a connection ending here fails."""
    rule = "not of a connection that ends on this machine"
    if shape is None:
        return unproven("shape of the round trips", rule)
    return by_rule("shape of the round trips", shape.name, shape.outcome, rule, samples=trips.count)


def beyond_a_tunnel(trips: RoundTrips) -> Measurement:
    """For ``via: tunnel``: the answers come from farther away than this machine."""
    answered = sorted(trips.answered)
    fastest = quantile(answered, 0.0)
    far = fastest is not None and fastest >= LOCAL_MS
    return by_rule(
        "fastest round trip through the tunnel",
        fastest,
        Outcome.PASS if far else Outcome.UNPROVEN,
        f">= {LOCAL_MS:g} ms; nearer, it may end on this machine",
        "ms",
        len(answered),
    )
