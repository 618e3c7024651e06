"""docs/verify.md: the second verifier's commands, run as they stand, come to the same result as ours."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from mt5canary.verify.verification import verify

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def by_hand(bundle: Path, keys: Path, scratch: Path) -> list[str]:
    """Type the page's commands in a bundle's folder; returns those that failed, each by its first words."""
    failed = []
    scratch = scratch / "scratch"
    scratch.mkdir(exist_ok=True)
    for block in COMMANDS:
        script = "set -e -o pipefail\n" + block.replace("/tmp/", f"{scratch}/")
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=bundle,
            env={"PATH": "/usr/bin:/bin", "KEYS": str(keys)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            failed.append(block.split()[0] + " ... " + block.split()[-1])
    return failed


def test_standard_tools_come_to_the_same_result(signed: Path, keys: Path, tmp_path: Path) -> None:
    """A whole bundle passes every command, as it passes verify."""
    assert len(COMMANDS) == 6
    assert by_hand(signed, keys, tmp_path) == []
    assert verify(signed, public_key=keys / "signing.pub").exit_status == 0


def test_standard_tools_see_what_verify_sees(signed: Path, keys: Path, tmp_path: Path) -> None:
    """A cut tail, a changed file, a file more, another key's bundle: each fails by hand too."""
    chain, verdict = signed / "evidence.jsonl", signed / "verdict.json"
    whole, said = chain.read_bytes(), verdict.read_bytes()

    chain.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert any(each.startswith("jq") for each in by_hand(signed, keys, tmp_path))
    assert any(each.startswith("test") for each in by_hand(signed, keys, tmp_path))
    chain.write_bytes(whole)
    verdict.write_bytes(said + b" ")
    assert len(by_hand(signed, keys, tmp_path)) == 1
    verdict.write_bytes(said)
    (signed / "more.txt").write_text("more")
    assert len(by_hand(signed, keys, tmp_path)) == 1
    (signed / "more.txt").unlink()
    assert len(by_hand(signed, keys.with_name("other"), tmp_path)) == 2
