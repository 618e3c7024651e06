"""What the Allure results say."""

from __future__ import annotations

import json
import re

from mt5canary.evidence import allure
from mt5canary.measurement import Outcome, below


def test_each_outcome_has_exactly_one_category(result) -> None:  # type: ignore[no-untyped-def]
    """A test that did not pass falls into its own category by status and message, as Java and as JavaScript match."""
    categories = json.loads(allure.categories())
    for outcome in (Outcome.FAIL, Outcome.UNPROVEN, Outcome.BLOCKED):
        message = allure.message(result("L1", "link", outcome, "FAIL: or UNPROVEN: or BLOCKED:"))
        fitting = [
            each["name"]
            for each in categories
            if allure.STATUSES[outcome] in each["matchedStatuses"]
            and (re.fullmatch(each["messageRegex"], message) or re.search(each["messageRegex"], message))
        ]

        assert [name.split(":")[0] for name in fitting] == [outcome]


def test_no_outcome_but_a_pass_counts_as_passed_or_skipped() -> None:
    """Allure leaves skipped tests out of its percentage, so nothing is skipped."""
    assert set(allure.STATUSES) == set(Outcome) - {Outcome.PASS}
    assert set(allure.STATUSES.values()) <= {"failed", "broken"}


def test_parameters_are_values_and_limits(result, no_samples) -> None:  # type: ignore[no-untyped-def]
    """Each measurement has its value with samples and outcome, and its limit."""
    measured = below("round trip", 1.5, 100, "ms", 300)
    found = dict(allure.parameters(result("L6", "link", measurements=[measured, no_samples], findings=["odd"])))

    assert found["round trip"] == "1.5 ms (n=300) PASS"
    assert found["round trip: limit"] == "< 100"
    assert found["P99"] == "unproven (n=0) UNPROVEN"
    assert found["finding 1"] == "odd"


def test_the_environment_is_a_properties_file(verdict) -> None:  # type: ignore[no-untyped-def]
    """Separators and what is beyond ASCII are escaped as Java reads them."""
    lines = allure.environment(verdict(), {"host": "a=b c:\\d", "system": "Größe 🙂"}).splitlines()

    assert lines[0].startswith("title=REHEARSAL\\:\\ PASS\\ (all\\ 1\\ criteria\\ passed)")
    assert "rehearsal=true" in lines
    assert "host=a\\=b\\ c\\:\\\\d" in lines
    assert "system=Gr\\u00f6\\u00dfe\\ \\ud83d\\ude42" in lines


def test_the_report_is_named_by_its_verdict(verdict) -> None:  # type: ignore[no-untyped-def]
    """REHEARSAL and the verdict stand in the title that Allure shows."""
    assert json.loads(allure.executor(verdict()))["reportName"].startswith("REHEARSAL: PASS")
