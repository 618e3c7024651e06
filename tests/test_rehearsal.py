"""The simulated gateway that a run starts and stops by itself."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mt5canary.errors import Finding
from mt5canary.link.connection import Route
from mt5canary.link.session import ReadSession
from mt5canary.rehearsal import SimulatedGateway, state_folder


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(process: int) -> bool:
    """Whether a process has ended, its parent's interest in it aside."""
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_answers_and_leaves_nothing(tmp_path: Path) -> None:
    """It listens on loopback, answers, and after ``stop``, called twice, neither process nor folder is left."""
    gateway = SimulatedGateway(tmp_path / "gateway.log")
    assert gateway.url.startswith("tcp://127.0.0.1:")
    with ReadSession(Route(url=gateway.url), lambda kind, body: None) as session:
        assert session.hello().terminal.kind == "simulated"
    eventually(lambda: '"HELLO"' in gateway.log.read_text())  # a read's line may wait for the loop's next pass
    gateway.stop()
    gateway.stop()
    assert not psutil.pid_exists(gateway.process_id)
    assert not gateway.folder.exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_secret_is_its_owners_alone(simulated: SimulatedGateway) -> None:
    """The shared secret is in a file that nobody else can read, and in no process's command line."""
    secret = simulated.folder / "risk.secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(simulated.folder.stat().st_mode) == 0o700
    assert simulated.secret.decode() not in " ".join(psutil.Process(simulated.process_id).cmdline())
    assert len(simulated.secret) >= 32


def test_two_have_different_secrets_and_ports(tmp_path: Path, simulated: SimulatedGateway) -> None:
    """Runs side by side do not meet."""
    other = SimulatedGateway(tmp_path / "other.log")
    try:
        assert other.url != simulated.url
        assert other.secret != simulated.secret
    finally:
        other.stop()


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Its own log's last line reaches the person."""
    gateway = SimulatedGateway(tmp_path / "gateway.log", scenario="no-such-scenario")
    try:
        with pytest.raises(Finding, match=r"did not start.*no-such-scenario"):
            gateway.url  # noqa: B018 -- asking for it waits for the banner
    finally:
        gateway.stop()


def test_it_ends_when_nobody_holds_its_input(tmp_path: Path) -> None:
    """A run that was killed closes the pipe, and the gateway goes by itself."""
    gateway = SimulatedGateway(tmp_path / "gateway.log")
    assert gateway.url
    os.close(os.dup(gateway.input_descriptor))
    assert gateway._process.stdin is not None
    gateway._process.stdin.close()
    eventually(lambda: is_gone(gateway.process_id))
    gateway.stop()


def test_one_that_was_killed_can_be_stopped(tmp_path: Path) -> None:
    """``stop`` after a SIGKILL reaps the process and removes its folder."""
    gateway = SimulatedGateway(tmp_path / "gateway.log")
    assert gateway.url
    os.kill(gateway.process_id, signal.SIGKILL)
    gateway.stop()
    assert not psutil.pid_exists(gateway.process_id)
    assert not gateway.folder.exists()


@pytest.mark.parametrize("server", ["JustMarkets-Demo2", "../../etc", "a b/c\\d", "x:y", ""])
def test_state_folder_stays_where_it_belongs(tmp_path: Path, server: str) -> None:
    """A server's name cannot lead out of the state's folder."""
    folder = state_folder(tmp_path, server, 1, 2)
    assert folder.parent == tmp_path
    assert folder.resolve().parent == tmp_path.resolve()
