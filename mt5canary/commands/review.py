"""``mt5canary review BUNDLE``: the written policy applied to a finished bundle."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mt5canary.errors import UsageProblem
from mt5canary.evidence.chain import BrokenChain
from mt5canary.evidence.finished import folder_of
from mt5canary.evidence.text import visible
from mt5canary.review import decision, policy
from mt5canary.review.decision import Decision, Review
from mt5canary.review.reviewer import ask
from mt5canary.review.rules import Standing, rulings
from mt5canary.verify.verification import verify

MARKS = {Standing.HOLDS: "INFO   ", Standing.CHANGE: "WARNING", Standing.REJECT: "ERROR  "}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="a run's folder, such as reports/latest")
    parser.add_argument("--policy", metavar="FILE", type=Path, default=Path("review.yaml"), help="the policy")
    parser.add_argument("--by", metavar="NAME", action="append", default=[], help="who approves; once for each person")
    parser.add_argument("--reviewer", metavar="COMMAND", help="an outside reviewer: reads JSON, answers JSON, may veto")
    parser.add_argument("--public-key", metavar="FILE", type=Path, help="the key that must have signed the bundle")
    parser.add_argument("--signing-key", metavar="FILE", type=Path, help="signs the review")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    """Review, write the review beside the bundle, and print it; exit status 0 for APPROVED alone."""
    folder = folder_of(arguments.bundle)
    read = policy.read(arguments.policy)
    verification = verify(folder, public_key=arguments.public_key)
    try:
        case = decision.case_of(folder, verification, arguments.by, datetime.now(UTC))
    except BrokenChain as broken:
        raise UsageProblem(f"{folder} cannot be reviewed: {broken}; mt5canary verify says what else is wrong") from None
    ruled = rulings(case, read.policy)
    reviewed = None
    if arguments.reviewer is not None:
        reviewed = ask(arguments.reviewer, decision.for_a_reviewer(folder, case, ruled))
    review = decision.decide(folder, case, read, ruled, reviewed)
    if arguments.signing_key is not None:
        from mt5canary.evidence.signing import read_private

        review = decision.attested(review, read_private(arguments.signing_key))
    path = decision.write(folder, review)
    print(msgspec.json.format(msgspec.json.encode(review)).decode() if arguments.json else _told(review, path))
    return 0 if review.decision is Decision.APPROVED else 1


def _told(review: Review, path: Path) -> str:
    """The review as lines of the verification log, which ``tee -a VERIFY_LOG.log`` may append."""
    lines = [(MARKS[each.standing], f"{each.rule}: {each.standing}: {each.reason}") for each in review.rulings]
    if review.reviewer is not None:
        answer = review.reviewer.answer
        said = review.reviewer.trouble if answer is None else f"{answer.verdict}: {'; '.join(answer.reasons)}"
        lines.append(("INFO   ", f"reviewer {review.reviewer.command}: {said}"))
    signed = "unsigned" if review.attestation is None else f"signed by {review.attestation.signatures[0].keyid}"
    level = "INFO   " if review.decision is Decision.APPROVED else "ERROR  "
    lines.append((level, f"REVIEW: {review.decision} run {review.run} of task {review.task}; {path}, {signed}"))
    at = review.decided_at.replace("Z", ".000000Z")
    return "\n".join(f"{at} {mark} [review] {visible(text)}" for mark, text in lines)
