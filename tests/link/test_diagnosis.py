"""``mt5canary diagnose`` as a person and as a machine meet it."""

from __future__ import annotations

import errno
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mt5canary.cli import main
from mt5canary.link.connection import ConnectFinding, Ends, SocketEvent
from mt5canary.link.diagnosis import Diagnosis
from mt5canary.link.diagnosis_words import ADVICE
from mt5canary.link.session import ReadSession
from mt5canary.rehearsal import SimulatedGateway
from tests.link import servers
from tests.link.between import Answer, Between, PassOn, answer
from tests.link.situation import ON_LOOPBACK, diagnose, plan_of, resolved_for

SCREEN = 24, 100
READS = {"HELLO", "PING", "GET_ACCOUNT", "GET_SYMBOL", "GET_TICK", "GET_POSITIONS"}


@pytest.fixture
def between(simulated: SimulatedGateway) -> Iterator[Between]:
    """A living gateway behind something that can change its answers."""
    with Between(upstream=simulated.url) as made:
        yield made


def changed(action: str, change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any], PassOn], Answer]:
    """The real gateway's answers, those to one action changed."""

    def rule(request: dict[str, Any], pass_on: PassOn) -> Answer:
        reply = json.loads(pass_on())
        if request["action"] == action:
            change(reply)
        return json.dumps(reply).encode()

    return rule


