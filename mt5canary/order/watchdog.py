"""The watchdog: a process of its own that flattens when the run ends without saying goodbye, or stands still.

It reads one line of settings from its standard input, then waits there. One byte ``D`` disarms it. End of file
without that byte means that the run is gone, however it went (SIGKILL, a crash, ``os._exit``): then it closes
every position of the run's magic number by itself. Settings hold the shared secret, so they come through the
pipe and never by the command line.

While something may be open the run says now and then that it lives (``P``). After one such byte, or after an order
left, the next may be late by ``silence_seconds``: a run that was stopped, swapped out, or whose two loops both stand
still says nothing. Then the watchdog flattens, halts the gateway and opens the breaker, so that a run that wakes up
again does not go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.link.connection import CurveKeys, Route
from mt5canary.link.session import Signer
from mt5canary.order.canary import GHOST_SECONDS
from mt5canary.order.flatten import WayOut
from mt5canary.order.journal import Journal

DISARM = b"D"
AWAITED = b"O"
ANSWERED = b"A"
"""What the run says of its order: it left and its outcome is not read; its outcome is read."""

PULSE = b"P"
REST = b"R"
"""What the run says of itself: it lives, and will say so again; nothing can be open, so that it may fall silent."""

SILENCE_MARGIN = timedelta(seconds=2)
PULSES_IN_A_SILENCE = 5
LATCH_SECONDS = 1.0
"""How long the closing waits for the breaker to be on the disk: a disk that hangs may be what stopped the run."""

FORGET_SECONDS = 5.0


def longest_silence(max_gap: timedelta) -> float:
    """For how long a run may say nothing, in seconds.

    The guardian inside it finds its own stall after ``max_gap``. It is left as long again, and a margin, to answer
    that by itself.
    """
    return (2 * max_gap + SILENCE_MARGIN).total_seconds()


class Watchdog:
    """The run's end of the watchdog's pipe."""

    def __init__(
        self, settings: dict[str, Any], keep_open: tuple[int, ...] = (), forget: tuple[Path, ...] = ()
    ) -> None:
        """Start it; it holds ``keep_open`` and, where it must act, removes the folders ``forget`` after that."""
        self._pulse_seconds = settings["silence_seconds"] / PULSES_IN_A_SILENCE
        self._pulsing: threading.Thread | None = None
        self._over = threading.Event()
        settings = {**settings, "keep_open": keep_open, "forget": [str(folder) for folder in forget]}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mt5canary.order.watchdog"],
            bufsize=0,  # more than one thread tells it something, a byte at a time
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=keep_open,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(settings).encode() + b"\n")
        os.set_blocking(self._process.stdin.fileno(), False)  # one that hangs must not hold the run up

    @property
    def process_id(self) -> int:
        """The watchdog's process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still watches."""
        return self._process.poll() is None

    def order_left(self) -> None:
        """Tell it that an order may be under way, so that one can still arrive."""
        self._tell(AWAITED)

    def order_answered(self) -> None:
        """Tell it that the order's outcome is known."""
        self._tell(ANSWERED)

    def pulse(self, sign: Callable[[], bytes]) -> None:
        """Tell it from now on how the run is: ``sign`` gives ``PULSE``, ``REST`` or, of a stall, nothing."""
        self._pulsing = threading.Thread(target=self._pulse, args=(sign,), name="pulse", daemon=True)
        self._pulsing.start()

    def _pulse(self, sign: Callable[[], bytes]) -> None:
        while not self._over.wait(self._pulse_seconds):
            self._tell(sign())

    def _tell(self, news: bytes) -> None:
        """Tell it how order and run stand; it may be dead already."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(news)

    def disarm(self) -> None:
        """Tell it that the run has looked after everything itself; a second call does nothing."""
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return
        self._over.set()
        if self._pulsing is not None:
            self._pulsing.join()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(DISARM)
            self._process.stdin.close()
        self._process.wait(timeout=GHOST_SECONDS + 10)  # it may be looking after a silence just now


def settings(
    route: Route,
    secret: bytes,
    account: tuple[str, int],
    offset: timedelta,
    way_out: WayOut,
    report: Path,
    state: Path,
    silence_seconds: float,
) -> dict[str, Any]:
    """What the watchdog needs; ``report`` is the file that its result goes to, ``state`` the account's folder."""
    curve = route.curve
    return {
        "url": route.url,
        "source": route.source,
        "curve": None if curve is None else [key.decode() for key in (curve.server, curve.client, curve.client_secret)],
        "secret": secret.hex(),
        "server": account[0],
        "login": account[1],
        "offset_seconds": offset.total_seconds(),
        "magic": way_out.magic,
        "capabilities": None if way_out.capabilities is None else sorted(way_out.capabilities),
        "spared": sorted(way_out.spared),
        "report": str(report),
        "state": str(state),
        "silence_seconds": silence_seconds,
    }


