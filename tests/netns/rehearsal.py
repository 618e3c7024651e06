"""``make rehearsal-netns``: the whole canary from one host to a gateway on another, 20 ms away.

The target has a host, so nothing about it is declared but that its terminal is a simulation: L1 must pass by its
address and this host's masks, L2 by both ends of the connection and the kernel's round trip. Needs root.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.link.situation import plan_of
from tests.netns.gateway import HostedGateway
from tests.netns.world import GATEWAY, NODE, World, why_impossible

ROOT = Path(__file__).resolve().parents[2]
ONE_WAY_SECONDS = 0.010
LIMITS = {
    "watch": {"for": "40s", "every": "100ms"},
    "drift": {"every": "30s"},
    "latency": {"warn_ms": "150", "p99_ms": "250"},
}
"""The round trip is 20 ms, and every second the watch reads the account on the same connection (four round trips)."""


def main(*options: str) -> int:
    """Run the canary and show what L1 and L2 passed on; return its exit status."""
    reason = why_impossible()
    if reason is not None:
        print(f"no rehearsal between two hosts here: {reason}")
        return 2
    with tempfile.TemporaryDirectory(prefix="mt5canary-netns-") as folder:
        world = World(delay_seconds=ONE_WAY_SECONDS)
        try:
            gateway = HostedGateway(world.gtw, Path(folder) / "gateway", GATEWAY)
            try:
                return _run(world, gateway, Path(folder), options)
            finally:
                gateway.stop()
        finally:
            world.remove()


def _run(world: World, gateway: HostedGateway, folder: Path, options: tuple[str, ...]) -> int:
    target = gateway.target(source=NODE, risk_secret="${RISK_SECRET}", limits=LIMITS)
    plan = plan_of(folder, target)
    environment = {"RISK_SECRET": gateway.secret_file.read_text()}
    words = [sys.executable, "-m", "pytest", "-m", "live", f"--plan={plan}", *options]
    status = world.inf.start(words, cwd=ROOT, env=_environment() | environment, stdin=subprocess.DEVNULL).wait()
    _show(ROOT / "reports" / "latest" / "verdict.json")
    return status


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GTW_")}


def _show(file: Path) -> None:
    verdict: dict[str, Any] = json.loads(file.read_text())
    print(f"\n{verdict['verdict']}, run {verdict['run']}: why the gateway counts as remote")
    for criterion in verdict["criteria"][:2]:
        for one in criterion["measurements"]:
            print(f"  {criterion['id']} {one['outcome']} {one['name']}: {one['value']} {one['unit']} ({one['limit']})")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
