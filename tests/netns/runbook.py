"""Write docs/runbook.md: what ``mt5canary diagnose`` says in each emergency, and what to do then.

``python -m tests.netns.runbook > docs/runbook.md``. Needs root: each emergency is made between two network
namespaces, so that what the page shows was really printed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from mt5canary.rehearsal import SimulatedGateway
from tests.link.between import Between
from tests.link.servers import Keys
from tests.link.situation import ON_LOOPBACK, plan_of
from tests.link.test_diagnosis import changed, setting
from tests.netns.conftest import ROOT
from tests.netns.gateway import HostedGateway
from tests.netns.world import GATEWAY, PORT, World

SCRIPT = "import socket, sys, time\ns = socket.create_server(('198.51.100.20', 5555))\nprint('ready', flush=True)\n"
PUB = (
    "import zmq, time\nc = zmq.Context(); s = c.socket(zmq.{kind}); s.bind('tcp://198.51.100.20:5555')\n"
    "print('ready', flush=True)\ntime.sleep(60)\n"
)

Emergency = Callable[[World, Path], AbstractContextManager[dict[str, Any]]]


@contextmanager
def nothing_listens(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """MetaTrader 5 or the gateway does not run."""
    yield {}


@contextmanager
def firewall(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """A firewall drops what comes in."""
    world.gtw.filter(f"tcp dport {PORT} drop")
    yield {}


@contextmanager
def _program(world: World, code: str) -> Iterator[None]:
    process = world.gtw.start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def mute(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """Something else listens, or the gateway's process is frozen."""
    with _program(world, SCRIPT + "time.sleep(60)\n"):
        yield {}


