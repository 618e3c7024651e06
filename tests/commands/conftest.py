"""A gateway that stands there whatever runs come and go, and a plan that names it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mt5canary.cli import main
from mt5canary.errors import Finding
from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.rehearsal import SimulatedGateway

ROOT = Path(__file__).resolve().parents[2]
LAST_QUESTION = "NOSUCH"
MAGIC, LOGIN, SERVER = 1196, 1100212251, "JustMarkets-Demo2"
PLAN = """\
task: "119.6"
target: there
targets:
  there:
    terminal: simulated
    host: 127.0.0.1
    port: {port}
    protocol: "4.3"
    risk_secret: {secret}
    account: {{login: 1100212251, server: JustMarkets-Demo2, trade_mode: demo, currency: USD, leverage: 3000, \
min_balance: 100}}
decision: {{record: decision/admission.json, hash: 1ac7db5b277d4dd1, max_age: none}}
order: {{symbol: EURUSD, side: BUY, magic: 1196}}
limits: {{history_deadline: 1s}}
"""


@pytest.fixture
def plan_file(simulated: SimulatedGateway, tmp_path: Path) -> Path:
    """The plan of a target that nobody's run starts; its state is in this folder."""
    path = tmp_path / "plan" / "canary.yaml"
    path.parent.mkdir()
    path.write_text(PLAN.format(port=simulated.url.rpartition(":")[2], secret=simulated.secret.decode()))
    return path


@pytest.fixture
def trader(simulated: SimulatedGateway) -> Iterator[TradingSession]:
    """Somebody who trades there."""
    signer = Signer(simulated.secret, SERVER, LOGIN)
    with TradingSession(Route(url=simulated.url), lambda kind, body: None, signer, lambda: None) as session:
        session.hello()
        yield session


@pytest.fixture
def opened(trader: TradingSession) -> Callable[..., int]:
    """Open positions; returns the last one's ticket."""

    def open_positions(count: int = 1, magic: int = MAGIC, comment: str = "") -> int:
        ticket = 0
        for _ in range(count):
            order = OrderFields(symbol="EURUSD", type="BUY", volume=0.001, magic=magic, comment=comment)
            ticket = int(json.loads(trader.open(order, new_uuid()).reply or b"{}")["position"])
        return ticket

    return open_positions


@pytest.fixture
def command(plan_file: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command against the plan; returns the exit status, what it said, and what it said to the person."""

    def run(*words: str, plan: Path | None = plan_file) -> tuple[int, str, str]:
        status = main([*words, *(() if plan is None else ("--plan", str(plan)))])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def asked(simulated: SimulatedGateway, trader: TradingSession) -> Callable[[], list[str]]:
    """The actions that the gateway has written into its own log, all that were asked before this question included."""
    questions = 0

    def entries() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in simulated.log.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in found if "action" in entry]

    def actions() -> list[str]:
        nonlocal questions
        questions += 1
        with pytest.raises(Finding):  # a refusal is written at once, and what waited to be written before it
            trader.symbol(LAST_QUESTION)
        deadline = time.monotonic() + 10
        while sum(entry.get("error_code") == "UNKNOWN_SYMBOL" for entry in entries()) < questions:
            assert time.monotonic() < deadline, "the gateway does not write its log"
            time.sleep(0.01)
        return [entry["action"] for entry in entries() if entry.get("error_code") != "UNKNOWN_SYMBOL"]

    return actions
