"""The intent journal on the disk, whatever happens to the process that writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mt5canary.errors import Finding
from mt5canary.order.journal import Intent, Journal

FINAL = {"REFUSED", "NOT_EXECUTED", "NOT_SENT", "FLAT", "KEPT"}
"""The steps that end an intent, written down a second time."""

STEPS = ["SENT", "FILLED", "UNKNOWN", "ADOPTED", *sorted(FINAL)]

DYING = """\
import os, signal, sys
from mt5canary.order.journal import Intent, Journal
journal = Journal(__import__("pathlib").Path(sys.argv[1]))
intent = Intent(uuid="u", nonce="n", run="r", symbol="EURUSD", side="BUY", volume="0.001", magic=1196)
for number, step in enumerate(["INTENT", "SENT", "FILLED", "FLAT"]):
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    journal.begin(intent) if step == "INTENT" else journal.step("u", step)
"""


def intent(uuid: str = "u") -> Intent:
    return Intent(uuid=uuid, nonce="N", run="r", symbol="EURUSD", side="BUY", volume="0.001", magic=1196)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def test_nothing_was_ever_meant(journal: Journal) -> None:
    """A journal without a file holds nothing."""
    assert journal.entries() == []
    assert journal.open_intents() == []


@pytest.mark.parametrize("step", STEPS)
def test_intent_is_open_until_a_final_step(journal: Journal, step: str) -> None:
    """Only the steps that leave nothing to look after end an intent."""
    journal.begin(intent())
    assert [entry.step for entry in journal.open_intents()] == ["INTENT"]
    journal.step("u", step, reason="because")
    (*left,) = journal.open_intents()
    assert [entry.step for entry in left] == ([] if step in FINAL else [step])
    if left:
        assert left[0].facts == {"reason": "because"}
        assert left[0].intent == intent()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(STEPS)), max_size=8))
def test_last_step_of_each_intent_counts(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str]]
) -> None:
    """Intents do not disturb each other, and another reader sees the same."""
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder)
    last = {}
    for uuid in "abc":
        journal.begin(intent(uuid))
        last[uuid] = "INTENT"
    for uuid, step in history:
        journal.step(uuid, step)
        last[uuid] = step
    found = {entry.intent.uuid: entry.step for entry in Journal(folder).open_intents()}
    assert found == {uuid: step for uuid, step in last.items() if step not in FINAL}


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_torn_last_line_counts_as_not_written(journal: Journal, cut: int) -> None:
    """A crash in the middle of a line leaves the step before it in force, and writing goes on after it."""
    journal.begin(intent())
    journal.step("u", "SENT")
    journal.path.write_bytes(journal.path.read_bytes()[:-cut])
    assert [entry.step for entry in journal.open_intents()] == ["SENT" if cut == 1 else "INTENT"]
    journal.step("u", "FLAT")
    assert journal.open_intents() == []
    journal.begin(intent("v"))
    assert [entry.intent.uuid for entry in journal.open_intents()] == ["v"]


@pytest.mark.parametrize(("died_before", "left"), [(0, []), (1, ["INTENT"]), (2, ["SENT"]), (3, ["FILLED"]), (4, [])])
def test_sigkill_at_each_step_leaves_the_step_before(tmp_path: Path, died_before: int, left: list[str]) -> None:
    """What was written before the process was killed is there for the next start."""
    subprocess.run([sys.executable, "-c", DYING, str(tmp_path), str(died_before)], check=False)
    assert [entry.step for entry in Journal(tmp_path).open_intents()] == left


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xff\xfe\x00", id="not-utf-8"),
        pytest.param(b"[]\n", id="array"),
        pytest.param(b"[" * 100_000 + b"\n", id="deep"),
        pytest.param(b'{"uuid": "u"}\n', id="no-step"),
        pytest.param(b'{"uuid": "u", "step": "INTENT", "intent": {}}\n', id="empty-intent"),
        pytest.param(b'{"uuid": "u", "step": "INTENT"}\n', id="no-intent"),
        pytest.param(b'garbage\n{"uuid": "u", "step": "FLAT"}\n', id="broken-line-in-the-middle"),
    ],
)
def test_journal_that_cannot_be_understood_stops_the_order(journal: Journal, content: bytes) -> None:
    """A whole line that is none of ours may hide an open order: that is a finding, not an empty journal."""
    journal.path.write_bytes(content)
    with pytest.raises(Finding, match=r"journal\.jsonl"):
        journal.open_intents()


def test_notes_of_the_account_are_no_intents(journal: Journal) -> None:
    """What belongs to no intent, such as the breaker's opening, neither is one nor hides one."""
    journal.note("BREAKER_OPEN", reason="because")
    journal.begin(intent())
    journal.note("BREAKER_RESET", reason="looked", by="me")
    assert [entry.intent.uuid for entry in journal.open_intents()] == ["u"]


def test_facts_of_earlier_steps_stay(journal: Journal) -> None:
    """The position that a fill named is known at a later step that does not name it again."""
    journal.begin(intent())
    journal.step("u", "FILLED", position=42)
    journal.step("u", "KEPT")
    (found,) = journal.intents()
    assert (found.is_kept, found.is_open, found.position) == (True, False, 42)
    assert 0 < found.begun <= found.at
    assert journal.open_intents() == []


def test_folder_in_the_journals_place_is_a_finding(journal: Journal) -> None:
    """What cannot be read is not empty."""
    journal.path.mkdir()
    with pytest.raises(Finding, match="no order may be sent"):
        journal.entries()


def test_lines_hold_what_a_person_needs(journal: Journal) -> None:
    """Each line is JSON with its time, the intent whole in the first."""
    journal.begin(intent())
    (line,) = journal.path.read_text().splitlines()
    entry: dict[str, Any] = json.loads(line)
    assert entry["at"] > 0
    assert entry["intent"]["nonce"] == "N"
