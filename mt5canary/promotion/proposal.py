"""The raise as a proposal that a person signs off: what was seen, on which bundles, and what would change.

It changes nothing by itself: the plan's own key stays what it is until a person writes the new one there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from mt5canary.errors import UsageProblem
from mt5canary.evidence import manifest
from mt5canary.evidence.text import visible
from mt5canary.plan import Resolved
from mt5canary.promotion.decision import Decision
from mt5canary.promotion.examination import Examined

NAME = "promotion-proposal"
SCHEMA = 1


class Bundle(Struct, frozen=True, kw_only=True):
    """One run that the proposal rests on; ``manifest_sha256`` is the digest of its manifest's bytes."""

    run: str
    verdict: str
    covered_hours: float
    manifest_sha256: str
    signed_by: str


class SignOff(Struct, frozen=True, kw_only=True):
    """Who says yes: empty until a person fills it in."""

    name: str = ""
    date: str = ""
    remarks: str = ""


class Proposal(Struct, frozen=True, kw_only=True):
    """``promotion-proposal.json``."""

    schema: int
    task: str
    target: str
    account: str
    symbol: str
    plan_sha256: str
    made_at: str
    change: str
    decision: Decision
    bundles: list[Bundle]
    sign_off: SignOff = SignOff()


def propose(decision: Decision, examined: Sequence[Examined], plan: Resolved) -> Proposal:
    """The proposal for a raise that was decided."""
    assert decision.whole is not None
    account, order = plan.target.account, plan.plan.order
    rests_on = [run for run in examined if run.counts and run.run in decision.whole.runs]
    key = "order.risk_coefficient" if order.volume is None else "order.volume"
    before, after = (one if order.volume is None else one * float(order.max_lot)
                     for one in (decision.from_step, decision.to_step or 0.0))  # fmt: skip
    return Proposal(
        schema=SCHEMA,
        task=plan.plan.task,
        target=plan.name,
        account=f"{account.login} at {account.server}",
        symbol=order.symbol,
        plan_sha256=plan.digest,
        made_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        change=f"{key}: {before:g} -> {after:g}",
        decision=decision,
        bundles=[_bundle(run) for run in sorted(rests_on, key=lambda run: run.began)],
    )


def _bundle(run: Examined) -> Bundle:
    return Bundle(
        run=run.run,
        verdict=str(run.verification.verdict),
        covered_hours=round(run.covered_seconds / 3_600, 4),
        manifest_sha256=hashlib.sha256((run.folder / manifest.NAME).read_bytes()).hexdigest(),
        signed_by=run.verification.signed_by,
    )


def write(proposal: Proposal, folder: Path) -> list[Path]:
    """Write both files; raises UsageProblem where one that a person has signed off stands in their place."""
    machine, people = folder / f"{NAME}.json", folder / f"{NAME}.md"
    if machine.exists():
        _require_unsigned(machine)
    if not folder.is_dir():
        raise UsageProblem(f"there is no folder {folder} for the proposal: name another with --out")
    machine.write_bytes(msgspec.json.format(msgspec.json.encode(proposal), indent=2) + b"\n")
    digest = hashlib.sha256(machine.read_bytes()).hexdigest()
    people.write_text(_page(proposal, digest), encoding="utf-8")
    return [machine, people]


def _require_unsigned(path: Path) -> None:
    try:
        earlier = msgspec.json.decode(path.read_bytes(), type=Proposal)
    except msgspec.DecodeError:
        raise UsageProblem(f"{path} is no proposal of this program: move it away first") from None
    if earlier.sign_off != SignOff():
        raise UsageProblem(f"{path} was signed off by {earlier.sign_off.name or 'somebody'}: move it away first")


def _page(proposal: Proposal, digest: str) -> str:
    decision = proposal.decision
    rows = [
        f"| {bundle.run} | {bundle.verdict} | {bundle.covered_hours:.2f} | `{bundle.manifest_sha256}` | "
        f"{visible(bundle.signed_by) or 'not signed'} |"
        for bundle in proposal.bundles
    ]
    return "\n".join(
        [
            f"# Proposal: raise the canary of task {visible(proposal.task)} by one step",
            "",
            f"Target {proposal.target}, account {visible(proposal.account)}, {proposal.symbol}. Made "
            f"{proposal.made_at} from the plan with SHA-256 `{proposal.plan_sha256}`.",
            "",
            f"**`{proposal.change}`**, from step {decision.from_step:g} to step {decision.to_step or 0:g}.",
            "",
            "## Why",
            "",
            *(f"- {visible(reason)}" for reason in decision.reasons),
            "",
            "## On which bundles",
            "",
            "| run | verdict | hours watched | SHA-256 of its manifest | signed |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "`mt5canary verify` checks each of them. Nothing changes until the new value stands in the plan.",
            "",
            "## Sign-off",
            "",
            f"`{NAME}.json` beside this page, SHA-256 `{digest}`, holds the same with all figures; its `sign_off` is "
            "to be filled in likewise.",
            "",
            "| name | date | decision | remarks |",
            "|---|---|---|---|",
            "| | | | |",
            "",
        ]
    )
