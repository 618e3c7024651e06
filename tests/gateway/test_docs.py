"""The gateway's pages: their examples load and run, and they name what the code has."""

from __future__ import annotations

import argparse
import contextlib
import io
import ipaddress
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from mt5canary.cli import COMMANDS
from mt5canary.commands import keygen
from mt5canary.errors import UsageProblem
from mt5canary.gateway import command, probe
from mt5canary.gateway.caps import Caps, read_caps
from mt5canary.gateway.journal import Journal
from mt5canary.gateway.simulated import scenario_file
from mt5canary.gateway.simulated.attach import start_simulated
from mt5canary.gateway.simulated.faults import Fault, Kind, Lag, Outage
from mt5canary.gateway.simulated.module import as_module
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.scenario_file import read_scenario
from mt5canary.wire.requests import REQUESTS
from tests.gateway.conftest import GatewayProcess

ROOT = Path(__file__).parents[2]
PAGES = {
    name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("gateway-windows", "gateway-checklist", "gateway-profile", "scenarios")
}
SECTIONS = (
    scenario_file.ScenarioFile, scenario_file.AccountSection, scenario_file.TierSection,
    scenario_file.CommissionSection, scenario_file.ServerSection, scenario_file.SymbolSection,
    scenario_file.WalkSection, Lag, Fault, Outage,
)  # fmt: skip
DOCUMENTATION = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "127.0.0.0/8")]


def blocks(page: str, language: str = "") -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)
    return [text for named, text in fenced if named == language]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    found = [line.strip().strip("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in found]


def section(page: str, heading: str) -> str:
    return PAGES[page].split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


# -- scenarios ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", blocks("scenarios", "yaml"))
def test_examples_of_scenarios_start(text: str, tmp_path: Path) -> None:
    """Every example is read, and a terminal starts with it; a quote file is beside it where it names one."""
    (tmp_path / "example.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "quotes.csv").write_text("time_msc,bid,ask\n0,1.08450,1.08460\n250,1.08451,1.08462\n")
    _, broker = start_simulated(str(tmp_path / "example.yaml"), tmp_path)
    broker.storage.close()


def test_examples_together_use_every_key(tmp_path: Path) -> None:
    """No key is without an example, so that each was read once in the form that the page shows."""
    used: set[str] = set()

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            used.update(map(str, value))
        for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            collect(member)

    for text in blocks("scenarios", "yaml"):
        collect(yaml.safe_load(text))
    assert {field.name for kind in SECTIONS for field in msgspec.structs.fields(kind)} - used == set()


def literals(kind: Any) -> Iterator[str]:
    for argument in get_args(kind):
        if isinstance(argument, str):
            yield argument
        else:
            yield from literals(argument)


def test_every_key_and_word_of_a_scenario_is_named() -> None:
    """Keys, the words that a key takes, kinds of faults and switches are on the page, in backticks."""
    page = PAGES["scenarios"]
    named = set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)))
    for kind in SECTIONS:
        for field in msgspec.structs.fields(kind):
            assert field.name in named, f"{kind.__name__}.{field.name}"
            assert set(literals(field.type)) <= named, f"words of {kind.__name__}.{field.name}"
    assert set(literals(Kind)) <= named


@pytest.mark.parametrize(
    ("heading", "source", "words", "at_least"),
    [
        ("`account`", Scenario(), scenario_file._ACCOUNT_NUMBERS, 13),
        ("`server`", Scenario(), {}, 4),
        ("`symbols.NAME`", Scenario().symbols["EURUSD"], scenario_file._NUMBERS, 10),
        ("`faults`", Fault(kind="delay"), {}, 4),
        ("`outages`", Outage(switch="connected"), {}, 1),
    ],
)
def test_defaults_on_the_page_are_the_codes(
    heading: str, source: Any, words: dict[str, dict[str, int]], at_least: int
) -> None:
    """Numbers and names in the column of defaults are those of the code."""
    compared = 0
    for name, _, _, default, _ in (cells for cells in rows(section("scenarios", heading)) if len(cells) == 5):
        has = getattr(source, name.strip("`"), None)
        page = re.match(r"`([^`]+)`$|(\d+\.?\d*)", default)
        if page is None or not isinstance(has, (int, float, str, Decimal)):
            continue
        compared += 1
        shown = page.group(1) or page.group(2)
        assert str(words.get(name.strip("`"), {}).get(shown, shown)) == str(has) or Decimal(shown) == has, name
    assert compared >= at_least


