"""Starting a simulated terminal from a scenario's name or file."""

from __future__ import annotations

from pathlib import Path

from mt5canary.errors import UsageProblem
from mt5canary.gateway.simulated.broker import Broker
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.package import SimulatedTerminal
from mt5canary.gateway.simulated.scenario import BUILT_IN, Scenario
from mt5canary.gateway.terminal import AttachedTerminal


def start_simulated(scenario_name: str, state: Path) -> tuple[SimulatedTerminal, Broker]:
    """Start the terminal of a scenario, to be attached to; its account lives in the folder. Raises UsageProblem."""
    scenario = _scenario(scenario_name)
    broker = Broker(scenario, state, ServerClock(scenario.daylight, scenario.standard_hours))
    return SimulatedTerminal(broker), broker


def attach_simulated(scenario_name: str, state: Path) -> AttachedTerminal:
    """Start the terminal of a scenario and attach to it. Raises UsageProblem."""
    terminal, broker = start_simulated(scenario_name, state)
    terminal.initialize()
    settle_seconds = broker.scenario.lag.longest / 1000
    return AttachedTerminal("simulated", terminal, settle_seconds, terminal.initialize, broker.close)


def _scenario(name: str) -> Scenario:
    if name in BUILT_IN:
        return BUILT_IN[name]()
    if not Path(name).exists():
        raise UsageProblem(f"--scenario {name}: neither a file nor one of {', '.join(BUILT_IN)}")
    from mt5canary.gateway.simulated.scenario_file import read_scenario

    return read_scenario(Path(name))
