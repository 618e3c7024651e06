"""Verification: what a whole bundle shows, what one that was cut off shows, and that nothing else is needed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mt5canary import __version__
from mt5canary.cli import main
from mt5canary.measurement import Outcome, worst
from mt5canary.plan import load
from mt5canary.plan.fields import CRITERIA
from mt5canary.verify import evidence_stage
from mt5canary.verify.accounts import LIVE_ONLY, required_of
from mt5canary.verify.findings import State, Verification
from mt5canary.verify.reading import read
from mt5canary.verify.verification import verify
from mt5canary.verify.world import World
from tests.canary.harness import Harness, eventually
from tests.verify.conftest import CHALLENGE
from tests.verify.tampering import Forger

ROOT = Path(__file__).parents[2]


def texts(found: Verification, subject: str, state: State) -> str:
    """All that was found of a subject in a state."""
    return "; ".join(item.text for item in found.of(state) if item.subject == subject)


def test_a_whole_run_is_judged_again(signed: Path, keys: Path) -> None:
    """Every criterion of a live run that came to an outcome by measurements is derived from raw records."""
    found = verify(signed, public_key=keys / "signing.pub", challenge=CHALLENGE)
    assert found.state is State.HOLDS, found.items
    again = texts(found, "criteria", State.HOLDS).removeprefix("judged again from the raw records: ").split(", ")
    assert set(CRITERIA) - set(again) <= {"G3"}  # the short watch makes no drift check
    assert "the key that was given" in texts(found, "signature", State.HOLDS)
    assert found.verdict == json.loads((signed / "verdict.json").read_text())["verdict"]


def test_it_needs_nothing_but_the_bundle(signed: Path, tmp_path: Path) -> None:
    """From another folder, with another user's settings, and a hostile plan and .env beside it."""
    home = tmp_path / "somebody"
    home.mkdir()
    (home / "canary.yaml").write_text("task: nonsense\n")
    (home / ".env").write_text("GTW_HOST=broker.example\nRISK_SECRET=short\n")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "GTW_PORT": "1", "LANG": "C", "TZ": "Asia/Tokyo"}
    moved = Path(shutil.move(signed, home / "received from them"))
    command = [sys.executable, "-m", "mt5canary", "verify", str(moved), "--json"]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["state"] == "holds"


def test_the_key_inside_proves_nothing_about_who(signed: Path, keys: Path, flown: Harness) -> None:
    """Without a key of the verifier's, integrity alone is claimed; with another one, it is contradicted."""
    alone = verify(signed)
    assert alone.state is State.HOLDS
    assert "not who signed" in texts(alone, "signature", State.HOLDS)
    other = verify(signed, public_key=flown.folder / "other" / "signing.pem")
    assert (other.state, other.exit_status, other.verdict) == (State.CONTRADICTED, 1, None)


def test_an_unsigned_bundle_says_so(unsigned: Path, keys: Path) -> None:
    """It holds as far as it goes; where a key is asked for, it does not."""
    found = verify(unsigned)
    assert found.state is State.HOLDS
    assert texts(found, "signature", State.NOT_JUDGED).startswith("not signed")
    assert verify(unsigned, public_key=keys / "signing.pub").exit_status == 1


def test_challenge_must_be_the_one_that_was_given(signed: Path, unsigned: Path) -> None:
    """Another challenge, or a run that had none, is contradicted."""
    assert verify(signed, challenge=CHALLENGE + "0").exit_status == 1
    assert verify(unsigned, challenge=CHALLENGE).exit_status == 1


def test_nonce_is_made_of_the_challenge(unsigned: Path, signed: Path, flown: Harness) -> None:
    """A challenge written into the first record afterwards does not reach the order that the broker's history has."""
    forger = Forger(signed, unsigned, flown.folder / "other" / "signing.key", 1)
    forger.relink(forger.change(0, challenge="another"))
    forger.remake_manifest()
    found = verify(signed, challenge="another")
    assert "the challenge makes" in texts(found, "challenge", State.CONTRADICTED)


@pytest.mark.parametrize(("after", "outcome"), [(True, Outcome.PASS), (False, Outcome.FAIL)])
def test_what_was_asked_after_e3_is_not_held_against_it(signed: Path, after: bool, outcome: Outcome) -> None:
    """A run that ends open asks on: a loss or another's reply then says nothing of what E3 said before."""
    evidence = read(signed / "evidence.jsonl")
    world = World(signed, evidence, load(signed / "plan.yaml", environment={}))
    _, last = world.span("E3")
    place = len(evidence.records) if after else 1
    seq = last + 1 if after else evidence.records[0]["seq"]
    another = {"kind": "connection", "seq": seq, "connection": 99, "ends": {"peer": "198.51.100.9:5555"}}
    evidence.records.insert(place, another)
    evidence.misdirected += 1
    judged = evidence_stage.every_exchange_is_recorded(world)
    assert worst([each.outcome for each in judged]) is outcome


