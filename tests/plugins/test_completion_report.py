"""The bundle, JUnit XML and the terminal's last words of a run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.sample_run import CRITERIA, HOSTILE, Finished, run


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
        "Generated html report",
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
    real = run(tmp_path, CRITERIA, "--mode", "live", "--real")

    assert "REHEARSAL" not in real.output + real.read("COMPLETION_REPORT.md") + real.read("junit.xml")
    assert "REHEARSAL" not in real.read("report.html")
    assert not any("REHEARSAL" in json.dumps(result) for result in _criteria(real))


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
    assert found["not_passed"] == "D1:FAIL X1:BLOCKED G2:UNPROVEN E1:FAIL E2:FAIL E5:UNPROVEN"


def test_junit_has_each_criterion_s_outcome(finished: Finished) -> None:
    """Each test case carries its criterion and its outcome as properties."""
    found = {
        case.get("name"): {each.get("name"): each.get("value") for each in case.iter("property")}
        for case in finished.junit().iter("testcase")
    }

    assert found["test_remote"] == {"criterion": "L1", "criterion_outcome": "PASS"}
    assert found["test_blocked"] == {"criterion": "X1", "criterion_outcome": "BLOCKED"}
    assert found["test_breaks_late"] == {"criterion": "E2", "criterion_outcome": "FAIL"}
    assert found["test_without_criterion"] == {}


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
    done = run(tmp_path, CRITERIA, "--mode", "live", *options)

    assert done.folder is not None
    assert (tmp_path / "mine.html").read_bytes() == (done.folder / "report.html").read_bytes()
    assert (tmp_path / "mine.xml").read_bytes() == (done.folder / "junit.xml").read_bytes()
    assert (done.folder / "allure-results" / "categories.json").exists()
    assert "mine.html" not in done.read("manifest.json")


def test_without_a_run_nothing_is_written(tmp_path: Path) -> None:
    """Plain tests leave no report, no folder and no word of a verdict."""
    tests = "def test_plain():\n    pass\n"
    done = run(tmp_path, tests)

    assert done.status == 0
    assert "VERDICT" not in done.output
    assert not (tmp_path / "reports").exists()


def test_without_the_report_plugins_the_documents_are_still_written(tmp_path: Path) -> None:
    """pytest-html and Allure may be absent; verdict and completion report are ours."""
    (tmp_path / "bare").mkdir()
    done = run(
        tmp_path / "bare", CRITERIA, "--mode", "live", "-p", "no:pytest_html.plugin", "-p", "no:allure_pytest.plugin"
    )

    assert done.status == 1
    assert done.read("COMPLETION_REPORT.md").startswith("# REHEARSAL: FAIL (decided by D1)")
