"""status and reconcile: the three books as a person reads them, and the ways back to books that agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mt5canary.guardian.breaker import Breaker
from mt5canary.link.session import TradingSession
from mt5canary.order.account_lease import AccountLease
from mt5canary.order.journal import Intent, Journal
from mt5canary.rehearsal import SimulatedGateway, state_folder
from tests.commands.conftest import LOGIN, MAGIC, SERVER

Command = Callable[..., tuple[int, str, str]]
Opened = Callable[..., int]
NONCE = "ABCDEFGHIJKLMNOP"


@pytest.fixture
def state(plan_file: Path) -> Path:
    """Where the plan's journal and breaker are."""
    return state_folder(plan_file.parent / ".mt5canary", SERVER, LOGIN, MAGIC)


def left_by_a_dead_run(state: Path, *steps: str) -> Journal:
    journal = Journal(state)
    intent = Intent(uuid="u-1", nonce=NONCE, run="dead", symbol="EURUSD", side="BUY", volume="0.001", magic=MAGIC)
    journal.begin(intent)
    for step in steps:
        journal.step("u-1", step)
    return journal


@pytest.mark.parametrize("name", ["status", "reconcile"])
def test_nothing_in_the_way(command: Command, name: str) -> None:
    """Exit status 0, for people and for machines."""
    status, out, err = command(name)
    assert (status, err) == (0, "")
    assert "breaker    closed" in out
    assert "nothing stands in the way of a run" in out
    status, out, _ = command(name, "--json")
    held = json.loads(out)
    assert (status, held["clear"], held["breaker"], held["lease"]) == (0, True, None, None)
    assert held["gateway"]["account"]["login"] == LOGIN


@pytest.mark.parametrize("name", ["status", "reconcile"])
def test_orphan_is_shown_with_what_can_be_done(command: Command, opened: Opened, state: Path, name: str) -> None:
    """The position, its intent, and both ways out of it; exit status 1."""
    left_by_a_dead_run(state, "SENT")
    ticket = opened(comment=NONCE)
    status, out, _ = command(name)
    assert status == 1
    assert f"orphan: position {ticket} of 0.001 EURUSD BUY is open, of intent u-1, run dead, last step SENT" in out
    assert f"mt5canary reconcile --flatten closes it, --adopt {ticket} keeps it" in out
    assert "NO RUN STARTS" in out


def test_orphan_is_adopted(command: Command, opened: Opened, state: Path) -> None:
    """The journal knows it then: kept by plan, no orphan, and it stays open."""
    journal = left_by_a_dead_run(state, "SENT")
    ticket = opened(comment=NONCE)
    status, out, _ = command("reconcile", "--adopt", str(ticket))
    assert status == 0
    assert f"kept by plan: position {ticket}" in out
    (intent,) = journal.intents()
    assert (intent.step, intent.position, intent.facts["by"]) == ("KEPT", ticket, "mt5canary reconcile")


def test_orphan_without_an_intent_is_adopted(command: Command, opened: Opened) -> None:
    """A journal that was lost learns of the position from the gateway; others of the magic number stay orphans."""
    first, second = opened(), opened()
    status, out, _ = command("reconcile", "--adopt", str(second))
    assert status == 1
    assert f"kept by plan: position {second}" in out
    assert f"orphan: position {first}" in out
    assert f"orphan: position {second}" not in out


def test_orphans_are_closed_and_kept_ones_stay(
    command: Command, opened: Opened, state: Path, trader: TradingSession
) -> None:
    """--flatten closes what is nobody's; the journal is told, and a run may start."""
    kept = opened()
    assert command("reconcile", "--adopt", str(kept))[0] == 0
    journal = left_by_a_dead_run(state, "SENT")
    opened(comment=NONCE)
    opened(1, magic=7)
    status, out, err = command("reconcile", "--flatten", "--yes")
    assert status == 0, (out, err)
    assert err.startswith("flat after")
    assert sorted(position.magic or 0 for position in trader.positions()) == [7, MAGIC]
    assert trader.positions()[0].ticket == kept
    assert {intent.intent.uuid: intent.step for intent in journal.intents()}["u-1"] == "FLAT"


