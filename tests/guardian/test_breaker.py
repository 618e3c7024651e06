"""The breaker latches on the disk, and whatever cannot be understood keeps it open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.guardian.breaker import Breaker, BreakerOpen
from mt5canary.order.journal import Intent, Journal


@pytest.fixture
def breaker(tmp_path: Path) -> Breaker:
    return Breaker(tmp_path / "state")


def test_new_breaker_is_closed(breaker: Breaker) -> None:
    """Where nothing ever tripped, orders may leave."""
    assert breaker.why_open() is None
    breaker.require_closed()


def test_tripped_breaker_stays_open_for_every_later_reader(breaker: Breaker) -> None:
    """It latches: another process reads the same, and the first reason stays."""
    breaker.trip("the spread was too wide")
    breaker.trip("something else")
    later = Breaker(breaker.path.parent)
    assert later.why_open() == "the spread was too wide"
    with pytest.raises(BreakerOpen, match=r"the spread was too wide.*mt5canary reset"):
        later.require_closed()


def test_reset_closes_it_and_says_who(breaker: Breaker) -> None:
    """A person closes it, by name; it can trip again."""
    breaker.trip("once")
    breaker.reset("looked into it", "A. Person")
    assert breaker.why_open() is None
    assert json.loads(breaker.path.read_text())["reset_by"] == "A. Person"
    breaker.trip("twice")
    assert breaker.why_open() == "twice"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"schema": 1}', b'{"schema": 2, "open": false}',
     b'{"schema": 1, "open": 0}', b'{"schema": 1, "open": null}', b'{"schema": 1, "open": "false"}',
     b'{"open": false}'],
)  # fmt: skip
def test_state_that_cannot_be_understood_counts_as_open(breaker: Breaker, content: bytes) -> None:
    """Torn, empty, of another version, or of another type: no order leaves."""
    breaker.path.write_bytes(content)
    assert breaker.why_open() is not None
    with pytest.raises(BreakerOpen):
        breaker.require_closed()


@given(st.binary(max_size=60) | st.recursive(st.none() | st.booleans() | st.integers(), st.lists).map(json.dumps))
def test_nothing_but_a_written_reset_closes_it(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    """No file content that the breaker did not write reads as closed, and none breaks it."""
    breaker = Breaker(tmp_path_factory.mktemp("state"))
    breaker.path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert breaker.why_open() is not None


def test_folder_in_its_place_counts_as_open(breaker: Breaker) -> None:
    """What cannot be read is open."""
    breaker.path.mkdir()
    assert "cannot be read" in (breaker.why_open() or "")


def test_deeply_nested_state_counts_as_open(breaker: Breaker) -> None:
    """A file made to break the reader opens the breaker and does not end the run."""
    breaker.path.write_bytes(b"[" * 100_000)
    assert breaker.why_open() is not None


def test_trip_writes_even_over_what_cannot_be_understood(breaker: Breaker) -> None:
    """A broken state is open already; a reset makes it whole again."""
    breaker.path.write_bytes(b"{")
    breaker.trip("now")
    assert breaker.why_open() is not None
    breaker.reset("repaired", "A. Person")
    assert breaker.why_open() is None


def test_without_its_file_it_is_as_the_journal_last_had_it(breaker: Breaker) -> None:
    """Deleting the file closes nothing: the journal remembers the opening, and a reset."""
    breaker.trip("a loss")
    breaker.path.unlink()
    assert "a loss" in (breaker.why_open() or "")
    with pytest.raises(BreakerOpen, match="is gone"):
        breaker.require_closed()
    breaker.reset("looked into it", "A. Person")
    breaker.path.unlink()
    assert breaker.why_open() is None


def test_without_its_file_and_with_a_journal_that_cannot_be_read_it_is_open(breaker: Breaker) -> None:
    """Where nothing can say that it never opened, it counts as open."""
    (breaker.path.parent / "journal.jsonl").write_bytes(b"\xff\n")
    assert "cannot be read" in (breaker.why_open() or "")


def test_file_that_says_closed_does_not_outweigh_a_later_opening(breaker: Breaker) -> None:
    """A crash between the journal's note and the file, or an old copy put back: the journal's last word counts."""
    breaker.trip("once")
    breaker.reset("looked into it", "A. Person")
    old = breaker.path.read_bytes()
    breaker.trip("again")
    breaker.path.write_bytes(old)
    assert "again" in (Breaker(breaker.path.parent).why_open() or "")


def test_trip_over_an_unreadable_file_is_remembered_by_the_journal(breaker: Breaker) -> None:
    """Whoever then deletes the broken file has closed nothing."""
    breaker.path.write_bytes(b"{")
    breaker.trip("a loss")
    breaker.path.unlink()
    assert "a loss" in (Breaker(breaker.path.parent).why_open() or "")


def test_file_of_a_newer_version_is_open_and_says_which(breaker: Breaker) -> None:
    """A later program's state is not read as closed, whatever it says."""
    breaker.path.write_text(json.dumps({"schema": 2, "open": False}))
    assert "it says 2, this program knows 1" in (breaker.why_open() or "")


def test_disk_that_is_full_opens_it_in_this_process(breaker: Breaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written latches all the same for whoever is about to send, and the trouble is said."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_append", full)
    with pytest.raises(OSError, match="No space left"):
        breaker.trip("a loss")
    with pytest.raises(BreakerOpen, match="a loss"):
        breaker.require_closed()


def test_reset_is_told_until_the_next_order_is_meant(breaker: Breaker) -> None:
    """Who, why, and what it had been open for: the next run reports it, the one after an order does not."""
    assert breaker.last_reset() is None
    breaker.trip("a loss")
    breaker.reset("looked into it", "A. Person")
    said = breaker.last_reset() or ""
    for part in ("A. Person reset it at 2", "looked into it", "it was open for: a loss"):
        assert part in said
    intent = Intent(uuid="u", nonce="N", run="r", symbol="EURUSD", side="BUY", volume="0.001", magic=1196)
    Journal(breaker.path.parent).begin(intent)
    assert breaker.last_reset() is None
