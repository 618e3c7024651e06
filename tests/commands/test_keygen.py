"""``mt5canary keygen``: the files, whose they are, and that other people's tools read them."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from mt5canary.cli import main
from mt5canary.evidence import signing

SIGNING = {"signing.key", "signing.pub", "signing.pem"}


def names(folder: Path) -> set[str]:
    """Every file below a folder by its own name."""
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    """All keys are written, none readable by anybody else."""
    assert main(["keygen", str(tmp_path / "keys")]) == 0
    files = [path for path in (tmp_path / "keys").rglob("*") if path.is_file()]
    assert {*SIGNING, "risk.secret", "client.key_secret"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_each_kind_can_be_made_alone(tmp_path: Path) -> None:
    """The signing key is the node's; where the gateway's keys are made it has no business."""
    assert main(["keygen", "--only", "signing", str(tmp_path / "node")]) == 0
    assert main(["keygen", "--only", "link", str(tmp_path / "gateway")]) == 0
    assert names(tmp_path / "node") == SIGNING
    assert not names(tmp_path / "gateway") & SIGNING


def test_a_key_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second call says what is there, and writes nothing."""
    assert main(["keygen", "--only", "signing", str(tmp_path)]) == 0
    before = (tmp_path / "signing.key").read_bytes()
    assert main(["keygen", str(tmp_path)]) == 4
    assert "signing.key" in capsys.readouterr().err
    assert (tmp_path / "signing.key").read_bytes() == before
    assert names(tmp_path) == SIGNING


def test_the_private_key_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal shows names and public halves."""
    main(["keygen", str(tmp_path)])
    printed = capsys.readouterr().out
    secret_lines = (tmp_path / "signing.key").read_text().splitlines()[1:-1]
    assert "SHA256:" in printed
    assert not any(line in printed for line in [*secret_lines, (tmp_path / "risk.secret").read_text().strip()])


def test_ssh_keygen_and_openssl_read_the_same_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The fingerprint is ssh-keygen's own, its public half is the private one's, and openssl verifies with the PEM."""
    main(["keygen", "--only", "signing", str(tmp_path)])
    private, public = tmp_path / "signing.key", tmp_path / "signing.pub"
    listed = subprocess.run(["ssh-keygen", "-lf", str(public)], capture_output=True, text=True, check=True).stdout
    assert listed.split()[1] in capsys.readouterr().out
    derived = subprocess.run(["ssh-keygen", "-yf", str(private)], capture_output=True, text=True, check=True).stdout
    assert derived.split()[:2] == public.read_text().split()[:2]
    message, signature = tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"evidence")
    signature.write_bytes(signing.read_private(private).sign(b"evidence"))
    check = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(tmp_path / "signing.pem"), "-rawin"]
    check += ["-in", str(message), "-sigfile", str(signature)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    message.write_bytes(b"evidenze")
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0
