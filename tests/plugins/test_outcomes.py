"""What a criterion's test comes to, for everything that a test can do; in one run, with criteria of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from tests.canary.harness import Finished, Harness

CRITERIA = '''\
import pytest
from mt5canary.errors import Finding, LinkFinding, Unproven
from mt5canary.measurement import below, equal, unproven

GOOD = below("latency", 1.0, 100, "ms", 300)

@pytest.mark.criterion("L1")
def test_records_nothing(measure):
    """It returns without a measurement."""

@pytest.mark.criterion("L2")
def test_skips(measure):
    """It gives up."""
    measure([GOOD])
    pytest.skip("no time")

@pytest.mark.criterion("L3")
def test_breaks(measure):
    """Something unforeseen."""
    measure([GOOD])
    raise ZeroDivisionError("oh")

@pytest.fixture
def falls_apart():
    yield
    raise ValueError("at the end")

@pytest.mark.criterion("L4")
def test_teardown_breaks(measure, falls_apart):
    """It passes and its fixture breaks afterwards."""
    measure([GOOD])

@pytest.mark.criterion("L5")
def test_finds(measure):
    """The gateway did wrong."""
    measure([GOOD])
    raise LinkFinding("no reply came")

@pytest.mark.criterion("L6")
def test_cannot_prove(measure):
    """The proof is missing."""
    raise Unproven("no history")

@pytest.mark.criterion("E3")
def test_measures_badly(measure):
    """It returns, but one measurement fails."""
    measure([GOOD, below("latency", 200.0, 100, "ms", 300)])

@pytest.mark.criterion("E4")
def test_measures_too_little(measure):
    """It returns, but one measurement has no samples."""
    measure([GOOD, below("latency", 0.0, 100, "ms", 0)])

@pytest.mark.criterion("E5")
def test_measures_well(measure):
    """It measures, and all is within limits."""
    measure([GOOD, equal("answer", "yes", "yes")])
'''

EXPECTED = {
    "L1": ("UNPROVEN", "no measurement was recorded"),
    "L2": ("UNPROVEN", "not tried: no time"),
    "L3": ("FAIL", "the harness itself broke: ZeroDivisionError: oh"),
    "L4": ("FAIL", "the harness itself broke: ValueError: at the end"),
    "L5": ("FAIL", "no reply came"),
    "L6": ("UNPROVEN", "no history"),
    "D1": ("UNPROVEN", "not run"),
    "E3": ("FAIL", "latency: 200 ms (limit < 100, n=300) FAIL"),
    "E4": ("UNPROVEN", "latency: unproven (n=0)"),
    "E5": ("PASS", "2 measurements within"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Harness, Finished]]:
    """One preflight over the criteria above."""
    made = Harness(tmp_path_factory.mktemp("outcomes"))
    for path in (made.folder / "verification").glob("*.py"):
        path.unlink()
    (made.folder / "verification" / "test_all.py").write_text(CRITERIA)
    yield made, made.pytest("-m", "preflight", "-v")
    assert not made.processes()


@pytest.mark.parametrize("identifier", EXPECTED)
def test_outcome_and_reason(judged: tuple[Harness, Finished], identifier: str) -> None:
    """The verdict has the outcome and the reason that belong to what the test did."""
    outcome, reason = EXPECTED[identifier]
    assert judged[0].outcomes()[identifier] == outcome
    assert reason in judged[0].reason(identifier)


def test_run_is_a_failure(judged: tuple[Harness, Finished]) -> None:
    """Exit status 1; the first failed criterion decided."""
    harness, finished = judged
    assert finished.status == 1
    assert (harness.verdict["verdict"], harness.verdict["decided_by"]) == ("FAIL", "L3")


def test_terminal_says_the_words(judged: tuple[Harness, Finished]) -> None:
    """Each test's line ends in its own word."""
    lines = judged[1].output.splitlines()
    for test, word in (("test_skips", "UNPROVEN"), ("test_finds", "FAIL"), ("test_measures_well", "PASS")):
        assert any(test in line and f" {word} " in line for line in lines), test


def test_junit_counts_no_doubtful_criterion_as_passed(judged: tuple[Harness, Finished]) -> None:
    """Only what passed has a test case without failure, error or skip."""
    cases = ElementTree.parse(judged[0].bundle / "junit.xml").iter("testcase")
    clean: dict[str, bool] = {}
    for case in cases:
        bad = any(child.tag in ("failure", "error", "skipped") for child in case)
        clean[case.attrib["name"]] = clean.get(case.attrib["name"], True) and not bad
    assert [name for name, is_clean in clean.items() if is_clean] == ["test_measures_well"]


def test_allure_has_no_doubtful_criterion_as_passed(judged: tuple[Harness, Finished]) -> None:
    """Allure's results call passed what passed, and skipped nothing."""
    results = [json.loads(path.read_text()) for path in (judged[0].bundle / "allure-results").glob("*-result.json")]
    passed = {result["fullName"].rpartition("#")[2] for result in results if result["status"] == "passed"}
    assert passed == {"test_measures_well"}
    assert "skipped" not in {result["status"] for result in results}


def test_a_skipped_fixture_is_a_missing_proof(harness: Harness) -> None:
    """A skip in a criterion's fixture is UNPROVEN, and the gate behind it closes."""
    path = harness.folder / "verification" / "test_1_link.py"
    path.write_text(
        path.read_text().replace("def test_address_is_remote(link", "def test_address_is_remote(away, link")
    )
    with path.open("a") as file:
        file.write("\n\n@pytest.fixture\ndef away():\n    pytest.skip('nobody here')\n")
    harness.pytest("-m", "preflight")
    assert harness.outcomes()["L1"] == "UNPROVEN"
    assert "nobody here" in harness.reason("L1")
    assert harness.outcomes()["D1"] == "BLOCKED"
