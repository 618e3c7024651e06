"""Several terminals on one machine: ``--terminal-path`` and ``--portable`` reach the package's ``initialize``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from mt5canary.errors import UsageProblem
from mt5canary.gateway import installation
from mt5canary.gateway.installation import Installation
from mt5canary.gateway.remote_terminal import RemoteTerminal


class Recorder:
    """A package that remembers, where last_error shows it, what ``initialize`` was given."""

    def __init__(self) -> None:
        self.given = "nothing"

    def initialize(self, *where: str, **how: bool) -> bool:
        self.given = f"{where} {how}"
        return True

    def last_error(self) -> tuple[int, str]:
        return 1, self.given


def load(argument: str) -> Recorder:
    return Recorder()


@pytest.mark.parametrize(
    ("place", "given"),
    [
        (Installation(), "() {}"),
        (Installation(r"D:\Two\terminal64.exe"), "('D:\\\\Two\\\\terminal64.exe',) {}"),
        (Installation(r"D:\Two\terminal64.exe", True), "('D:\\\\Two\\\\terminal64.exe',) {'portable': True}"),
    ],
)
def test_initialize_gets_the_installation(place: Installation, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal's own process attaches to the installation that was named, and to any where none was."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    terminal = RemoteTerminal("tests.gateway.test_installation:load", "", lambda text: None, place)
    try:
        assert terminal.initialize()
        assert terminal.last_error() == (1, given)
    finally:
        terminal.close()


def chosen(*options: str) -> Installation:
    parser = argparse.ArgumentParser()
    parser.add_argument("--terminal")
    installation.configure(parser)
    return installation.chosen(parser.parse_args(options))


def test_a_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package looks from its own process: it gets the whole path."""
    (tmp_path / "terminal64.exe").touch()
    monkeypatch.chdir(tmp_path)
    place = chosen("--terminal", "metatrader5", "--terminal-path", "terminal64.exe", "--portable")
    assert place == Installation(str(tmp_path / "terminal64.exe"), True)
    assert chosen("--terminal", "metatrader5") == Installation()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--terminal", "metatrader5", "--terminal-path", "absent.exe"), "absent.exe: no such file"),
        (("--terminal", "metatrader5", "--terminal-path", "."), "terminal64.exe itself"),
        (("--terminal", "metatrader5", "--portable"), "say which installation"),
        (("--terminal", "simulated", "--portable"), "only --terminal metatrader5"),
        (("--terminal", "simulated", "--terminal-path", "a.exe"), "--terminal-path a.exe: only"),
    ],
)
def test_wrong_choices_are_told(options: tuple[str, ...], part: str) -> None:
    """What cannot be meant is refused, saying which option and what would be right."""
    with pytest.raises(UsageProblem, match=part.replace("(", r"\(")):
        chosen(*options)


def test_serve_and_probe_have_the_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both commands take them, and refuse an installation that is not there."""
    from mt5canary.cli import main

    common: Any = ("--terminal", "metatrader5", "--terminal-path", str(tmp_path / "absent.exe"))
    assert main(["serve", *common, "--state", str(tmp_path)]) == 4
    assert main(["probe", *common, "--out", str(tmp_path / "out.json")]) == 4
    assert capsys.readouterr().err.count("no such file; give the path of terminal64.exe itself") == 2
