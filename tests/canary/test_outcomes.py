"""Each situation that the one order can get into, flown whole, against its row of the table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from mt5canary.link.connection import Route
from mt5canary.link.envelope import new_uuid
from mt5canary.link.session import OrderFields, Signer, TradingSession
from mt5canary.rehearsal import SimulatedGateway
from tests.canary.harness import Finished, Harness
from tests.canary.outcomes import PAGE, SITUATIONS, Situation, page
from tests.link.between import Between
from tests.order.test_witness import changing, seen_from_elsewhere

HISTORY_DEADLINE = "3s"


class Elsewhere:
    """A gateway that the run does not start, something in front of it, and a plan that leads there."""

    def __init__(self, harness: Harness, situation: Situation, folder: Path) -> None:
        self.harness = harness
        self.situation = situation
        self.log = folder / "gateway.log"
        self._stack = ExitStack()
        (folder / "falling.csv").write_text(_falling())
        scenario = folder / "scenario.yaml"
        scenario.write_text(situation.scenario or "seed: '1'\n")
        self.gateway = SimulatedGateway(self.log, str(scenario))
        self._stack.callback(self.gateway.stop)
        self.between = self._stack.enter_context(Between(situation.rule(), upstream=self.gateway.url))
        self._write_plan()

    def close(self) -> None:
        self._stack.close()

    def _write_plan(self) -> None:
        plan = yaml.load((self.harness.folder / "canary.yaml").read_text(), Loader=yaml.BaseLoader)
        target = _endpoint(self.between.url) | {"risk_secret": "${RISK_SECRET}"}
        target["limits"] = {
            "watch": {"for": self.situation.watch, "every": "20ms"},
            "history_deadline": HISTORY_DEADLINE,
        }
        if self.situation.witness:
            second = Between(changing(seen_from_elsewhere), upstream=self.gateway.url)
            self._stack.enter_context(second)
            target["witness"] = _endpoint(second.url)
        plan["targets"]["elsewhere"] = target
        (self.harness.folder / "elsewhere.yaml").write_text(yaml.safe_dump(plan))
        (self.harness.folder / ".env").write_text(f"RISK_SECRET={self.gateway.secret.decode()}\n")

    def open_foreign_position(self) -> None:
        """Somebody else trades the same symbol."""
        signer = Signer(self.gateway.secret, "JustMarkets-Demo2", 1100212251)
        with TradingSession(Route(url=self.gateway.url), lambda *_: None, signer, lambda: None) as session:
            order = OrderFields(symbol="EURUSD", type="SELL", volume=0.02, magic=7)
            assert json.loads(session.open(order, new_uuid()).reply or b"{}")["status"] == "FILLED"

    def fly(self) -> Finished:
        """The live run, whole."""
        settings = [word for field in self.situation.settings for word in ("--set", field)]
        return self.harness.pytest(
            "-m", "live", "--plan", "elsewhere.yaml", "--target", "elsewhere", "-p", "impatient", *settings
        )

    @property
    def state(self) -> Path:
        """The folder of journal and breaker."""
        return self.harness.folder / ".mt5canary" / "JustMarkets-Demo2-1100212251-1196"

    def journal(self) -> list[dict[str, Any]]:
        """The intent's entries."""
        file = self.state / "journal.jsonl"
        entries = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [entry for entry in entries if entry["uuid"]]

    def orders_received(self) -> int:
        """How often the canary's order stands in the gateway's own log, the drill's two left out."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        intents = {entry["uuid"] for entry in self.journal()}
        return sum(line.get("action") == "OPEN" and line.get("uuid") in intents for line in lines)


def _endpoint(url: str) -> dict[str, Any]:
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    return {"terminal": "simulated", "host": host, "port": port, "protocol": "4.3"}


def _falling() -> str:
    """Quotes that fall by two points each tenth of a second, for four minutes."""
    rows = [f"{100 * step},{1.12 - 0.00002 * step:.5f},{1.12008 - 0.00002 * step:.5f}" for step in range(2400)]
    return "\n".join(["time_msc,bid,ask", *rows]) + "\n"


@pytest.fixture
def elsewhere(harness: Harness, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Elsewhere]:
    """The situation, ready to be flown through."""
    plugin = Path(__file__).with_name("impatient.py")
    (harness.folder / plugin.name).write_text(plugin.read_text())
    made = Elsewhere(harness, request.param, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(situation, id=situation.name, marks=() if situation.in_ci else pytest.mark.nightly)
        for situation in SITUATIONS
    ],
    indirect=True,
)
def test_outcome_of_the_situation(elsewhere: Elsewhere) -> None:
    """Criteria, journal, flatness, breaker, level of evidence and words are the row's; the order left at most once."""
    row, harness = elsewhere.situation, elsewhere.harness
    if row.before == "foreign position":
        elsewhere.open_foreign_position()
    finished = elsewhere.fly()
    outcomes = harness.outcomes()
    assert {name: outcomes[name] for name in row.outcomes} == row.outcomes, finished.output
    assert tuple(entry["step"] for entry in elsewhere.journal()) == row.journal
    assert harness.verdict["flat"] is row.flat
    assert harness.verdict["evidence_level"] == row.level
    assert elsewhere.orders_received() == row.orders
    breaker = elsewhere.state / "breaker.json"
    assert (breaker.exists() and json.loads(breaker.read_text())["open"]) == (row.breaker == "open")
    assert finished.has_no_traceback(), finished.output
    if row.flat or not row.journal:  # else the last look asks again, after the evidence stage has counted
        assert "verify: VERIFIED" in finished.output, finished.output
    said = (harness.bundle / "VERIFY_LOG.log").read_text() + harness.report()
    assert re.search(row.says, said), said


def test_page_is_written_from_the_table() -> None:
    """docs/order-outcomes.md says what the table says."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_no_row_lets_an_order_leave_twice_or_a_position_be_forgotten() -> None:
    """In every row: at most one order, and flat, or nothing meant, or the breaker open."""
    for row in SITUATIONS:
        assert row.orders <= 1
        assert row.flat or not row.journal or row.breaker == "open", row.name
