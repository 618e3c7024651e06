"""The strategy's column file, read while it grows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy
import pytest

from mt5canary.errors import Finding, Unproven
from mt5canary.guardian.column_file import ColumnFile
from mt5canary.guardian.drift import DriftSampler
from mt5canary.plan import Limits
from tests.guardian.sampled import baseline_of, numbers, with_drift, with_watch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a header and two rows of an earlier time."""
    file = tmp_path / "columns.csv"
    file.write_text("at,rsi,signal\n1,50,0.1\n2,51,0.2\n")
    return file


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_rows_of_the_watch_alone_are_taken(path: Path) -> None:
    """What stood there before is not the watch's; what is added is taken once, by column, whatever the order."""
    file = ColumnFile(path, ["signal", "rsi"])
    add(path, "3,52,0.3\n")
    file.poll()
    add(path, "4,53,0.4\n")
    columns, span = file.take()
    assert {name: list(column) for name, column in columns.items()} == {"signal": [0.3, 0.4], "rsi": [52, 53]}
    assert span.rows == 2
    stored = path.read_bytes()[span.first_byte : span.first_byte + span.bytes]
    assert stored == b"3,52,0.3\n4,53,0.4\n"
    assert span.sha256 == hashlib.sha256(stored).hexdigest()
    assert file.take()[1].rows == 0


def test_whole_file_is_taken_for_a_baseline(path: Path) -> None:
    """From the first row, where that is asked for."""
    assert list(ColumnFile(path, ["rsi"], whole=True).take()[0]["rsi"]) == [50, 51]


def test_row_that_is_being_written_waits(path: Path) -> None:
    """A line without its end is left until it has one, at the beginning of the watch too."""
    add(path, "3,5")
    file = ColumnFile(path, ["rsi"])
    assert file.take()[1].rows == 0
    add(path, "2,0.3\n4,53")
    assert list(file.take()[0]["rsi"]) == [52]
    add(path, ",0.4\n")
    assert list(file.take()[0]["rsi"]) == [53]


def test_row_without_an_end_may_be_long(path: Path) -> None:
    """Where the beginning of a row is longer than one look back, the line before it is still found."""
    add(path, "3," + " " * 200_000)
    file = ColumnFile(path, ["rsi", "at"])
    add(path, "52,1\n")
    columns, _ = file.take()
    assert (list(columns["at"]), list(columns["rsi"])) == ([3], [52])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no header"),
        ("rsi", "has no header"),
        ("at,signal\n", "has no column rsi; it has at, signal"),
        ("rsi,rsi\n", "names rsi more than once"),
        (b"\xff\xfe\n", "cannot be read"),
    ],
)
def test_header_that_cannot_serve_is_told(tmp_path: Path, content: str | bytes, said: str) -> None:
    """A file without its columns is refused before the watch begins."""
    file = tmp_path / "columns.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Finding, match=said):
        ColumnFile(file, ["rsi"])


def test_missing_file_is_unproven(tmp_path: Path) -> None:
    """A strategy that writes nothing leaves its drift unproven."""
    with pytest.raises(Unproven, match="the strategy must write it"):
        ColumnFile(tmp_path / "none.csv", ["rsi"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: add(path, "3,fast,0.3\n"), "row 1 read .* holds 'fast' in rsi: no number"),
        (lambda path: add(path, "3,,0.3\n"), "holds '' in rsi"),
        (lambda path: add(path, "3,52\n"), "has 2 cells, its header has 3"),
        (lambda path: add(path, "3,52,0.3,9\n"), "has 4 cells, its header has 3"),
        (lambda path: path.write_text("at,rsi,signal\n"), "was cut or replaced"),
        (lambda path: path.write_text("at,signal,rsi\n1,0.1,50\n2,0.2,51\n3,0.3,52\n"), "the header .* changed"),
        (lambda path: (path.rename(path.with_suffix(".old")), path.write_bytes(b"at,rsi,signal\n" * 9)), "replaced"),
        (lambda path: path.unlink(), "cannot be read any more"),
    ],
    ids=["word", "empty cell", "short row", "long row", "cut", "other header", "replaced", "gone"],
)
def test_what_goes_wrong_is_told_and_stays_told(path: Path, change: Callable[[Path], object], said: str) -> None:
    """Nothing is skipped or guessed: once the file is wrong, every later check says so."""
    file = ColumnFile(path, ["rsi"])
    change(path)
    file.poll()
    for _ in range(2):
        with pytest.raises(Finding, match=said):
            file.take()


@pytest.fixture
def short(limits: Limits) -> Limits:
    """A watch of 60 s with a check every 30 s, of a column alone."""
    drift = with_drift(limits, every=timedelta(seconds=30), columns=Path("columns.csv"), features=("rsi",))
    return with_watch(drift, timedelta(seconds=60))


def test_strategy_s_feature_drifts(path: Path, short: Limits) -> None:
    """A column is compared as a quote's feature is: quiet on its own distribution, an event on a shifted one."""
    random = numbers(1)
    baseline = baseline_of({"rsi": random.normal(50, 10, size=5_000)})
    file = ColumnFile(path, ["rsi"])
    sampler = DriftSampler(baseline, short, file)
    for after, centre in ((30.0, 50), (60.0, 65)):
        add(path, "".join(f"0,{value},0\n" for value in random.normal(centre, 10, size=300)))
        sampler.read_columns()
        check = sampler.check(after)
        assert check.rows == 300
        assert check.problem is None
        assert bool(check.events(0.25)) is (centre != 50)


@pytest.mark.parametrize("rows", [149, 601])
def test_file_at_another_interval_is_refused(path: Path, short: Limits, rows: int) -> None:
    """Rows that come at another interval than the plan's are no samples of it."""
    baseline = baseline_of({"rsi": numpy.arange(100.0)})
    sampler = DriftSampler(baseline, short, ColumnFile(path, ["rsi"]))
    add(path, "0,50,0\n" * rows)
    assert f"gained {rows} rows in the time of 300 samples" in str(sampler.check(30.0).problem)


def test_column_that_is_wrong_hides_no_other_feature(path: Path, short: Limits) -> None:
    """NaN in one column is that column's problem; the others are compared all the same."""
    baseline = baseline_of({"rsi": numpy.arange(100.0), "signal": numpy.arange(100.0)})
    both = with_drift(short, features=("rsi", "signal"))
    sampler = DriftSampler(baseline, both, ColumnFile(path, ["rsi", "signal"]))
    add(path, "0,nan,5\n" * 300)
    check = sampler.check(30.0)
    assert check.problem == "rsi: row 0 of 300 holds nan: drift cannot be worked out from it"
    assert [feature.feature for feature in check.features] == ["signal"]