def test_a_batch_agrees_with_what_is_kept_raw_of_it(signed: Path) -> None:
    """A probe's reply that the batch has otherwise than the raw record of the same probe is seen."""
    evidence = read(signed / "evidence.jsonl")
    world = World(signed, evidence, load(signed / "plan.yaml", environment={}))
    batch = next(each for each in evidence.of_kind("probes") if each["raw"])
    batch["reply_sha256"][batch["raw"][0]] = "0" * 64
    judged = {each.name: each.outcome for each in evidence_stage.every_exchange_is_recorded(world)}
    assert judged["batched exchanges kept raw that agree"] is Outcome.FAIL


@pytest.mark.parametrize(("version", "status"), [(__version__, 1), ("99.0", 2)])
def test_another_versions_words_are_no_contradiction(
    signed: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, version: str, status: int
) -> None:
    """Documents that this version would word otherwise are wrong; those of another are to be verified with that one."""
    monkeypatch.setattr("mt5canary.evidence.documents.completion_report", lambda *_: "worded otherwise")
    monkeypatch.setattr("mt5canary.verify.verification.__version__", version)
    found = verify(signed, public_key=keys / "signing.pub")
    assert found.exit_status == status
    text = next(item.text for item in found.items if item.subject == "COMPLETION_REPORT.md")
    assert (f"verify it with mt5canary {__version__}" in text) is (status == 2)


def test_a_run_that_was_killed_verifies_as_incomplete(harness: Harness) -> None:
    """SIGKILL in the watch: the readable part holds and is judged, what is missing is named, status 2."""
    harness.watch["targets.simulator.limits.watch.for"] = "60s"
    process = harness.start_live()
    flown = b'"kind":"outcome","criterion":"X11"'
    eventually(lambda: bool(harness.bundles) and flown in (harness.bundle / "evidence.jsonl").read_bytes())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    eventually(lambda: not harness.processes())
    chain = harness.bundle / "evidence.jsonl"
    for torn in (False, True):
        if torn:
            chain.write_bytes(chain.read_bytes() + b'{"prev":"0123')  # the record that was being written
        found = verify(harness.bundle)
        assert (found.state, found.exit_status, found.verdict) == (State.MISSING, 2, None), found.items
        assert "cut off" in texts(found, "verdict", State.MISSING)
        assert "ended before its last act" in texts(found, "manifest", State.MISSING)
        assert ("its line has no end" in texts(found, "chain", State.MISSING)) is torn
        again = texts(found, "criteria", State.HOLDS)
        assert "X8" in again
        assert "G2" not in again


def test_a_run_whose_own_bundle_does_not_hold_does_not_exit_0(harness: Harness) -> None:
    """Something changes a file between the manifest and the last act: the run says what, and exits with 1."""
    (harness.folder / "spoiler.py").write_text(
        "from mt5canary.evidence import bundle\n"
        "close = bundle.close\n"
        "def spoil(run, key=None):\n"
        "    close(run, key)\n"
        "    (run.folder / 'verdict.json').write_text('{}')\n"
        "bundle.close = spoil\n"
    )
    finished = harness.pytest("-m", "preflight", "-p", "spoiler")
    assert "19 passed" in finished.output
    assert "verify: this run's own bundle does not hold" in finished.output
    assert "CONTRADICTED: verdict.json" in finished.output
    assert finished.status == 1


def test_what_is_required_is_known_without_the_bundle() -> None:
    """The criteria that a verifier requires are the catalogue's."""
    from mt5canary.catalogue import load

    catalogue = load(ROOT / "verification" / "catalogue.yaml")
    for mode in ("preflight", "live"):
        assert required_of(mode) == [criterion.id for criterion in catalogue.of_mode(mode)]
    assert {criterion.id for criterion in catalogue.criteria if criterion.live_only} == LIVE_ONLY


def test_a_criterion_cannot_be_left_out(unsigned: Path, flown: Harness) -> None:
    """A first record that requires fewer is contradicted, whatever the rest says."""
    forger = Forger(unsigned, unsigned, flown.folder / "other" / "signing.key", 1)
    required = json.loads(forger.lines[0])["criteria"]
    forger.relink(forger.change(0, criteria=[each for each in required if each["id"] != "X5"]))
    forger.remake_manifest()
    assert "X5" in texts(verify(unsigned), "criteria", State.CONTRADICTED)


def test_what_is_no_bundle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a chain, and a key that is none: status 4 and one line."""
    assert main(["verify", str(tmp_path)]) == 4
    assert "there is no evidence.jsonl in it" in capsys.readouterr().err


def test_a_private_key_is_not_taken_for_the_public_one(
    signed: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mistake is named."""
    assert main(["verify", str(signed), "--public-key", str(keys / "signing.key")]) == 4
    assert "is a private key; name the public one" in capsys.readouterr().err


def test_a_statement_that_is_no_text_is_named(signed: Path, keys: Path) -> None:
    """A byte flipped under the base64 of what is signed may leave bytes that are no UTF-8."""
    path = signed / "attestation.json"
    envelope = json.loads(path.read_text())
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[66] = 0xBE
    path.write_text(path.read_text().replace(envelope["payload"], base64.b64encode(payload).decode()))
    assert texts(verify(signed, public_key=keys / "signing.pub"), "signature", State.CONTRADICTED)
