"""The alert command gets each grave event, and whatever becomes of it, nobody waits for it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from mt5canary.errors import UsageProblem
from mt5canary.guardian.alert import Alert, words


def eventually(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_event_comes_as_json_on_standard_input(tmp_path: Path) -> None:
    """One object for each event, with its run, name and facts; what is quiet is not told."""
    into = tmp_path / "events"
    code = f"import sys; open({str(into)!r}, 'a').write(sys.stdin.read() + chr(10))"
    said: list[str] = []
    alert = Alert([sys.executable, "-c", code], "the run", said.append)
    alert("PSI", {"spread": "0.1"})
    alert("breach", {"guard": "loss", "text": "too much"})
    eventually(into.exists)
    eventually(lambda: into.read_text().endswith(chr(10)))
    (event,) = map(json.loads, into.read_text().splitlines())
    assert (event["run"], event["event"], event["facts"]["guard"]) == ("the run", "breach", "loss")
    assert said == []


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["/nonexistent/command"], "failed"),
        ([sys.executable, "-c", "raise SystemExit(3)"], "status 3"),
        ([sys.executable, "-c", "import time; time.sleep(600)"], "timed out"),
    ],
)
def test_failure_and_hang_are_said_and_nobody_waits(command: list[str], text: str) -> None:
    """Handing an event over returns at once, and what went wrong is one line."""
    said: list[str] = []
    alert = Alert(command, "the run", said.append, seconds=1.0)
    for _ in range(3):
        alert("breach", {"guard": "loss"})
    assert said == []
    eventually(lambda: said)
    assert text in said[0]


@pytest.mark.parametrize("command", ["", "  ", "notify 'unclosed"])
def test_command_that_is_none_is_refused(command: str) -> None:
    """Said before anything is begun."""
    with pytest.raises(UsageProblem, match="--alert"):
        words(command)
