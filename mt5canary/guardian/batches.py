"""What a watch writes into the chain, small enough for days: its probes and quotes in batches, one record for many.

At ten probes and ten quotes a second a raw record of each exchange would be more than a gigabyte a day; so (sizes a
day, at that rate):

``probes``
    Up to 100 ``PING`` exchanges, by column: when each was due, sent, received and ended (nanoseconds after ``base``,
    on the monotonic clock), its status, the SHA-256 of its reply's bytes. ``sent`` is null where no request left,
    ``received`` where no reply came. About 105 MB.
``quotes``
    Up to 100 ``GET_TICK`` exchanges likewise, with what they said, which is all that a drift check is made of: those
    of one check lie between its ``drift`` record and the one before. ``replies_sha256`` is one hash over all their
    replies' bytes, one after the other. About 50 MB.
``reading``
    What a look at the account said, at most every ten seconds, with the number of exchanges since the last such
    record that are kept nowhere else, and one hash over their replies. About 5 MB.

Beside them stand, as ordinary ``exchange`` records: every exchange that failed, one probe a minute, the probes over
the warn level (at most one a second, so that a slow gateway does not fill the disk), and the readings that are
first, last, one a minute, or tripped a guard. A batch names those of its own in ``raw``, by their place in it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import Struct

from mt5canary.link.exchange import Exchange, Recorder
from mt5canary.wire.replies import Tick
from mt5canary.wire.requests import SIGNED_ACTIONS

ROWS = 100
"""The rows after which a batch is written."""

OK = "ok"
RAW_PROBE_EVERY = 60 * 1_000_000_000
RAW_SLOW_PROBE_EVERY = 1_000_000_000
"""How long, in nanoseconds, after one probe was kept raw before the next is, where nothing failed."""

RAW_READING_SECONDS = 60.0
READING_RECORD_SECONDS = 10.0


class ProbeBatch(Struct, kw_only=True):
    """Paced probes by column; ``first`` is the index of its first one in the watch, ``base`` in nanoseconds."""

    first: int
    base: int
    due: list[int]
    sent: list[int | None]
    received: list[int | None]
    ended: list[int]
    status: list[str]
    reply_sha256: list[str | None]
    raw: list[int]


class QuoteBatch(Struct, kw_only=True):
    """Sampled quotes by column."""

    first: int
    base: int
    sent: list[int]
    received: list[int]
    time_msc: list[int]
    bid: list[float]
    ask: list[float]
    replies_sha256: str


class ReadingRecord(Struct, frozen=True, kw_only=True):
    """One look at the account, for charts, and how many exchanges since the last stand in no other record."""

    after_seconds: float
    balance: float
    equity: float
    margin: float
    profit: float | None
    bid: float
    ask: float
    positions: int
    exchanges: int
    replies_sha256: str


class ProbeBook:
    """Collects the probes of a watch and writes them in batches."""

    def __init__(self, record: Recorder, warn_ms: float) -> None:
        self._record = record
        self._warn = int(warn_ms * 1e6)
        self._written = 0
        self._next_raw = self._next_slow = 0
        self._batch: ProbeBatch | None = None

    def record(self, kind: str, body: Struct) -> None:
        """The recorder of the session that probes: exchanges are for ``add``, everything else is written."""
        if kind != "exchange":
            self._record(kind, body)

    def add(self, exchange: Exchange | None, due: int, ended: int, status: str) -> None:
        """Add one probe, times in monotonic nanoseconds; ``exchange`` is None where no request left."""
        batch = self._batch
        if batch is None:
            batch = self._batch = ProbeBatch(
                first=self._written,
                base=due,
                due=[],
                sent=[],
                received=[],
                ended=[],
                status=[],
                reply_sha256=[],
                raw=[],
            )
        base = batch.base
        received, reply = (None, None) if exchange is None else (exchange.received, exchange.reply)
        if exchange is not None and self._is_kept(exchange, due, ended, status):
            batch.raw.append(len(batch.due))
            self._record("exchange", exchange)
        batch.due.append(due - base)
        batch.sent.append(None if exchange is None else exchange.sent - base)
        batch.received.append(None if received is None else received - base)
        batch.ended.append(ended - base)
        batch.status.append(status)
        batch.reply_sha256.append(None if reply is None else hashlib.sha256(reply).hexdigest())
        if len(batch.due) >= ROWS:
            self.flush()

    def _is_kept(self, exchange: Exchange, due: int, ended: int, status: str) -> bool:
        if status == OK and ended < self._next_raw and (ended - due < self._warn or ended < self._next_slow):
            return False
        self._next_raw, self._next_slow = ended + RAW_PROBE_EVERY, ended + RAW_SLOW_PROBE_EVERY
        return True

    def flush(self) -> None:
        """Write what was collected."""
        batch, self._batch = self._batch, None
        if batch is not None:
            self._written += len(batch.due)
            self._record("probes", batch)


class QuoteBook:
    """Collects the quotes of a watch and writes them in batches."""

    def __init__(self, record: Recorder) -> None:
        self._record = record
        self._written = 0
        self._batch: QuoteBatch | None = None
        self._hash = hashlib.sha256()

    def add(self, exchange: Exchange, tick: Tick) -> None:
        """Add one quote and the exchange that it came in."""
        assert exchange.received is not None
        assert exchange.reply is not None
        batch = self._batch
        if batch is None:
            self._hash = hashlib.sha256()
            batch = self._batch = QuoteBatch(
                first=self._written, base=exchange.sent, sent=[], received=[], time_msc=[], bid=[], ask=[],
                replies_sha256="",
            )  # fmt: skip
        batch.sent.append(exchange.sent - batch.base)
        batch.received.append(exchange.received - batch.base)
        batch.time_msc.append(tick.time_msc)
        batch.bid.append(tick.bid)
        batch.ask.append(tick.ask)
        self._hash.update(exchange.reply)
        if len(batch.sent) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was collected; called before a ``drift`` record, so that its quotes end where it stands."""
        batch, self._batch = self._batch, None
        if batch is not None:
            self._written += len(batch.sent)
            batch.replies_sha256 = self._hash.hexdigest()
            self._record("quotes", batch)


