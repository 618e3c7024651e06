"""The mutants are what they say, and the tests notice a sample of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation import hunting
from tests.mutation.mutants import Mutant, modules, mutants, mutated

MODULE = "order/small.py"
SOURCE = '''"""A small module."""

from __future__ import annotations

from mt5canary.measurement import at_most, equal


def judged(value):
    """Two measurements."""
    return [at_most("value", value, 3), equal("sign", value > 0, True)]
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of that one module."""
    (tmp_path / "order").mkdir()
    (tmp_path / MODULE).write_text(SOURCE)
    return tmp_path


def outcomes(source: str, value: int) -> list[str]:
    """What the module measures of a value."""
    namespace: dict[str, object] = {}
    exec(compile(source, MODULE, "exec"), namespace)
    return [str(each.outcome) for each in namespace["judged"](value)]  # type: ignore[operator]


def test_each_measurement_is_taken_out_and_turned_over(package: Path) -> None:
    """One change at a time: one that passes whatever is measured, and one that says the opposite."""
    assert outcomes(SOURCE, 5) == ["FAIL", "PASS"]
    found = [(each.kind, outcomes(mutated(package, each), 5)) for each in mutants(package, MODULE)]
    assert found == [
        ("passes", ["PASS", "PASS"]),
        ("turned", ["PASS", "PASS"]),
        ("passes", ["FAIL", "PASS"]),
        ("turned", ["FAIL", "FAIL"]),
    ]


def test_comparisons_are_turned_over_where_they_decide() -> None:
    """In the modules that decide without a measurement; each mutant is a module that can be read."""
    guards = mutants(hunting.PACKAGE, "guardian/guards.py")
    assert len(guards) > 10
    assert {each.kind for each in guards} == {"turned"}
    for each in guards:
        assert ast.dump(ast.parse(mutated(hunting.PACKAGE, each))) != ast.dump(
            ast.parse((hunting.PACKAGE / each.module).read_text())
        )


def test_every_stage_has_mutants_with_names_of_their_own() -> None:
    """Link, decision, order, guardian and evidence are all there."""
    hunted = [module for module in modules(hunting.PACKAGE) if mutants(hunting.PACKAGE, module)]
    assert {module.partition("/")[0] for module in hunted} >= {"link", "decision.py", "order", "guardian", "evidence"}
    keys = [each.key for each in hunting.all_mutants(hunted)]
    assert len(set(keys)) == len(keys) > 300


SAMPLE = (
    "order/proof.py:was_filled:passes:above('ticket', reply.ticket, 0)",
    "decision.py:says_go:passes:equal('decision', record.decision, 'GO')",
    "link/identity.py:is_expected:passes:equal('account login', hello.account.login, expected.login)",
    "evidence/verdict.py:outcome_of:turned:settled(measurement) is outcome",
)


@pytest.mark.timeout(300)
def test_a_sample_is_noticed(tmp_path: Path) -> None:
    """A ticket of zero, a NO_GO, another login, a reason that names the wrong measurement: the tests fail on each."""
    known = {each.key: each for each in hunting.all_mutants({key.partition(":")[0] for key in SAMPLE})}
    copy = hunting.copy_of_the_repository(tmp_path / "copy")
    survived = [key for key in SAMPLE if not hunting.is_noticed(known[key], copy)]
    assert survived == []
    unchanged = Mutant("decision.py", 1, "turned", "", "", 0)
    assert hunting.passes(copy, hunting.hunters(unchanged.module))


@pytest.mark.parametrize("passing", [True, False])
def test_tests_that_fail_anyway_hunt_nothing(passing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the tests pass on the module as it stands do they say anything of its mutants."""
    monkeypatch.setattr(hunting, "KEPT", tmp_path / "kept" / "known.json")
    monkeypatch.setattr(hunting, "copy_of_the_repository", lambda folder: folder)
    monkeypatch.setattr(hunting, "passes", lambda copy, tests: passing)
    monkeypatch.setattr(hunting, "is_noticed", lambda mutant, copy: True)
    told: list[str] = []
    wanted = hunting.all_mutants(["decision.py"])
    outcomes = hunting.hunt(wanted, told.append)
    assert outcomes == (dict.fromkeys((each.key for each in wanted), "noticed") if passing else {})
    assert any("its tests fail without a mutant" in text for text in told) is not passing
