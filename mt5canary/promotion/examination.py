"""One finished run, read from its bundle: whether it counts, how long it covered, and what it saw in that time.

A run counts where it was a live run of a real target, of this plan's account, symbol and magic number, and its bundle
is whole and verified. Times are nanoseconds since 1970: the chain's monotonic times, by the wall clock of its first
record.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from mt5canary.evidence.chain import BrokenChain, raw
from mt5canary.evidence.finished import records_of
from mt5canary.guardian.drift import DriftCheck
from mt5canary.money import booked
from mt5canary.plan import Resolved
from mt5canary.verify.findings import State, Verification
from mt5canary.verify.guardrail_stage import probes_of
from mt5canary.wire import frames
from mt5canary.wire.replies import Deal

KINDS = ("run", "settings", "watch", "probes", "drift", "order", "exchange", "verdict")


class Examined(Struct):
    """One run; ``excluded`` says why it does not count, and is empty where it does."""

    folder: Path
    verification: Verification
    header: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    excluded: str = ""
    suspicious: bool = False
    """Whether it would count but for its bundle: somebody must look at it before anything is raised."""
    watched: list[tuple[int, int]] = field(default_factory=list)
    """The times that its watch covered with the market open, in order."""
    due: array[int] = field(default_factory=lambda: array("q"))
    latency_ms: array[float] = field(default_factory=lambda: array("d"))
    checks: list[tuple[int, DriftCheck]] = field(default_factory=list)
    errors: int = 0
    decided_by: str = ""
    """The criterion that decided the verdict; empty where all passed."""
    order: dict[str, Any] | None = None
    slippage_points: float | None = None
    result: Decimal | None = None
    """What the position made, costs included, in the account's currency; None where the closing deal is not there."""

    @property
    def run(self) -> str:
        """The run's identifier, or its folder's name where the bundle does not say."""
        return str(self.header.get("run") or self.folder.name)

    @property
    def began(self) -> int:
        """When the run began."""
        return int(self.header.get("at", 0))

    @property
    def step(self) -> Decimal | None:
        """The share of the largest lot that was traded."""
        return _step(self.settings)

    @property
    def counts(self) -> bool:
        """Whether it counts."""
        return not self.excluded

    @property
    def covered_seconds(self) -> float:
        """How long its watch covered with the market open, in real time."""
        return sum(ended - began for began, ended in self.watched) / 1e9


def examine(folder: Path, verification: Verification, plan: Resolved) -> Examined:
    """Read one run; a chain that breaks is read up to the break."""
    found = Examined(folder, verification)
    exchanges: list[dict[str, Any]] = []
    try:
        for record in records_of(folder, KINDS):
            if record["kind"] == "exchange":
                exchanges.append(record)
            else:
                _take(found, record)
    except (BrokenChain, KeyError, TypeError, ValueError):  # what is wrong with it, the verification says
        pass
    found.excluded, found.suspicious = _excluded(found, plan)
    if found.counts and found.order is not None:
        _add_trade(found, exchanges)
    return found


def _take(found: Examined, record: dict[str, Any]) -> None:
    kind, offset = record["kind"], found.header.get("at", 0) - found.header.get("monotonic", 0)
    if kind == "run":
        found.header = record
    elif kind == "settings":
        found.settings = {name: each["value"] for name, each in record["values"].items()}
    elif kind == "probes":
        for probe in probes_of(record):
            found.due.append(probe.due + offset)
            found.latency_ms.append(probe.latency_ms)
    elif kind == "drift":
        found.checks.append((record["monotonic"] + offset, msgspec.convert(record, DriftCheck)))
    elif kind == "order":
        found.order = record
    elif kind == "verdict":
        found.decided_by = record["decided_by"] or ""
    elif kind == "watch":
        began, ended = (int(record[name] * 1e9) + offset for name in ("started", "ended"))
        found.watched = _open_times(began, ended, record.get("closed_seconds", 0.0), found.checks)
        found.errors = len(record["errors"])


