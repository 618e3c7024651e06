"""The catalogue's order and its gates."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.catalogue import STAGES, Catalogue, load
from mt5canary.errors import UsageProblem
from mt5canary.measurement import Outcome

FILE = Path(__file__).resolve().parents[1] / "verification" / "catalogue.yaml"
LINK, DECISION, BEFORE_THE_ORDER, EXECUTION, GUARDRAILS, EVIDENCE = (
    [f"{letter}{number}" for number in range(1, count + 1)]
    for letter, count in (("L", 6), ("D", 5), ("X", 5), ("X", 11), ("G", 6), ("E", 5))
)
CHECKED = {*LINK, *DECISION, *BEFORE_THE_ORDER}
NEEDS: dict[str, set[str]] = {
    **{name: set() for name in LINK},
    **{name: {*LINK} for name in DECISION},
    **{name: {*LINK, *DECISION} for name in BEFORE_THE_ORDER},
    "X6": CHECKED,
    "X7": {*CHECKED, "X6"},
    **{name: {*CHECKED, "X6", "X7"} for name in EXECUTION[7:]},
    **{name: {*LINK, *DECISION, *EXECUTION} for name in GUARDRAILS},
    **{name: set() for name in EVIDENCE},
}
"""Every criterion with those that must have passed before it, written out a second time."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(FILE)


CATALOGUE = load(FILE)


def test_there_are_33_criteria_19_of_them_in_the_preflight(catalogue: Catalogue) -> None:
    """The table of the design, by its numbers."""
    assert [criterion.id for criterion in catalogue.of_mode("live")] == list(NEEDS)
    assert len(catalogue.of_mode("live")) == 33
    assert len(catalogue.of_mode("preflight")) == 19
    assert {criterion.id for criterion in catalogue.of_mode("preflight")} == {*CHECKED, "E3", "E4", "E5"}


@pytest.mark.parametrize("identifier", NEEDS)
def test_needs_of_every_criterion(catalogue: Catalogue, identifier: str) -> None:
    """Each criterion's gate is exactly the one that the design gives it."""
    assert {needed.id for needed in catalogue.needs(catalogue[identifier])} == NEEDS[identifier]


@pytest.mark.parametrize("identifier", NEEDS)
def test_nothing_proven_opens_only_gates_without_needs(catalogue: Catalogue, identifier: str) -> None:
    """0 of 0 passed opens nothing: with no outcome at all, whatever needs anything is blocked."""
    blocked = catalogue.why_blocked(catalogue[identifier], {}, [])
    assert (blocked is None) == (not NEEDS[identifier])


outcomes = st.dictionaries(st.sampled_from(list(NEEDS)), st.sampled_from(list(Outcome)))


@given(outcomes, st.sampled_from(list(NEEDS)), st.sets(st.sampled_from(list(NEEDS))))
def test_gate_opens_only_on_passes_and_waived_unproven(
    proven: dict[str, Outcome], identifier: str, waived: set[str]
) -> None:
    """A gate is open exactly when every need passed, or is UNPROVEN and waived."""
    expected = all(
        proven.get(need) is Outcome.PASS or (proven.get(need) is Outcome.UNPROVEN and need in waived)
        for need in NEEDS[identifier]
    )
    why = CATALOGUE.why_blocked(CATALOGUE[identifier], proven, waived)
    assert (why is None) == expected


@given(outcomes, st.sampled_from(list(NEEDS)))
def test_reason_names_what_is_missing_of_the_first_stage(proven: dict[str, Outcome], identifier: str) -> None:
    """Whoever is blocked reads which criteria of the earliest stage are missing, and what each came to."""
    why = CATALOGUE.why_blocked(CATALOGUE[identifier], proven, []) or ""
    missing = [need for need in CATALOGUE.needs(CATALOGUE[identifier]) if proven.get(need.id) is not Outcome.PASS]
    for need in missing:
        named = f"{need.id} {proven.get(need.id, 'not run')}" in why
        assert named == (need.stage == missing[0].stage)


def test_failure_is_never_waived(catalogue: Catalogue) -> None:
    """A waiver covers UNPROVEN alone."""
    proven = dict.fromkeys(NEEDS, Outcome.PASS) | {"X3": Outcome.FAIL}
    assert catalogue.why_blocked(catalogue["X6"], proven, ["X3"]) is not None


def test_stages_stand_in_order(catalogue: Catalogue) -> None:
    """A criterion of a later stage never stands before one of an earlier stage."""
    positions = [STAGES.index(criterion.stage) for criterion in catalogue.criteria]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "link: {}",
        "decision: {}\nlink: {}\nexecution: {}\nguardrails: {}\nevidence: {}",
        "link: {first: x}\ndecision: {}\nexecution: {}\nguardrails: {}\nevidence: {}",
        "link: [",
    ],
)
def test_file_that_is_no_catalogue_is_refused(tmp_path: Path, content: str) -> None:
    """A catalogue that cannot be used is the person's mistake, named as such."""
    path = tmp_path / "catalogue.yaml"
    path.write_text(content)
    with pytest.raises(UsageProblem, match="catalogue"):
        load(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A catalogue that is not there is named by its path."""
    with pytest.raises(UsageProblem, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")
