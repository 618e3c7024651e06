"""The report plugin: a small run of its own, and what every report of it says."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

HOSTILE = "<img src=x onerror=alert(1)>"

CONFTEST = """
pytest_plugins = ["plugins.completion_report", "plugins.outcomes", "harness"]
"""

HARNESS = """
import base64
import json
import time

import pytest

from mt5canary.catalogue import Catalogue, Criterion
from mt5canary.errors import Finding
from mt5canary.evidence.run import Run
from mt5canary.measurement import below, unproven
from plugins.completion_report import direct_reports
from plugins.keys import CRITERION, RUN
from plugins.stages import Blocked

CATALOGUE = Catalogue(
    [
        Criterion("L1", "link", "The address is remote", False),
        Criterion("L2", "link", "The handshake completed", False),
        Criterion("D1", "decision", "The record says GO", False),
        Criterion("X1", "execution", "The symbol may be traded", False),
        Criterion("G2", "guardrails", "P99 is under the limit", True),
        Criterion("E1", "evidence", "The position is closed", True),
        Criterion("E5", "evidence", "Never collected", True),
    ]
)


def pytest_addoption(parser):
    parser.addoption("--mode", default=None)
    parser.addoption("--real", action="store_true")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "criterion(id): the criterion")
    mode = config.getoption("mode")
    if mode is None:
        return
    rehearsal = not config.getoption("real")
    run = Run(config.rootpath / "reports", mode, CATALOGUE, task="119.6", target="simulator", rehearsal=rehearsal)
    config.stash[RUN] = run
    direct_reports(config, run)
    run.record("settings", {"values": {"order.symbol": {"value": "EURUSD", "source": "canary.yaml:38"}}})


