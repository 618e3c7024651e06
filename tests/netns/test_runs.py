"""Whole runs from one host to a gateway on another: a partition or a restart in the middle is never a pass."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.netns.canary import HostedRun
from tests.netns.gateway import HostedGateway
from tests.netns.world import GATEWAY, Host, World

PARTITION = "the network did not deliver it"
Serve = Callable[..., HostedGateway]
Start = Callable[..., HostedRun]


@pytest.fixture
def near(make_world: Callable[..., World]) -> World:
    """Two hosts in networks of their own, 2 ms apart each way."""
    return make_world(delay_seconds=0.002)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts runs on a host, and ends them afterwards."""
    started: list[HostedRun] = []

    def start_run(host: Host, target: dict[str, Any], **options: Any) -> HostedRun:
        started.append(HostedRun(tmp_path / f"run-{len(started)}", host, target, **options))
        return started[-1]

    yield start_run
    for run in started:
        run.stop()


def test_gateway_restarted_in_mid_run(near: World, serve: Serve, start: Start) -> None:
    """Another instance answers after the fill: G5 and E3 fail by name, and the position is closed all the same."""
    gateway = serve(near.gtw, GATEWAY)
    run = start(near.inf, gateway.target())
    run.reaches("watching: for")
    gateway.restart()
    status = run.ended()
    outcomes = run.harness.outcomes()
    assert status == 1
    assert run.harness.verdict["verdict"] == "FAIL"
    assert outcomes["X7"] == "PASS"
    assert outcomes["G5"] != "PASS"
    assert outcomes["E1"] == "PASS"
    assert outcomes["E3"] == "FAIL"
    assert "gateway instances that answered HELLO" in run.harness.reason("E3")
    assert run.harness.verdict["flat"] is True


def test_partition_in_mid_run(near: World, serve: Serve, start: Start) -> None:
    """A cut of the way under the watch is named and no pass, although the way heals and the gateway is the same."""
    gateway = serve(near.gtw, GATEWAY)
    relay = near.relay
    assert relay is not None
    run = start(near.inf, gateway.target())
    run.reaches("watching: for")
    relay.is_cut = True
    run.reaches(PARTITION)
    relay.is_cut = False
    status = run.ended()
    assert status == 1
    assert run.harness.verdict["verdict"] != "PASS"
    assert run.harness.outcomes()["E3"] == "UNPROVEN"
    assert "connections that were lost" in run.harness.reason("E3")
    assert run.harness.verdict["flat"] is True


def test_name_that_changes_in_mid_run(near: World, serve: Serve, start: Start) -> None:
    """A name that changes its address fails E3, with both; the way out leads to where the order went."""
    gateway = serve(near.gtw, GATEWAY)
    near.inf.resolves({"gateway.example": GATEWAY})
    run = start(near.inf, gateway.target(host="gateway.example"))
    run.reaches("watching: for")
    near.inf.resolves({"gateway.example": "198.51.100.66"})
    assert run.ended() == 1
    assert run.harness.outcomes()["L1"] == "PASS"
    assert run.harness.outcomes()["E3"] == "FAIL"
    assert "198.51.100.66" in run.harness.reason("E3")
    assert GATEWAY in run.harness.reason("E3")
    assert run.harness.verdict["flat"] is True
    assert not any(entry["action"] == "CLOSE_ALL" and "error_code" in entry for entry in gateway.requests())


@pytest.mark.nightly
def test_first_look_over_a_long_way_is_verified(make_world: Callable[..., World], serve: Serve, start: Start) -> None:
    """80 ms of round trip: L6 passes over several connections, E3 counts them all, and verify finds the same."""
    far = make_world(delay_seconds=0.040)
    gateway = serve(far.gtw, GATEWAY)
    run = start(far.inf, gateway.target())
    run.ended()
    outcomes = run.harness.outcomes()
    assert (outcomes["L6"], outcomes["E3"]) == ("PASS", "PASS"), run.harness.reason("L6") + run.harness.reason("E3")
    records = [json.loads(line) for line in (run.harness.bundle / "evidence.jsonl").read_text().splitlines()]
    (begin,) = [n for n, record in enumerate(records) if record["kind"] == "outcome" and record["criterion"] == "L5"]
    (end,) = [n for n, record in enumerate(records) if record["kind"] == "outcome" and record["criterion"] == "L6"]
    assert len({record["connection"] for record in records[begin:end] if record["kind"] == "exchange"}) > 3
    command = [sys.executable, "-m", "mt5canary.cli", "verify", str(run.harness.bundle)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    assert "VERIFIED: the raw records amount to" in said, said
    assert re.search(r"holds .* judged again from the raw records: .*\bL6\b", said), said
