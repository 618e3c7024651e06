"""Ways that are closed, refused or cut: the outcome, the diagnosis, and how soon both are there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.link.situation import plan_of
from tests.netns.conftest import ROOT, Look
from tests.netns.gateway import HostedGateway
from tests.netns.test_remoteness import elsewhere
from tests.netns.world import GATEWAY, PORT, World

CONNECT_SECONDS = 3.0
Serve = Callable[..., HostedGateway]


@pytest.mark.parametrize(
    ("rule", "trouble", "error"),
    [
        pytest.param("drop", "no-answer", "ETIMEDOUT", id="dropped"),
        pytest.param("reject with icmp type host-unreachable", "no-such-host", "EHOSTUNREACH", id="rejected"),
        pytest.param("reject with tcp reset", "port-closed", "ECONNREFUSED", id="reset"),
    ],
)
def test_firewall(distant: World, serve: Serve, look: Look, rule: str, trouble: str, error: str) -> None:
    """Dropped, rejected and reset packets are told apart, each within the connect time-out and one second."""
    serve(distant.gtw, GATEWAY)
    distant.gtw.filter(f"tcp dport {PORT} {rule}")
    seen = look(distant.inf, elsewhere(GATEWAY))
    assert seen.outcomes == {"L1": "PASS", "L2": "FAIL"}
    assert "no TCP connection" in seen.reasons["L2"]
    assert seen.trouble == trouble
    assert error in seen.observed[-1]
    assert seen.seconds["criteria"] < CONNECT_SECONDS + 1
    assert seen.seconds["diagnosis"] < CONNECT_SECONDS + 1


def test_no_machine_at_the_address(ethernet: World, look: Look) -> None:
    """Nobody answers for the address on this Ethernet: the kernel says so after three seconds."""
    seen = look(ethernet.inf, elsewhere("192.0.2.77"))
    assert seen.outcomes == {"L1": "PASS", "L2": "FAIL"}
    assert seen.trouble == "no-such-host"
    assert "EHOSTUNREACH" in seen.observed[-1]
    assert seen.seconds["diagnosis"] < CONNECT_SECONDS + 1


def test_no_route(ethernet: World, look: Look) -> None:
    """A network that this node has no way to is named at once."""
    seen = look(ethernet.inf, elsewhere("198.51.100.77"))
    assert seen.outcomes == {"L1": "PASS", "L2": "FAIL"}
    assert seen.trouble == "no-route"
    assert seen.observed[-1].startswith("route: ")
    assert seen.seconds["diagnosis"] < 1


def test_source_that_is_not_this_nodes(distant: World, serve: Serve, look: Look) -> None:
    """A plan's source that this node does not have fails in L2 and is named."""
    gateway = serve(distant.gtw, GATEWAY)
    seen = look(distant.inf, gateway.target(source="192.0.2.99"))
    assert seen.outcomes == {"L1": "PASS", "L2": "FAIL"}
    assert seen.trouble == "source-not-here"


@pytest.fixture
def cut_off(distant: World, serve: Serve, tmp_path: Path) -> subprocess.Popen[str]:
    """A session from one host to the other that pings when it is told to."""
    gateway = serve(distant.gtw, GATEWAY)
    words = [sys.executable, "-m", "tests.netns.exchange", str(plan_of(tmp_path, gateway.target()))]
    process = distant.inf.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert _answer(process) == {"said": "ready"}
    yield process  # type: ignore[misc]
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _answer(process: subprocess.Popen[str], timeout_ms: int | None = None) -> dict[str, object]:
    assert process.stdin is not None
    assert process.stdout is not None
    if timeout_ms is not None:
        process.stdin.write(f"{timeout_ms}\n")
        process.stdin.flush()
    answer: dict[str, object] = json.loads(process.stdout.readline())
    return answer


def test_partition_under_a_request(distant: World, cut_off: subprocess.Popen[str]) -> None:
    """A request that the network did not deliver is told from a gateway that is silent; its loss is an event."""
    assert distant.relay is not None
    assert _answer(cut_off, 1000)["said"] == "ok"
    distant.relay.is_cut = True
    said = str(_answer(cut_off, 1000)["said"])
    assert "no reply within 1 s" in said
    assert "the network did not deliver it" in said
    assert "no TCP connection" in str(_answer(cut_off, 1000)["said"])
    distant.relay.is_cut = False
    healed = _answer(cut_off, 1000)
    assert healed["said"] == "ok"
    assert len(healed["lost"]) == 1  # type: ignore[arg-type]
    assert "the network did not deliver it" in str(healed["lost"])


def test_loss_and_jitter_are_waited_out(distant: World, cut_off: subprocess.Popen[str]) -> None:
    """Lost packets are sent again by the kernel: late, and no finding."""
    assert distant.relay is not None
    distant.relay.loss, distant.relay.jitter = 0.1, 0.010
    assert {_answer(cut_off, 5000)["said"] for _ in range(20)} == {"ok"}
