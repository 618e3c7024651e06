"""``mt5canary serve``: run the gateway beside a terminal."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from types import FrameType

import zmq

from mt5canary.errors import UsageProblem
from mt5canary.gateway import installation, log, words
from mt5canary.gateway.admission import Admission, ServerKeys, read_keys
from mt5canary.gateway.caps import Caps, read_caps
from mt5canary.gateway.gateway import Gateway
from mt5canary.gateway.installation import Installation
from mt5canary.gateway.journal import Journal
from mt5canary.gateway.server import Server, bind
from mt5canary.gateway.terminal import AttachedTerminal, TerminalSilent
from mt5canary.wire.signature import SignatureError, read_secret

CLAIM_SECONDS = 3.0
"""How long a gateway that starts again waits for the one before it to be gone."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--terminal", choices=("simulated", "metatrader5"), required=True, help="what trades")
    installation.configure(parser)
    parser.add_argument(
        "--bind", metavar="URL", default="tcp://127.0.0.1:5555", help="where to listen; port * picks a free one"
    )
    parser.add_argument("--state", metavar="DIR", type=Path, required=True, help="where everything lasting is kept")
    parser.add_argument(
        "--risk-secret-file", metavar="FILE", type=Path, help="the secret shared with the client, 32 bytes or more"
    )
    parser.add_argument("--scenario", metavar="NAME_OR_FILE", default="default", help="of the simulated terminal")
    parser.add_argument("--caps", metavar="FILE", type=Path, help="this gateway's own limits on orders")
    parser.add_argument("--curve-key", metavar="FILE", type=Path, help="the server's CURVE key; switches CURVE on")
    parser.add_argument(
        "--stop-with-input", action="store_true", help="end when the standard input does, as a run's own gateway must"
    )
    parser.add_argument("--curve-allow", metavar="DIR", type=Path, help="the public keys of the clients admitted")


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal ends it. Raises UsageProblem for options and files that cannot be used."""
    if sys.stderr is not None:
        return _serve(arguments)
    log.keep_in(_state(arguments.state) / "gateway.log")  # Windows' pythonw has no output at all
    try:
        return _serve(arguments)
    except UsageProblem as problem:
        log.event("not started", problem=str(problem))
        raise


def _serve(arguments: argparse.Namespace) -> int:
    secret = _secret(arguments.risk_secret_file)
    _check_address(arguments.bind, secret)
    caps = read_caps(arguments.caps) if arguments.caps else Caps()
    keys = _curve_keys(arguments.curve_key, arguments.curve_allow)
    place = installation.chosen(arguments)
    state = _state(arguments.state)
    claim = _claim(state)
    terminal = attach(arguments.terminal, arguments.scenario, state, place)
    journal = Journal(state / "gateway.sqlite")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        admission = Admission(context, keys) if keys else None
        socket = _bind(context, arguments.bind, admission)
        stopping = _stop_on_signals()
        if arguments.stop_with_input:
            threading.Thread(target=_stop_at_end_of_input, args=(stopping,), daemon=True).start()
        _announce(terminal, socket, signed=secret is not None, curve=keys is not None)
        Server(context, socket, Gateway(terminal, journal, secret, caps), admission).serve(stopping.is_set)
    finally:
        context.destroy(linger=0)
        journal.close()
        terminal.close()
        claim.close()
    return 0


def _secret(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return read_secret(path.read_bytes())
    except (OSError, SignatureError) as error:
        raise UsageProblem(f"--risk-secret-file {path}: {error}") from None


def _check_address(url: str, secret: bytes | None) -> None:
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme != "tcp" or not host:
        raise UsageProblem(f"--bind {url}: not of the form tcp://ADDRESS:PORT")
    if port != "*" and not (port.isdecimal() and int(port) < 65536):  # libzmq would take 99999 for another port
        raise UsageProblem(f"--bind {url}: the port must be * or a number below 65536")
    if secret is None and not is_loopback(host):
        raise UsageProblem(
            f"--bind {url}: without --risk-secret-file anybody who reaches this address could trade; "
            "give a secret, or bind tcp://127.0.0.1:PORT"
        )


def is_loopback(host: str) -> bool:
    """Whether only this host can reach an address."""
    return host.startswith("127.") or host in ("localhost", "[::1]")


def _state(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageProblem(f"--state {path}: {error}") from None
    return path


def _claim(state: Path) -> sqlite3.Connection:
    """Take the state folder for this gateway; SQLite's lock ends with the process, however it ends."""
    claim = sqlite3.connect(state / "in-use.sqlite", isolation_level=None, timeout=CLAIM_SECONDS)
    try:
        claim.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        claim.close()
        raise UsageProblem(f"--state {state}: another gateway is using it, give each its own ({error})") from None
    return claim


def attach(kind: str, scenario: str, state: Path, place: Installation) -> AttachedTerminal:
    """Attach to the terminal that the options name."""
    if kind == "simulated":
        from mt5canary.gateway.simulated.attach import attach_simulated

        return attach_simulated(scenario, state)
    from mt5canary.gateway.metatrader5 import attach_metatrader5

    return attach_metatrader5(place)


def _curve_keys(key_file: Path | None, allow: Path | None) -> ServerKeys | None:
    if key_file is None and allow is None:
        return None
    if key_file is None or allow is None:
        raise UsageProblem("--curve-key and --curve-allow go together: the server's key, and who may connect")
    return read_keys(key_file, allow)


def _bind(context: zmq.Context[zmq.Socket[bytes]], url: str, admission: Admission | None) -> zmq.Socket[bytes]:
    try:
        return bind(context, url, admission)
    except zmq.ZMQError as error:
        raise UsageProblem(f"--bind {url}: {error}") from None


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):  # SIGBREAK is Windows' Ctrl-Break
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    return stopping


def _stop_at_end_of_input(stopping: threading.Event) -> None:
    # unbuffered, because a thread inside a buffered read cannot be left behind at the interpreter's end
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stopping.set()


def _announce(terminal: AttachedTerminal, socket: zmq.Socket[bytes], signed: bool, curve: bool) -> None:
    endpoint = socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]
    try:
        account = terminal.interface.account_info()
    except TerminalSilent:
        account = None
    described = f"{account.login} at {account.server}" if account else "not logged in"
    lines = [
        f"listening on {endpoint}",
        f"terminal: {terminal.kind}",
        f"account: {described}",
        f"mode: {words.word(words.TRADE_MODES, account.trade_mode) if account else 'unknown'}",
        f"CURVE: {'on' if curve else 'off'}",
    ]
    if not signed:
        lines.append("warning: no risk secret: risk signatures are not verified")
    if not curve and not is_loopback(endpoint.partition("://")[2].rpartition(":")[0]):
        lines.append("warning: not a loopback address and CURVE is off: requests and replies travel in the clear")
    if sys.stdout is None:
        log.event("serving", banner=lines)
        return
    with contextlib.suppress(BrokenPipeError):  # a reader that has seen enough with the first line
        print("\n".join(lines), flush=True)
