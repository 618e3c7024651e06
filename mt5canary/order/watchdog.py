"""The watchdog: a process of its own that flattens when the run ends without saying goodbye.

It reads one line of settings from its standard input, then waits there. One byte ``D`` disarms it. End of file
without that byte means that the run is gone, however it went (SIGKILL, a crash, ``os._exit``): then it closes
every position of the run's magic number by itself. Settings hold the shared secret, so they come through the
pipe and never by the command line.

In between it is told when an order leaves and when its outcome is known: one that was cut off under way can arrive
after the first look, so there is a second one after its last moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.link.connection import CurveKeys, Route
from mt5canary.link.session import Signer
from mt5canary.order.canary import GHOST_SECONDS
from mt5canary.order.flatten import WayOut

DISARM = b"D"
AWAITED = b"O"
ANSWERED = b"A"
"""What the run says of its order: it left and its outcome is not read; its outcome is read."""

FORGET_SECONDS = 5.0


class Watchdog:
    """The run's end of the watchdog's pipe."""

    def __init__(
        self, settings: dict[str, Any], keep_open: tuple[int, ...] = (), forget: tuple[Path, ...] = ()
    ) -> None:
        """Start it; it holds ``keep_open`` and, where it must act, removes the folders ``forget`` after that."""
        settings = {**settings, "keep_open": keep_open, "forget": [str(folder) for folder in forget]}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mt5canary.order.watchdog"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=keep_open,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(settings).encode() + b"\n")
        self._process.stdin.flush()

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

    def _tell(self, news: bytes) -> None:
        """Tell it how the order stands; it may be dead already."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(news)
                self._process.stdin.flush()

    def disarm(self) -> None:
        """Tell it that the run has looked after everything itself; a second call does nothing."""
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(DISARM)
            self._process.stdin.close()
        self._process.wait(timeout=10)


def settings(
    route: Route, secret: bytes, account: tuple[str, int], offset: timedelta, way_out: WayOut, report: Path
) -> dict[str, Any]:
    """What the watchdog needs; ``report`` is the file that its result goes to."""
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
    given = json.loads(sys.stdin.buffer.readline())
    last = heard = sys.stdin.buffer.read(1)
    while heard:
        last, heard = heard, sys.stdin.buffer.read(1)
    if last == DISARM:
        return
    _flatten(given, "the run ended without disarming its watchdog")
    if last == AWAITED:
        time.sleep(GHOST_SECONDS)
        _flatten(given, "again, after the order's last moment")
    for descriptor in given["keep_open"]:
        os.close(descriptor)
    for folder in map(Path, given["forget"]):
        _forget(folder)


def _flatten(given: dict[str, Any], reason: str) -> None:
    result = described_way_out(given).flatten(reason, "watchdog")
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
