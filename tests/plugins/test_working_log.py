"""VERIFY_LOG.log in the working directory: a link during the run, a copy after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.working_log import WorkingLog

NAME = "VERIFY_LOG.log"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A run's folder with its log."""
    folder = tmp_path / "reports" / "run"
    folder.mkdir(parents=True)
    (folder / NAME).write_text("first line\n")
    return folder


def test_link_follows_the_run_and_becomes_a_copy(bundle: Path, tmp_path: Path) -> None:
    """``tail -f`` sees each line as it is written; afterwards the bundle is safe from appends."""
    log = WorkingLog(bundle, tmp_path)
    here = tmp_path / NAME
    assert here.is_symlink()
    with (bundle / NAME).open("a") as file:
        file.write("second line\n")
    assert here.read_text() == "first line\nsecond line\n"
    log.leave_copy()
    assert not here.is_symlink()
    here.write_text("mine")
    assert (bundle / NAME).read_text() == "first line\nsecond line\n"


def test_file_of_an_earlier_run_is_replaced(bundle: Path, tmp_path: Path) -> None:
    """The name shows the present run, whether a copy or a link that leads nowhere was there."""
    (tmp_path / NAME).write_text("of yesterday")
    WorkingLog(bundle, tmp_path).leave_copy()
    assert (tmp_path / NAME).read_text() == "first line\n"
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).symlink_to(tmp_path / "gone")
    WorkingLog(bundle, tmp_path).leave_copy()
    assert (tmp_path / NAME).read_text() == "first line\n"


def test_what_a_person_put_there_meanwhile_stays(bundle: Path, tmp_path: Path) -> None:
    """A file of that name that is no longer the link is not overwritten."""
    log = WorkingLog(bundle, tmp_path)
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).write_text("mine")
    log.leave_copy()
    assert (tmp_path / NAME).read_text() == "mine"


def test_run_started_inside_its_own_folder_keeps_its_log(bundle: Path) -> None:
    """Where the working directory is the bundle there is nothing to link, and the log survives."""
    log = WorkingLog(bundle, bundle)
    log.leave_copy()
    assert (bundle / NAME).read_text() == "first line\n"
    assert not (bundle / NAME).is_symlink()


def test_folder_in_its_place_does_not_stop_the_run(bundle: Path, tmp_path: Path) -> None:
    """Where the link cannot be made the run goes on without it."""
    (tmp_path / NAME).mkdir()
    log = WorkingLog(bundle, tmp_path)
    log.leave_copy()
    assert (tmp_path / NAME).is_dir()
