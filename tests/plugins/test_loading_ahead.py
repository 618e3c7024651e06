"""What is got ready ahead: all of it, in its order, and no longer than there is a wait."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import pytest

from plugins import loading_ahead


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three things to do in place of the modules; what was done of them."""
    done: list[int] = []
    monkeypatch.setattr(loading_ahead, "_TO_DO", [lambda number=number: done.append(number) for number in range(3)])
    return done


def test_as_much_as_the_wait_holds(done: list[int]) -> None:
    """One after another while there is nothing else to do, and the rest in the next wait."""
    answers = itertools.chain([True, True, False], itertools.repeat(True))
    loading_ahead.work_while(lambda: next(answers))
    assert done == [0, 1]
    loading_ahead.work_while(lambda: next(answers))
    assert done == [0, 1, 2]


def test_a_pause_lasts_as_long_as_it_is_asked_to(done: list[int]) -> None:
    """With something to do and with nothing."""
    for _ in range(2):
        begun = time.monotonic()
        loading_ahead.pause(0.01)
        assert time.monotonic() - begun >= 0.01
    assert done == [0, 1, 2]


def test_every_module_is_there() -> None:
    """A module that moved would stop a run that does nothing wrong."""
    code = "from plugins import loading_ahead; loading_ahead.work_while(lambda: True)"
    subprocess.run([sys.executable, "-c", code], check=True)