def setting(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Set one member, by its path."""

    def change(reply: dict[str, Any]) -> None:
        for name in path[:-1]:
            reply = reply[name]
        reply[path[-1]] = value

    return change


HELLO_TROUBLES: dict[str, tuple[tuple[str, ...], Any, str, str]] = {
    "other-account": (("account", "login"), 7, "wrong-identity", "identity"),
    "other-server": (("account", "server"), "Elsewhere", "wrong-identity", "identity"),
    "other-terminal": (("terminal", "kind"), "metatrader5", "wrong-identity", "identity"),
    "unknown-mode": (("account", "trade_mode"), "something", "wrong-identity", "identity"),
    "disconnected": (("terminal", "connected"), False, "terminal-disconnected", "terminal"),
    "no-button": (("terminal", "trade_allowed"), False, "may-not-trade", "permission"),
    "investor": (("account", "trade_allowed"), False, "may-not-trade", "permission"),
    "no-experts": (("account", "trade_expert"), False, "may-not-trade", "permission"),
    "halted": (("halted",), True, "halted", "permission"),
}


@pytest.mark.parametrize("name", HELLO_TROUBLES)
def test_what_hello_says(between: Between, tmp_path: Path, name: str) -> None:
    """Each thing that HELLO can say wrongly ends the walk at its own step."""
    path, value, trouble, step = HELLO_TROUBLES[name]
    between.rule = changed("HELLO", setting(*path, value=value))
    found = diagnose(resolved_for(tmp_path, between.url))
    assert found.trouble == trouble, found.steps[-1]
    assert found.steps[-1].name == step
    assert set(between.actions) <= READS


def test_refusal_after_the_connection_seemed_to_stand(
    between: Between, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux tells of a refusal a moment after CONNECTED now and then: that is no matter of keys."""

    def refused(session: ReadSession) -> Ends:
        names = {"CONNECTED": 11, "HANDSHAKE_FAILED_NO_DETAIL": errno.EHOSTUNREACH}
        raise ConnectFinding("refused", [SocketEvent(name=name, value=names[name], at_ns=0) for name in names])

    monkeypatch.setattr(ReadSession, "connect", refused)
    found = diagnose(resolved_for(tmp_path, between.url))
    assert (found.trouble, found.steps[-1].name) == ("no-such-host", "handshake")


def test_clock_that_is_off(between: Between, tmp_path: Path) -> None:
    """A gateway whose clock is a minute off is told to set it."""
    between.rule = changed("PING", setting("server_time", value="2026-01-16T18:17:13.285050Z"))
    found = diagnose(resolved_for(tmp_path, between.url))
    assert found.trouble == "clock"
    assert any("w32tm" in step for _, step in found.next_steps)


@pytest.mark.parametrize(("is_open", "trouble"), [(True, "market-still"), (False, "market-closed")])
def test_market_that_stands_still(between: Between, tmp_path: Path, is_open: bool, trouble: str) -> None:
    """A quote that does not move is told from a session that is closed."""

    def rule(request: dict[str, Any], pass_on: PassOn) -> Answer:
        if request["action"] == "GET_TICK":
            return answer(request, tick={"bid": 1.1, "ask": 1.1001, "time_msc": 1_768_587_433_000})
        reply = json.loads(pass_on())
        if request["action"] == "GET_SYMBOL":
            reply["spec"]["session_open"] = is_open
        return json.dumps(reply).encode()

    between.rule = rule
    found = diagnose(resolved_for(tmp_path, between.url))
    assert found.trouble == trouble, found.steps[-1]


def test_healthy_link_takes_less_than_two_seconds(simulated: SimulatedGateway, tmp_path: Path) -> None:
    """On loopback, with every step made."""
    resolved = resolved_for(tmp_path, simulated.url)
    found = diagnose(resolved)
    assert found.healthy, found.steps[-1]
    assert len(found.steps) == 12
    assert found.seconds < 2


def test_command_says_all_is_well(
    simulated: SimulatedGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0, one line for each step, one screen."""
    plan = plan_of(tmp_path, ON_LOOPBACK | {"port": simulated.url.rpartition(":")[2]})
    assert main(["diagnose", "--plan", str(plan)]) == 0
    said = capsys.readouterr().out
    assert "All is well" in said
    assert said.count("  ok ") == 12
    fits(said)


def fits(said: str) -> None:
    """It is one screen."""
    rows, columns = SCREEN
    lines = said.splitlines()
    assert len(lines) <= rows, said
    assert max(map(len, lines)) <= columns, said


def test_command_names_the_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1; what was observed, what it means, what to do next on which machine."""
    with servers.closed_port(tmp_path) as url:
        port = url.rpartition(":")[2]
    plan = plan_of(tmp_path, ON_LOOPBACK | {"port": port})
    started = time.monotonic()
    assert main(["diagnose", "--plan", str(plan)]) == 1
    assert time.monotonic() - started < 4
    said = capsys.readouterr().out
    assert re.search(r"WRONG port .*ECONNREFUSED", said)
    assert "Means" in said
    assert "gateway host: is MetaTrader 5 running?  tasklist | findstr MT5" in said
    assert "Traceback" not in said
    fits(said)


def test_json_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as one JSON object."""
    with servers.closed_port(tmp_path) as url:
        plan = plan_of(tmp_path, ON_LOOPBACK | {"port": url.rpartition(":")[2]})
    assert main(["diagnose", "--json", "--plan", str(plan)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is False
    assert told["trouble"] == "port-closed"
    assert [step["ok"] for step in told["steps"]] == [True, True, True, False]
    assert all(set(entry) == {"machine", "do"} for entry in told["next"])


def test_plan_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan with a mistake, or none: exit status 4 and the mistake."""
    assert main(["diagnose", "--plan", str(tmp_path / "missing.yaml")]) == 4
    assert "missing.yaml" in capsys.readouterr().err
    assert main(["diagnose", "--plan", str(plan_of(tmp_path, {"host": "h", "prot": "5555"}))]) == 4
    assert "prot" in capsys.readouterr().err


@pytest.mark.parametrize("name", ADVICE)
def test_words_of_every_trouble_fit_the_screen(name: str) -> None:
    """With every step before it well, each trouble's words fit one screen and leave no placeholder."""
    from mt5canary.link.diagnose_command import as_text
    from mt5canary.link.diagnosis import Step

    words = {"host": "198.51.100.20", "port": "5555", "detail": "a cause", "mend": "a change"}
    advice = ADVICE[name]
    steps = tuple(Step(name=f"step{number}", ok=number < 11, observed="x" * 95) for number in range(12))
    shown = as_text(
        Diagnosis(
            target="there",
            endpoint="198.51.100.20:5555",
            steps=steps,
            trouble=name,
            meaning=advice.meaning.format(**words),
            next_steps=tuple((machine, step.format(**words)) for machine, step in advice.steps),
            seconds=1.0,
        )
    )
    assert "{" not in shown.replace("curve: {", "").replace("account: {", "")
    assert len(shown.splitlines()) <= 2 * 12 + 14
