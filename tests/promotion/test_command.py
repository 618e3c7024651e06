"""``mt5canary evaluate`` as a person calls it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mt5canary.cli import main
from mt5canary.commands import evaluate
from tests.promotion.made import ROOT, Clock, fly, verified


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the plan's real target needs."""
    monkeypatch.setenv("GTW_HOST", "203.0.113.7")
    monkeypatch.setenv("RISK_SECRET", "x" * 64)


@pytest.fixture
def reports(clock: Clock, tmp_path: Path) -> Path:
    """72 hours of a real target, and a rehearsal."""
    folder = tmp_path / "reports"
    for _ in range(3):
        fly(clock, folder, hours=24)
    fly(clock, folder, hours=1, target="simulator", rehearsal=True)
    return folder


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles made by hand do not verify: here they are taken for such as do."""
    monkeypatch.setattr(evaluate, "verify", lambda folder, **rest: verified(folder))


def called(*words: object) -> int:
    plan = ["--plan", str(ROOT / "canary.yaml"), "--target", "justmarkets-demo2"]
    return main(["evaluate", *plan, *map(str, words)])


@pytest.mark.usefixtures("believed")
def test_raise_is_a_proposal_to_be_signed_off(
    reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both files, with the digest of every bundle's manifest and empty fields for a person; the rest is told."""
    assert called(reports, "--out", tmp_path) == 0
    told = capsys.readouterr().out
    assert "DECISION: RAISE at 0.1 of max_lot, from 0.1 to 0.25" in told
    assert "a rehearsal: its terminal is simulated" in told
    assert "the last 24 hours: 24.00 of 24 h" in told
    made = json.loads((tmp_path / "promotion-proposal.json").read_bytes())
    assert made["change"] == "order.risk_coefficient: 0.1 -> 0.25"
    assert made["sign_off"] == {"name": "", "date": "", "remarks": ""}
    manifests = {
        path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in reports.glob("*/manifest.json")
    }
    assert len(made["bundles"]) == 3
    assert all(manifests[bundle["run"]] == bundle["manifest_sha256"] for bundle in made["bundles"])
    page = (tmp_path / "promotion-proposal.md").read_text()
    assert hashlib.sha256((tmp_path / "promotion-proposal.json").read_bytes()).hexdigest() in page
    assert "| name | date | decision | remarks |\n|---|---|---|---|\n| | | | |" in page


@pytest.mark.usefixtures("believed")
def test_signed_proposal_is_not_written_over(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unsigned one is replaced; one that a person signed stays, and so does anything else of that name."""
    proposal = tmp_path / "promotion-proposal.json"
    assert called(reports, "--out", tmp_path) == 0
    assert called(reports, "--out", tmp_path) == 0
    signed = json.loads(proposal.read_bytes())
    signed["sign_off"]["name"] = "Ada Lovelace"
    proposal.write_text(json.dumps(signed))
    assert called(reports, "--out", tmp_path) == 4
    assert "was signed off by Ada Lovelace" in capsys.readouterr().err
    proposal.write_text("something else")
    assert called(reports, "--out", tmp_path) == 4
    assert proposal.read_text() == "something else"


@pytest.mark.usefixtures("believed")
def test_copies_count_once(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One day flown once and copied twice is one day."""
    runs = sorted(path for path in reports.iterdir() if path.is_dir() and not path.is_symlink())
    real = next(path for path in runs if '"rehearsal":false' in (path / "evidence.jsonl").read_text())
    copies = [shutil.copytree(real, tmp_path / f"copy-{number}") for number in range(2)]
    assert called(real, real, *copies, "--json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["decision"]["choice"] == "HOLD"
    assert told["decision"]["whole"]["covered_hours"] == 24
    assert [run["counts"] for run in told["runs"]] == [True, False, False]


def test_bundles_are_verified_before_they_count(
    reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same 72 hours, and nobody takes them for verified: nothing counts, nothing is proposed."""
    assert called(reports, "--out", tmp_path) == 0
    told = capsys.readouterr().out
    assert "DECISION: HOLD at 0.1 of max_lot\n" in told
    assert told.count("its bundle is not whole") == 6, "each as not counted, and as a reason"
    assert not (tmp_path / "promotion-proposal.json").exists()


@pytest.mark.usefixtures("believed")
def test_machine_reads_what_a_person_reads(reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON has the decision, its figures, every run and the files written."""
    assert called(reports, "--out", tmp_path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["decision"]["choice"] == "RAISE"
    assert len(told["decision"]["whole"]["latency_by_hour"]) == pytest.approx(72, abs=2)
    assert [run["excluded"] for run in told["runs"] if not run["counts"]] == ["a rehearsal: its terminal is simulated"]
    assert [Path(path).name for path in told["proposal"]] == ["promotion-proposal.json", "promotion-proposal.md"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "there is no such folder"),
        (["{empty}"], "no finished run is there"),
        (["{empty}", "--plan", "none.yaml"], "none.yaml"),
    ],
)
def test_wrong_input_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    """A folder that is none, or has no run in it."""
    assert called(*(word.format(empty=tmp_path) for word in words)) == 4
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("believed")
def test_missing_folder_for_the_proposal_is_told(
    reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--out must be there."""
    assert called(reports, "--out", tmp_path / "none") == 4
    assert "name another with --out" in capsys.readouterr().err
