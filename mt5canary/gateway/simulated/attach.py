"""Starting a simulated terminal from a scenario's name or file."""

from __future__ import annotations

from pathlib import Path

from mt5canary.errors import UsageProblem
from mt5canary.gateway.simulated.broker import Broker
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.package import SimulatedTerminal
from mt5canary.gateway.simulated.scenario import BUILT_IN
from mt5canary.gateway.terminal import AttachedTerminal


def attach_simulated(scenario_name: str, state: Path) -> AttachedTerminal:
    """Start the terminal of a scenario; its account lives in the state folder. Raises UsageProblem."""
    if scenario_name not in BUILT_IN:
        raise UsageProblem(f"--scenario {scenario_name}: the scenarios are {', '.join(BUILT_IN)}")
    scenario = BUILT_IN[scenario_name]()
    broker = Broker(scenario, state, ServerClock(scenario.daylight, scenario.standard_hours))
    terminal = SimulatedTerminal(broker)
    terminal.initialize()
    return AttachedTerminal("simulated", terminal, settle_seconds=scenario.lag.longest / 1000, close=broker.close)
