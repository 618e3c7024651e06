"""Code made for the real package runs on the simulation: the official wheel's own Python, a published framework.

Both come from the package index, so these tests need the network; without it they are skipped and say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
OFFICIAL = ("MetaTrader5==5.0.6231", "--platform", "win_amd64", "--python-version", "3.11", "--only-binary=:all:")


def fetched(folder: Path, *what: str) -> Path:
    """Download one distribution without its dependencies and unpack it."""
    done = subprocess.run(
        [*PIP, "download", "--no-deps", "--dest", str(folder), *what], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"the package index does not give {what[0]}: {done.stderr[-300:]}")
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the official wheel and the framework, unpacked."""
    folder = tmp_path_factory.mktemp("foreign")
    fetched(folder, *OFFICIAL)
    return fetched(folder, "pymt5adapter==0.4.4")


@pytest.fixture
def run(unpacked: Path, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Run one part of foreign_code.py in an interpreter of its own."""

    def program(what: str) -> dict[str, Any]:
        root = Path(__file__).parents[2]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(unpacked), str(root)))}
        command = [sys.executable, str(Path(__file__).parent / "foreign_code.py"), what, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return program


def test_every_constant_is_the_wheels(run: Callable[[str], dict[str, Any]]) -> None:
    """No constant of the official wheel is missing here, none differs, and none was invented."""
    compared = run("constants")
    assert compared["count"] > 200
    assert (compared["missing"], compared["invented"], compared["different"]) == ([], [], [])


def test_the_wheels_helpers_trade(run: Callable[[str], dict[str, Any]]) -> None:
    """Buy and Sell fill, Close closes one ticket and then all, and the history has every deal."""
    told = run("helpers")
    assert (told["bought"], told["sold"], told["held"]) == (10009, 10009, 2)
    assert (told["closed one"], told["closed"], told["left"], told["deals"]) == (True, True, 0, 5)
    assert told["tick"][:4] == ["time", "bid", "ask", "last"]


def test_a_published_framework_trades(run: Callable[[str], dict[str, Any]]) -> None:
    """pymt5adapter connects, quotes, checks, orders, moves stops, closes, and reads bars and history."""
    pytest.importorskip("numpy")
    told = run("framework")
    assert (told["login"], told["bid<ask"], told["checked"]) == (1100212251, True, 0)
    assert (told["sent"], told["magic"], told["moved"], told["flat"]) == (10009, 77, 10009, 10009)
    assert (told["entries"], told["rates"], told["left"]) == ([0, 1], 5, 0)
