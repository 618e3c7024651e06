"""One row of the crash matrix: a run that is killed, what it left, the next start, and the gateway's own ledger."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import zmq

from mt5canary.order.journal import Journal
from mt5canary.rehearsal import state_folder
from tests.canary.harness import Harness, eventually
from tests.commands.conftest import LOGIN, MAGIC, PLAN, SERVER
from tests.gateway.conftest import GatewayProcess
from tests.gateway.independent_client import Client

KINDS = ("breaker", "orphan", "in doubt", "missing", "executed twice")
SETTLE_SECONDS = 14
"""Longer than an order can still arrive (11 s) and the history may lag after that (0.5 s)."""

WHOLE_HISTORY = {"from_msc": 1, "to_msc": 4_000_000_000_000}


class Ledger(NamedTuple):
    """What the gateway's own history and positions hold of the canary's magic number."""

    opened: list[dict[str, Any]]
    closed: list[dict[str, Any]]
    positions: list[int]

    def describe(self) -> str:
        """One word for the matrix."""
        if self.positions:
            return "open"
        return "closed" if self.opened else "nothing"


class Row(NamedTuple):
    """What one kill came to."""

    journal: str
    broker: str
    next_start: str
    way_back: str = ""


class World:
    """A gateway that outlives runs, and a place to start them in."""

    def __init__(self, folder: Path, *, program: tuple[str, ...] = ("-m", "mt5canary.cli"), options: Any = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gateway").mkdir()
        secret = secrets.token_hex(32).encode()
        self.gateway = GatewayProcess(folder / "gateway", *options, secret=secret, program=program)
        self.harness = Harness(folder)
        self.harness.watch = {"limits.watch.for": "2s", "limits.watch.every": "5ms"}
        shutil.copy(Path(__file__).with_name("killed_harness.py"), self.harness.folder)
        self._context: zmq.Context[Any] = zmq.Context()
        self.write_plan()

    def write_plan(self) -> None:
        """Name the gateway where it listens now."""
        port = self.gateway.endpoint.rpartition(":")[2]
        assert self.gateway.secret is not None
        text = PLAN.format(port=port, secret=self.gateway.secret.decode())
        text = text.replace('protocol: "4.3"', 'protocol: "4.3"\n    min_rtt_us: 0')
        text = text.replace("history_deadline: 1s", "history_deadline: 500ms, latency: {p99_ms: 4900}")
        (self.harness.folder / "canary.yaml").write_text(text)

    def kill_run(self, point: str, *, watchdog: bool) -> None:
        """Fly until the point; the watchdog, where it lives, has done its work when this returns."""
        words = ("-p", "killed_harness", "--kill-at", point, *(() if watchdog else ("--kill-watchdog",)))
        finished = self.harness.live(*words)
        assert finished.status == -9, f"{point!r} was never reached:\n{finished.output[-2000:]}"
        eventually(lambda: not self.harness.processes(), 40)

    def ledger(self) -> Ledger:
        """Ask the gateway directly, over a client that knows the protocol's page alone."""
        client = Client(self._context, self.gateway.endpoint, self.gateway.secret)
        client.hello()
        deals = client.ask("GET_DEALS", **WHOLE_HISTORY)["deals"]
        ours = [deal for deal in deals if deal["magic"] == MAGIC]
        positions = [each["ticket"] for each in client.ask("GET_POSITIONS")["positions"] if each["magic"] == MAGIC]
        client.close()
        opened = [deal for deal in ours if deal["entry"] == "in"]
        return Ledger(opened, [deal for deal in deals if deal["entry"] == "out"], positions)

    def journal(self) -> str:
        """The last step of the only intent."""
        folder = state_folder(self.harness.folder / ".mt5canary", SERVER, LOGIN, MAGIC)
        return ", ".join(intent.step for intent in Journal(folder).intents()) or "nothing"

    def next_start(self) -> str:
        """Start again and hold what it did against the ledger; returns what it said, for the matrix."""
        before = self.ledger()
        assert len(before.opened) <= 1, f"one intent, {len(before.opened)} orders: {before.opened}"
        self.harness.live()
        after = self.ledger()
        nonces = [deal["comment"] for deal in after.opened]
        assert len(set(nonces)) == len(nonces), f"an intent was executed twice: {nonces}"
        reason = self.harness.reason("X5")
        if self.harness.outcomes()["X5"] == "PASS":
            assert not before.positions, f"a run started over {before.positions}"
            assert len(after.opened) == len(before.opened) + 1
            assert not after.positions, f"the next run left {after.positions}"
            return "flies"
        assert after.opened == before.opened, "a run that was refused sent an order"
        for ticket in before.positions:
            assert f"position {ticket} " in reason, f"position {ticket} is not reported: {reason}"
        named = [kind for kind in KINDS if f"{kind}: " in reason]
        assert named, f"refused, and nobody says why: {reason}"
        return "refused: " + ", ".join(named)

    def way_back(self, refused: str) -> str:
        """What a person does about a refusal, and the start after it; returns both, for the matrix."""
        done = []
        if "breaker" in refused:
            self.command("reset", "--reason", "looked", "--by", "the matrix")
            done.append("reset")
        if "orphan" in refused:
            assert self.command("reconcile", "--flatten", "--yes") == 0
            done.append("reconcile --flatten")
        if "in doubt" in refused:
            time.sleep(SETTLE_SECONDS)
            done.append(f"wait {SETTLE_SECONDS} s")
        outcome = self.next_start()
        assert outcome == "flies", f"after {done} the next start was {outcome}: {self.harness.reason('X5')}"
        return f"{', '.join(done)}: flies"

    def command(self, *words: str) -> int:
        """A command as a person would give it."""
        command = [sys.executable, "-m", "mt5canary", *words, "--plan", str(self.harness.folder / "canary.yaml")]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode

    def end(self) -> None:
        """End everything."""
        self.harness.end_what_is_left()
        self.gateway.kill()
        self._context.destroy(linger=0)
