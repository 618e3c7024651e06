"""``mt5canary review`` on the bundle of a real run."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from mt5canary import cli
from tests.canary.harness import Harness

SECOND_LOOK = Path(__file__).resolve().parents[2] / "docs" / "second_look.py"


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signed rehearsal's bundle and the keys."""
    folder = tmp_path_factory.mktemp("flown")
    assert cli.main(["keygen", "--only", "signing", str(folder / "keys")]) == 0
    harness = Harness(folder)
    finished = harness.live("--signing-key", str(folder / "keys" / "signing.key"))
    assert harness.verdict["verdict"] == "PASS", finished.output
    shutil.copytree(harness.bundle, folder / "bundles" / harness.bundle.name)
    return folder


@pytest.fixture
def bundle(flown: Path, tmp_path: Path) -> Path:
    """That bundle, in a place of its own."""
    (source,) = (flown / "bundles").iterdir()
    return Path(shutil.copytree(source, tmp_path / source.name))


def policy(bundle: Path, *lines: str) -> list[str]:
    """The option for a policy that has approved this bundle's plan, rehearsals allowed."""
    digest = hashlib.sha256((bundle / "plan.yaml").read_bytes()).hexdigest()
    path = bundle.parent / "review.yaml"
    plans = f"plans: [{{sha256: {digest}, until: 2999-12-31, by: Risk}}]"
    path.write_text("\n".join((plans, "rehearsals: true", *lines)), encoding="utf-8")
    return ["--policy", str(path)]


def written(bundle: Path) -> dict[str, object]:
    """The review beside a bundle."""
    found: dict[str, object] = json.loads((bundle.parent / f"{bundle.name}.review.json").read_bytes())
    return found


def test_a_verified_signed_run_with_a_name_is_approved(
    bundle: Path, flown: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0; every rule is a line of the log, and the review is signed by its own key."""
    keys = ["--public-key", str(flown / "keys" / "signing.pub"), "--signing-key", str(flown / "keys" / "signing.key")]
    assert cli.main(["review", str(bundle), *policy(bundle), "--by", "Ada Lovelace", *keys]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert all("[review]" in line for line in shown)
    assert f"REVIEW: APPROVED run {bundle.name}" in shown[-1]
    assert "signed by SHA256:" in shown[-1]
    assert written(bundle)["decision"] == "APPROVED"
    assert written(bundle)["attestation"] is not None


def test_the_shipped_policy_does_not_approve_a_rehearsal(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks for changes, and says each."""
    shipped = ["--policy", str(SECOND_LOOK.parents[1] / "review.yaml")]
    assert cli.main(["review", str(bundle), *shipped]) == 1
    assert written(bundle)["decision"] == "CHANGES REQUESTED"
    shown = capsys.readouterr().out
    for said in ("it was a rehearsal", "is not among the 0 approved ones", "0 of 1 names"):
        assert said in shown


def test_an_edited_bundle_is_rejected(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever its verdict says."""
    path = bundle / "COMPLETION_REPORT.md"
    path.write_bytes(path.read_bytes() + b"\nAll is well.\n")
    assert cli.main(["review", str(bundle), *policy(bundle), "--by", "Ada Lovelace"]) == 1
    assert written(bundle)["decision"] == "REJECTED"
    assert "verification contradicts it" in capsys.readouterr().out


def test_another_key_is_not_the_signers(bundle: Path, tmp_path: Path) -> None:
    """A signature that is not of the key that was asked for approves nothing."""
    assert cli.main(["keygen", "--only", "signing", str(tmp_path / "other")]) == 0
    key = ["--public-key", str(tmp_path / "other" / "signing.pub")]
    assert cli.main(["review", str(bundle), *policy(bundle), "--by", "Ada Lovelace", *key]) == 1
    assert written(bundle)["decision"] == "REJECTED"


@pytest.mark.parametrize(("code", "decision"), [("veto", "REJECTED"), ("approve", "APPROVED")])
def test_an_outside_reviewer_reads_the_case(code: str, decision: str, bundle: Path) -> None:
    """It gets the verdict, the findings and the rulings, and its veto counts."""
    look = (
        "import json, sys; case = json.load(sys.stdin); assert case['verdict']['criteria'] and case['rulings'];"
        f"print(json.dumps({{'verdict': '{code}', 'reasons': [case['run']]}}))"
    )
    command = ["--reviewer", f'"{sys.executable}" -c "{look}"']
    cli.main(["review", str(bundle), *policy(bundle, "reviewer: required"), "--by", "Ada Lovelace", *command])
    review = written(bundle)
    assert review["decision"] == decision
    assert review["reviewer"]["answer"]["reasons"] == [bundle.name]  # type: ignore[index]


def test_the_example_reviewer_answers(bundle: Path) -> None:
    """The one in docs/ reads a real case."""
    command = ["--reviewer", f'"{sys.executable}" "{SECOND_LOOK}"']
    cli.main(["review", str(bundle), *policy(bundle), "--by", "Ada Lovelace", *command])
    assert written(bundle)["reviewer"]["answer"]["verdict"] in ("approve", "veto")  # type: ignore[index]


def test_json(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines read what is written."""
    cli.main(["review", "--json", str(bundle), *policy(bundle)])
    assert json.loads(capsys.readouterr().out) == written(bundle)


@pytest.mark.parametrize("wrong", ["policy", "bundle", "reviewer", "key"])
def test_what_cannot_be_used_is_said(
    wrong: str, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 4, one line, nothing decided."""
    words = ["review", str(bundle), *policy(bundle)]
    if wrong == "policy":
        words[3] = str(tmp_path / "none.yaml")
    elif wrong == "bundle":
        words[1] = str(tmp_path / "none")
    elif wrong == "reviewer":
        words += ["--reviewer", "no-such-command-here"]
    else:
        words += ["--signing-key", str(tmp_path / "none.key")]
    assert cli.main(words) == 4
    assert capsys.readouterr().err.startswith("mt5canary review: ")
    assert not (bundle.parent / f"{bundle.name}.review.json").exists()
