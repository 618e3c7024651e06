"""The Allure results of a run."""

from __future__ import annotations

import json

import pytest

from tests.plugins.sample_run import Finished


@pytest.mark.parametrize(
    ("test", "status", "message"),
    [
        ("test_remote", "passed", None),
        ("test_fails", "failed", "FAIL: the decision is"),
        ("test_blocked", "broken", "BLOCKED: stage 'decision'"),
        ("test_unproven", "broken", "UNPROVEN: P99: unproven (n=0)"),
        ("test_breaks", "failed", "FAIL: the harness itself broke"),
        ("test_breaks_late", "failed", "FAIL: the harness itself broke: RuntimeError: broke on the way out"),
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
    assert {name: value for name, value in labels if "uite" in name} == {
        "parentSuite": "REHEARSAL: canary live",
        "suite": "guardrails",
    }


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
