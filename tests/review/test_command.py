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


def fly(folder: Path, *, whole: bool) -> Path:
    """Fly a signed rehearsal; a short one's watch has no drift check, so G3 is unproven."""
    assert cli.main(["keygen", "--only", "signing", str(folder / "keys")]) == 0
    harness = Harness(folder)
    if whole:
        harness.watch = {}
    finished = harness.live(f"--signing-key={folder / 'keys' / 'signing.key'}")
    assert harness.verdict["decided_by"] == (None if whole else "G3"), finished.output
    shutil.copytree(harness.bundle, folder / "bundles" / harness.bundle.name)
    return folder


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signed bundle and the keys."""
    return fly(tmp_path_factory.mktemp("flown"), whole=False)


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


@pytest.mark.nightly
def test_a_verified_signed_run_with_a_name_is_approved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 0; every rule is a line of the log, and the review is signed by its own key."""
    keys = fly(tmp_path, whole=True) / "keys"
    (bundle,) = (tmp_path / "bundles").iterdir()
    signed = ["--public-key", str(keys / "signing.pub"), "--signing-key", str(keys / "signing.key")]
    capsys.readouterr()
    assert cli.main(["review", str(bundle), *policy(bundle), "--by", "Ada Lovelace", *signed]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert all("[review]" in line for line in shown)
    assert f"REVIEW: APPROVED run {bundle.name}" in shown[-1]
    assert "signed by SHA256:" in shown[-1]
    assert written(bundle)["decision"] == "APPROVED"


def test_all_but_the_unproven_is_approved(bundle: Path, flown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With name, key and an approved plan nothing is left but what was not proven; the review is signed."""
    keys = flown / "keys"
    signed = ["--public-key", str(keys / "signing.pub"), "--signing-key", str(keys / "signing.key")]
    assert cli.main(["review", str(bundle), *policy(bundle), "--by", "Ada Lovelace", *signed]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert all("[review]" in line for line in shown)
    assert "REVIEW: CHANGES REQUESTED" in shown[-1]
    review = written(bundle)
    assert [str(reason).partition(":")[0] for reason in review["reasons"]] == ["criteria", "limits"]  # type: ignore[attr-defined]
    assert review["attestation"] is not None


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


@pytest.mark.parametrize(("code", "decision"), [("veto", "REJECTED"), ("approve", "CHANGES REQUESTED")])
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
