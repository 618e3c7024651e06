"""The written documents: verdict first, everything shown, nothing executed, no figure without samples."""

from __future__ import annotations

import json
import re

from mt5canary.catalogue import Criterion
from mt5canary.evidence.documents import completion_report, verdict_json
from mt5canary.evidence.execution_plan import execution_plan
from mt5canary.measurement import Outcome, below

HOSTILE = "<img src=x onerror=alert(1)> [here](javascript:alert(1))\n# PASS | x"


def test_the_first_line_is_the_verdict(records, verdict, result) -> None:  # type: ignore[no-untyped-def]
    """A reader of one line knows that it was a rehearsal, the verdict, and what decided it."""
    made = verdict(result("L1", "link"), result("G3", "guardrails", "UNPROVEN", "too few rows"))

    assert completion_report(records.all, made).splitlines()[0] == (
        "# REHEARSAL: UNPROVEN (decided by G3): canary live run 20260116T181713Z-abcdef of task 119.6 on simulator"
    )


def test_a_run_against_a_broker_is_no_rehearsal(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The word stands only where it is true."""
    report = completion_report(records.all, verdict(rehearsal=False))

    assert report.startswith("# PASS (all 1 criteria passed): canary live run")
    assert "REHEARSAL" not in report


def test_a_figure_without_samples_is_no_number(records, verdict, result, no_samples) -> None:  # type: ignore[no-untyped-def]
    """A percentile of nothing reads unproven, although its value says 0.0."""
    report = completion_report(records.all, verdict(result("G2", "guardrails", "UNPROVEN", measurements=[no_samples])))

    assert "| G2 | P99 | unproven (n=0) | &lt; 100 ms | 0 |  | UNPROVEN |" in report
    assert "0.0" not in report.replace("20260116", "")


def test_a_figure_has_value_limit_and_samples(records, verdict, result) -> None:  # type: ignore[no-untyped-def]
    """Each measurement has its row."""
    measured = below("P99", 12.3456789, 100, "ms", 300)
    report = completion_report(records.all, verdict(result("G2", "guardrails", measurements=[measured])))

    assert "| G2 | P99 | 12.3457 ms | &lt; 100 | 300 |  | PASS |" in report


def test_what_was_not_proven_is_listed_with_its_reason(records, verdict, result) -> None:  # type: ignore[no-untyped-def]
    """FAIL, UNPROVEN and BLOCKED stand together, in words."""
    made = verdict(
        result("D2", "decision", "FAIL", "another hash"),
        result("D5", "decision", "UNPROVEN", "no samples"),
        result("X1", "execution", "BLOCKED", "stage 'decision' proved 3 of 5"),
    )
    section = completion_report(records.all, made).split("## What was not proven, and why")[1].split("##")[0]

    for row in ("| D2 | FAIL |", "| D5 | UNPROVEN |", "| X1 | BLOCKED |"):
        assert row in section
    assert "stage 'decision' proved 3 of 5" in section


def test_every_stage_has_its_section(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The five groups are there in their order, also where a run has nothing of one."""
    report = completion_report(records.all, verdict())
    found = re.findall(r"^## Success criteria (\d): (\w+)", report, re.MULTILINE)

    assert [name for _, name in found] == ["link", "decision", "execution", "guardrails", "evidence"]


def test_nothing_from_outside_is_interpreted(records, verdict, result, order) -> None:  # type: ignore[no-untyped-def]
    """A reason, a comment, a symbol, an error and a finding are text in the report."""
    records.exchange("OPEN", {"symbol": HOSTILE, "comment": HOSTILE}, {"status": HOSTILE, "error_msg": HOSTILE})
    records.add("finding", criterion="L1", text=HOSTILE)
    records.add("event", name=HOSTILE, text=HOSTILE)
    records.add("settings", values={HOSTILE: {"value": HOSTILE, "source": HOSTILE}})
    records.add("run", environment={"host": HOSTILE})
    report = completion_report(records.all, verdict(result("L1", "link", "FAIL", HOSTILE), order=order, target=HOSTILE))

    assert "<img" not in report
    assert "[here](" not in report.replace("\\[here\\](", "")
    assert "\n# PASS" not in report
    assert report.count("&lt;img src=x onerror=alert(1)&gt;") >= 10


def test_the_same_records_give_the_same_bytes(records, verdict, order) -> None:  # type: ignore[no-untyped-def]
    """The report can be rendered again and compared."""
    records.canary()
    made = verdict(order=order, flat=True)

    assert completion_report(records.all, made) == completion_report(records.all, made)


def test_settings_show_where_they_come_from(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """Each value of the plan has its source."""
    records.add("settings", values={"order.magic": {"value": 1196, "source": "canary.yaml:44"}})

    assert "| order.magic | 1196 | canary.yaml:44 |" in completion_report(records.all, verdict())


def test_findings_stand_in_the_report(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """A remark that does not decide is still read."""
    records.add("finding", criterion="D2", text="legacy16 binds neither decision nor confidence")

    assert "- **D2**: legacy16 binds neither decision nor confidence" in completion_report(records.all, verdict())


def test_an_unknown_position_says_what_to_do(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """Where a person is needed, the steps stand near the top."""
    records.exchange("OPEN", {"symbol": "EURUSD", "magic": 1196}, None, failure="no reply within 15 s")
    report = completion_report(records.all, verdict())

    assert report.index("NOT KNOWN TO BE FLAT") < report.index("## Success criteria 1")
    assert "1. Log in to the account from another terminal" in report


def test_verdict_json_is_the_schema(verdict, result, order) -> None:  # type: ignore[no-untyped-def]
    """Programs find every key that design promises, with plain words as outcomes."""
    measured = below("P99", 12.5, 100, "ms", 300)
    content = json.loads(verdict_json(verdict(result("L6", "link", measurements=[measured]), order=order, flat=True)))

    assert (content["schema"], content["verdict"], content["decided_by"], content["flat"]) == (1, "PASS", None, True)
    assert content["criteria"][0]["measurements"] == [
        {"name": "P99", "value": 12.5, "unit": "ms", "limit": "< 100", "samples": 300, "outcome": "PASS"}
    ]
    assert content["order"]["ticket"] == 7


CRITERIA = (
    Criterion("L1", "link", "The gateway's address is remote", live_only=False),
    Criterion("X7", "execution", "The order was sent once and filled", live_only=True),
)


def _values(**fields: object) -> dict[str, dict[str, object]]:
    """Fields of a plan, their dots written as two underscores."""
    return {name.replace("__", "."): {"value": value, "source": "canary.yaml:38"} for name, value in fields.items()}


def test_the_execution_plan_says_what_will_be_done() -> None:
    """Order, limits and criteria stand at their stage with their sources, before anything is done."""
    values = _values(order__symbol="EURUSD", limits__latency__p99_ms=100, promotion__after="72h")

    plan = execution_plan(values, "REHEARSAL: canary live run", CRITERIA, rehearsal=True)

    assert plan.startswith("# Execution plan. REHEARSAL: canary live run\n")
    execution = plan.split("## 3. execution")[1].split("## 4.")[0]
    assert "- **X7** The order was sent once and filled" in execution
    assert "| order.symbol | EURUSD | canary.yaml:38 |" in execution
    assert "| limits.latency.p99_ms | 100 | canary.yaml:38 |" in plan.split("## 4. guardrails")[1]
    assert "| promotion.after | 72h | canary.yaml:38 |" in plan.split("## The rest of the plan")[1]
    assert "sent, at most once" in plan


def test_the_plan_of_a_preflight_promises_to_read_only() -> None:
    """A dry check says that it cannot trade."""
    plan = execution_plan({}, "canary preflight run", CRITERIA[:1], rehearsal=False)

    assert "This run only reads" in plan
    assert "REHEARSAL" not in plan


def test_the_execution_plan_shows_hostile_values() -> None:
    """A plan's own texts are escaped too."""
    plan = execution_plan(_values(order__symbol=HOSTILE), HOSTILE, CRITERIA, rehearsal=False)

    assert "<img" not in plan


def test_outcomes_are_words_everywhere(records, verdict, result) -> None:  # type: ignore[no-untyped-def]
    """No outcome is shown as a mark or a colour alone."""
    for outcome in Outcome:
        assert f"| L1 | {outcome} |" in completion_report(records.all, verdict(result("L1", "link", outcome)))
