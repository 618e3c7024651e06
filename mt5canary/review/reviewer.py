"""An outside reviewer: any command that reads the bundle's JSON on standard input and answers JSON.

The answer is ``{"verdict": "approve" | "veto", "reasons": ["..."]}``. A veto rejects; an approval cannot overrule a
rule that does not hold. A command that fails, hangs or answers something else has given no answer; that is recorded.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import Any, Literal

import msgspec
from msgspec import Struct

from mt5canary.errors import UsageProblem

SECONDS = 300.0
"""How long a reviewer may take."""

LONGEST_ANSWER = 1_048_576


class Answer(Struct, frozen=True, kw_only=True):
    """What a reviewer answered."""

    verdict: Literal["approve", "veto"]
    reasons: list[str] = []


class Reviewed(Struct, frozen=True, kw_only=True):
    """A reviewer's command with its answer, or with the reason why there is none."""

    command: str
    answer: Answer | None = None
    trouble: str = ""


def ask(command: str, case: dict[str, Any], seconds: float = SECONDS) -> Reviewed:
    """Run a reviewer's command; raises UsageProblem where it cannot be started."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageProblem(f"--reviewer {command!r}: {error}") from None
    try:
        done = subprocess.run(words, input=msgspec.json.encode(case), capture_output=True, timeout=seconds, check=False)
    except (OSError, IndexError) as error:
        raise UsageProblem(f"--reviewer {command!r}: cannot be started: {error}") from None
    except subprocess.TimeoutExpired:
        return Reviewed(command=command, trouble=f"no answer within {seconds:g} s")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Reviewed(
            command=command, trouble=f"exit status {done.returncode}: {said[-1] if said else 'no reason given'}"
        )
    try:
        answer = msgspec.json.decode(done.stdout[:LONGEST_ANSWER], type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Reviewed(command=command, trouble=f"its answer is none: {error}")
    return Reviewed(command=command, answer=answer)
