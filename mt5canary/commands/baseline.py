"""``mt5canary baseline``: record what the market's features look like, from the target's own quotes."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mt5canary.errors import Finding, UsageProblem
from mt5canary.guardian.drift import make_baseline
from mt5canary.link.session import ReadSession
from mt5canary.plan import Resolved, load
from mt5canary.plan.durations import parse_duration
from mt5canary.reaching import reading_session
from mt5canary.wire.replies import Tick


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--for", dest="duration", metavar="TIME", required=True, help="how long, such as 60s or 10m")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="where the baseline goes")


def run(arguments: argparse.Namespace) -> int:
    """Record a baseline; raises UsageProblem for what cannot be used and Finding where the target cannot serve."""
    resolved = load(arguments.plan, target=arguments.target)
    sample = resolved.limits.drift.sample.total_seconds()
    try:
        seconds = parse_duration(arguments.duration).total_seconds()
    except ValueError as error:
        raise UsageProblem(f"--for {arguments.duration}: {error}") from None
    try:
        with reading_session(resolved) as session:
            session.hello()  # goes first and alone, to any gateway
            spec = session.symbol(resolved.plan.order.symbol)
            quotes, source = _sample(session, resolved, seconds, sample)
        baseline = make_baseline(
            quotes,
            spec,
            round(sample * 1000),
            datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            source,
        )
    except Finding as finding:
        print(f"no baseline was recorded: {finding}")
        return 1
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n")
    print(f"{arguments.out}: {baseline.rows} rows of {', '.join(baseline.features)}, digest {baseline.digest}")
    return 0


def _sample(
    session: ReadSession, resolved: Resolved, seconds: float, sample: float
) -> tuple[list[Tick], dict[str, str]]:
    hello = session.hello()
    symbol = resolved.plan.order.symbol
    quotes = [session.tick(symbol)]
    due = start = time.monotonic()
    while due < start + seconds:
        due += sample
        time.sleep(max(0.0, due - time.monotonic()))
        quotes.append(session.tick(symbol))
    source = {
        "target": resolved.name,
        "terminal": hello.terminal.kind,
        "server": hello.account.server,
        "company": hello.account.company,
    }
    return quotes, source