def described_way_out(given: dict[str, Any]) -> WayOut:
    """The way out that the settings describe."""
    curve = None
    if given["curve"]:
        server, client, client_secret = (key.encode() for key in given["curve"])
        curve = CurveKeys(server=server, client=client, client_secret=client_secret)
    signer = Signer(
        bytes.fromhex(given["secret"]),
        given["server"],
        given["login"],
        timedelta(seconds=given["offset_seconds"]),
    )
    route = Route(url=given["url"], source=given["source"], curve=curve)
    known, spared = given["capabilities"], given["spared"]
    return WayOut(route, signer, given["magic"], lambda kind, body: None, capabilities=known, spared=spared)


def main() -> None:
    """Wait for the end of the run, and flatten where it ended without disarming."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with open(0, "rb", buffering=0, closefd=False) as run:
        given = json.loads(run.readline())
        last, awaited = _listen(run, given)
    if last == DISARM:
        return
    _flatten(given, "the run ended without disarming its watchdog", awaited=awaited)
    for descriptor in given["keep_open"]:
        os.close(descriptor)
    for folder in map(Path, given["forget"]):
        _forget(folder)


def _listen(run: FileIO, given: dict[str, Any]) -> tuple[bytes, bool]:
    """Hear the run out, and act whenever it is silent for too long.

    Returns its last word, which is empty where it ended without one, and whether an order's outcome was awaited.
    """
    awaited, patience = False, None
    while True:
        if not select.select([run], [], [], patience)[0]:
            _answer_silence(given, awaited=awaited)
            patience = None  # once for each silence; a run that wakes up begins anew
            continue
        word = run.read(1) or b""
        if word in (b"", DISARM):
            return word, awaited
        if word == ANSWERED:
            awaited = False
            continue
        awaited = awaited or word == AWAITED
        patience = None if word == REST else given["silence_seconds"]


def _answer_silence(given: dict[str, Any], *, awaited: bool) -> None:
    """Open the breaker and close what is open; what a run that wakes up finds."""
    reason = f"the run gave its watchdog no sign of life for {given['silence_seconds']:g} s"
    latch = threading.Thread(target=_open_the_breaker, args=(Path(given["state"]), reason), daemon=True)
    latch.start()
    latch.join(LATCH_SECONDS)
    _flatten(given, reason, awaited=awaited, halt=True)


def _open_the_breaker(state: Path, reason: str) -> None:
    """By a note in the account's journal, which the breaker is open by whatever its own file says."""
    Journal(state).note("BREAKER_OPEN", reason=reason, by="watchdog")


def _flatten(given: dict[str, Any], reason: str, *, awaited: bool, halt: bool = False) -> None:
    """Close everything of the run's magic; where an order may still arrive, again after its last moment."""
    _flatten_once(given, reason, halt)
    if awaited:
        time.sleep(GHOST_SECONDS)
        _flatten_once(given, "again, after the order's last moment", halt)


def _flatten_once(given: dict[str, Any], reason: str, halt: bool) -> None:
    result = described_way_out(given).flatten(reason, "watchdog", halt=halt)
    with Path(given["report"]).open("ab") as file:
        file.write(msgspec.json.encode({"at": time.time_ns(), **msgspec.structs.asdict(result)}) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _forget(folder: Path) -> None:
    """Remove a folder whose owner may still be ending."""
    deadline = time.monotonic() + FORGET_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
