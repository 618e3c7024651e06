"""The manifest names every file of a bundle and the chain's head."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mt5canary.evidence import bundle, manifest
from mt5canary.evidence.chain import FIRST, Chain, head


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle with a chain of two records, a document, and results in a folder of their own."""
    made = tmp_path / "run"
    made.mkdir()
    chain = Chain(made / "evidence.jsonl")
    chain.append("run", {"run": "r"})
    chain.append("log", {"text": "a"})
    chain.close()
    (made / "verdict.json").write_text("{}")
    (made / "allure-results").mkdir()
    (made / "allure-results" / "a b.json").write_text("[]")
    return made


def test_every_file_is_listed_with_its_digest(folder: Path) -> None:
    """Files in folders too, with relative paths, digest and size; the manifest itself is not."""
    manifest.write(folder, "r", "evidence.jsonl")
    again = manifest.write(folder, "r", "evidence.jsonl")
    listed = {file.path: file for file in again.files}

    assert list(listed) == ["allure-results/a b.json", "evidence.jsonl", "verdict.json"]
    assert listed["verdict.json"].sha256 == hashlib.sha256(b"{}").hexdigest()
    assert listed["verdict.json"].bytes == 2


def test_the_head_is_the_chain_s(folder: Path) -> None:
    """Count and head are what walking the chain finds."""
    written = (
        json.loads((folder / "manifest.json").read_text()) if manifest.write(folder, "r", "evidence.jsonl") else {}
    )

    assert (written["chain"]["count"], written["chain"]["head"]) == head(folder / "evidence.jsonl")


def test_an_empty_chain_has_the_first_head(folder: Path) -> None:
    """Nothing recorded is said as nothing."""
    (folder / "evidence.jsonl").write_bytes(b"")

    assert manifest.take(folder, "r", "evidence.jsonl").chain == manifest.ChainHead(
        file="evidence.jsonl", count=0, head=FIRST
    )


def test_standard_tools_check_it(folder: Path) -> None:
    """The digests are those of sha256sum, in a form that it reads."""
    manifest.write(folder, "r", "evidence.jsonl")
    files = json.loads((folder / "manifest.json").read_text())["files"]
    (folder.parent / "sums").write_text("".join(f"{file['sha256']}  {file['path']}\n" for file in files))
    check = ["sha256sum", "--check", "--quiet", "../sums"]

    assert subprocess.run(check, cwd=folder, check=False).returncode == 0
    (folder / "verdict.json").write_text("{ }")
    assert subprocess.run(check, cwd=folder, check=False, capture_output=True).returncode == 1


def test_the_report_s_own_check_of_the_chain_works(folder: Path, verdict) -> None:  # type: ignore[no-untyped-def]
    """The few lines of Python that the report gives print the head, and stop at a changed record."""
    from mt5canary.evidence.documents import completion_report

    script = completion_report([], verdict()).split("python3 -c '\n")[1].split("'\n```")[0]
    run = [sys.executable, "-c", script]

    printed = subprocess.run(run, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == manifest.take(folder, "r", "evidence.jsonl").chain.head
    whole = (folder / "evidence.jsonl").read_bytes()
    (folder / "evidence.jsonl").write_bytes(whole.replace(b'"run":"r"', b'"run":"q"'))
    assert subprocess.run(run, cwd=folder, check=False, capture_output=True).returncode == 1


def test_latest_leads_to_the_newest_run(tmp_path: Path) -> None:
    """The link moves from run to run."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        bundle.point_latest(tmp_path / name)

    assert (tmp_path / "latest").resolve() == tmp_path / "second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "latest", "second"]


def test_latest_is_a_text_where_links_are_impossible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without links gets a file with the run's name."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    (tmp_path / "run").mkdir()
    bundle.point_latest(tmp_path / "run")

    assert (tmp_path / "latest").read_text() == "run\n"


def test_something_else_named_latest_stays(tmp_path: Path) -> None:
    """A folder in the link's place is not removed, and no run fails for it."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").write_text("x")
    (tmp_path / "run").mkdir()
    bundle.point_latest(tmp_path / "run")

    assert (tmp_path / "latest" / "mine").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "run"]


def test_a_report_written_elsewhere_is_copied_into_the_bundle(tmp_path: Path, folder: Path) -> None:
    """A path of the command line's keeps its file; the bundle has it too."""
    (tmp_path / "mine.html").write_text("page")
    bundle.gather(folder, tmp_path / "mine.html", "report.html")
    bundle.gather(folder, folder / "report.html", "report.html")
    bundle.gather(folder, tmp_path / "absent", "junit.xml")

    assert (folder / "report.html").read_text() == "page"
    assert not (folder / "junit.xml").exists()