def test_flatten_asks_first(command: Command, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a yes nothing is closed."""
    opened()
    monkeypatch.setattr("builtins.input", lambda question: "no")
    status, _, err = command("reconcile", "--flatten")
    assert (status, "nothing was done" in err) == (4, True)
    assert command("status")[0] == 1


def test_intent_is_written_off_on_a_persons_word(command: Command, state: Path) -> None:
    """Too young to be proven absent, it is settled by name; a name is needed."""
    journal = left_by_a_dead_run(state, "UNKNOWN")
    assert command("reconcile")[0] == 1
    status, _, err = command("reconcile", "--settle", "u-1")
    assert (status, "--by" in err) == (4, True)
    assert command("reconcile", "--settle", "u-1", "--by", "me")[0] == 0
    (intent,) = journal.intents()
    assert (intent.step, intent.facts["by"]) == ("NOT_EXECUTED", "me")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--adopt", "1"), "position 1 is not open"),
        (("--adopt", "x"), "invalid int"),
        (("--settle", "u-9", "--by", "me"), "no open intent u-9"),
        (("--adopt", "1", "--flatten"), "not allowed"),
    ],
)
def test_wrong_input_is_told(
    command: Command, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """Exit status 4 and what is wrong."""
    try:
        status, _, err = command("reconcile", *words)
    except SystemExit as ended:
        status, err = int(ended.code or 0), capsys.readouterr().err
    assert (status, said in err) == (4, True), err


def test_foreign_position_is_neither_adopted_nor_closed(command: Command, opened: Opened) -> None:
    """Another magic number is another's business; it is shown."""
    ticket = opened(magic=7)
    status, out, _ = command("status")
    assert status == 0
    assert f"foreign: position {ticket}" in out
    status, _, err = command("reconcile", "--adopt", str(ticket))
    assert (status, "is of magic 7" in err) == (4, True)


def test_open_position_is_not_written_off(command: Command, opened: Opened, state: Path) -> None:
    """A person's word does not stand against a position that is there."""
    left_by_a_dead_run(state, "SENT")
    opened(comment=NONCE)
    status, _, err = command("reconcile", "--settle", "u-1", "--by", "me")
    assert (status, "open: close or adopt it first" in err) == (4, True)


def test_what_stands_in_the_way_is_named(
    command: Command, plan_file: Path, state: Path, trader: TradingSession
) -> None:
    """Breaker, lease and a halted gateway, each with its reason; while a run holds the account nothing is changed."""
    Breaker(state).trip("a breach")
    trader.halt("maintenance")
    lease = AccountLease(plan_file.parent / ".mt5canary", SERVER, LOGIN)
    assert lease.take("run-1") is None
    status, out, _ = command("status")
    assert status == 1
    assert "breaker    OPEN: a breach" in out
    assert "HALTED: maintenance" in out
    assert "lease      held by run run-1" in out
    status, _, err = command("reconcile", "--flatten", "--yes")
    assert (status, "the account is held by run run-1" in err) == (4, True)
    lease.release()


def test_gateway_that_is_gone_is_said(command: Command, simulated: SimulatedGateway, state: Path) -> None:
    """What this node knows is shown; what the gateway would have to say is not taken for nothing."""
    left_by_a_dead_run(state, "SENT")
    simulated.stop()
    status, out, err = command("status")
    assert (status, err) == (1, "")
    assert "gateway    NOT KNOWN: " in out
    assert "journal    SENT BUY 0.001 EURUSD of run dead" in out
    assert "positions" not in out


def test_journal_that_cannot_be_read_is_said(command: Command, state: Path) -> None:
    """A broken journal is no empty one."""
    Journal(state).path.write_text("[]\n")
    status, out, _ = command("status")
    assert status == 1
    assert "line 1 is none of its entries" in out