def _open_times(
    began: int, ended: int, closed_seconds: float, checks: list[tuple[int, DriftCheck]]
) -> list[tuple[int, int]]:
    """A watch without the time in which the session was closed: it is taken off the end of the check that tells of it.

    ``closed_seconds`` is the whole watch's; what no check tells of was closed after the last one.
    """
    untold = closed_seconds - sum(check.closed_seconds for _, check in checks)
    pieces, start = [], began
    for end, closed in [*((at, check.closed_seconds) for at, check in checks), (ended, untold)]:
        pieces.append((start, end - round(closed * 1e9)))
        start = end
    return [(start, end) for start, end in pieces if end > start]


def _excluded(found: Examined, plan: Resolved) -> tuple[str, bool]:
    """Why a run does not count, and whether that is suspicious; nothing where it counts."""
    header = found.header
    if not header:
        return "its first record cannot be read", True
    if header.get("mode") != "live":
        return "a preflight sends no order", False
    if header.get("rehearsal") is not False:
        return "a rehearsal: its terminal is simulated", False
    expected, said = _identity_of(plan), _identity(found.settings, str(header.get("target")))
    differing = [f"{name} {said[name]}" for name in expected if said[name] != expected[name]]
    if differing:
        return f"of another plan: {', '.join(differing)}", False
    if found.verification.state is not State.HOLDS or found.verification.verdict is None:
        against = found.verification.of(found.verification.state)
        return f"its bundle is not whole: {against[0].subject}: {against[0].text}" if against else "no verdict", True
    return "", False


def _identity_of(plan: Resolved) -> dict[str, Any]:
    account, order = plan.target.account, plan.plan.order
    return {"login": account.login, "server": account.server, "symbol": order.symbol, "magic": order.magic}


def _identity(settings: Mapping[str, Any], target: str) -> dict[str, Any]:
    account = f"targets.{target}.account"
    return {
        "login": settings.get(f"{account}.login"),
        "server": settings.get(f"{account}.server"),
        "symbol": settings.get("order.symbol"),
        "magic": settings.get("order.magic"),
    }


def _step(settings: Mapping[str, Any]) -> Decimal | None:
    volume, largest = settings.get("order.volume"), settings.get("order.max_lot")
    share = settings.get("order.risk_coefficient")
    if volume is not None and largest:
        return Decimal(str(volume)) / Decimal(str(largest))
    return None if share is None else Decimal(str(share))


def _add_trade(found: Examined, exchanges: list[dict[str, Any]]) -> None:
    """Work out slippage and result from the raw replies."""
    order = found.order
    assert order is not None
    replies = [(record, _frame(record)) for record in exchanges]
    opened = next((place for place, (record, _) in enumerate(replies) if record["uuid"] == order["uuid"]), None)
    quotes = [reply["tick"] for record, reply in replies[:opened] if record["action"] == "GET_TICK" and "tick" in reply]
    specs = [reply["spec"] for record, reply in replies if record["action"] == "GET_SYMBOL" and "spec" in reply]
    if opened is not None and quotes and specs:
        bought = order["side"] == "BUY"
        against = order["price"] - quotes[-1]["ask"] if bought else quotes[-1]["bid"] - order["price"]
        found.slippage_points = round(against / specs[-1]["point"], 1)
    deals = {
        deal["ticket"]: msgspec.convert(deal, Deal)
        for record, reply in replies
        if record["action"] == "GET_DEALS"
        for deal in reply.get("deals", [])
        if deal.get("position_id") == order["position"]
    }
    if any(deal.entry.startswith("out") for deal in deals.values()):
        found.result = booked(deals.values())


def _frame(record: dict[str, Any]) -> dict[str, Any]:
    """A reply as it was on the wire; empty where there was none that can be read."""
    try:
        return frames.parse(raw(record, "reply") or b"")
    except frames.FrameError:
        return {}