class ReadingBook:
    """Holds a reading's exchanges back until it is known whether they are kept raw.

    Its ``record`` is the recorder of the session that reads; what failed is written at once.
    """

    def __init__(self, record: Recorder) -> None:
        self._record = record
        self._held: list[Exchange] = []
        self._latest: tuple[float, dict[str, Any], list[Exchange]] | None = None
        self._folded = 0
        self._counted: tuple[float, dict[str, Any]] = (0.0, {})
        self._hash = hashlib.sha256()
        self._next_raw = self._next_record = 0.0

    def record(self, kind: str, body: Struct) -> None:
        """Hold an answered read; everything else, changes among them, is written at once, after what is held."""
        if isinstance(body, Exchange) and body.failure is None and body.action not in SIGNED_ACTIONS:
            self._held.append(body)
            return
        if isinstance(body, Exchange) and body.failure is None:
            self._fold()
        self.flush()
        self._record(kind, body)

    def take_last(self) -> None:
        """Forget the exchange that came last: another book has it."""
        self._held.pop()

    def keep(self) -> None:
        """Write what is held as it is."""
        held, self._held = self._held, []
        for exchange in held:
            self._record("exchange", exchange)

    def add(self, after_seconds: float, figures: dict[str, Any], *, raw: bool) -> None:
        """Close one reading: keep its exchanges raw where asked to or once a minute, else wait for the next one."""
        self._fold()
        if raw or after_seconds >= self._next_raw:
            self._next_raw = after_seconds + RAW_READING_SECONDS
            self.keep()
            self._write(after_seconds, figures)
        else:
            self._latest, self._held = (after_seconds, figures, self._held), []

    def flush(self) -> None:
        """Keep the last reading raw, and count what no record has counted yet."""
        latest, self._latest = self._latest, None
        held = self._held
        if latest is not None:
            after_seconds, figures, self._held = latest
            self.keep()
            self._write(after_seconds, figures)
        elif self._folded:
            self._write(*self._counted)
        self._held = held
        self.keep()

    def _fold(self) -> None:
        """Count the reading before this one, which is not the last then, instead of keeping it."""
        if self._latest is None:
            return
        after_seconds, figures, exchanges = self._latest
        self._latest = None
        for exchange in exchanges:
            self._hash.update(exchange.reply or b"")
        self._folded += len(exchanges)
        self._counted = (after_seconds, figures)
        if after_seconds >= self._next_record:
            self._write(after_seconds, figures)

    def _write(self, after_seconds: float, figures: dict[str, Any]) -> None:
        self._next_record = after_seconds + READING_RECORD_SECONDS
        record = ReadingRecord(
            after_seconds=round(after_seconds, 3),
            **figures,
            exchanges=self._folded,
            replies_sha256=self._hash.hexdigest(),
        )
        self._folded, self._hash = 0, hashlib.sha256()
        self._record("reading", record)
