"""The chain: what appending a record costs, and what verifying a million of them costs beside the barest loop.

The million is a real preflight's chain with as many more round trips of its own kind in the link stage, linked anew, so
that every criterion is judged again over all of them. The bare loop hashes each line and parses it with the standard
library's ``json``, and does nothing else with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from benchmarks.alternating import Ratio, alternate
from benchmarks.figure import Figure
from benchmarks.whole_run import copy_harness, run_pytest
from mt5canary.evidence.chain import FIRST, Chain
from mt5canary.link.exchange import Exchange
from mt5canary.verify.verification import verify

RECORDS = 1_000_000
ROUNDS = 3
BATCHES = 200
IN_A_BATCH = 100


def measure() -> list[Ratio | Figure]:
    """An append without a durable write, and the verification of a chain of a million records."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        appended = _append(folder / "appended.jsonl")
        harness = copy_harness(folder / "harness")
        run_pytest(harness, "-m", "preflight")
        bundle = (harness / "reports" / "latest").resolve()
        chain = bundle / "evidence.jsonl"
        records = _lengthen(chain)
        ratio = alternate(
            f"mt5canary verify of {records:,} records / a loop that hashes and parses each line",
            lambda: _timed_verify(bundle, records),
            lambda: _timed_loop(chain),
            ROUNDS,
            "s",
            2.0,
        )
    return [appended, ratio]


def _append(path: Path) -> Figure:
    """The time of one append of an exchange, in batches."""
    chain = Chain(path)
    request, reply = _frames(1)
    exchange = Exchange(
        action="PING", uuid="u", connection=0, request=request, sent_wall=1, sent=1, received=2, reply=reply
    )
    times = []
    for _ in range(BATCHES):
        started = time.perf_counter()
        for _ in range(IN_A_BATCH):
            chain.append("exchange", exchange)
        times.append((time.perf_counter() - started) / IN_A_BATCH * 1e6)
    chain.close()
    return Figure("a record appended without a durable write", tuple(times), "us", 50.0)


def _frames(number: int) -> tuple[bytes, bytes]:
    uuid, nonce, now = str(UUID(int=number)), f"{number:032x}", "2026-11-28T21:11:59.180993Z"
    request = {"action": "PING", "uuid": uuid, "timestamp": now, "nonce": nonce}
    reply = {"uuid": uuid, "status": "ok", "nonce": nonce, "server_time": now, "latency_ms": 0.1}
    return json.dumps(request).encode(), json.dumps(reply).encode()


def _lengthen(chain: Path) -> int:
    """Put round trips into the link stage of a real chain until it has enough records; returns how many."""
    lines = chain.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if b'"kind":"measurement","criterion":"L6"' in line)
    before = json.loads(lines[place - 1])
    more = _round_trips(RECORDS - len(lines), before["at"], before["monotonic"])
    head = FIRST
    with chain.open("wb") as file:
        for number, line in enumerate((*lines[:place], *more, *lines[place:])):
            start = f'{{"prev":"{head}","seq":{number},'.encode()
            linked = start + re.sub(rb'^\{"prev":"\w+","seq":\d+,', b"", line)
            file.write(linked)
            head = hashlib.sha256(linked).hexdigest()
    return RECORDS


def _round_trips(count: int, at: int, monotonic: int) -> Iterator[bytes]:
    for number in range(count):
        request, reply = (base64.b64encode(frame).decode() for frame in _frames(number))
        sent = monotonic - 500_000 + number % 1000
        yield (
            f'"at":{at},"monotonic":{monotonic},"kind":"exchange","action":"PING","uuid":"{UUID(int=number)}",'
            f'"connection":0,"request":"{request}","sent_wall":{at},"sent":{sent},"received":{sent + 300_000},'
            f'"reply":"{reply}"}}\n'
        ).encode()


def _timed_verify(bundle: Path, records: int) -> float:
    started = time.perf_counter()
    found = verify(bundle)
    took = time.perf_counter() - started
    assert any(item.subject == "chain" and item.text.startswith(f"{records} records") for item in found.items)
    assert any(item.subject == "L6" for item in found.items), "L6 was not judged over them"
    return took


def _timed_loop(path: Path) -> float:
    started = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            hashlib.sha256(line).hexdigest()
            json.loads(line)
    return time.perf_counter() - started
