"""Baselines: whole, of this plan's symbol, interval and features, or refused with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pytest

from mt5canary.cli import main
from mt5canary.errors import Finding, Unproven
from mt5canary.guardian.baseline import Baseline, describe, read_baseline
from mt5canary.plan import Limits, Resolved
from mt5canary.plan.schema import BUILT_IN_FEATURES
from tests.guardian.sampled import baseline_of, numbers

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = timedelta(milliseconds=100)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A baseline's file."""
    path = tmp_path / "baseline.json"
    path.write_bytes(msgspec.json.encode(baseline_of({"spread": numbers(1).normal(size=500)})))
    return path


def read(path: Path, symbol: str = "EURUSD", sample: timedelta = SAMPLE, *features: str) -> Baseline:
    return read_baseline(path, symbol, sample, features or ("spread",))[0]


def test_baseline_is_read_as_it_was_made(stored: Path) -> None:
    """What was written is what is read, with the file's own text."""
    baseline, text = read_baseline(stored, "EURUSD", SAMPLE, ("spread",))
    assert msgspec.json.encode(baseline) == stored.read_bytes() == text.encode()


def test_shipped_baseline_serves_the_shipped_plan(plan: Resolved, limits: Limits) -> None:
    """The simulator's baseline in the repository is whole and of the plan's symbol, interval and features."""
    file = plan.path(limits.drift.baseline)
    baseline, _ = read_baseline(file, plan.plan.order.symbol, limits.drift.sample, limits.drift.features)
    assert tuple(baseline.features) == BUILT_IN_FEATURES
    assert baseline.rows > 5_000
    assert baseline.source["terminal"] == "simulated"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("GBPUSD", SAMPLE), "the plan needs .*GBPUSD.*record another"),
        (("EURUSD", timedelta(milliseconds=200)), r"\(2, 'EURUSD', 100\), the plan needs \(2, 'EURUSD', 200"),
        (("EURUSD", SAMPLE, "spread", "rsi"), "does not know rsi, only spread: record another"),
    ],
)
def test_baseline_of_something_else_is_refused(stored: Path, asked: tuple[Any, ...], said: str) -> None:
    """Another symbol, another sampling interval and a feature that was not recorded are refused."""
    with pytest.raises(Finding, match=said):
        read(stored, *asked)


@pytest.mark.parametrize(
    "edit",
    [
        lambda made: made["features"]["spread"]["counts"].reverse(),
        lambda made: made["features"]["spread"].update(effective_rows=5.0),
        lambda made: made.update(recorded_at="2020-01-01T00:00:00Z"),
        lambda made: made["source"].update(target="another"),
    ],
    ids=["counts", "effective rows", "time", "source"],
)
def test_edited_baseline_is_refused(stored: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Whatever is changed by hand no longer has its digest."""
    made = json.loads(stored.read_bytes())
    edit(made)
    stored.write_text(json.dumps(made))
    with pytest.raises(Finding, match="not what its digest says"):
        read(stored)


@pytest.mark.parametrize(
    "edit",
    [
        lambda made: made["edges"].reverse(),
        lambda made: made["counts"].pop(),
        lambda made: made["counts"].__setitem__(slice(None), [0] * len(made["counts"])),
        lambda made: made.update(effective_rows=0.0),
        lambda made: made.update(evenness=0.0),
    ],
    ids=["falling edges", "bins", "no rows", "worth nothing", "uneven"],
)
def test_bins_that_are_none_are_refused(stored: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """A baseline that was sealed over nonsense is refused, not divided by."""
    made = json.loads(stored.read_bytes())
    edit(made["features"]["spread"])
    stored.write_bytes(msgspec.json.encode(msgspec.convert(made, Baseline).sealed()))
    with pytest.raises(Finding, match="bins of spread are none"):
        read(stored)


def test_missing_baseline_says_how_to_record_one(tmp_path: Path) -> None:
    """No file is UNPROVEN, with the command that makes one."""
    with pytest.raises(Unproven, match="mt5canary baseline --for 10m --out"):
        read(tmp_path / "none.json")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]", b'{"schema": 1}'])
def test_file_that_is_no_baseline_is_refused(tmp_path: Path, content: bytes) -> None:
    """What cannot be read is told as such."""
    path = tmp_path / "baseline.json"
    path.write_bytes(content)
    with pytest.raises(Finding, match=r"drift baseline .*record another"):
        read(path)


def test_column_without_a_number_makes_no_baseline() -> None:
    """A feature that holds NaN is named."""
    with pytest.raises(Finding, match="spread: row 1 of 2 holds nan"):
        describe({"spread": numpy.array([1.0, numpy.nan])})


def test_command_records_quotes_and_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a plan whose baseline does not exist yet, with its provenance; the strategy's rows from a whole file."""
    text = (ROOT / "canary.yaml").read_text()
    drift = "baseline: new.json\n    columns: own.csv\n    features: [spread, rsi]"
    (tmp_path / "canary.yaml").write_text(text.replace("baseline: baseline/eurusd.json", drift))
    training = tmp_path / "training.csv"
    training.write_text("rsi\n" + "".join(f"{value}\n" for value in numbers(1).normal(50, 10, size=500)))
    out = tmp_path / "new.json"

    status = main(
        ["baseline", "--plan", str(tmp_path / "canary.yaml"), "--target", "simulator", "--for", "3s",
         "--out", str(out), "--columns", str(training)]
    )  # fmt: skip

    assert status == 0
    baseline = read(out, "EURUSD", SAMPLE, "spread", "rsi")
    assert 20 <= baseline.features["spread"].rows <= 30
    assert baseline.features["rsi"].rows == 500
    assert baseline.column_span is not None
    assert (baseline.column_span.file, baseline.column_span.rows) == ("training.csv", 500)
    assert baseline.source["terminal"] == "simulated"
    assert baseline.source["server"] == "JustMarkets-Demo2"
    assert baseline.digest in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--for", "never", "--out", "{folder}/new.json"], 4, "--for never"),
        (["--for", "1s", "--out", "{folder}/none/new.json"], 4, "there is no folder"),
        (["--for", "1s", "--out", "{folder}/new.json", "--columns", "x.csv"], 4, "names no feature of a column file"),
    ],
)
def test_command_refuses_what_it_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    """Wrong input is told in a line, and nothing is written."""
    plan = ["--plan", str(ROOT / "canary.yaml"), "--target", "simulator"]
    assert main(["baseline", *plan, *(word.format(folder=tmp_path) for word in words)]) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new.json").exists()
