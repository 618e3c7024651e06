"""The command line's frame."""

from __future__ import annotations

import argparse
import subprocess
import sys
import types

import pytest

from mt5canary import __version__, cli
from mt5canary.errors import UsageProblem


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` says which one."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.strip() == f"mt5canary {__version__}"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` of each command ends well and says its purpose."""
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    assert cli.COMMANDS[command][1].split()[0] in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["no-such-command"], ["serve", "--no-such-option"], ["serv"]])
def test_wrong_words_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command or option that is not there ends with status 4 and a line that says so."""
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 4
    assert "--help" in capsys.readouterr().err


def test_usage_problem_is_one_line_and_status_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Input that a command cannot use becomes a message, not a traceback."""

    def run(arguments: argparse.Namespace) -> int:
        raise UsageProblem("the file x cannot be read")

    module = types.SimpleNamespace(configure=lambda parser: None, run=run)
    monkeypatch.setitem(sys.modules, "a_command", module)
    monkeypatch.setitem(cli.COMMANDS, "break", ("a_command", "breaks"))
    assert cli.main(["break"]) == 4
    assert capsys.readouterr().err == "mt5canary break: the file x cannot be read\n"


def test_module_runs() -> None:
    """``python -m mt5canary`` is the same command line."""
    done = subprocess.run([sys.executable, "-m", "mt5canary", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"mt5canary {__version__}"
