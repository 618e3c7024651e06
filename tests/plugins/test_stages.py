"""The stages plugin against verification files that somebody changed."""

from __future__ import annotations

import pytest

from tests.canary.harness import READS, Harness

LINK = "verification/test_1_link.py"
EXECUTION = "verification/test_3_execution.py"


def change(harness: Harness, old: str, new: str, file: str = LINK) -> None:
    """Change a verification file in one place."""
    harness.change(file, old, new)


@pytest.mark.parametrize("marker", ["skip", "skipif(True, reason='x')", "xfail", "parametrize('n', [1])"])
def test_criterion_cannot_be_excused_by_a_marker(harness: Harness, marker: str) -> None:
    """skip, xfail and parametrize on a criterion are usage errors in a run: no one marks a proof away."""
    change(harness, '@pytest.mark.criterion("X2")', f'@pytest.mark.{marker}\n@pytest.mark.criterion("X2")', EXECUTION)
    if "parametrize" in marker:
        change(harness, "def test_volume_is_legal(proposal", "def test_volume_is_legal(n, proposal", EXECUTION)
    finished = harness.live()
    assert finished.status == 4, finished.output
    assert "a success criterion cannot carry" in finished.output
    assert finished.has_no_traceback()
    assert not harness.bundles or not harness.actions()


def test_unknown_criterion_is_refused(harness: Harness) -> None:
    """An identifier that the catalogue does not have is named."""
    change(harness, 'criterion("L6")', 'criterion("L7")')
    finished = harness.live()
    assert finished.status == 4
    assert "criterion 'L7' is not in verification/catalogue.yaml" in finished.output
    assert finished.has_no_traceback()


def test_two_tests_of_one_criterion_are_refused(harness: Harness) -> None:
    """Of two tests of one criterion the better could be taken; so neither is."""
    change(harness, 'criterion("L6")', 'criterion("L5")')
    finished = harness.live()
    assert finished.status == 4
    assert "criteria with more than one test: L5" in finished.output


def test_criterion_whose_test_is_gone_blocks_what_needs_it(harness: Harness) -> None:
    """Deleting a test does not prove its criterion: 10 of 11 is not all."""
    change(harness, '@pytest.mark.criterion("L6")\n', "")
    change(harness, "def test_first_latency_figure", "def not_a_test")
    harness.live()
    assert harness.outcomes()["L6"] == "UNPROVEN"
    assert harness.outcomes()["D1"] == "BLOCKED"
    assert "L6 not run" in harness.reason("D1")
    assert set(harness.actions()) <= READS


def test_file_that_does_not_import_stops_everything(harness: Harness) -> None:
    """A syntax error in one stage's file ends the run before it begins; the verdict is no pass and nothing was sent."""
    change(harness, "import pytest\n", "import pytest(\n", "verification/test_2_decision.py")
    finished = harness.live()
    assert finished.status in (1, 2)
    assert harness.verdict["verdict"] != "PASS"
    assert set(harness.actions()) <= READS


def test_file_that_does_not_import_blocks_where_collection_goes_on(harness: Harness) -> None:
    """Even told to go on, the run sees that the decision stage was not proven."""
    change(harness, "import pytest\n", "import pytest(\n", "verification/test_2_decision.py")
    finished = harness.live("--continue-on-collection-errors")
    assert finished.status == 1
    assert harness.outcomes()["X7"] == "BLOCKED"
    assert set(harness.actions()) <= READS


def test_criterion_moved_to_another_file_keeps_its_place(harness: Harness) -> None:
    """The order is the catalogue's, not the files'."""
    moved = harness.folder / "verification" / "test_0_first.py"
    (harness.folder / "verification" / "test_5_evidence.py").rename(moved)
    finished = harness.pytest("-m", "preflight", "-v")
    order = [line.partition("::")[2].partition(" ")[0] for line in finished.output.splitlines() if "::test_" in line]
    assert order.index("test_every_exchange_is_recorded") > order.index("test_nothing_stands_in_the_way")


def test_stop_at_the_first_failure_reports_what_was_not_run(harness: Harness) -> None:
    """With ``-x`` the rest is in the verdict as UNPROVEN, and nothing was sent."""
    finished = harness.live("-x", "-p", "intruder", "--intrude", "D2:fail")
    assert finished.status in (1, 2)
    assert len(harness.outcomes()) == 33
    assert harness.outcomes()["X7"] == "UNPROVEN"
    assert "not run" in harness.reason("X7")
    assert set(harness.actions()) <= READS


def test_stop_at_the_first_failure_after_the_fill_is_flat(harness: Harness) -> None:
    """With ``-x`` a criterion that fails after the fill still closes the position."""
    harness.live("-x", "-p", "intruder", "--intrude", "X9:fail")
    assert harness.filled() == 1
    assert harness.closed_after_the_fill()
    assert harness.verdict["flat"] is True


def test_ordinary_test_beside_the_criteria_runs_and_counts_for_nothing(harness: Harness) -> None:
    """A test without a criterion runs first, proves nothing, and blocks nothing."""
    (harness.folder / "verification" / "test_9_more.py").write_text(
        "import pytest\n\n\n@pytest.mark.preflight\ndef test_of_mine():\n    assert True\n"
    )
    finished = harness.pytest("-m", "preflight")
    assert len(harness.outcomes()) == 19
    assert "FAIL" not in harness.outcomes().values(), finished.output
