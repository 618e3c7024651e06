"""Two hosts on one machine: network namespaces with real interfaces, masks and a way between them.

Nothing leaves a world: its namespaces have no route but to each other, and all its addresses are of the prefixes
that are set aside for documentation. A world's two hosts are ``inf`` (this node) and ``gtw`` (the gateway).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.netns.relay import Relay, open_tun

NODE, GATEWAY = "192.0.2.10", "198.51.100.20"
"""The two hosts' addresses where a relay lies between them."""

NEIGHBOUR = "192.0.2.20"
"""The gateway's address where both hosts are on one Ethernet."""

PORT = 5555
NAMES = Path("/etc/netns")


def why_impossible() -> str | None:
    """Why this machine cannot have a world, or None where it can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    missing = [tool for tool in ("ip", "nft") if shutil.which(tool) is None]
    return f"{' and '.join(missing)} not installed (iproute2, nftables)" if missing else None


def sh(*words: str) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"


class Host:
    """One namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        sh("ip", "netns", "add", name)
        (NAMES / name).mkdir(parents=True, exist_ok=True)
        self.resolves({})
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *words: str) -> None:
        """Run a command in the namespace; it must succeed."""
        sh("ip", "netns", "exec", self.name, *words)

    def start(self, words: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Start a process in the namespace."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *words], text=True, **options)

    def filter(self, rule: str) -> None:
        """Add a rule for what comes in."""
        self.run("nft", "add table ip world; add chain ip world in { type filter hook input priority 0 ; }")
        self.run("nft", f"add rule ip world in {rule}")

    def redirect(self, rule: str) -> None:
        """Add a rule for where what goes out is sent instead."""
        self.run("nft", "add table ip world; add chain ip world nat { type nat hook output priority -100 ; }")
        self.run("nft", f"add rule ip world nat {rule}")

    def resolves(self, names: dict[str, str]) -> None:
        """Make names stand for addresses here, from now on; written in place, for a running process sees the file."""
        lines = [f"{address} {name}" for name, address in {"localhost": "127.0.0.1", **names}.items()]
        (NAMES / self.name / "hosts").write_text("\n".join(lines) + "\n")

    def remove(self) -> None:
        """Take the namespace away."""
        sh("ip", "netns", "del", self.name)
        shutil.rmtree(NAMES / self.name)
        with contextlib.suppress(OSError):
            NAMES.rmdir()


class World:
    """Two namespaces, and by choice an Ethernet between them or a relay with a delay."""

    def __init__(self, *, delay_seconds: float | None = None, masks: tuple[int, int] = (24, 24)) -> None:
        mark = uuid.uuid4().hex[:6]
        self.inf, self.gtw = Host(f"inf-{mark}"), Host(f"gtw-{mark}")
        self.relay: Relay | None = None
        if delay_seconds is None:
            self._ethernet(mark, masks)
        else:
            self._relayed(mark, delay_seconds, masks)

    def _ethernet(self, mark: str, masks: tuple[int, int]) -> None:
        near, far = f"n{mark}", f"f{mark}"
        sh("ip", "link", "add", near, "netns", self.inf.name, "type", "veth", "peer", far, "netns", self.gtw.name)
        for host, device, address, mask in ((self.inf, near, NODE, masks[0]), (self.gtw, far, NEIGHBOUR, masks[1])):
            host.run("ip", "address", "add", f"{address}/{mask}", "dev", device)
            host.run("ip", "link", "set", device, "up")
        self.address = NEIGHBOUR

    def _relayed(self, mark: str, delay_seconds: float, masks: tuple[int, int]) -> None:
        near, far = f"n{mark}", f"f{mark}"
        ends = []
        for host, device, address, mask, other in (
            (self.inf, near, NODE, masks[0], "198.51.100.0/24"),
            (self.gtw, far, GATEWAY, masks[1], "192.0.2.0/24"),
        ):
            ends.append(open_tun(device))
            sh("ip", "link", "set", device, "netns", host.name)
            host.run("ip", "address", "add", f"{address}/{mask}", "dev", device)
            host.run("ip", "link", "set", device, "up")
            host.run("ip", "route", "add", other, "dev", device)
        self.relay = Relay(ends[0], ends[1], delay_seconds)
        self.relay.start()
        self.address = GATEWAY

    def remove(self) -> None:
        """Take both hosts and the way between them away."""
        if self.relay is not None:
            self.relay.stop()
        self.inf.remove()
        self.gtw.remove()