def pytest_itemcollected(item):
    marker = item.get_closest_marker("criterion")
    if marker is not None and RUN in item.config.stash:
        item.stash[CRITERION] = CATALOGUE[marker.args[0]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if "blocked" in item.name:
        raise Blocked("stage 'decision' proved 0 of 1 criteria in this run")


@pytest.fixture
def run(request):
    return request.config.stash[RUN]


@pytest.fixture
def exchange(run):
    def record(action, reply):
        frame = lambda message: base64.b64encode(json.dumps(message).encode()).decode()
        now = time.monotonic_ns()
        run.record(
            "exchange",
            {
                "action": action,
                "uuid": "u",
                "connection": 0,
                "request": frame({"action": action}),
                "sent_wall": time.time_ns(),
                "sent": now,
                "received": now + 400_000,
                "reply": frame(reply),
            },
        )

    return record
"""

CRITERIA = f'''
import pytest

from mt5canary.errors import Finding, Unproven
from mt5canary.measurement import below, unproven


@pytest.mark.criterion("L1")
def test_remote(run, exchange):
    """The address is remote."""
    exchange("PING", {{"status": "ok", "note": "{HOSTILE}"}})
    run.measurement("L1", below("round trip", 0.4, 100, "ms", 300))


@pytest.mark.criterion("L2")
def test_handshake(run, exchange):
    """The handshake completed."""
    exchange("HELLO", {{"status": "ok"}})
    exchange("PING", {{"status": "ok"}})
    run.measurement("L2", below("handshake", 2.5, 100, "ms"))


@pytest.mark.criterion("D1")
def test_fails(run):
    """The record says GO."""
    raise Finding("the decision is {HOSTILE}")


@pytest.mark.criterion("X1")
def test_blocked(run):
    """The symbol may be traded."""


@pytest.mark.criterion("G2")
def test_unproven(run):
    """P99 is under the limit."""
    run.measurement("G2", unproven("P99", "< 100 ms", "ms"))


@pytest.mark.criterion("E1")
def test_breaks(run):
    """The position is closed."""
    raise RuntimeError("not foreseen")


def test_without_criterion():
    """Not part of the catalogue."""
'''

INTERRUPTED = '''
import pytest

from mt5canary.measurement import below


@pytest.mark.criterion("L1")
def test_remote(run):
    """The address is remote."""
    run.measurement("L1", below("round trip", 0.4, 100, "ms", 300))


@pytest.mark.criterion("L2")
def test_interrupted(run):
    """The handshake completed."""
    run.measurement("L2", below("handshake", 2.5, 100, "ms"))
    INTERRUPTION


@pytest.mark.criterion("D1")
def test_never_reached(run):
    """The record says GO."""
'''

INI = """
[pytest]
addopts = -ra --disable-plugin-autoload -p pytest_html.fixtures -p pytest_html.plugin -p pytest_metadata.plugin
    -p allure_pytest.plugin -p no:cacheprovider
initial_sort = original
junit_family = xunit1
filterwarnings = error
"""


@dataclass(frozen=True)
class Finished:
    """A run that is over: its exit status, its terminal output and its folder."""

    status: int
    output: str
    folder: Path | None

    def read(self, name: str) -> str:
        assert self.folder is not None
        return (self.folder / name).read_text(encoding="utf-8")

    def table(self) -> dict[str, list[dict[str, Any]]]:
        """The rows that pytest-html's script draws, by test."""
        blob = re.search(r'data-jsonblob="([^"]*)"', self.read("report.html"))
        assert blob is not None
        return dict(json.loads(html.unescape(blob[1]))["tests"])

    def cells(self, test: str) -> str:
        return "".join(self.table()[f"test_canary.py::{test}"][-1]["resultsTableRow"])

    def allure(self) -> dict[str, dict[str, Any]]:
        """Allure's results by test."""
        assert self.folder is not None
        files = sorted((self.folder / "allure-results").glob("*-result.json"))
        results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        return {each["fullName"].split("#")[1]: each for each in results}

    def junit(self) -> ET.Element:
        suite = ET.fromstring(self.read("junit.xml")).find("testsuite")
        assert suite is not None
        return suite


def _run(folder: Path, tests: str, *options: str, environment: dict[str, str] | None = None) -> Finished:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "harness.py").write_text(HARNESS)
    (folder / "test_canary.py").write_text(tests)
    (folder / "pytest.ini").write_text(INI)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    latest = folder / "reports" / "latest"
    return Finished(done.returncode, done.stdout + done.stderr, latest.resolve() if latest.exists() else None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A rehearsal with a pass, a failure, a blocked, an unproven and a broken criterion, and one never collected."""
    secret = {"GIT_URL": "https://user:hunter2@git/"}
    return _run(tmp_path_factory.mktemp("finished"), CRITERIA, "--mode", "live", environment=secret)


@pytest.fixture(scope="module", params=["raise KeyboardInterrupt", "pytest.exit('SIGTERM', returncode=143)"])
def interrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run that is cut off inside its second criterion."""
    tests = INTERRUPTED.replace("INTERRUPTION", request.param)
    return _run(tmp_path_factory.mktemp("interrupted"), tests, "--mode", "live")


def test_the_terminal_says_verdict_reasons_and_place(finished: Finished) -> None:
    """The verdict comes first, then every criterion that did not pass, then what is known of the position."""
    words = finished.output.split("= REHEARSAL: canary live run")[1]
    expected = [
        f"VERDICT: FAIL (decided by D1): the decision is {HOSTILE}",
        "  D1  FAIL: the decision is",
        "  X1  BLOCKED: stage 'decision' proved 0 of 1 criteria in this run",
        "  G2  UNPROVEN: P99: unproven (n=0)",
        "  E1  FAIL: the harness itself broke: RuntimeError: not foreseen",
        "  E5  UNPROVEN: not run",
        "No order was sent in this run",
        "COMPLETION_REPORT.md",
    ]

    assert finished.status == 1
    places = [words.find(text) for text in expected]
    assert -1 not in places, dict(zip(expected, places, strict=True))
    assert places == sorted(places)


def test_the_bundle_is_complete_and_its_manifest_holds(finished: Finished) -> None:
    """Every file of the bundle is listed with its digest, the reports among them."""
    assert finished.folder is not None
    listed = {file["path"]: file["sha256"] for file in json.loads(finished.read("manifest.json"))["files"]}
    present = {path.relative_to(finished.folder).as_posix() for path in finished.folder.rglob("*") if path.is_file()}

    assert present - {"manifest.json"} == set(listed)
    documents = {"verdict.json", "report.html", "junit.xml", "COMPLETION_REPORT.md", "evidence.jsonl", "VERIFY_LOG.log"}
    assert documents <= set(listed)
    assert any(path.startswith("allure-results/") for path in listed)
    for path, digest in listed.items():
        assert hashlib.sha256((finished.folder / path).read_bytes()).hexdigest() == digest, path


def test_every_document_says_rehearsal_and_verdict(finished: Finished) -> None:
    """Whichever report a reader opens, its title is the verdict, and that it was a rehearsal."""
    title = "REHEARSAL: FAIL (decided by D1): canary live run"

    assert finished.read("COMPLETION_REPORT.md").startswith(f"# {title}")
    assert f'<title id="head-title">{title}' in finished.read("report.html")
    assert f'<h1 id="title">{title}' in finished.read("report.html")
    assert finished.junit().get("name", "").startswith(title)
    assert json.loads(finished.read("allure-results/executor.json"))["reportName"].startswith(title)
    assert all(result["name"].startswith("REHEARSAL: ") for result in _criteria(finished))


def test_the_plan_is_written_before_anything_is_done(finished: Finished) -> None:
    """The plan's values and criteria are in a document of their own, bound into the chain before the first exchange."""
    plan = finished.read("EXECUTION_PLAN.md")
    kinds = [json.loads(line)["kind"] for line in finished.read("evidence.jsonl").splitlines()]

    assert plan.startswith("# Execution plan. REHEARSAL: canary live run")
    assert "| order.symbol | EURUSD | canary.yaml:38 |" in plan
    assert "- **G2** P99 is under the limit" in plan
    assert kinds.index("document") < kinds.index("exchange")


def _criteria(finished: Finished) -> list[dict[str, Any]]:
    return [result for name, result in finished.allure().items() if name != "test_without_criterion"]


def test_a_run_against_a_broker_is_no_rehearsal(tmp_path: Path) -> None:
    """The word stands in no title of a run that is none."""
    real = _run(tmp_path, CRITERIA, "--mode", "live", "--real")

    assert "REHEARSAL" not in real.output + real.read("COMPLETION_REPORT.md") + real.read("junit.xml")
    assert "REHEARSAL" not in real.read("report.html")
    assert not any("REHEARSAL" in json.dumps(result) for result in _criteria(real))


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
    assert re.search(rf'<td class="col-verdict"><span[^>]*>{verdict}</span></td>', cells)


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

    assert static.index("FAIL</span> (decided by D1)") < static.index("The address is remote")
    for expected in ("BLOCKED", "UNPROVEN", "P99: unproven (n=0)", "E5", "not run: it was not selected"):
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


@pytest.mark.parametrize(
    ("test", "tag", "words"),
    [
        ("test_fails", "failure", "FAIL D1"),
        ("test_blocked", "error", "BLOCKED X1"),
        ("test_unproven", "failure", "UNPROVEN G2"),
        ("test_breaks", "failure", "FAIL: the harness itself broke"),
    ],
)
def test_junit_says_the_outcome_in_its_message(finished: Finished, test: str, tag: str, words: str) -> None:
    """BLOCKED is an error, UNPROVEN a failure, and the message says which; neither is a pass or a skip."""
    case = next(case for case in finished.junit().iter("testcase") if case.get("name") == test)
    element = case.find(tag)

    assert element is not None
    assert words in element.get("message", "")
    assert finished.junit().get("skipped") == "0"


def test_junit_has_the_run_s_properties(finished: Finished) -> None:
    """A build server reads verdict, deciding criterion and what did not pass without parsing anything else."""
    found = {each.get("name"): each.get("value") for each in finished.junit().findall("properties/property")}

    assert finished.folder is not None
    assert found["run"] == finished.folder.name
    assert (found["verdict"], found["decided_by"], found["rehearsal"]) == ("FAIL", "D1", "true")
    assert found["not_passed"] == "D1:FAIL X1:BLOCKED G2:UNPROVEN E1:FAIL E5:UNPROVEN"


def test_junit_has_each_criterion_s_outcome(finished: Finished) -> None:
    """Each test case carries its criterion and its outcome as properties."""
    found = {
        case.get("name"): {each.get("name"): each.get("value") for each in case.iter("property")}
        for case in finished.junit().iter("testcase")
    }

    assert found["test_remote"] == {"criterion": "L1", "criterion_outcome": "PASS"}
    assert found["test_blocked"] == {"criterion": "X1", "criterion_outcome": "BLOCKED"}
    assert found["test_without_criterion"] == {}


@pytest.mark.parametrize(
    ("test", "status", "message"),
    [
        ("test_remote", "passed", None),
        ("test_fails", "failed", "FAIL: the decision is"),
        ("test_blocked", "broken", "BLOCKED: stage 'decision'"),
        ("test_unproven", "broken", "UNPROVEN: P99: unproven (n=0)"),
        ("test_breaks", "failed", "FAIL: the harness itself broke"),
    ],
)
def test_allure_has_the_outcome_as_status_and_message(
    finished: Finished, test: str, status: str, message: str | None
) -> None:
    """The message begins with the outcome's word, which the categories go by; nothing is skipped."""
    result = finished.allure()[test]

    assert result["status"] == status
    assert (message is None) or result["statusDetails"]["message"].startswith(message)


def test_allure_groups_by_stage_and_criterion(finished: Finished) -> None:
    """Stage is epic and feature, the criterion the story, the outcome a tag."""
    labels = {(label["name"], label["value"]) for label in finished.allure()["test_unproven"]["labels"]}

    assert {("epic", "guardrails"), ("feature", "guardrails"), ("tag", "UNPROVEN")} <= labels
    assert ("story", "G2: P99 is under the limit") in labels


def test_allure_has_values_and_limits_as_excluded_parameters(finished: Finished) -> None:
    """Figures are shown, and do not change a test's history."""
    parameters = {each["name"]: each for each in finished.allure()["test_remote"]["parameters"]}

    assert parameters["round trip"]["value"] == "0.4 ms (n=300) PASS"
    assert parameters["round trip: limit"]["value"] == "< 100"
    assert all(each["excluded"] for each in parameters.values())


def test_allure_has_each_criterion_s_own_exchanges(finished: Finished) -> None:
    """One attachment a criterion, with the exchanges made during its test and no others."""
    assert finished.folder is not None
    results = finished.allure()
    (attached,) = results["test_handshake"]["attachments"]
    content = json.loads((finished.folder / "allure-results" / attached["source"]).read_text())

    assert (attached["name"], attached["type"]) == ("exchanges (2)", "application/json")
    assert [each["action"] for each in content["shown"]] == ["HELLO", "PING"]
    assert content["shown"][0]["reply"] == {"status": "ok"}
    assert "attachments" not in results["test_blocked"]


def test_allure_has_environment_and_categories(finished: Finished) -> None:
    """The run's facts and the outcomes' categories stand beside the results."""
    assert "verdict=FAIL\n" in finished.read("allure-results/environment.properties")
    names = [each["name"].split(":")[0] for each in json.loads(finished.read("allure-results/categories.json"))]
    assert names == ["FAIL", "UNPROVEN", "BLOCKED"]


def test_an_interrupted_test_is_never_passed(interrupted: Finished) -> None:
    """Allure alone would write it as passed; it is broken, UNPROVEN in words, and grouped like the others."""
    result = interrupted.allure()["test_interrupted"]

    assert interrupted.allure()["test_remote"]["status"] == "passed"
    assert result["status"] == "broken"
    assert result["statusDetails"]["message"].startswith("UNPROVEN: interrupted")
    assert {"name": "epic", "value": "link"} in result["labels"]


def test_an_interrupted_run_still_has_its_report(interrupted: Finished) -> None:
    """Verdict, documents and manifest are written, and what was not reached is UNPROVEN."""
    verdict = json.loads(interrupted.read("verdict.json"))

    assert interrupted.status in (2, 143)
    assert (verdict["verdict"], verdict["decided_by"]) == ("UNPROVEN", "L2")
    assert interrupted.output.count("VERDICT: UNPROVEN (decided by L2)") == 1
    assert interrupted.read("COMPLETION_REPORT.md").startswith("# REHEARSAL: UNPROVEN (decided by L2)")
    assert json.loads(interrupted.read("manifest.json"))["files"]


def test_paths_of_the_command_line_are_kept_and_copied(tmp_path: Path) -> None:
    """A person's own paths get the files, and the bundle is complete all the same."""
    options = ("--html=mine.html", "--junitxml=mine.xml", "--alluredir=mine")
    done = _run(tmp_path, CRITERIA, "--mode", "live", *options)

    assert done.folder is not None
    assert (tmp_path / "mine.html").read_bytes() == (done.folder / "report.html").read_bytes()
    assert (tmp_path / "mine.xml").read_bytes() == (done.folder / "junit.xml").read_bytes()
    assert (done.folder / "allure-results" / "categories.json").exists()
    assert "mine.html" not in done.read("manifest.json")


def test_without_a_run_nothing_is_written(tmp_path: Path) -> None:
    """Plain tests leave no report, no folder and no word of a verdict."""
    tests = "def test_plain():\n    pass\n"
    done = _run(tmp_path, tests)

    assert done.status == 0
    assert "VERDICT" not in done.output
    assert not (tmp_path / "reports").exists()


def test_without_the_report_plugins_the_documents_are_still_written(tmp_path: Path) -> None:
    """pytest-html and Allure may be absent; verdict and completion report are ours."""
    (tmp_path / "bare").mkdir()
    done = _run(
        tmp_path / "bare", CRITERIA, "--mode", "live", "-p", "no:pytest_html.plugin", "-p", "no:allure_pytest.plugin"
    )

    assert done.status == 1
    assert done.read("COMPLETION_REPORT.md").startswith("# REHEARSAL: FAIL (decided by D1)")
