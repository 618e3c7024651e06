"""report.html: verdict and outcomes in words, with and without a script, and nothing executed."""

from __future__ import annotations

import html
import re

import pytest

from tests.plugins.sample_run import HOSTILE, Finished


@pytest.mark.parametrize(
    ("test", "result", "verdict"),
    [
        ("test_remote", "Passed", "PASS"),
        ("test_fails", "Failed", "FAIL"),
        ("test_blocked", "Error", "BLOCKED"),
        ("test_unproven", "Failed", "UNPROVEN"),
        ("test_breaks", "Failed", "FAIL"),
    ],
)
def test_the_table_has_the_outcome_beside_the_result(finished: Finished, test: str, result: str, verdict: str) -> None:
    """The Result cell is pytest's, which its filter needs; the Verdict cell is the criterion's outcome in words."""
    cells = finished.cells(test)

    assert f'<td class="col-result">{result}</td>' in cells
    assert re.search(rf'<td class="col-verdict"><span class="outcome [^>]*>.*{verdict}</span></td>', cells)


def test_a_failing_teardown_shows_in_every_row_of_its_test(finished: Finished) -> None:
    """The call passed and the criterion did not: no row of it says PASS."""
    rows = finished.table()["test_canary.py::test_breaks_late"]

    assert ["FAIL</span>" in "".join(row["resultsTableRow"]) for row in rows] == [True, True]


def test_the_table_names_the_criterion(finished: Finished) -> None:
    """Identifier and title stand in a column of their own, under its header; other tests have none."""
    head = finished.read("report.html").split('<thead id="results-table-head">')[1].split("</thead>")[0]
    columns = re.findall(r'data-column-type="(\w+)"', head)

    assert columns == ["result", "verdict", "criterion", "testId", "duration"]
    assert re.findall(r'<td class="col-(\w+)"', finished.cells("test_unproven"))[:5] == columns
    assert '<td class="col-criterion">G2 P99 is under the limit</td>' in finished.cells("test_unproven")
    assert '<td class="col-criterion"></td>' in finished.cells("test_without_criterion")


def test_the_page_needs_no_script(finished: Finished) -> None:
    """Before the table's data, as plain HTML: all criteria, also the one never collected, no figure of nothing."""
    static = finished.read("report.html").split('id="data-container"')[0]

    assert static.index("Decided by D1:") < static.index("The address is remote")
    for expected in ("BLOCKED", "UNPROVEN", "unproven (n=0)", "E5", "not run: it was not selected"):
        assert expected in static


def test_the_page_executes_nothing_from_outside(finished: Finished) -> None:
    """A hostile reason is text in the static page, in the row and in the log of the row."""
    page = finished.read("report.html")
    row = finished.table()["test_canary.py::test_fails"][0]

    assert HOSTILE not in page
    assert HOSTILE not in html.unescape(page.split('data-jsonblob="')[1].split('"')[0]).replace("\\u003c", "<")
    assert html.escape(HOSTILE) in row["log"]


def test_the_page_holds_no_secret_of_the_machine(finished: Finished) -> None:
    """Variables of a build server are not copied into the environment's table."""
    assert "hunter2" not in finished.read("report.html")
