"""The rows of pytest-html's own table: each test's criterion, outcome and measurements."""

from __future__ import annotations

from mt5canary.evidence.page.markup import tag
from mt5canary.evidence.page.parts import outcome
from mt5canary.evidence.text import hypertext
from mt5canary.evidence.verdict import CriterionResult
from mt5canary.evidence.words import ENGLISH, Words
from mt5canary.measurement import describe


def heading_of_the_table(words: Words) -> str:
    """What stands above the table."""
    return tag("h2", words("tests.heading"), id="tests-heading")


def headers(words: Words = ENGLISH) -> tuple[str, str]:
    """The two columns that the table of tests gets."""
    return (
        tag("th", words("tests.verdict"), class_="sortable", data_column_type="verdict"),
        tag("th", words("tests.criterion"), class_="sortable", data_column_type="criterion"),
    )


def cells(word: str | None, criterion: str) -> tuple[str, str]:
    """A test's cells of these columns; empty for a test that proves no criterion."""
    return tag("td", outcome(word), class_="col-verdict"), tag("td", criterion, class_="col-criterion")


def details(result: CriterionResult) -> list[str]:
    """What a test's unfolded row says: outcome, reason, and each measurement."""
    lines = [f"{result.id} {result.outcome}: {result.reason}"]
    lines += [*map(describe, result.measurements), *(f"finding: {finding}" for finding in result.findings)]
    return [hypertext(line) + "\n" for line in lines]
