"""From a bundle to a decision beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from mt5canary.errors import UsageProblem
from mt5canary.evidence import attestation, manifest
from mt5canary.evidence.chain import BrokenChain, Chain
from mt5canary.evidence.documents import verdict_json
from mt5canary.evidence.run import CHAIN_NAME
from mt5canary.evidence.signing import new_key
from mt5canary.review import decision
from mt5canary.review.decision import Decision
from mt5canary.review.policy import Policy, ReadPolicy
from mt5canary.review.reviewer import Answer, Reviewed
from mt5canary.review.rules import Case, rulings
from tests.review.conftest import NOW, a_verdict, a_verification


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small bundle with the records that a review reads."""
    folder = tmp_path / a_verdict().run
    folder.mkdir()
    chain = Chain(folder / CHAIN_NAME)
    mode = {"value": "real", "source": "canary.yaml:3"}
    values = {"target": {"value": "demo2", "source": "canary.yaml:1"}, "targets.demo2.account.trade_mode": mode}
    chain.append("settings", {"values": values})
    chain.append("log", {"text": '"kind":"intent"'})
    chain.append("intent", {"step": "SENT", "uuid": "u1", "facts": {}})
    chain.append("finding", {"criterion": "D2", "text": "legacy16 binds little"})
    chain.close()
    (folder / "verdict.json").write_text(verdict_json(a_verdict()), encoding="utf-8")
    (folder / "plan.yaml").write_text("task: '119.6'\n", encoding="utf-8")
    manifest.write(folder, folder.name, CHAIN_NAME)
    return folder


def read(policy: Policy) -> ReadPolicy:
    """A policy as if it had been read."""
    return ReadPolicy(policy=policy, file="review.yaml", sha256="c" * 64)


def decided(bundle: Path, case: Case, policy: Policy, reviewed: Reviewed | None = None) -> decision.Review:
    """The review of a case."""
    return decision.decide(bundle, case, read(policy), rulings(case, policy), reviewed)


def test_a_case_is_read_from_the_bundle(bundle: Path) -> None:
    """Findings, open intents, the account's kind and the plan's digest come from its files."""
    case = decision.case_of(bundle, a_verification(), ["Ada"], NOW)
    assert case.findings == ["D2: legacy16 binds little"]
    assert case.unknown_intents == ["u1"]
    assert case.trade_mode == "real"
    assert case.plan_sha256 == hashlib.sha256(b"task: '119.6'\n").hexdigest()


def test_an_account_of_a_kind_that_is_not_said_counts_as_real(bundle: Path) -> None:
    """Less is not asked for because less is known."""
    (bundle / CHAIN_NAME).unlink()
    Chain(bundle / CHAIN_NAME).close()
    assert decision.case_of(bundle, a_verification(), [], NOW).trade_mode == "real"


def test_a_broken_chain_is_no_case(bundle: Path) -> None:
    """What does not hold together is not reviewed."""
    path = bundle / CHAIN_NAME
    path.write_bytes(path.read_bytes().replace(b"legacy16", b"legacy17"))
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(BrokenChain):
        decision.case_of(bundle, a_verification(), [], NOW)


@pytest.mark.parametrize("name", ["plan.yaml", "verdict.json", CHAIN_NAME])
def test_a_bundle_without_a_file_is_none(name: str, bundle: Path) -> None:
    """The file that is missing is named."""
    (bundle / name).unlink()
    with pytest.raises(UsageProblem, match=name):
        decision.case_of(bundle, a_verification(), [], NOW)


def test_approved(bundle: Path, case: Case, approving: Policy) -> None:
    """Where every rule holds, with nothing left to say."""
    review = decided(bundle, case, approving)
    assert (review.decision, review.reasons) == (Decision.APPROVED, [])


def test_changes_requested_with_every_reason(bundle: Path, case: Case, approving: Policy) -> None:
    """All that must change is said at once."""
    review = decided(bundle, replace(case, names=[], plan_sha256="b" * 64), approving)
    assert review.decision is Decision.CHANGES_REQUESTED
    assert [reason.partition(":")[0] for reason in review.reasons] == ["plan", "names"]


def test_rejected_before_changes(bundle: Path, case: Case, approving: Policy) -> None:
    """What no change mends comes first."""
    review = decided(bundle, replace(case, names=[], unknown_intents=["u"]), approving)
    assert review.decision is Decision.REJECTED
    assert [reason.partition(":")[0] for reason in review.reasons] == ["open", "names"]


def test_a_veto_rejects_and_an_approval_overrules_nothing(bundle: Path, case: Case, approving: Policy) -> None:
    """The outside word counts one way only."""
    veto = Reviewed(command="r", answer=Answer(verdict="veto", reasons=["too close"]))
    approval = Reviewed(command="r", answer=Answer(verdict="approve"))
    assert decided(bundle, case, approving, veto).decision is Decision.REJECTED
    assert "too close" in decided(bundle, case, approving, veto).reasons[0]
    assert decided(bundle, replace(case, names=[]), approving, approval).decision is Decision.CHANGES_REQUESTED


def test_a_required_reviewer_must_answer(bundle: Path, case: Case, approving: Policy) -> None:
    """Silence and trouble ask for changes; an answer is enough."""
    policy = replace(approving, reviewer="required")
    silent = Reviewed(command="r", trouble="no answer within 300 s")
    approval = Reviewed(command="r", answer=Answer(verdict="approve"))
    assert decided(bundle, case, policy).decision is Decision.CHANGES_REQUESTED
    assert decided(bundle, case, policy, silent).reasons == ["reviewer: no answer within 300 s"]
    assert decided(bundle, case, policy, approval).decision is Decision.APPROVED
    assert decided(bundle, case, approving, silent).decision is Decision.APPROVED


def test_the_review_stands_beside_the_bundle_and_is_attested(bundle: Path, case: Case, approving: Policy) -> None:
    """The bundle stays as it was; the attestation's subject is its manifest, its signature the key's."""
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    key = new_key()
    path = decision.write(bundle, decision.attested(decided(bundle, case, approving), key))
    assert path == bundle.parent / f"{bundle.name}.review.json"
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == before
    written = json.loads(path.read_bytes())
    envelope = written.pop("attestation")
    payload = base64.b64decode(envelope["payload"])
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    signed = attestation.pre_authentication(attestation.PAYLOAD_TYPE, payload)
    assert key.public.verifies(signature, signed)
    statement = json.loads(payload)
    assert statement["subject"][0]["digest"]["sha256"] == hashlib.sha256(before[bundle / manifest.NAME]).hexdigest()
    assert statement["predicate"]["mt5canary"] == written
