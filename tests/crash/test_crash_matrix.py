"""SIGKILL at each point of an order's life, and the next start: one order at most, no position unreported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mt5canary.guardian.readings import LEASE_SECONDS
from tests.canary.harness import Harness, eventually
from tests.crash.killed_harness import POINTS
from tests.crash.matrix import CASES, FAILURES, GATEWAY_POINTS, IN_CI, ROOT, Case, documented, fly_all
from tests.crash.world import Row, World

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Any]:
    """Every row that this session asks for, flown several at a time."""
    wanted = [item.callspec.params["case"] for item in request.session.items if hasattr(item, "callspec")
              and "case" in item.callspec.params and item.path == request.path]  # fmt: skip
    way_back = any(case not in IN_CI for case in wanted)
    return fly_all(wanted, tmp_path_factory.mktemp("crash"), way_back=way_back)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in IN_CI else pytest.mark.nightly, id=f"{case.dies}: {case.point}")
     for case in CASES],
)  # fmt: skip
def test_killed_and_started_again(rows: dict[Case, Any], case: Case) -> None:
    """The gateway's ledger holds one order at most, and the next start says what docs/crash-matrix.md says."""
    row = rows[case]
    if isinstance(row, BaseException):
        raise row
    assert isinstance(row, Row)
    expected = documented()[case]
    assert row[:3] == expected[:3]
    if row.way_back:
        assert row.way_back == expected.way_back


def test_page_lists_every_point() -> None:
    """docs/crash-matrix.md was written from these very points: none is missing, none is too many."""
    assert list(documented()) == CASES
    assert len(POINTS) >= 25
    assert len(GATEWAY_POINTS) == 3


def test_each_way_to_lose_an_order_is_played() -> None:
    """Every row of the second table names points of the matrix, or tests that exist."""
    assert len(FAILURES) == 16
    for what in (name for names in FAILURES.values() for name in names.split("; ")):
        if what.startswith("crash: "):
            assert what.removeprefix("crash: ") in (*POINTS, *GATEWAY_POINTS)
            continue
        file, _, test = what.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, what


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A gateway that stands there."""
    made = World(tmp_path)
    yield made
    made.end()


def test_second_run_on_the_account_refuses(world: World, tmp_path: Path) -> None:
    """While one run holds the account another one's X5 fails by name and sends nothing; a preflight may look."""
    world.harness.watch = {"limits.watch.for": "60s", "limits.watch.every": "100ms"}
    first = world.harness.start_live()
    eventually(lambda: "[guardian] watching:" in world.harness.terminal(), 40)
    (tmp_path / "second").mkdir()
    second = Harness(tmp_path / "second")
    second.watch = {"limits.watch.for": "2s", "limits.watch.every": "5ms"}
    (second.folder / "canary.yaml").write_text((world.harness.folder / "canary.yaml").read_text())
    state = (f"--state={world.harness.folder / '.mt5canary'}",)
    refused = second.live(*state)
    assert refused.status == 1
    assert f"account held by: run {world.harness.bundle.name}, process {first.pid}" in second.reason("X5")
    assert second.outcomes()["X7"] == "BLOCKED"
    assert second.pytest("-m", "preflight", *state).has_no_traceback()
    assert "account held by" in second.reason("X5")
    ledger = world.ledger()
    assert (len(ledger.opened), len(ledger.positions)) == (1, 1)
    first.terminate()
    world.harness.ended(first)
    assert world.ledger().positions == []
    assert world.command("status") == 0, "the lease ended with the run"


@pytest.mark.nightly
def test_lease_closes_what_harness_and_watchdog_left(world: World) -> None:
    """Both killed, as by a power failure: the gateway itself closes the position, once the lease is over."""
    world.kill_run("the watch is over", watchdog=False)
    assert len(world.ledger().positions) == 1, "nobody else closed it"
    eventually(lambda: not world.ledger().positions, LEASE_SECONDS + 30)
    (closing,) = world.ledger().closed
    assert closing["comment"] == "lease expired"
