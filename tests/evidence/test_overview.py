"""``reports/index.html``: every run, what it came to, and where its documents are."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mt5canary.evidence import overview
from mt5canary.evidence.documents import verdict_json
from mt5canary.evidence.verdict import CriterionResult, OrderFacts, Verdict
from mt5canary.measurement import Measurement, Outcome

ORDER = OrderFacts(uuid="u", ticket=7, deal=8, position=7, symbol="EURUSD", side="BUY", volume=0.001, price=1.1)


def a_run(reports: Path, name: str, outcome: Outcome = Outcome.PASS, **changes: object) -> Verdict:
    """A finished run's folder with what the page reads."""
    latency = Measurement(
        name="probe latency P99", value=9.25, unit="ms", limit="< 100", samples=1500, outcome=Outcome.PASS
    )
    result = CriterionResult(
        id="G2", stage="guardrails", title="latency", outcome=outcome, reason="as it was", measurements=[latency]
    )
    verdict = Verdict(
        schema=1,
        run=name,
        task="119.6",
        mode="live",
        target="demo2",
        rehearsal=False,
        verdict=outcome,
        decided_by=None if outcome is Outcome.PASS else "G2",
        evidence_level="E2",
        started_at="2026-11-25T12:00:00.000000Z",
        ended_at="2026-11-25T12:01:00.000000Z",
        criteria=[result],
        order=ORDER,
        flat=True,
    )
    verdict = msgspec.structs.replace(verdict, **changes)
    folder = reports / name
    folder.mkdir(parents=True)
    (folder / "evidence.jsonl").write_bytes(b"")
    (folder / "verdict.json").write_text(verdict_json(verdict), encoding="utf-8")
    return verdict


def page(reports: Path) -> str:
    """The page over a folder of runs."""
    overview.write(reports)
    return (reports / "index.html").read_text(encoding="utf-8")


def test_every_run_is_listed_newest_first(tmp_path: Path) -> None:
    """With its verdict, what decided it, its latency and links to its documents."""
    a_run(tmp_path, "20261124T120000Z-aaaaaa")
    a_run(tmp_path, "20261125T120000Z-bbbbbb", Outcome.FAIL)
    shown = page(tmp_path)
    assert shown.index("bbbbbb/report.html") < shown.index("aaaaaa/report.html")
    assert "2 runs: 1 FAIL, 1 PASS." in shown
    assert '<span class="outcome FAIL">FAIL</span> G2: as it was' in shown
    assert shown.count("9.2 ms</td>") == 2
    assert "aaaaaa/COMPLETION_REPORT.md" in shown
    assert "1 passed; P99 latency from 9.2 to 9.2 ms in 2 of them" in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"flat": True}, "<td>flat</td>"),
        ({"flat": False}, '<span class="alarm">OPEN</span>'),
        ({"flat": None}, '<span class="alarm">NOT KNOWN</span>'),
        ({"order": None, "flat": None}, "no order"),
        ({"rehearsal": True}, '<span class="rehearsal">REHEARSAL</span>'),
    ],
)
def test_what_a_reader_must_not_miss(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    """A position that may be open, and a rehearsal, stand out in words."""
    a_run(tmp_path, "20261124T120000Z-aaaaaa", **changes)
    assert said in page(tmp_path)


def test_a_run_that_was_cut_off_is_listed_as_that(tmp_path: Path) -> None:
    """Without a verdict there is none, and a torn one is no verdict either."""
    a_run(tmp_path, "20261124T120000Z-aaaaaa")
    a_run(tmp_path, "20261125T120000Z-bbbbbb")
    (tmp_path / "20261124T120000Z-aaaaaa" / "verdict.json").unlink()
    (tmp_path / "20261125T120000Z-bbbbbb" / "verdict.json").write_bytes(b'{"schema": 1, "ru')
    shown = page(tmp_path)
    assert shown.count('<span class="outcome CUT">CUT OFF</span>') == 2
    assert "2 CUT OFF" in shown


def test_what_is_no_run_is_left_out(tmp_path: Path) -> None:
    """Links, other folders and files are no runs; ``latest`` is not listed twice."""
    a_run(tmp_path, "20261124T120000Z-aaaaaa")
    (tmp_path / "latest").symlink_to("20261124T120000Z-aaaaaa", target_is_directory=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").write_text("n", encoding="utf-8")
    assert "1 runs: 1 PASS" in page(tmp_path)


def test_a_review_beside_the_bundle_is_shown(tmp_path: Path) -> None:
    """Its decision, linked; one that cannot be read says so."""
    for name, content in (("20261124T120000Z-aaaaaa", b'{"decision": "APPROVED"}'), ("20261125T120000Z-bbbbbb", b"{")):
        a_run(tmp_path, name)
        (tmp_path / f"{name}.review.json").write_bytes(content)
    shown = page(tmp_path)
    assert '<a href="20261124T120000Z-aaaaaa.review.json">APPROVED</a>' in shown
    assert "cannot be read" in shown


def test_hostile_words_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    """Whatever a verdict holds is text."""
    a_run(tmp_path, "20261124T120000Z-aaaaaa", target="<script>alert(1)</script>", task="<b>")
    shown = page(tmp_path)
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_an_empty_folder_has_a_page_too(tmp_path: Path) -> None:
    """No runs yet is no error."""
    assert "0 runs: none yet" in page(tmp_path)


def test_only_the_newest_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays readable however many runs there are, and says what it leaves out."""
    monkeypatch.setattr(overview, "MOST_RUNS", 2)
    for day in range(1, 5):
        a_run(tmp_path, f"2026110{day}T120000Z-aaaaaa")
    shown = page(tmp_path)
    assert "4 runs: 2 PASS. The newest 2 are shown." in shown
    assert "20261104T" in shown
    assert "20261102T" not in shown