@contextmanager
def quotes_channel(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """The port is that of the quotes."""
    with _program(world, PUB.format(kind="PUB")):
        yield {}


@contextmanager
def stuck(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """The REP socket does not answer."""
    with _program(world, PUB.format(kind="REP")):
        yield {}


@contextmanager
def wrong_key(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """Another key than the pinned one."""
    keys = Keys(folder / "keys")
    options = ("--curve-key", str(keys.folder / "gateway.key_secret"), "--curve-allow", str(keys.folder / "admitted"))
    gateway = HostedGateway(world.gtw, folder / "gateway", GATEWAY, *options)
    try:
        yield {"curve": keys.plan("client", "other")}
    finally:
        gateway.stop()


@contextmanager
def broadcast(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """The first canary's address: a broadcast address."""
    yield {"host": "192.0.2.255"}


@contextmanager
def well(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """All is well."""
    gateway = HostedGateway(world.gtw, folder / "gateway", GATEWAY)
    try:
        yield {"terminal": "simulated"}
    finally:
        gateway.stop()


@contextmanager
def _answering(folder: Path, action: str, path: tuple[str, ...], value: Any) -> Iterator[dict[str, Any]]:
    """A gateway one of whose answers says something else."""
    gateway = SimulatedGateway(folder / "gateway.log")
    try:
        with Between(changed(action, setting(*path, value=value)), upstream=gateway.url) as between:
            yield ON_LOOPBACK | {"port": between.url.rpartition(":")[2]}
    finally:
        gateway.stop()


def clock_off(world: World, folder: Path) -> AbstractContextManager[dict[str, Any]]:
    """The gateway host's clock is wrong."""
    return _answering(folder, "PING", ("server_time",), "2026-01-16T18:17:13.285050Z")


def broker_gone(world: World, folder: Path) -> AbstractContextManager[dict[str, Any]]:
    """The terminal lost its broker."""
    return _answering(folder, "HELLO", ("terminal", "connected"), False)


def no_button(world: World, folder: Path) -> AbstractContextManager[dict[str, Any]]:
    """Algo Trading is switched off."""
    return _answering(folder, "HELLO", ("terminal", "trade_allowed"), False)


EMERGENCIES: tuple[tuple[str, Emergency, str], ...] = (
    ("All is well", well, "Exit status 0. Every other section has 1."),
    (
        "The address is no gateway's",
        broadcast,
        "Nothing was sent. Correct the address in `.env` (`GTW_HOST`); the same happens for loopback, for this "
        "node's own addresses and for what a name in `/etc/hosts` makes of them.",
    ),
    (
        "MetaTrader 5 or the gateway does not run",
        nothing_listens,
        "On the gateway host: `tasklist | findstr MT5`. Start the terminal, log in, then the gateway. "
        "`ECONNREFUSED` means that the host itself is up and no firewall is in between.",
    ),
    (
        "A firewall or the security group drops the packets",
        firewall,
        'On the gateway host: `netsh advfirewall firewall show rule name="ZMQ-MT5"`. If the rule is there and enabled, '
        "the cloud's security group is next. `EHOSTUNREACH` in place of `ETIMEDOUT` means that somebody on the way "
        "says no, or that the machine is off.",
    ),
    (
        "Something else holds the port, or the gateway is frozen",
        mute,
        "On the gateway host: `netstat -ano | findstr :5555` gives the process. A stopped gateway process looks the "
        "same, because Windows goes on accepting connections for it.",
    ),
    (
        "The port is the quotes' channel",
        quotes_channel,
        "On the gateway host: the expert advisor has two sockets; the plan's `port` must be the one that answers.",
    ),
    (
        "Connected, and no answer",
        stuck,
        "In the terminal: the Experts tab. A REP socket that still owes somebody an answer is stuck until it is "
        "restarted; an expert advisor that looks at its socket in `OnTick` is silent while the market is.",
    ),
    (
        "Another key than the pinned one",
        wrong_key,
        "On the gateway host: compare `gateway.key` with the plan's `curve.server_key`. Do not pin a new key because "
        "it makes the message go away: find out who made it.",
    ),
    (
        "The clock is wrong",
        clock_off,
        "On the gateway host: `w32tm /resync`. Signatures expire after five seconds, so orders would be refused.",
    ),
    (
        "The terminal lost its broker",
        broker_gone,
        "In the terminal: bottom right, rescan servers or log in again. The gateway is fine.",
    ),
    (
        "Algo Trading is off",
        no_button,
        "In the terminal: the Algo Trading button. An update of the terminal or a change of account switches it off.",
    ),
)
ACCOUNT = {
    "login": "1100212251",
    "server": "JustMarkets-Demo2",
    "trade_mode": "demo",
    "currency": "USD",
    "leverage": "3000",
    "min_balance": "100",
}
INTRODUCTION = """# Runbook: when the link does not work

One command, on this node, whatever the matter is. It only reads, and it stops at the first thing that is wrong:

```
mt5canary diagnose --target justmarkets-demo2        # --json for machines
```

If a position may be open, close it first: `mt5canary close-all --yes`. If that cannot reach the gateway either, log in
to the account from another terminal (the broker's app will do) and close the positions of the plan's magic number.

Each section: what it prints (written by `python -m tests.netns.runbook`, from real ones), and the next step. The
gateway host is the Windows machine with MetaTrader 5; this node is the Linux machine that trades.
"""


def main() -> None:
    """Make each emergency and print the page."""
    print(INTRODUCTION)
    for title, emergency, further in EMERGENCIES:
        print(f"## {title}\n\n```\n{_diagnosis(emergency)}\n```\n\n{_wrapped(further)}\n")


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def _diagnosis(emergency: Emergency) -> str:
    with tempfile.TemporaryDirectory() as folder:
        world = World(delay_seconds=0.010)
        try:
            with emergency(world, Path(folder)) as more:
                target = {"host": GATEWAY, "port": str(PORT), "protocol": "4.3", "account": ACCOUNT} | more
                plan = plan_of(Path(folder), target)
                words = [sys.executable, "-m", "mt5canary", "diagnose", "--plan", str(plan)]
                if target["host"] == ON_LOOPBACK["host"]:
                    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
                else:
                    process = world.inf.start(words, cwd=ROOT, stdout=subprocess.PIPE)
                return str(process.communicate()[0]).rstrip()
        finally:
            world.remove()


if __name__ == "__main__":
    main()
