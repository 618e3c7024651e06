"""The kill matrix that is shipped, and what may not go unnoticed in one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mt5canary.errors import UsageProblem
from mt5canary.evidence import kill_matrix
from mt5canary.evidence.kill_matrix import KillMatrix
from tests.zoo import matrix
from tests.zoo.flight import Landed, why_not_as_declared
from tests.zoo.registry import members


@pytest.fixture(scope="module")
def shipped() -> KillMatrix:
    """verification/kill-matrix.json."""
    found = kill_matrix.read(matrix.DATA)
    assert found is not None
    return found


def test_shipped_matrix_is_what_the_register_declares(shipped: KillMatrix) -> None:
    """Every member is in it as declared, no liar passed, every criterion catches somebody."""
    assert matrix.disagreements(shipped) == []


def test_page_is_written_from_the_matrix(shipped: KillMatrix) -> None:
    """docs/kill-matrix.md says what the data says."""
    assert matrix.PAGE.read_text() == matrix.page(shipped)


def changed(shipped: KillMatrix, name: str, **changes: object) -> KillMatrix:
    """The matrix with one member's row changed."""
    rows = [msgspec.structs.replace(each, **changes) if each.name == name else each for each in shipped.members]
    return msgspec.structs.replace(shipped, members=tuple(rows))


@pytest.mark.parametrize(
    ("name", "changes", "noticed"),
    [
        ("echo", {"verdict": "PASS"}, "the liar echo passed"),
        ("echo", {"outcomes": "." * 33}, "L3 did not catch echo"),
        ("honest", {"outcomes": "F" + "." * 32}, "the honest honest was caught by L1"),
        ("honest", {"what": "Something else."}, "honest is declared otherwise"),
        ("retail", {"outcomes": "." * 33}, "X2 did not catch retail"),
    ],
)
def test_a_wrong_matrix_is_noticed(shipped: KillMatrix, name: str, changes: dict[str, object], noticed: str) -> None:
    """A liar that passed, a criterion that missed it, an honest one that was caught, another declaration."""
    assert any(noticed in said for said in matrix.disagreements(changed(shipped, name, **changes)))


def test_a_criterion_that_catches_nobody_is_noticed(shipped: KillMatrix) -> None:
    """Without the liars that X9 is there for, X9 is no check."""
    rows = tuple(each for each in shipped.members if "X9" not in each.expected)
    said = matrix.disagreements(msgspec.structs.replace(shipped, members=rows))
    assert "X9 catches nobody" in said


def landed(verdict: str, **outcomes: str) -> Landed:
    """What a run came to."""
    every = dict.fromkeys(matrix.CRITERIA, "PASS") | outcomes
    reasons = dict.fromkeys(matrix.CRITERIA, "opening deals of the order in the history: 0")
    return Landed(verdict, 0 if verdict == "PASS" else 1, every, reasons, None, True, "")


def test_a_run_that_is_not_as_declared_is_noticed() -> None:
    """A liar that passes, one caught by another criterion, one caught for another reason, an honest one that fails."""
    liar, honest = members()["constant-ticket"], members()["honest"]
    assert "passed" in str(why_not_as_declared(liar, landed("PASS")))
    assert "X8 did not catch" in str(why_not_as_declared(liar, landed("FAIL", X9="FAIL")))
    assert why_not_as_declared(liar, landed("FAIL", X8="FAIL")) is None
    other = members()["price-off-the-grid"]
    assert "expected 'price on the tick grid'" in str(why_not_as_declared(other, landed("FAIL", X9="FAIL")))
    assert "the honest honest" in str(why_not_as_declared(honest, landed("FAIL", X8="FAIL")))
    assert "the honest honest" in str(why_not_as_declared(honest, landed("UNPROVEN", E3="UNPROVEN")))
    assert why_not_as_declared(honest, landed("PASS")) is None


def test_an_unreadable_matrix_is_a_message(tmp_path: Path) -> None:
    """No traceback for a file that is no matrix; none at all is none."""
    file = tmp_path / "kill-matrix.json"
    assert kill_matrix.read(file) is None
    file.write_text('{"schema": 1}')
    with pytest.raises(UsageProblem, match="make kill-matrix writes it anew"):
        kill_matrix.read(file)
