"""The page of a run of an hour, a day and three days: how long it takes, how large it is, how both grow.

The records are made by the watch's own books through the real chain, at ten probes and ten quotes a second, with a
reading a second and a drift check an hour. The page is read from the file, checked link by link, as a run does it.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from benchmarks.alternating import Ratio, alternate
from benchmarks.figure import Figure
from mt5canary.catalogue import load
from mt5canary.evidence.chain import Chain
from mt5canary.evidence.page.facts import spared
from mt5canary.evidence.page.static import static_part
from mt5canary.evidence.records import each_readable
from mt5canary.evidence.verdict import CriterionResult, Verdict
from mt5canary.guardian.batches import ProbeBook, QuoteBook, ReadingBook
from mt5canary.link.exchange import Exchange
from mt5canary.measurement import Outcome, below
from mt5canary.wire.replies import Tick

ROOT = Path(__file__).parent.parent
HOURS = (1, 24, 72)
ROUNDS = 3
TENTH = 100_000_000
BEGAN = 1_768_587_433_285_050_000
MOST_SECONDS = 10.0
MOST_MEGABYTES = 3.0
"""What the page of 24 hours may take; 72 hours have no limit of their own."""

SETTINGS = {"limits.latency.p99_ms": 100, "limits.latency.confidence": 0.95, "limits.drift.warn_psi": 0.1}


def measure() -> list[Ratio | Figure]:
    """Seconds and megabytes for each length, the day beside a bare loop over its lines, and its memory."""
    rows: list[Ratio | Figure] = []
    with tempfile.TemporaryDirectory() as scratch:
        for hours in HOURS:
            chain = write_chain(Path(scratch) / f"{hours}h.jsonl", hours)
            rows += _rows(chain, hours)
            if hours == 24:
                name = "the page of 24 h / hashing its records' lines and parsing them with json"
                rows.append(alternate(name, lambda c=chain: _render(c), lambda c=chain: _bare(c), ROUNDS, "s", None))
                rows.append(Figure("memory of the page of 24 h, at its peak", (_peak(chain),), "MB"))
            chain.unlink()
    return rows


def _rows(chain: Path, hours: int) -> list[Figure]:
    took = tuple(_render(chain) for _ in range(ROUNDS))
    size = len(static_part(each_readable(chain, spared), verdict()).encode()) / 1e6
    limited = hours == 24
    records = f"{chain.stat().st_size / 1e6:.0f} MB of records"
    return [
        Figure(f"the page of {hours} h, {records}", took, "s", MOST_SECONDS if limited else None),
        Figure(f"the size of the page of {hours} h", (size,), "MB", MOST_MEGABYTES if limited else None),
    ]


def _render(chain: Path) -> float:
    started = time.perf_counter()
    static_part(each_readable(chain, spared), verdict())
    return time.perf_counter() - started


def _bare(chain: Path) -> float:
    started = time.perf_counter()
    with chain.open("rb") as file:
        for line in file:
            hashlib.sha256(line).hexdigest()
            json.loads(line)
    return time.perf_counter() - started


def _peak(chain: Path) -> float:
    tracemalloc.start()
    static_part(each_readable(chain, spared), verdict())
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


def verdict() -> Verdict:
    """Every criterion of the catalogue passed, with six measurements each."""
    criteria = [
        CriterionResult(
            id=each.id, stage=each.stage, title=each.title, outcome=Outcome.PASS, reason="6 measurements within limits",
            measurements=[below(f"figure {number}", number, 10, "ms", 300) for number in range(6)],
        )
        for each in load(ROOT / "verification" / "catalogue.yaml").criteria
    ]  # fmt: skip
    return Verdict(
        schema=1, run="20260116T181713Z-abcdef", task="119.6", mode="live", target="demo", rehearsal=False,
        verdict=Outcome.PASS, decided_by=None, evidence_level="E2", started_at="2026-01-16T18:17:13.285050Z",
        ended_at="2026-01-17T18:17:13.285050Z", criteria=criteria, order=None, flat=True,
    )  # fmt: skip


def write_chain(path: Path, hours: float) -> Path:
    """The chain of a watch of so many hours."""
    chain = Chain(path)
    chain.append("run", {"environment": {"mt5canary": "0.1.0"}})
    chain.append("settings", {"values": {name: {"value": value, "source": "plan"} for name, value in SETTINGS.items()}})
    with _clock() as moment:
        _watch(chain, hours, moment)
    chain.close()
    return path


@contextmanager
def _clock() -> Iterator[list[int]]:
    """The chain's clocks show the time of the watch that is made up."""
    moment = [0]
    wall, monotonic = (lambda: BEGAN + moment[0]), (lambda: moment[0])
    with (
        mock.patch("mt5canary.evidence.chain.time.time_ns", wall),
        mock.patch("mt5canary.evidence.chain.time.monotonic_ns", monotonic),
    ):
        yield moment


def _watch(chain: Chain, hours: float, moment: list[int]) -> None:
    draw = Random(119)
    probes, quotes, readings = ProbeBook(chain.append, 50.0), QuoteBook(chain.append), ReadingBook(chain.append)
    figures = {"balance": 200.0, "equity": 200.0, "margin": 0.04, "profit": 0.0, "bid": 1.08189, "ask": 1.08198}
    for number in range(int(hours * 36_000)):
        due = moment[0] = number * TENTH
        took = int(math.exp(draw.gauss(13.2, 0.5)))
        exchange = _exchange("PING", due, due + took)
        probes.add(exchange, due, due + took, "ok")
        bid = round(1.08 + 0.001 * math.sin(number / 9000) + draw.randrange(9) / 1e5, 5)
        tick = Tick(bid=bid, ask=bid + 9e-5, time_msc=due // 1_000_000)
        quotes.add(_exchange("GET_TICK", due + took, due + 2 * took), tick)
        if number % 10 == 0:
            for action in ("HELLO", "GET_ACCOUNT", "GET_POSITIONS", "GET_TICK"):
                readings.record("exchange", _exchange(action, due + took, due + 2 * took))
            readings.add(number / 10, {**figures, "positions": 1}, raw=False)
        if number % 36_000 == 35_999:
            quotes.flush()
            chain.append("drift", _drift(number / 10, draw))
    probes.flush()
    quotes.flush()
    readings.flush()


def _exchange(action: str, sent: int, received: int) -> Exchange:
    request = f'{{"action":"{action}","uuid":"8c0cafdb-d804-445f-ac1b-{sent:012d}"}}'.encode()
    reply = b'{"status":"ok","uuid":"8c0cafdb-d804-445f-ac1b-1939d0347bf7","server_time":"2026-01-16T18:17:13.285Z"}'
    return Exchange(
        action=action, uuid="", connection=0, request=request, sent_wall=BEGAN + sent, sent=sent,
        received=received, reply=reply,
    )  # fmt: skip


def _drift(after: float, draw: Random) -> dict[str, Any]:
    features = [
        {"feature": name, "psi": draw.random() / 20, "chance": 0.05, "rows": 36_000, "constant": False}
        for name in ("log_return", "spread", "new_quote")
    ]
    return {"after_seconds": after, "rows": 36_000, "problem": None, "features": features}
