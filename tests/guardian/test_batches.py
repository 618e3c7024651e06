"""What a watch writes is small, and every exchange of it is still accounted for."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from mt5canary.evidence.batches import Batched, kept_raw, read_batches
from mt5canary.guardian.batches import OK, ProbeBook, QuoteBook, ReadingBook
from mt5canary.link.exchange import Exchange
from mt5canary.measurement import Outcome, worst
from mt5canary.wire.replies import Tick

SECOND = 1_000_000_000
FIGURES = {
    "balance": 200.0, "equity": 199.9, "margin": 0.04, "profit": -0.1, "bid": 1.08, "ask": 1.0801, "positions": 1,
}  # fmt: skip


class Written:
    """The records that the books write, as the chain would give them back."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def __call__(self, kind: str, body: Any) -> None:
        self.records.append({"kind": kind, **to_builtins(body)})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] == kind]

    def accounted_for(self) -> int:
        """How many exchanges the records hold, as criterion E3 counts them."""
        return len(self.of("exchange")) + self.batched().exchanges

    def batched(self) -> Batched:
        return read_batches(self.records, kept_raw(self.of("exchange")))


def made(number: int, action: str = "PING", *, took: int = 1_000_000, failure: str | None = None) -> Exchange:
    """An exchange that left ``number`` seconds after the start."""
    sent = number * SECOND
    answered = failure is None
    return Exchange(
        action=action, uuid=f"u{number}", connection=0, request=b"{}", sent_wall=sent, sent=sent,
        received=sent + took if answered else None, reply=f"reply {number}".encode() if answered else None,
        failure=failure, gave_up=None if answered else sent + took,
    )  # fmt: skip


def probe(book: ProbeBook, number: int, *, took: int = 1_000_000, failure: str | None = None) -> None:
    exchange = made(number, took=took, failure=failure)
    book.add(exchange, exchange.sent - 5, exchange.sent + took, OK if failure is None else "Timeout")


def test_every_probe_is_in_a_batch_and_one_a_minute_raw_too() -> None:
    """250 seconds of probes are three batches; the exchanges amount to 250, five of them also kept as they were."""
    written = Written()
    book = ProbeBook(written, warn_ms=50.0)
    for number in range(250):
        probe(book, number)
    book.flush()

    assert [len(batch["due"]) for batch in written.of("probes")] == [100, 100, 50]
    assert len(written.of("exchange")) == 5
    assert written.accounted_for() == 250
    assert worst([one.outcome for one in written.batched().measurements()]) is Outcome.PASS


def test_failed_and_slow_probes_are_kept_raw() -> None:
    """What failed is kept each time, what was slow at most once a second, and one that never left is no exchange."""
    written = Written()
    book = ProbeBook(written, warn_ms=50.0)
    for number in range(10):
        probe(book, number)
    probe(book, 10, took=60_000_000)
    probe(book, 11, took=SECOND, failure="no reply within 1 s")
    book.add(None, 12 * SECOND, 12 * SECOND + 5, "ConnectFinding")
    book.flush()

    (batch,) = written.of("probes")
    assert batch["raw"] == [0, 10, 11]
    assert batch["received"][11] is None
    assert batch["sent"][12] is None
    assert batch["status"][10:] == [OK, "Timeout", "ConnectFinding"]
    assert written.accounted_for() == 12


def test_batch_that_was_tampered_with_does_not_agree() -> None:
    """A raw exchange whose reply is not the one hashed, a hole and a turned order each show."""
    written = Written()
    book = ProbeBook(written, warn_ms=50.0)
    for number in range(120):
        probe(book, number)
    book.flush()
    first, second = written.of("probes")

    order, replies = "batched exchanges run on, in order", "batched exchanges kept raw that agree"
    for changed, names in (
        ({}, set()),
        ({"reply_sha256": ["0" * 64, *first["reply_sha256"][1:]]}, {replies}),
        ({"sent": [0, *first["sent"][:0:-1]]}, {order, replies}),
        ({"first": 1}, {order}),
    ):
        records = [*written.of("exchange"), first | changed, second]
        judged = read_batches(records, kept_raw(written.of("exchange"))).measurements()
        assert {one.name for one in judged if one.outcome is Outcome.FAIL} == names, changed


def test_quotes_are_kept_by_column() -> None:
    """From the batches alone the sampled quotes come back, in order."""
    written = Written()
    book = QuoteBook(written)
    ticks = [Tick(bid=1.08 + number / 1e5, ask=1.081, time_msc=number) for number in range(130)]
    for number, tick in enumerate(ticks):
        book.add(made(number, "GET_TICK"), tick)
    book.flush()

    batches = written.of("quotes")
    assert [batch["first"] for batch in batches] == [0, 100]
    assert [tick.bid for tick in ticks] == [bid for batch in batches for bid in batch["bid"]]
    assert written.accounted_for() == 130


def read(book: ReadingBook, second: int, *, raw: bool = False) -> None:
    for action in ("HELLO", "GET_ACCOUNT", "GET_POSITIONS"):
        book.record("exchange", made(second, action))
    book.add(float(second), FIGURES, raw=raw)


def test_readings_are_counted_and_the_telling_ones_kept() -> None:
    """The first, the last, one a minute and the one that tripped are raw; all others are counted."""
    written = Written()
    book = ReadingBook(written)
    for second in range(100):
        read(book, second, raw=second == 77)
    book.flush()

    kept = sorted({record["sent"] // SECOND for record in written.of("exchange")})
    assert kept == [0, 60, 77, 99]
    assert written.accounted_for() == 300
    assert len(written.of("reading")) <= 15


def test_exchanges_before_a_failure_stand_before_it() -> None:
    """What is held back is never written after what came later on the same connection."""
    written = Written()
    book = ReadingBook(written)
    read(book, 0)
    read(book, 1)
    book.record("exchange", made(2, "HELLO"))
    book.record("exchange", made(3, "GET_ACCOUNT", failure="no reply within 5 s"))
    read(book, 4)
    book.record("exchange", made(5, "LEASE"))
    book.flush()

    sent = [record["sent"] for record in written.of("exchange")]
    assert sent == sorted(sent)
    assert written.accounted_for() == 12
