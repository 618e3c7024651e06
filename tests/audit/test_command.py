"""``mt5canary audit`` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mt5canary import cli


def test_objections_are_shown_with_what_would_prove_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has its place, the line, the reason and the remedy; exit status 1."""
    path = tmp_path / "VERIFY_LOG.log"
    path.write_text("P99 Latency: 0.0 ms PASS\n", encoding="utf-8")
    assert cli.main(["audit", str(path)]) == 1
    shown = capsys.readouterr().out
    for part in (f"{path}:1: a percentile without samples", "P99 Latency: 0.0 ms PASS", "why: it is 0", "1 objections"):
        assert part in shown


def test_no_objection_is_no_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0, and the words say what it is worth."""
    path = tmp_path / "log"
    path.write_text("nothing is claimed here\n", encoding="utf-8")
    assert cli.main(["audit", str(path)]) == 0
    assert "proves nothing by itself" in capsys.readouterr().out


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get the same objections."""
    path = tmp_path / "log"
    path.write_text("Ticket: 5\n", encoding="utf-8")
    assert cli.main(["audit", "--json", str(path)]) == 1
    (objection,) = json.loads(capsys.readouterr().out)
    assert (objection["file"], objection["line"], objection["rule"]) == (str(path), 1, "a ticket without history")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"", "is empty"), (b"\x00\x01", "is no text")]
)
def test_what_cannot_be_read_is_said(
    content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 4 and the file's name, no traceback."""
    path = tmp_path / "log"
    if content is not None:
        path.write_bytes(content)
    assert cli.main(["audit", str(path)]) == 4
    error = capsys.readouterr().err
    assert str(path) in error
    assert said in error


def test_controls_in_a_line_are_shown_not_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An escape sequence in somebody's log does not reach the terminal."""
    path = tmp_path / "log"
    path.write_text("Ticket: 5 \x1b[2J\n", encoding="utf-8")
    cli.main(["audit", str(path)])
    assert "\x1b" not in capsys.readouterr().out
