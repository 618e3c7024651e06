"""``mt5canary serve``: banner, log, signals, wrong options; and what gateway/ and wire/ may import."""

from __future__ import annotations

import ast
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import GatewayProcess, NotServing, eventually
from tests.gateway.independent_client import Client

ROOT = Path(__file__).parents[2]
POSIX_ONLY = {
    *("fork", "getuid", "geteuid", "getgid", "setsid", "setuid", "killpg", "getpgid", "mkfifo", "uname", "wait3"),
    *("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "alarm", "setitimer", "pthread_kill"),
    *("add_signal_handler", "sched_setaffinity", "chown", "fchmod", "openpty"),
}
POSIX_MODULES = {"fcntl", "grp", "pwd", "pty", "resource", "termios", "tty", "syslog", "posix"}


def test_banner_and_log(start_gateway: Callable[..., GatewayProcess], connect: Any) -> None:
    """The banner says terminal, account, mode and CURVE; the log one line a request, without secret or signature."""
    secret = secrets.token_hex(32).encode()
    gateway = start_gateway(secret=secret)
    client: Client = connect(gateway)
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001)
    client.send(message)
    client.open(volume=0.0005)
    eventually(lambda: [line for line in gateway.log() if line.get("retcode") == 10014])
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(20) == 0
    assert gateway.process.stdout is not None
    banner = gateway.process.stdout.read().decode()
    for part in ("terminal: simulated", "account: 1100212251 at JustMarkets-Demo2", "mode: demo", "CURVE: off"):
        assert part in banner
    lines = [line for line in gateway.log() if "action" in line]
    assert [line["action"] for line in lines] == ["HELLO", "OPEN", "OPEN"]
    assert {"time", "action", "uuid", "status", "ms", "retcode"} <= set(lines[1])
    assert (lines[1]["uuid"], lines[1]["status"]) == (message["uuid"], "FILLED")
    assert (lines[2]["error_code"], lines[2]["retcode"]) == ("MT5_ORDER_FAILED", 10014)
    text = gateway.log_path.read_text()
    for hidden in (secret.decode(), message["risk_signature"], message["risk_signature"].split(":")[1]):
        assert hidden not in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(start_gateway: Callable[..., GatewayProcess], number: int) -> None:
    """SIGTERM and SIGINT end it with status 0."""
    assert start_gateway().stop(number) == 0


def test_no_secret_means_loopback_only(start_gateway: Callable[..., GatewayProcess], connect: Any) -> None:
    """Without a secret it warns and serves a loopback address; any other is refused with status 4."""
    gateway = start_gateway(secret=None)
    assert connect(gateway).open()["status"] == "FILLED"
    with pytest.raises(NotServing) as caught:
        start_gateway("--bind", "tcp://0.0.0.0:*", secret=None)
    assert (caught.value.status, "--risk-secret-file" in caught.value.said) == (4, True)


def test_open_address_without_curve_is_warned_about(start_gateway: Callable[..., GatewayProcess]) -> None:
    """With a secret it may bind any address; without CURVE the banner warns of it."""
    gateway = start_gateway("--bind", "tcp://0.0.0.0:*")
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(20) == 0
    assert gateway.process.stdout is not None
    assert "not a loopback address" in gateway.process.stdout.read().decode()


def test_wrong_options_say_what_is_wrong(start_gateway: Callable[..., GatewayProcess], tmp_path: Path) -> None:
    """Each option or file that cannot be used is one clear message and status 4."""
    short, caps, file = tmp_path / "short", tmp_path / "caps.yaml", tmp_path / "file"
    short.write_text("too short\n")
    caps.write_text("max_order_volumes: 5\n")
    file.write_text("")
    for options, part in (
        (("--risk-secret-file", str(short)), "needs 32"),
        (("--risk-secret-file", str(tmp_path / "absent")), "absent"),
        (("--caps", str(caps)), "max_order_volume"),
        (("--caps", str(tmp_path / "absent")), "absent"),
        (("--bind", "5555"), "tcp://ADDRESS:PORT"),
        (("--bind", "tcp://127.0.0.1:99999"), "--bind"),
        (("--state", str(file)), "--state"),
    ):
        with pytest.raises(NotServing) as caught:
            start_gateway(*options)
        assert caught.value.status == 4, options
        assert part in caught.value.said
        assert "Traceback" not in caught.value.said


def test_a_port_in_use_is_said(start_gateway: Callable[..., GatewayProcess], gateway: GatewayProcess) -> None:
    """A second gateway on the same port ends with status 4 and names the address."""
    with pytest.raises(NotServing) as caught:
        start_gateway("--bind", gateway.endpoint)
    assert (caught.value.status, gateway.endpoint in caught.value.said) == (4, True)


def test_a_state_in_use_is_refused(gateway: GatewayProcess, tmp_path: Path) -> None:
    """A second gateway on the same state ends with status 4; once the first is gone, however it went, it starts."""
    with pytest.raises(NotServing) as caught:
        GatewayProcess(gateway.state.parent, secret=gateway.secret, program=("-m", "mt5canary.cli"))
    assert (caught.value.status, "another gateway is using it" in caught.value.said) == (4, True)
    gateway.kill()
    gateway.start()


def test_another_account_in_the_state_is_refused(gateway: GatewayProcess, tmp_path: Path) -> None:
    """A state folder of one account is not opened for another."""
    path = tmp_path / "other.yaml"
    path.write_text("account: {login: 7}")
    gateway.stop()
    gateway._options = ("--scenario", str(path))
    with pytest.raises(NotServing) as caught:
        gateway.start()
    assert (caught.value.status, "--state" in caught.value.said) == (4, True)


def sources() -> list[Path]:
    return sorted((*(ROOT / "mt5canary" / "gateway").rglob("*.py"), *(ROOT / "mt5canary" / "wire").rglob("*.py")))


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_gateway_imports_nothing_of_the_client_and_runs_on_windows(path: Path) -> None:
    """gateway/ knows wire/ and the errors alone, and neither calls what only POSIX has."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = ("mt5canary.gateway", "mt5canary.wire", "mt5canary.errors")
    ours = {name for name in imported(tree) if name.startswith("mt5canary") and name != "mt5canary"}
    assert {name for name in ours if not name.startswith(allowed)} == set()
    assert imported(tree) & POSIX_MODULES == set()
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert used & POSIX_ONLY == set()


def test_it_outlives_whoever_reads_its_log(tmp_path: Path, zmq_context: Any) -> None:
    """With the reader of its output gone, as after a killed harness, it answers on and still enforces a lease."""
    command = [sys.executable, "-m", "mt5canary.cli", "serve", "--terminal", "simulated", "--bind",
               "tcp://127.0.0.1:*", "--state", str(tmp_path)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        endpoint = process.stdout.readline().decode().removeprefix("listening on ").strip()
        process.stdout.close()
        process.stderr.close()
        client = Client(zmq_context, endpoint)
        assert client.open()["status"] == "FILLED"
        assert client.ask("LEASE", magic=1196, seconds=1)["status"] == "ok"
        eventually(lambda: client.ask("GET_POSITIONS")["positions"] == [])
        client.close()
        process.terminate()
        assert process.wait(20) == 0
