"""Worlds of two hosts for tests; a machine that cannot have one skips, but never in CI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.link.situation import plan_of
from tests.netns.gateway import HostedGateway
from tests.netns.world import Host, World, why_impossible

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """Makes worlds, and takes them away afterwards."""
    reason = why_impossible()
    if reason is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(**options))
        return made[-1]

    yield make
    for world in made:
        world.remove()


@pytest.fixture
def ethernet(make_world: Callable[..., World]) -> World:
    """Two hosts on one Ethernet, 192.0.2.0/24."""
    return make_world()


@pytest.fixture
def distant(make_world: Callable[..., World]) -> World:
    """Two hosts in networks of their own, 10 ms apart each way."""
    return make_world(delay_seconds=0.010)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., HostedGateway]]:
    """Starts gateways on hosts, and stops them afterwards."""
    started: list[HostedGateway] = []

    def start(host: Host, address: str, *options: str) -> HostedGateway:
        started.append(HostedGateway(host, tmp_path / f"gateway-{len(started)}", address, *options))
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()


Look = Callable[..., SimpleNamespace]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """What a run's criteria and a diagnosis see of a target, looked at from a host."""

    def at(host: Host, target: dict[str, Any], criteria: str = "L1 L2 L3 L4 L5 L6") -> SimpleNamespace:
        plan = plan_of(tmp_path, target)
        words = [sys.executable, "-m", "tests.netns.look", str(plan), criteria]
        process = host.start(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        output, errors = process.communicate(timeout=90)
        assert process.returncode == 0, errors
        return SimpleNamespace(**json.loads(output))

    return at
