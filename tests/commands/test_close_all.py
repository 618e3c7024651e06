"""The emergency exit as a person calls it: with a plan, with half a plan, without one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mt5canary.link.session import TradingSession
from mt5canary.rehearsal import SimulatedGateway
from tests.commands.conftest import LOGIN, SERVER

Command = Callable[..., tuple[int, str, str]]
Opened = Callable[..., int]


def magics(trader: TradingSession) -> list[int | None]:
    return [position.magic for position in trader.positions()]


def test_positions_of_the_plan_are_closed(
    command: Command, opened: Opened, trader: TradingSession, asked: Callable[[], list[str]]
) -> None:
    """In five round trips, time to flat on the terminal, the breaker open and the gateway halted behind it."""
    opened(3)
    opened(1, magic=7)
    before = len(asked())
    status, out, err = command("close-all", "--yes")
    assert (status, err) == (0, "")
    assert re.match(r"flat after \d+ ms and 4 round trips by mt5canary close-all: closed 3 of magic 1196", out)
    assert asked()[before:] == ["HELLO", "CLOSE_ALL", "GET_POSITIONS", "GET_ORDERS", "HALT"]
    assert magics(trader) == [7]
    assert trader.hello().halted
    again, out, _ = command("close-all", "--yes", "--json")
    assert (again, json.loads(out)["closed"]) == (0, [])


@pytest.mark.parametrize(("typed", "status"), [("yes", 0), ("y", 4), ("", 4), (None, 4)])
def test_it_asks_before_it_closes(
    command: Command, opened: Opened, trader: TradingSession, monkeypatch: pytest.MonkeyPatch, typed: str, status: int
) -> None:
    """Only a whole yes closes; without anybody to ask nothing is done and nothing breaks."""
    opened(1)
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr("builtins.input", answer)
    assert command("close-all")[0] == status
    assert f"magic 1196 on account {LOGIN} at {SERVER}" in asked[0]
    assert magics(trader) == ([] if status == 0 else [1196])


@pytest.mark.parametrize(("typed", "closes"), [(str(LOGIN), True), ("yes", False), ("1", False)])
def test_everything_wants_the_login_typed_back(
    command: Command, opened: Opened, trader: TradingSession, monkeypatch: pytest.MonkeyPatch, typed: str, closes: bool
) -> None:
    """The whole account goes only to who types its number."""
    opened(1)
    opened(1, magic=7)
    monkeypatch.setattr("builtins.input", lambda question: typed)
    status, out, err = command("close-all", "--everything")
    assert status == (0 if closes else 4)
    assert magics(trader) == ([] if closes else [1196, 7])
    assert ("closed 2 of the account" in out) is closes
    assert ("nothing was done" in err) is not closes


@pytest.mark.parametrize(("login", "status"), [((), 4), (("--login", "1"), 4), (("--login", str(LOGIN)), 0)])
def test_everything_without_asking_needs_the_login_said(
    command: Command, opened: Opened, login: tuple[str, ...], status: int
) -> None:
    """--yes alone is not enough for the whole account."""
    opened(1, magic=7)
    assert command("close-all", "--everything", "--yes", *login)[0] == status


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda text: text.replace("symbol: EURUSD", "symbl: EURUSD"), id="a-typo-in-the-order"),
        pytest.param(lambda text: text.replace("hash: 1ac7db5b277d4dd1", "hash: none"), id="the-decision"),
        pytest.param(lambda text: text + "witness: [1, 2\n", id="no-yaml-at-all"),
        pytest.param(lambda text: text + 'promotion: {steps: [1, "x"]}\nnonsense: 1\n', id="sections-it-does-not-need"),
        pytest.param(lambda text: re.sub(r"trade_mode: \w+", "trade_mode: moon", text), id="the-rest-of-the-account"),
    ],
)
def test_plan_that_is_broken_elsewhere_does_not_stop_it(
    command: Command,
    opened: Opened,
    trader: TradingSession,
    plan_file: Path,
    simulated: SimulatedGateway,
    broken: Callable[[str], str],
) -> None:
    """Only the target and the magic number are needed; what was passed over is said."""
    opened(1)
    plan_file.write_text(broken(plan_file.read_text()))
    words: tuple[str, ...] = ()
    if "witness" in plan_file.read_text():  # then not even the target can be read: the command line says it
        status, _, err = command("close-all", "--yes")
        assert (status, "--host" in err) == (4, True)
        secret = simulated.folder / "risk.secret"
        port = simulated.url.rpartition(":")[2]
        words = ("--host", "127.0.0.1", "--port", port, "--login", str(LOGIN), "--server", SERVER)
        words += ("--magic", "1196", "--secret-file", str(secret))
    status, out, err = command("close-all", "--yes", *words)
    assert status == 0, err
    assert words or "nothing was sent\n  " in err
    assert out.startswith("flat after")
    assert magics(trader) == []


def test_wrong_account_is_not_touched(
    command: Command, opened: Opened, plan_file: Path, trader: TradingSession
) -> None:
    """Behind the gateway is another account than the plan's: nothing is done, and both are named."""
    opened(1)
    plan_file.write_text(plan_file.read_text().replace(str(LOGIN), "42"))
    status, _, err = command("close-all", "--yes")
    assert status == 1
    assert f"behind the gateway is account {LOGIN}" in err
    assert magics(trader) == [1196]


def test_gateway_that_is_gone_is_not_known_to_be_flat(
    command: Command, simulated: SimulatedGateway, plan_file: Path
) -> None:
    """Exit status 1, one line, no traceback, the breaker open all the same."""
    simulated.stop()
    status, _, err = command("close-all", "--yes")
    assert status == 1
    assert err.startswith("NOT KNOWN TO BE FLAT: ")
    assert list(plan_file.parent.rglob("breaker.json"))


def test_state_that_cannot_be_written_does_not_stop_it(
    command: Command, opened: Opened, plan_file: Path, trader: TradingSession
) -> None:
    """The breaker has no place to be written to: said, and the position is closed."""
    opened(1)
    (plan_file.parent / ".mt5canary").write_text("a file in the folder's place")
    status, _, err = command("close-all", "--yes")
    assert status == 0
    assert "the breaker could not be opened here" in err
    assert magics(trader) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--secret-file", "missing"), "cannot be read"),
        (("--host", "127.0.0.1", "--port", "http"), "port"),
        (("--target", "nowhere"), "targets.nowhere"),
    ],
)
def test_wrong_input_is_told(command: Command, words: tuple[str, ...], said: str) -> None:
    """Exit status 4 and what is wrong, with nothing sent."""
    status, _, err = command("close-all", "--yes", *words)
    assert status == 4
    assert said in err
