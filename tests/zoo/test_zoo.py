"""No liar passes and no honest run fails: real runs against gateways that share no code with ours."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.world import why_impossible
from tests.zoo import matrix
from tests.zoo.flight import Landed, fly_all, why_not_as_declared
from tests.zoo.registry import MEMBERS, Member, members

HERE = Path(__file__).parent
RUNNERS = {"flight", "matrix", "test_zoo", "test_matrix"}
"""Modules that fly runs; all others are the gateways' own."""

ODD_IN_CI = ("honest", "history-lags", "reply-without-deal-and-price", "busy-account", "base-protocol-alone", "retail")


def in_ci() -> list[Member]:
    """A few honest members, and for each criterion the first liar that it must catch and that is not there yet."""
    chosen: dict[str, Member] = {}
    for criterion in matrix.CRITERIA:
        if not any(criterion in member.not_passed for member in chosen.values()):
            first = next(each for each in members().values() if each.is_liar and each.not_passed[0] == criterion)
            chosen[first.name] = first
    return [*(members()[name] for name in ODD_IN_CI), *chosen.values()]


def fly(wanted: list[Member], folder: Path) -> dict[str, Landed]:
    """Fly, or say why this machine cannot; in CI it must."""
    reason = why_impossible()
    if reason is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return fly_all(wanted, folder / "flights")


@pytest.mark.timeout(600)
def test_each_criterion_catches_a_liar_and_honest_runs_pass(tmp_path: Path) -> None:
    """A run against one liar for each criterion and a few honest gateways comes to what the register says."""
    wanted = in_ci()
    landed = fly(wanted, tmp_path)
    wrong = [said for member in wanted if (said := why_not_as_declared(member, landed[member.name]))]
    assert wrong == []
    caught = {name for member in wanted if member.is_liar for name in landed[member.name].not_passed}
    assert caught == set(matrix.CRITERIA)


def gateway_modules() -> Iterator[Path]:
    """The modules that make up the gateways."""
    return (path for path in HERE.glob("*.py") if path.stem not in RUNNERS)


def test_gateways_share_no_code_with_ours() -> None:
    """A zoo gateway is the standard library, pyzmq, and other modules of the zoo that are so too."""
    for path in gateway_modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                own = name == "tests.zoo" or (name.startswith("tests.zoo.") and name.split(".")[2] not in RUNNERS)
                assert own or name.split(".")[0] in {*sys.stdlib_module_names, "zmq"}, f"{path.name} imports {name}"


def test_every_member_is_declared() -> None:
    """Each says in one sentence what it is, and which criteria must not pass; both kinds are there in numbers."""
    liars = [member for member in members().values() if member.is_liar]
    odd = [member for member in members().values() if not member.is_liar]
    assert len(liars) >= 40
    assert len(odd) >= 20
    for member in MEMBERS.values():
        assert member.description.endswith("."), member.name
        assert set(member.not_passed) <= set(matrix.CRITERIA), member.name
        assert bool(member.not_passed) == bool(member.because), member.name
    assert {member.not_passed[0] for member in liars} == set(matrix.CRITERIA)
