"""``mt5canary evaluate``: what finished runs come to over 24 and 72 hours, and whether the size may grow."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from mt5canary.errors import UsageProblem
from mt5canary.evidence.finished import folder_of
from mt5canary.evidence.run import CHAIN_NAME
from mt5canary.evidence.text import visible
from mt5canary.plan import load
from mt5canary.promotion import proposal
from mt5canary.promotion.decision import Choice, Decision, decide
from mt5canary.promotion.examination import Examined, examine
from mt5canary.promotion.period import Figures, Latency
from mt5canary.verify.verification import verify

STATUSES = "exit status: 0 evaluated, whatever was decided, 4 nothing that can be evaluated"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = STATUSES
    parser.add_argument(
        "reports", metavar="REPORTS", type=Path, nargs="*", help="runs' folders, or folders of runs; reports where none"
    )
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--public-key", metavar="FILE", type=Path, help="the key that must have signed the bundles")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=Path(), help="where a proposal goes; here if not said"
    )
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    """Verify every run, decide on those that count, and write the proposal of a raise."""
    plan = load(arguments.plan, target=arguments.target)
    folders = list(dict.fromkeys(_folders(arguments.reports or [Path("reports")])))
    if not folders:
        raise UsageProblem(f"no finished run is there: name folders with an {CHAIN_NAME} in them")
    examined = [examine(folder, verify(folder, public_key=arguments.public_key), plan) for folder in folders]
    _exclude_copies(examined)
    decision = decide(examined, plan)
    written: list[Path] = []
    if decision.choice is Choice.RAISE:
        written = proposal.write(proposal.propose(decision, examined, plan), arguments.out)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(_plain(examined, decision, written)), indent=2).decode())
    else:
        print("\n".join(_told(examined, decision, written)))
    return 0


def _folders(paths: Sequence[Path]) -> Iterator[Path]:
    """The runs' folders, each by its real path; ``latest`` leads to a run that is there anyway."""
    for path in paths:
        folder = folder_of(path)
        if (folder / CHAIN_NAME).is_file():
            yield folder
        else:
            yield from sorted(chain.parent.resolve() for chain in folder.glob(f"*/{CHAIN_NAME}"))


def _exclude_copies(examined: Sequence[Examined]) -> None:
    """Count a run once, however many copies of its bundle were named."""
    seen: set[str] = set()
    for one in examined:
        if one.counts and one.run in seen:
            one.excluded = "a copy of a run that is counted already"
        elif one.counts:
            seen.add(one.run)


def _plain(examined: Sequence[Examined], decision: Decision, written: Sequence[Path]) -> dict[str, object]:
    runs = [
        {
            "run": one.run,
            "folder": str(one.folder),
            "counts": one.counts,
            "excluded": one.excluded,
            "verdict": one.verification.verdict,
            "verification": one.verification.state,
            "covered_hours": round(one.covered_seconds / 3_600, 4),
            "step": None if one.step is None else float(one.step),
        }
        for one in examined
    ]
    return {"schema": 1, "runs": runs, "decision": decision, "proposal": [str(path) for path in written]}


def _told(examined: Sequence[Examined], decision: Decision, written: Sequence[Path]) -> list[str]:
    lines = [_run(one) for one in examined]
    for name, figures in (("the last 24 hours", decision.day), ("the decision's period", decision.whole)):
        lines += ["", *(_figures(name, figures) if figures else [f"{name}: nothing that counts was watched"])]
    to_step = (
        "no step below: fly none until the cause is found" if decision.to_step is None else f"{decision.to_step:g}"
    )
    change = "" if decision.choice is Choice.HOLD else f", from {decision.from_step:g} to {to_step}"
    lines += ["", f"DECISION: {decision.choice} at {decision.from_step:g} of max_lot{change}"]
    lines += [f"  - {visible(reason)}" for reason in decision.reasons]
    if written:
        lines.append(f"proposed in {' and '.join(map(str, written))}: nothing changes until a person signs it off")
    return lines


def _run(one: Examined) -> str:
    if not one.counts:
        return f"not counted  {visible(one.run)}: {visible(one.excluded)}"
    step = "?" if one.step is None else f"{one.step.normalize():f}"
    verdict = one.verification.verdict
    return f"counted      {visible(one.run)}: {verdict}, step {step}, {one.covered_seconds / 3_600:.2f} h watched"


def _figures(name: str, figures: Figures) -> list[str]:
    results = figures.results
    slippage = (
        "unproven (n=0)"
        if figures.slippage_mean is None or figures.slippage_worst is None
        else f"{figures.slippage_mean:.1f} points in the mean, {figures.slippage_worst:.1f} at worst"
    )
    mean = "no interval below two runs" if results.low is None else f"95 % [{results.low:.3f}, {results.high:.3f}]"
    money = (
        "unproven (n=0)"
        if results.mean is None
        else f"{results.total:.2f} {results.currency} in {results.runs} runs, a run's mean {results.mean:.3f}, {mean}"
    )
    return [
        f"{name}: {figures.covered_hours:.2f} of {figures.hours:g} h, {figures.since} to {figures.until}",
        f"  fills {figures.fills}, slippage {slippage}",
        f"  latency {_latency(figures.latency)}",
        *(f"    from {hour.since[:16]} {_latency(hour)}" for hour in figures.latency_by_hour),
        f"  drift: {figures.drift_events} events in {figures.drift_checks} checks, at most "
        f"{figures.drift_events_in_24h} in 24 h",
        f"  errors {figures.errors}",
        f"  result {money}",
    ]


def _latency(latency: Latency) -> str:
    p99 = "unproven" if latency.p99_ms is None else f"{latency.p99_ms:.1f} ms"
    return (
        f"P99 {p99} (n={latency.samples}, {latency.over} over the limit, a share within "
        f"[{latency.lower:.3%}, {latency.upper:.3%}]) {latency.outcome}"
    )
