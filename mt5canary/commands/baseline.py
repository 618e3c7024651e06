"""``mt5canary baseline``: record what the features of the plan look like, from the target's own quotes.

The features of the strategy's column file are recorded over the same time, from the rows that it adds meanwhile, or
with ``--columns`` from every row of another file of the same form, such as the strategy's training data.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mt5canary import __version__
from mt5canary.errors import Finding, Unproven, UsageProblem
from mt5canary.guardian.baseline import SCHEMA, Baseline, describe
from mt5canary.guardian.column_file import ColumnFile, ColumnSpan
from mt5canary.guardian.features import QuoteWindow
from mt5canary.link.session import ReadSession
from mt5canary.plan import Resolved, load
from mt5canary.plan.durations import parse_duration
from mt5canary.plan.schema import BUILT_IN_FEATURES
from mt5canary.reaching import reading_session
from mt5canary.wire.replies import SymbolSpecification

if TYPE_CHECKING:
    from mt5canary.guardian.stability import Column


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--for", dest="duration", metavar="TIME", required=True, help="how long, such as 60s or 10m")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="where the baseline goes")
    parser.add_argument(
        "--columns", metavar="FILE", type=Path, help="take the strategy's own features from every row of this file"
    )


def run(arguments: argparse.Namespace) -> int:
    """Record a baseline; raises UsageProblem for what cannot be used and prints why a target cannot serve."""
    resolved = load(arguments.plan, target=arguments.target)
    try:
        seconds = parse_duration(arguments.duration).total_seconds()
    except ValueError as error:
        raise UsageProblem(f"--for {arguments.duration}: {error}") from None
    if arguments.columns is not None and resolved.column_file is None:
        raise UsageProblem("--columns: the plan names no feature of a column file (limits.drift.columns, .features)")
    if not arguments.out.parent.is_dir():
        raise UsageProblem(f"--out {arguments.out}: there is no folder {arguments.out.parent}")
    try:
        baseline = _record(resolved, seconds, arguments.columns)
    except (Finding, Unproven) as error:
        print(f"no baseline was recorded: {error}")
        return 1
    arguments.out.write_bytes(msgspec.json.format(msgspec.json.encode(baseline), indent=2) + b"\n")
    print(f"{arguments.out}: {baseline.rows} rows of {', '.join(baseline.features)}, digest {baseline.digest}")
    for name, feature in baseline.features.items():
        worth = "constant: it can show no drift" if feature.constant else f"worth {feature.effective_rows:.0f}"
        print(f"  {name}: {feature.rows} rows in {len(feature.counts)} bins, {worth}")
    return 0


def _record(resolved: Resolved, seconds: float, whole_file: Path | None) -> Baseline:
    own = [name for name in resolved.limits.drift.features if name not in BUILT_IN_FEATURES]
    path = whole_file or resolved.column_file
    column_file = None if path is None else ColumnFile(path, own, whole=whole_file is not None)
    with reading_session(resolved) as session:
        hello = session.hello()  # goes first and alone, to any gateway
        spec = session.symbol(resolved.plan.order.symbol)
        columns = _sample(session, spec, resolved.limits.drift.sample.total_seconds(), seconds, column_file)
    source = {
        "target": resolved.name,
        "terminal": hello.terminal.kind,
        "server": hello.account.server,
        "company": hello.account.company,
        "gateway": hello.gateway.instance,
        "mt5canary": __version__,
    }
    taken: Mapping[str, Column] = {}
    span: ColumnSpan | None = None
    if column_file is not None:
        taken, span = column_file.take()
    every = {**columns, **taken}
    return Baseline(
        schema=SCHEMA,
        symbol=spec.symbol,
        point=spec.point,
        sample_ms=round(resolved.limits.drift.sample.total_seconds() * 1000),
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=seconds,
        source=source,
        features=describe({name: every[name] for name in resolved.limits.drift.features}),
        column_span=span,
    ).sealed()


def _sample(
    session: ReadSession, spec: SymbolSpecification, sample: float, seconds: float, column_file: ColumnFile | None
) -> Mapping[str, Column]:
    """Sample quotes for a time as the watch does, at an interval in seconds, and return their columns."""
    window = QuoteWindow(sample, spec.point)
    due = start = time.monotonic()
    while due <= start + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        due += sample
        tick = session.tick(spec.symbol)
        assert session.last is not None
        window.add(session.last.sent, tick.bid, tick.ask, tick.time_msc)
        if column_file is not None:
            column_file.poll()
    return window.take()
