"""Flies real canary runs against members of the zoo: the node in one network namespace, the gateway in another.

Nothing is declared a simulation: the address, the masks and the kernel's round trip are those of another machine, so
that the link's criteria pass on what they are there to see. Only the watch is compressed.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import yaml

from tests.canary.harness import REPOSITORY, Harness, eventually
from tests.netns.world import GATEWAY, PORT, World
from tests.zoo.registry import Member, members

ONE_WAY_SECONDS = 0.0002
"""Far enough to be another machine by the plan's own measure (min_rtt_us: 100)."""

LIMITS = {
    "watch": {"for": "2s", "every": "8ms"},
    "drift": {"every": "1800ms", "sample": "10ms", "min_rows": "60"},
    "latency": {"warn_ms": "200", "p99_ms": "400", "confidence": "0.9"},
    "max_gap": "2s",
    "history_deadline": "2s",
}
"""Short, yet with samples enough for every guard, and with room for what else the machine does meanwhile."""

ACCOUNT = {
    "login": "1100212251",
    "server": "JustMarkets-Demo2",
    "trade_mode": "demo",
    "currency": "USD",
    "leverage": "3000",
    "min_balance": "100",
}
OF_TIMING = frozenset({"L6", "G1", "G2", "G3"})
RUN_SECONDS = 120
AT_ONCE = 2


@dataclass(frozen=True)
class Landed:
    """What a run against a member came to: its verdict, every criterion's outcome, and why."""

    verdict: str
    status: int
    outcomes: dict[str, str]
    reasons: dict[str, str]
    decided_by: str | None
    flat: bool | None
    terminal: str

    @property
    def not_passed(self) -> tuple[str, ...]:
        """The criteria that were tried and did not pass."""
        return tuple(name for name, outcome in self.outcomes.items() if outcome in ("FAIL", "UNPROVEN"))


class Airfield:
    """Two hosts and one copy of the harness; runs are flown from it one after another."""

    def __init__(self, folder: Path, baselines: Baselines) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._baselines = baselines
        self._harness = Harness(folder)
        self.world = World(delay_seconds=ONE_WAY_SECONDS)
        self._flights = 0

    def close(self) -> None:
        """Take the hosts away."""
        self._harness.end_what_is_left()
        self.world.remove()

    def fly(self, member: Member) -> Landed:
        """Fly one canary against a member and say what it came to."""
        if member.gateway.redirect is None:
            return self._fly(member, self.world)
        world = World(delay_seconds=ONE_WAY_SECONDS)
        try:
            world.inf.redirect(member.gateway.redirect)
            return self._fly(member, world)
        finally:
            world.remove()

    def _fly(self, member: Member, world: World) -> Landed:
        self._flights += 1
        folder = self._folder / f"{self._flights}-{member.name}"
        folder.mkdir()
        baseline = self._baselines.of(member, world)
        plan = plan_for(member, folder, baseline)
        process = listen(member, world, folder, self._harness.folder / "reports")
        try:
            for _ in range(member.gateway.runs - 1):
                self._run(world, plan, folder, member.gateway.options)
                end(process)
                process = listen(member, world, folder, self._harness.folder / "reports")
            status = self._run(world, plan, folder, member.gateway.options)
        finally:
            end(process)
        return self._landed(status, folder)

    def _run(self, world: World, plan: Path, folder: Path, options: Sequence[str]) -> int:
        words = [sys.executable, "-m", "pytest", "-m", "live", f"--plan={plan}", "-q", *options]
        with (folder / "terminal.txt").open("w") as terminal:
            run = world.inf.start(
                words,
                cwd=self._harness.folder,
                env=self._harness.environment(),
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )
            try:
                return run.wait(RUN_SECONDS)
            finally:
                end(run)

    def _landed(self, status: int, folder: Path) -> Landed:
        terminal = (folder / "terminal.txt").read_text()
        assert self._harness.bundles, terminal
        verdict = self._harness.verdict
        eventually(lambda: _is_gone(self._harness.folder / "reports"))  # a watchdog may write its last line yet
        criteria = verdict["criteria"]
        return Landed(
            verdict=verdict["verdict"],
            status=status,
            outcomes={criterion["id"]: criterion["outcome"] for criterion in criteria},
            reasons={criterion["id"]: criterion["reason"] for criterion in criteria},
            decided_by=verdict["decided_by"],
            flat=verdict["flat"],
            terminal=terminal,
        )


class Baselines:
    """Drift baselines recorded by the harness's own command, one for each kind of market."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._made: dict[str, Path] = {}

    def of(self, member: Member, world: World) -> Path:
        """The baseline of a member's market, recorded when it is first needed: the ordinary one for most."""
        name = member.gateway.baseline_of
        if name not in self._made:
            self._made[name] = self._record(members()[name], world)
        return self._made[name]

    def _record(self, member: Member, world: World) -> Path:
        folder = self._folder / member.name
        folder.mkdir()
        file = folder / "baseline.json"
        process = listen(member, world, folder, folder)
        words = [sys.executable, "-m", "mt5canary", "baseline", "--plan", str(plan_for(member, folder, file))]
        try:
            done = world.inf.start(
                [*words, "--for", "6s", "--out", str(file)], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=-2
            )
            said, _ = done.communicate(timeout=60)
        finally:
            end(process)
        assert file.exists(), said
        return file


