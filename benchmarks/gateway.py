"""The gateway beside a bare REP loop with ``json``: ``PING``, ``OPEN``, several clients, and what it keeps.

``OPEN`` is a client's whole round trip. It is compared twice: with the bare commits alone, without any socket, and
with a bare REP loop that makes the same commits. Both take the same number of SQLite commits with full synchronous
writes, of rows of the same sizes, in the same two files.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.alternating import Ratio
from benchmarks.asking import BARE, GATEWAY, Served, load
from benchmarks.bare_loop import COMMITS, Commits
from benchmarks.figure import Figure
from mt5canary.gateway.journal import FORGETTING_EVERY, KEPT_SECONDS, Journal, Record

PING_ROUNDS, PING_TURNS, PINGS_A_TURN = 9, 30, 100
OPEN_ROUNDS, OPENS = 7, 60
LOAD_ROUNDS, LOAD_SECONDS = 3, 1.5
STORED = 10_000
REMEMBERED = (10_000, 40_000)


def measure() -> list[Ratio | Figure]:
    """Every row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Served(GATEWAY, folder / "ours") as ours, Served(BARE, folder / "bare") as bare:
            rows: list[Ratio | Figure] = [*_ping(ours, bare), *_open(ours, bare, folder / "commits")]
            for clients in (1, 4, 16):
                rows += _several(ours, bare, clients)
        return [*rows, *_store(folder), _memory(folder / "memory")]


def _took(work: Callable[[], object]) -> float:
    """How long a call takes, in us."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e6


def _in_turn(rounds: int, turns: int, *works: Callable[[], list[float]]) -> list[list[list[float]]]:
    """In each round every work a number of times, turn by turn, so that whatever else runs falls on all of them.

    For each round, each work's times in order of size; a round before them warms up and does not count.
    """
    seen = []
    for _ in range(rounds + 1):
        times: list[list[float]] = [[] for _ in works]
        for _ in range(turns):
            for number, work in enumerate(works):
                times[number] += work()
        seen.append([sorted(found) for found in times])
    return seen[1:]


def _ratio(
    name: str, unit: str, pairs: list[tuple[float, float]], limit: float | None = None, least: float | None = None
) -> Ratio:
    first, second = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return Ratio(name, first, second, unit, tuple(mine / theirs for mine, theirs in pairs), limit, least)


def _ping(ours: Served, bare: Served) -> list[Ratio]:
    def asked(served: Served) -> Callable[[], list[float]]:
        return lambda: [_took(lambda: served.ask("PING")) for _ in range(PINGS_A_TURN)]

    seen = _in_turn(PING_ROUNDS, PING_TURNS, asked(ours), asked(bare))
    rates = [(1e6 * len(mine) / sum(mine), 1e6 * len(theirs) / sum(theirs)) for mine, theirs in seen]
    tails = [(mine[int(len(mine) * 0.99)], theirs[int(len(theirs) * 0.99)]) for mine, theirs in seen]
    return [
        _ratio("gateway, PING, one client / bare REP loop", "requests/s", rates, least=0.6),
        _ratio("gateway, PING, p99 / bare REP loop", "us", tails, limit=1.5),
    ]


def _open(ours: Served, bare: Served, folder: Path) -> list[Ratio | Figure]:
    """An order opened on a flat account, each closed again outside of the time taken."""
    folder.mkdir()
    commits = Commits(folder)

    def ordered(served: Served) -> float:
        begun = time.perf_counter()
        reply = served.ask("OPEN", symbol="EURUSD", type="BUY", volume=0.001)
        took = time.perf_counter() - begun
        assert reply["status"] == "FILLED", reply
        return took * 1e6

    def opened() -> list[float]:
        took = ordered(ours)
        ours.ask("CLOSE_ALL", scope="account", reason="flat again")
        return [took]

    seen = _in_turn(OPEN_ROUNDS, OPENS, opened, lambda: [_took(commits.make)], lambda: [ordered(bare)])
    mine, alone, looped = ([statistics.median(times) for times in found] for found in zip(*seen, strict=True))
    what = f"gateway, OPEN, whole round trip / {COMMITS} SQLite commits"
    return [
        Figure("gateway, durable writes an order", (float(COMMITS),), "commits"),
        _ratio(f"{what} alone", "us", list(zip(mine, alone, strict=True)), limit=1.5),
        _ratio(f"{what} in a bare REP loop", "us", list(zip(mine, looped, strict=True)), limit=1.5),
    ]


def _several(ours: Served, bare: Served, clients: int) -> list[Ratio]:
    pairs = []
    for number in range(LOAD_ROUNDS):
        both = (ours, bare) if number % 2 else (bare, ours)
        seen = {served: load(served.endpoint, clients, LOAD_SECONDS) for served in both}
        pairs.append((seen[ours], seen[bare]))
    name = f"gateway, PING, {clients} client{'s' if clients > 1 else ''}"
    return [
        _ratio(f"{name}, throughput / bare REP loop", "requests/s", [(a.rate, b.rate) for a, b in pairs]),
        _ratio(f"{name}, p50 / bare REP loop", "us", [(a.p50, b.p50) for a, b in pairs]),
        _ratio(f"{name}, p99 / bare REP loop", "us", [(a.p99, b.p99) for a, b in pairs]),
    ]


def _store(folder: Path) -> list[Figure]:
    """The store of idempotency: bytes a request, what a lookup takes when it is full, and what it forgets."""
    path = folder / "store.sqlite"
    store = Journal(path)
    now, old = time.time(), time.time() - KEPT_SECONDS - 60.0
    _fill(store, "old", old)
    empty_rows = _rows(store)
    size = _size(path)
    begun = time.perf_counter()
    for number in range(1000):
        assert store.find(f"old-{number}") is not None
    lookup = (time.perf_counter() - begun) * 1e3
    _fill(store, "new", now)
    kept, grown = _rows(store), _size(path)
    store.close()
    return [
        Figure("gateway, store of idempotency, a request", (size / empty_rows,), "bytes"),
        Figure(f"gateway, store of idempotency, a lookup among {STORED}", (lookup,), "us"),
        Figure(f"gateway, requests past their seven days still kept after {STORED} new ones", (float(kept - STORED),),
               "requests", float(FORGETTING_EVERY)),
        Figure("gateway, store of idempotency, size after as many forgotten as new / before", (grown / size,), "",
               1.2),
    ]  # fmt: skip


def _fill(store: Journal, name: str, instant: float) -> None:
    for number in range(STORED):
        uuid = f"{name}-{number}"
        store.begin(Record(uuid, "OPEN", "x" * 160, b"x" * 290, instant, 1, None, False))
        store.finish(uuid, b"x" * 420, (number + (STORED if name == "new" else 0),), instant)


def _rows(store: Journal) -> int:
    return store.opened_since(0.0)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def _memory(folder: Path) -> Ratio:
    """Resident memory after many requests beside that after the first 10,000; a nightly test goes on to a million."""
    sizes = []
    with Served(GATEWAY, folder) as ours:
        done = 0
        for goal in REMEMBERED:
            while done < goal:
                ours.ask(("PING", "GET_ACCOUNT", "GET_POSITIONS", "PING")[done % 4])
                done += 1
            sizes.append(psutil.Process(ours.process.pid).memory_info().rss / 2**20)
    name = f"gateway, resident memory after {REMEMBERED[1]:,} requests / after {REMEMBERED[0]:,}"
    return _ratio(name, "MiB", [(sizes[1], sizes[0])], limit=1.1)
