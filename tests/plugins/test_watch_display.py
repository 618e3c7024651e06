"""What a person sees of a watch: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

LONG = "a line of the log " * 10

SHOWING = f"""
from plugins.watch_display import display_for, write
from mt5canary.guardian.status import Status
from mt5canary.measurement import Outcome

STATUS = Status(
    after_seconds=11.0, left_seconds=59.4, probes=551, probes_lost=0, probes_over=0, p99_ms=38.84, p99_bound=0.0054,
    p99_claim=Outcome.PASS, errors=0, readings=11, position="BUY 0.001 EURUSD", profit=-0.01, equity=199.99,
    balance=200.0, currency="USD", spread_points=9.0, margin_level=None, clock_offset_ms=0.0, session_open=True,
    psi={{"spread": 0.02512}}, drift_checks=1, largest_gap_seconds=0.1, breach=None, events=["06:34:18 warned [once]"],
)

def test_watch(pytestconfig):
    display = display_for(pytestconfig)
    display.show(STATUS)
    write(pytestconfig, {LONG!r})
    display.show(STATUS)
    display.close()
    print("captured again")
"""


@pytest.fixture
def showing(tmp_path: Path) -> list[str]:
    """The command of a run that shows one watch twice, with a line of the log in between."""
    (tmp_path / "test_shown.py").write_text(SHOWING, encoding="utf-8")
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, str(tmp_path)]


def on_a_terminal(command: list[str]) -> str:
    """What a terminal receives of a command."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        received = b""
        try:
            while part := os.read(ours, 65_536):
                received += part
        except OSError:  # Linux says so that the other end is closed
            pass
    os.close(ours)
    return received.decode()


def test_terminal_shows_a_table_under_whole_lines_of_the_log(showing: list[str]) -> None:
    """Each figure has its name; a line of the log is not broken; pytest's capture goes on afterwards."""
    seen = on_a_terminal(showing)
    assert seen.count("the watch") >= 2
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in seen.splitlines() if line.count("│") == 3]
    assert ["left", "0:00:59"] in rows
    assert ["P99", "38.8 ms (PASS, n=551, over 0, share <= 0.54%)"] in rows
    assert ["PSI", "spread 0.025"] in rows
    assert any("06:34:18 warned [once]" in row[1] for row in rows)
    assert LONG.strip() in seen
    assert "1 passed" in seen
    assert "captured again" not in seen


def test_elsewhere_each_look_is_one_plain_line(showing: list[str]) -> None:
    """Into a pipe goes the same in one line, and nothing that a terminal alone understands."""
    said = subprocess.run(showing, capture_output=True, text=True, check=True).stdout
    lines = [line for line in said.splitlines() if line.startswith("watch: ")]
    expected = "watch: left 0:00:59, position BUY 0.001 EURUSD, P&L -0.01 USD, P99 38.8 ms (PASS, n=551, over 0, "
    assert lines == [f"{expected}share <= 0.54%), PSI spread 0.025, errors 0, breaker closed"] * 2
    assert "\x1b" not in said
