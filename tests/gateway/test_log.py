"""The gateway's log where there is no output to write it to, and how large its file becomes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from mt5canary.gateway import log
from mt5canary.gateway.decoding import Envelope
from mt5canary.gateway.log import Line
from tests.gateway.conftest import eventually
from tests.gateway.independent_client import Client

SERVE = ("-m", "mt5canary.cli", "serve", "--terminal", "simulated", "--bind", "tcp://127.0.0.1:*", "--state")


def without_output(state: Path, *options: str) -> subprocess.Popen[bytes]:
    """A gateway as Windows' pythonw starts it: neither stdout nor stderr exists."""
    command = shlex.join([sys.executable, *SERVE, str(state), *options])
    return subprocess.Popen(["/bin/sh", "-c", f"exec {command} >&- 2>&-"])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Gateways that end with the test."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_without_output_the_log_is_a_file(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], zmq_context: zmq.Context[Any]
) -> None:
    """The banner and each request's line are in the state folder's gateway.log; what went well is there soon too."""
    started.append(without_output(tmp_path))
    banner = eventually(lambda: [line["banner"] for line in lines(tmp_path / "gateway.log") if "banner" in line])[0]
    assert "terminal: simulated" in banner
    client = Client(zmq_context, banner[0].removeprefix("listening on "), None)
    client.hello()
    client.open(volume=0.0005)
    assert client.ask("PING")["status"] == "ok"
    client.close()
    eventually(lambda: [line["action"] for line in lines(tmp_path / "gateway.log") if "action" in line][2:] == ["PING"])
    assert started[0].poll() is None


def test_without_output_a_wrong_option_is_in_the_log(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    """Where nobody can be told, the log says why it did not start; the exit status is 4."""
    started.append(without_output(tmp_path, "--caps", str(tmp_path / "absent.yaml")))
    assert started[0].wait(20) == 4
    (line,) = lines(tmp_path / "gateway.log")
    assert line["event"] == "not started"
    assert "absent.yaml" in line["problem"]


def test_the_file_begins_anew_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full file becomes ``.old``, in place of the one before; no line is lost between the two."""
    monkeypatch.setattr(log, "FILE_LIMIT", 1000)
    monkeypatch.setattr(log, "_log", fresh := log._Log())
    fresh.keep_in(tmp_path / "gateway.log")
    for number in range(8):
        log.event("told", number=number, padding="x" * 300)
    assert fresh._file is not None
    fresh._file._file.close()
    kept = lines(tmp_path / "gateway.old") + lines(tmp_path / "gateway.log")
    assert [line["number"] for line in kept] == list(range(8))[-len(kept) :]
    assert all(path.stat().st_size < 2000 for path in tmp_path.iterdir())


def test_what_changed_something_is_written_at_once(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that went well waits for the loop; a trade, a refusal or an event takes it along, in order."""
    monkeypatch.setattr(log, "_log", log._Log())

    def told(line: Line) -> list[str]:
        log.write(line)
        return [json.loads(text)["uuid"] for text in capfdbinary.readouterr().err.splitlines()]

    assert told(Line(Envelope("1", None, "PING"), {"status": "ok"}, 0.1)) == []
    assert told(Line(Envelope("2", None, "OPEN"), {"status": "FILLED"}, 0.1)) == ["1", "2"]
    assert told(Line(Envelope("3", None, "PING"), {"status": "error", "error_code": "X"}, 0.1)) == ["3"]
