"""The decision over a bundle: APPROVED, CHANGES REQUESTED or REJECTED, with every reason, beside the bundle.

``<run>.review.json`` is the decision with what it was made from, and an attestation of its own where a key is given: an
in-toto statement in a DSSE envelope whose subject is the bundle's manifest and whose predicate is a simple verification
result (https://in-toto.io/attestation/svr/v0.1), extended by the whole review.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mt5canary import __version__
from mt5canary.errors import UsageProblem
from mt5canary.evidence import attestation, finished, manifest
from mt5canary.evidence.attestation import Envelope
from mt5canary.evidence.records import settings_of
from mt5canary.review.policy import ReadPolicy
from mt5canary.review.reviewer import Reviewed
from mt5canary.review.rules import Case, Ruling, Standing, open_unknowns
from mt5canary.verify.findings import Verification

if TYPE_CHECKING:
    from mt5canary.evidence.signing import SigningKey

SCHEMA = 1
PREDICATE_TYPE = "https://in-toto.io/attestation/svr/v0.1"


class Decision(StrEnum):
    """What a review comes to."""

    APPROVED = "APPROVED"
    CHANGES_REQUESTED = "CHANGES REQUESTED"
    REJECTED = "REJECTED"


class Review(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """``<run>.review.json``; ``attestation`` is None where no key was given."""

    schema: int
    run: str
    task: str
    decision: Decision
    reasons: list[str]
    decided_at: str
    names: list[str]
    policy: str
    policy_sha256: str
    manifest_sha256: str
    plan_sha256: str
    verification: str
    rulings: list[Ruling]
    reviewer: Reviewed | None
    attestation: Envelope | None = None


def case_of(folder: Path, verification: Verification, names: Iterable[str], now: datetime) -> Case:
    """Everything that the rules look at; raises UsageProblem where the folder is no finished bundle."""
    records = list(finished.records_of(folder, ("intent", "finding", "settings")))
    findings = [f"{each['criterion']}: {each['text']}" for each in records if each["kind"] == "finding"]
    return Case(
        verification=verification,
        verdict=finished.verdict_of(folder),
        findings=findings,
        unknown_intents=open_unknowns(records),
        plan_sha256=_sha256(folder / "plan.yaml"),
        trade_mode=_trade_mode(records),
        names=list(names),
        now=now,
    )


def _trade_mode(records: list[dict[str, Any]]) -> str:
    """The account's kind as the plan expects it; one that is not said counts as real."""
    values = settings_of(records)
    target = values.get("target", {}).get("value")
    entry = values.get(f"targets.{target}.account.trade_mode", {})
    return str(entry.get("value") or "real")


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageProblem(f"{path}: cannot be read: {error.strerror or error}; a finished bundle has one") from None


def for_a_reviewer(folder: Path, case: Case, ruled: list[Ruling]) -> dict[str, Any]:
    """What an outside reviewer gets to read."""
    return {
        "schema": SCHEMA,
        "run": case.verdict.run,
        "bundle": str(folder),
        "verdict": msgspec.to_builtins(case.verdict),
        "findings": list(case.findings),
        "plan_sha256": case.plan_sha256,
        "verification": msgspec.to_builtins(case.verification),
        "rulings": msgspec.to_builtins(ruled),
    }


def decide(folder: Path, case: Case, read: ReadPolicy, ruled: list[Ruling], reviewed: Reviewed | None) -> Review:
    """Put rulings and the outside answer together: a veto rejects, an approval changes nothing."""
    rejections = [f"{each.rule}: {each.reason}" for each in ruled if each.standing is Standing.REJECT]
    changes = [f"{each.rule}: {each.reason}" for each in ruled if each.standing is Standing.CHANGE]
    answer = None if reviewed is None else reviewed.answer
    if answer is not None and answer.verdict == "veto":
        rejections.append(f"the reviewer's veto: {'; '.join(answer.reasons) or 'no reason given'}")
    if answer is None and read.policy.reviewer == "required":
        changes.append(f"reviewer: {reviewed.trouble if reviewed else 'the policy requires one: --reviewer COMMAND'}")
    decision = Decision.REJECTED if rejections else Decision.CHANGES_REQUESTED if changes else Decision.APPROVED
    return Review(
        schema=SCHEMA,
        run=case.verdict.run,
        task=case.verdict.task,
        decision=decision,
        reasons=[*rejections, *changes],
        decided_at=case.now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        names=list(case.names),
        policy=read.file,
        policy_sha256=read.sha256,
        manifest_sha256=_sha256(folder / manifest.NAME),
        plan_sha256=case.plan_sha256,
        verification=str(case.verification.state),
        rulings=ruled,
        reviewer=reviewed,
    )


def attested(review: Review, key: SigningKey) -> Review:
    """The review with its attestation."""
    plain = msgspec.to_builtins(review)
    del plain["attestation"]
    statement = {
        "_type": attestation.STATEMENT_TYPE,
        "subject": [{"name": manifest.NAME, "digest": {"sha256": review.manifest_sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "verifier": {"id": f"mt5canary review {__version__}"},
            "timeCreated": review.decided_at,
            "properties": [each.rule for each in review.rulings if each.standing is Standing.HOLDS],
            "mt5canary": plain,
        },
    }
    return msgspec.structs.replace(review, attestation=attestation.seal(statement, key))


def path_of(folder: Path) -> Path:
    """Where a bundle's review stands: beside it, never in it."""
    return folder.parent / f"{folder.name}.review.json"


def write(folder: Path, review: Review) -> Path:
    """Write the review beside the bundle."""
    path = path_of(folder)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(review), indent=2) + b"\n")
    fresh.replace(path)
    return path