@pytest.mark.parametrize(
    "text",
    [
        "account: {login: 0}", "account: {balance: -1}", "account: {leverage: 0}", "server: {standard_hours: 15}",
        "symbols: {EURUSD: {volume_min: 0}}", "symbols: {EURUSD: {volume_min: 0.0015}}",
        "symbols: {EURUSD: {volume_step: 51}}", "symbols: {EURUSD: {filling: [boc]}}",
        "symbols: {EURUSD: {sessions: [[Monday, Friday]]}}", "symbols: {EURUSD: {walk: {interval_ms: 24}}}",
        "symbols: {EURUSD: {walk: {start: 0}}}", "symbols: {EURUSD: {walk: {volatility: -1}}}",
        "symbols: {EURUSD: {walk: {spread_min: 16}}}", "faults: [{kind: delay, milliseconds: [2, 1]}]",
        "faults: [{kind: requote, call: order_check}]", "faults: [{kind: delay, call: explode}]",
    ],
)  # fmt: skip
def test_checked_bounds_are_checked(text: str, tmp_path: Path) -> None:
    """What the page calls checked is refused when the file is read."""
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(UsageProblem):
        read_scenario(tmp_path / "wrong.yaml")


# -- deploying ----------------------------------------------------------------------------------------------


def test_examples_of_caps_load(tmp_path: Path) -> None:
    """Both files of the page are read, and the first one uses every key."""
    path, read = tmp_path / "caps.yaml", []
    for text in blocks("gateway-windows", "yaml"):
        path.write_text(text, encoding="utf-8")
        read.append(read_caps(path))
    assert all(getattr(read[0], name) is not None for name in Caps.__struct_fields__)
    assert read[1] == Caps(max_orders_per_hour=0)
    table = {cells[0].strip("`") for cells in rows(section("gateway-windows", "6. Caps"))}
    assert set(Caps.__struct_fields__) <= table


def test_command_of_the_page_is_one() -> None:
    """The start file's line has only options that exist, and every one that a gateway of one terminal takes."""
    line = next(line for line in PAGES["gateway-windows"].splitlines() if "-m mt5canary serve" in line)
    words = shlex.split(line.split(" serve ")[1].split(" 1>>")[0], posix=False)
    parser = argparse.ArgumentParser()
    command.configure(parser)
    given = vars(parser.parse_args(words))
    assert {name for name, value in given.items() if not value} == {"stop_with_input", "terminal_path", "portable"}
    assert given["terminal"] == "metatrader5"


def test_command_for_a_second_terminal_is_one() -> None:
    """The line for several terminals names the installation with options that exist."""
    block = blocks_of_command("terminal-path")
    parser = argparse.ArgumentParser()
    command.configure(parser)
    given = parser.parse_args(shlex.split(block.split(" serve ")[1].replace("\\", "/")))
    assert (str(given.terminal_path), given.terminal) == ("D:/Broker Two/terminal64.exe", "metatrader5")


def blocks_of_command(option: str) -> str:
    """The page's command line that has an option."""
    return next(line for line in PAGES["gateway-windows"].splitlines() if f" --{option} " in line and " serve " in line)


def test_banner_of_the_page_is_the_gateways(start_gateway: Callable[..., GatewayProcess]) -> None:
    """The banner shown has the lines that a gateway prints, in its order."""
    gateway = start_gateway()
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(20) == 0
    assert gateway.process.stdout is not None
    printed = ["listening on", *re.findall(r"^(\w+):", gateway.process.stdout.read().decode(), re.MULTILINE)]
    shown = next(block for block in blocks("gateway-windows") if block.startswith("listening on"))
    assert [line.split(":")[0] if ": " in line else "listening on" for line in shown.splitlines()] == printed


