"""A bundle packed and committed: the same bytes each time, an anchor that can be looked up, nothing pushed."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from mt5canary import cli
from mt5canary.errors import Finding, UsageProblem
from mt5canary.evidence import archive
from mt5canary.evidence.documents import verdict_json
from mt5canary.evidence.verdict import CriterionResult, Verdict
from mt5canary.measurement import Outcome
from mt5canary.verify.findings import State
from mt5canary.verify.verification import verify


def a_verdict(run: str) -> Verdict:
    """A run that failed at its first criterion."""
    result = CriterionResult(id="L1", stage="link", title="remote", outcome=Outcome.FAIL, reason="it is this host")
    return Verdict(
        schema=1,
        run=run,
        task="119.6",
        mode="preflight",
        target="demo2",
        rehearsal=False,
        verdict=Outcome.FAIL,
        decided_by="L1",
        evidence_level="E0",
        started_at="2026-11-25T12:00:00.000000Z",
        ended_at="2026-11-25T12:00:01.000000Z",
        criteria=[result],
        order=None,
        flat=None,
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small bundle."""
    folder = tmp_path / "reports" / "20261125T120000Z-0a0b0c"
    (folder / "allure-results").mkdir(parents=True)
    (folder / "verdict.json").write_text(verdict_json(a_verdict(folder.name)), encoding="utf-8")
    (folder / "evidence.jsonl").write_bytes(b'{"prev":"0"}\n')
    (folder / "allure-results" / "b.json").write_bytes(b"{}")
    return folder


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository that nobody's settings reach."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    folder = tmp_path / "kept"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    for name, value in (("user.name", "Risk Officer"), ("user.email", "risk@example.org")):
        subprocess.run(["git", "-C", str(folder), "config", name, value], check=True)
    return folder


def git(repository: Path, *words: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_same_bundle_is_packed_to_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    """Another place, another time and other permissions change nothing; another byte does."""
    other = tmp_path / "elsewhere" / bundle.name
    shutil.copytree(bundle, other)
    for path in other.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700)
    assert archive.pack(bundle) == archive.pack(other)
    (other / "evidence.jsonl").write_bytes(b'{"prev":"1"}\n')
    assert archive.pack(bundle) != archive.pack(other)


def test_a_commit_carries_task_verdict_and_digest(bundle: Path, repository: Path) -> None:
    """The message says them, and the digest is that of the committed bytes, which unpack to the bundle."""
    anchor = archive.commit(repository, bundle, a_verdict(bundle.name))
    text = git(repository, "log", "-1", "--format=%B")
    for part in ("119.6", "FAIL", "decided by L1", f"bundle-sha256: {anchor.digest}"):
        assert part in text
    stored = subprocess.run(
        ["git", "-C", str(repository), "show", f"{anchor.commit}:{anchor.path}"], capture_output=True, check=True
    ).stdout
    assert hashlib.sha256(stored).hexdigest() == anchor.digest
    with tarfile.open(fileobj=io.BytesIO(stored)) as unpacked:
        assert sorted(unpacked.getnames()) == [
            f"{bundle.name}/{name}" for name in ("allure-results/b.json", "evidence.jsonl", "verdict.json")
        ]


def test_a_second_time_changes_nothing(bundle: Path, repository: Path) -> None:
    """The same bundle is found where it stands."""
    first = archive.commit(repository, bundle, a_verdict(bundle.name))
    assert archive.commit(repository, bundle, a_verdict(bundle.name)) == first
    assert git(repository, "rev-list", "--count", "HEAD") == "1"


def test_a_changed_bundle_is_no_second_archive_of_its_run(bundle: Path, repository: Path) -> None:
    """What was archived first stands; the other is named as another."""
    archive.commit(repository, bundle, a_verdict(bundle.name))
    (bundle / "evidence.jsonl").write_bytes(b"{}\n")
    with pytest.raises(Finding, match="one of the two was changed"):
        archive.commit(repository, bundle, a_verdict(bundle.name))


def test_what_else_is_staged_stays_staged(bundle: Path, repository: Path) -> None:
    """The commit holds the archive alone."""
    (repository / "mine.txt").write_text("work in progress", encoding="utf-8")
    git(repository, "add", "mine.txt")
    archive.commit(repository, bundle, a_verdict(bundle.name))
    assert git(repository, "show", "--name-only", "--format=", "HEAD") == f"{bundle.name}.tar"
    assert git(repository, "diff", "--cached", "--name-only") == "mine.txt"


def test_nothing_is_pushed(bundle: Path, repository: Path, tmp_path: Path) -> None:
    """A remote that is there receives nothing."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    git(repository, "remote", "add", "origin", str(remote))
    archive.commit(repository, bundle, a_verdict(bundle.name))
    assert git(remote, "for-each-ref") == ""


def test_a_commit_that_fails_leaves_no_trace(bundle: Path, repository: Path) -> None:
    """Where git refuses, its reason is shown and the repository is as it was."""
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no commits on a Friday >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(UsageProblem, match="no commits on a Friday"):
        archive.commit(repository, bundle, a_verdict(bundle.name))
    assert git(repository, "status", "--porcelain") == ""


def test_the_command(bundle: Path, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a person types it; a folder that is no repository, and one that is no bundle, are said."""
    assert cli.main(["archive", str(bundle), "--repository", str(repository)]) == 0
    assert "not pushed" in capsys.readouterr().out
    assert cli.main(["archive", str(bundle), "--repository", str(tmp_path)]) == 4
    assert "not a git repository" in capsys.readouterr().err
    assert cli.main(["archive", str(tmp_path), "--repository", str(repository)]) == 4
    assert "verdict.json" in capsys.readouterr().err


def test_verification_holds_a_bundle_against_its_commit(bundle: Path, repository: Path) -> None:
    """The same, another, none: what the repository says is part of what was found."""

    def found() -> dict[str, State]:
        return {item.subject: item.state for item in verify(bundle, repository=repository).items}

    assert found()["archive"] is State.MISSING
    archive.commit(repository, bundle, a_verdict(bundle.name))
    assert found()["archive"] is State.HOLDS
    (bundle / "added.txt").write_text("later", encoding="utf-8")
    assert found()["archive"] is State.CONTRADICTED