def listen(member: Member, world: World, folder: Path, reports: Path) -> subprocess.Popen[str]:
    """Start a member in a process of its own, on its host, and wait until it listens."""
    host = world.inf if member.gateway.on_the_node else world.gtw
    address = member.gateway.listens_at or GATEWAY
    secret = _secret_file(folder)
    words = [sys.executable, "-m", "tests.zoo", member.name, "--bind", f"tcp://{address}:{PORT}"]
    words += ["--state", str(folder / "gateway"), "--secret", str(secret), "--reports", str(reports)]
    log = (folder / "gateway.log").open("a")
    with log:
        process = host.start(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said.startswith("listening"), (folder / "gateway.log").read_text()
    return process


def _is_gone(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _secret_file(folder: Path) -> Path:
    file = folder / "risk.secret"
    if not file.exists():
        file.write_text(secrets.token_hex(32))
    return file


def end(process: subprocess.Popen[str]) -> None:
    """End a process, hard, where it has not ended."""
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def plan_for(member: Member, folder: Path, baseline: Path) -> Path:
    """The shipped plan with the zoo's gateway as its target, and what the member wants otherwise."""
    shipped = yaml.load((REPOSITORY / "canary.yaml").read_text(), Loader=yaml.BaseLoader)
    kind = member.gateway
    record = folder / "admission.json"
    text = kind.record if kind.record is not None else (REPOSITORY / "decision" / "admission.json").read_text()
    if text:
        record.write_text(text)
    target = {
        "host": kind.host or GATEWAY,
        "port": str(PORT),
        "protocol": "4.3",
        "risk_secret": _secret_file(folder).read_text(),
        "account": ACCOUNT,
    }
    plan = shipped | {"target": "zoo", "targets": {"zoo": target}, "state": str(folder / "state")}
    plan = merged(plan, {"limits": LIMITS, "decision": {"record": str(record)}})
    plan = merged(plan, {"limits": {"drift": {"baseline": str(baseline)}}})
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(merged(plan, kind.plan)))
    return file


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping over another, section by section."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def fly_all(
    wanted: list[Member], folder: Path, at_once: int = AT_ONCE, tell: Callable[[str], object] = lambda line: None
) -> dict[str, Landed]:
    """Fly against several members, so many at once, each from one of so many airfields.

    An honest member that fails by its timing alone is flown against once more: the machine has other things to do.
    """
    baselines = Baselines(folder / "baselines")
    fields: Queue[Airfield] = Queue()
    made = [Airfield(folder / f"airfield-{number}", baselines) for number in range(at_once)]
    for field in made:
        fields.put(field)

    def fly(member: Member) -> Landed:
        field = fields.get()
        try:
            landed = field.fly(member)
            unexpected = set(landed.not_passed) - set(member.not_passed)
            if not member.is_liar and unexpected and unexpected <= OF_TIMING:
                tell(f"again {member.name}: {', '.join(landed.not_passed)} did not pass")
                landed = field.fly(member)
        finally:
            fields.put(field)
        tell(f"{member.name}: {landed.verdict}, not passed: {', '.join(landed.not_passed) or 'none'}")
        return landed

    try:
        for name in {member.gateway.baseline_of for member in wanted}:
            baselines.of(members()[name], made[0].world)
        with ThreadPoolExecutor(at_once) as pool:
            return dict(zip((member.name for member in wanted), pool.map(fly, wanted), strict=True))
    finally:
        for field in made:
            field.close()
        shutil.rmtree(folder, ignore_errors=True)


def why_not_as_declared(member: Member, landed: Landed) -> str | None:
    """What a run's outcome has against what the register says of a member; None where they agree."""
    found = f"{landed.verdict} with {', '.join(f'{name} {landed.outcomes[name]}' for name in landed.not_passed)}"
    reasons = "; ".join(f"{name}: {landed.reasons[name]}" for name in landed.not_passed)
    if member.is_liar:
        if landed.verdict == "PASS" or landed.status == 0:
            return f"the liar {member.name} passed"
        missed = [name for name in member.not_passed if name not in landed.not_passed]
        if missed:
            return f"{', '.join(missed)} did not catch the liar {member.name}: {found}: {reasons}"
    else:
        if landed.verdict != member.verdict or (landed.status == 0) != (member.verdict == "PASS"):
            return f"the honest {member.name} came to {found} (expected {member.verdict}): {reasons}"
        if set(landed.not_passed) != set(member.not_passed):
            return f"the honest {member.name} came to {found} (expected {', '.join(member.not_passed)}): {reasons}"
    if member.not_passed and member.because not in landed.reasons[member.not_passed[0]]:
        first = member.not_passed[0]
        return f"{first} of {member.name} says {landed.reasons[first]!r}, expected {member.because!r} in it"
    return None
