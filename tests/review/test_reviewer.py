"""An outside reviewer: real commands, their answers, and what is no answer."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from mt5canary.errors import UsageProblem
from mt5canary.review.reviewer import ask
from mt5canary.review.rules import Case

SECOND_LOOK = Path(__file__).resolve().parents[2] / "docs" / "second_look.py"


def python(code: str) -> str:
    """A command that runs some Python."""
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_the_case_goes_in_and_the_answer_comes_out() -> None:
    """As JSON, both ways."""
    code = "import json, sys; c = json.load(sys.stdin); print(json.dumps({'verdict': 'veto', 'reasons': [c['run']]}))"
    reviewed = ask(python(code), {"run": "r1"})
    assert reviewed.answer is not None
    assert (reviewed.answer.verdict, reviewed.answer.reasons) == ("veto", ["r1"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('I am ill')", "exit status 1: I am ill"),
        ("print('fine')", "its answer is none"),
        ("print('{}')", "its answer is none"),
        ('print(\'{"verdict": "perhaps"}\')', "its answer is none"),
        ("pass", "its answer is none"),
    ],
)
def test_what_is_no_answer_is_recorded_as_none(code: str, said: str) -> None:
    """Neither an approval nor a veto."""
    reviewed = ask(python(code), {})
    assert reviewed.answer is None
    assert said in reviewed.trouble


def test_a_reviewer_that_hangs_is_left() -> None:
    """It has a deadline."""
    reviewed = ask(python("import sys, time; sys.stdin.read(); time.sleep(60)"), {}, seconds=0.5)
    assert reviewed.trouble == "no answer within 0.5 s"


@pytest.mark.parametrize("command", ["no-such-command-here", "'unbalanced", ""])
def test_a_command_that_cannot_be_started_is_the_users_mistake(command: str) -> None:
    """Said before anything is decided."""
    with pytest.raises(UsageProblem, match="--reviewer"):
        ask(command, {})


@pytest.mark.parametrize(("value", "verdict"), [(9.25, "approve"), (85.0, "veto")])
def test_the_example_looks_at_what_is_left_of_a_limit(value: float, verdict: str, case: Case) -> None:
    """A run of which a limit is nearly used up is vetoed."""
    (result,) = case.verdict.criteria
    result.measurements = [msgspec.structs.replace(result.measurements[0], value=value)]
    given = {"verdict": msgspec.to_builtins(case.verdict)}
    done = subprocess.run(
        [sys.executable, str(SECOND_LOOK)], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["verdict"] == verdict