def test_every_key_file_has_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever keygen writes is in the table of files."""
    parser = argparse.ArgumentParser()
    keygen.configure(parser)
    assert keygen.run(parser.parse_args(["--only", "link", str(tmp_path / "keys")])) == 0
    capsys.readouterr()
    table = section("gateway-windows", "4. Folders and rights")
    for path in (tmp_path / "keys").rglob("*"):
        if path.is_file():
            assert path.name in table


def test_backup_of_the_page_copies_a_running_gateways_state(tmp_path: Path) -> None:
    """The page's own line, with other paths, copies what was written last, while the file is in use."""
    line = next(line for line in PAGES["gateway-windows"].splitlines() if "s.backup(d)" in line)
    code = line.split(' -c "')[1].rstrip('"')
    for path, name in ((r"C:\mt5canary\state\gateway.sqlite", "gateway.sqlite"), (r"C:\mt5canary\backup.sqlite", "b")):
        code = code.replace(path, str(tmp_path / name))
    journal = Journal(tmp_path / "gateway.sqlite")
    journal.halt("written last", 1.0)
    subprocess.run([sys.executable, "-c", code], check=True)
    journal.close()
    copy = Journal(tmp_path / "b")
    assert copy.halt_reason == "written last"
    copy.close()


# -- checklist and profile ----------------------------------------------------------------------------------


def test_checklist_names_the_probes_lines() -> None:
    """Every line that the checklist quotes is one of the probe's, and no open point is left out."""
    names = [question.name for question in probe.PROBES]
    quoted = set(re.findall(r'"([^"]+)"', section("gateway-checklist", "Open points of the simulation")))
    told = {name for name in quoted if "Disable algorithmic" not in name and name in names}
    assert set(names[:8]) <= told
    lines = [cells[1] for cells in rows(section("gateway-checklist", "Open points of the simulation"))[2:]]
    for line in lines:
        assert set(re.findall(r'"([^"]+)"', line)) <= set(names), line


@pytest.mark.parametrize("switched_off", [None, "terminal_trade_allowed", "connected"])
def test_snippets_run_and_trade_nothing(switched_off: str | None, tmp_path: Path, monkeypatch: Any) -> None:
    """The snippets run on the simulation, answer what the checklist says that it assumes, and leave no deal."""
    text = f"outages: [{{switch: {switched_off}}}]" if switched_off else "{}"
    (tmp_path / "scenario.yaml").write_text(text)
    terminal, broker = start_simulated(str(tmp_path / "scenario.yaml"), tmp_path)
    monkeypatch.setitem(sys.modules, "MetaTrader5", as_module(terminal))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for snippet in blocks("gateway-checklist", "python"):
            exec(compile(snippet, "snippet", "exec"), {})
    refusal = {None: "10014", "terminal_trade_allowed": "10027", "connected": "10031"}[switched_off]
    assert f"({refusal}, " in said.getvalue()
    assert len(broker.book.deals) == 1  # the deposit
    assert not broker.book.positions
    broker.storage.close()


def test_profile_has_every_action_with_criteria_that_exist() -> None:
    """Each action has its row, and each criterion named is in the catalogue."""
    stages = yaml.safe_load((ROOT / "verification" / "catalogue.yaml").read_text(encoding="utf-8"))
    known = {identifier for criteria in stages.values() for identifier in criteria}
    told = {cells[0]: cells[2] for cells in rows(PAGES["gateway-profile"]) if cells[0] in REQUESTS}
    assert set(told) == set(REQUESTS)
    for action, criteria in told.items():
        identifiers = set(re.findall(r"\b[LDXGE]\d+\b", criteria))
        assert identifiers <= known, action
        assert identifiers or action == "SYNC_ALL", action
    assert set(re.findall(r"\b[LDXGE]\d+\b", PAGES["gateway-profile"])) - known <= {"E1", "E2", "E3"}


# -- all pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_page_names_what_exists(page: str) -> None:
    """Commands are the command line's, links lead to files, addresses are those kept for documentation."""
    text = PAGES[page]
    code = " ".join(re.findall(r"`([^`]+)`", text, re.DOTALL))
    for name in re.findall(r"(?:mt5canary|mt5canary\.exe|-m mt5canary|^canary) ([a-z][a-z-]+)", code):
        assert name in COMMANDS
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / "docs" / link).exists(), link
    for found in re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text):
        address = ipaddress.ip_address(found)
        assert found == "0.0.0.0" or any(address in network for network in DOCUMENTATION), found
