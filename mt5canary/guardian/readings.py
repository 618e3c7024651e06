"""Everything that a watch reads beside its probes, over a session and in a thread of its own.

Position, account, gateway, permissions and clock once a second, each reading put to every guard; quotes at the plan's
interval for the drift checks; the lease; whether the session is open. None of it holds up a probe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from mt5canary.errors import Finding
from mt5canary.guardian import drift
from mt5canary.guardian.batches import QuoteBook, ReadingBook
from mt5canary.guardian.drift import DriftSampler
from mt5canary.guardian.guards import GUARDS, Reading, tripped, warning_levels, warnings
from mt5canary.guardian.heartbeat import Heartbeat
from mt5canary.guardian.latencies import CLOCK, NEAR, TERMINAL
from mt5canary.guardian.market import FROZEN_WARN_SECONDS, is_weeks_end
from mt5canary.guardian.record import WatchRecord
from mt5canary.guardian.telling import Teller
from mt5canary.link.clock import parse_time
from mt5canary.link.exchange import Recorder
from mt5canary.link.session import ClosingSession, ReadSession
from mt5canary.money import cents
from mt5canary.order.reconciliation import Discrepancy
from mt5canary.plan import Limits
from mt5canary.wire.replies import AccountReply, HelloReply, Position, SymbolSpecification

LEASE_SECONDS = 60
MONEY_ATTEMPTS = 5

Booked = Callable[[ReadSession], Decimal]
"""What the deals since the order come to, asked over a session."""


Compare = Callable[[ReadSession, Sequence[Position], tuple[float, float], Decimal], tuple[Discrepancy, ...]]
"""The state reconciler at a reading: its session, the positions, the balance before and now, the deals in between."""


def nothing_compared(*_: object) -> tuple[Discrepancy, ...]:
    """For a watch without a journal."""
    return ()


def nothing_booked(session: ReadSession) -> Decimal:
    """For a watch whose account is nobody else's."""
    return Decimal(0)


class Watched(Struct, frozen=True):
    """What is watched: the position, its symbol, and what was known of it before."""

    ticket: int
    magic: int
    spec: SymbolSpecification
    slippage_points: float = 0.0


class Readings:
    """Reads over one session, and says which guard tripped."""

    def __init__(
        self,
        session: ClosingSession,
        watched: Watched,
        limits: Limits,
        record: WatchRecord,
        heartbeat: Heartbeat,
        tell: Teller,
        write: Recorder,
        sampler: DriftSampler | None,
        booked: Booked,
        compare: Compare,
    ) -> None:
        self._session = session
        self._watched = watched
        self._limits = limits
        self._levels = warning_levels(limits)
        self._record = record
        self._heartbeat = heartbeat
        self._clock = heartbeat.clock
        self._tell = tell
        self._write = write
        self._sampler = sampler
        self._booked = booked
        self._compare = compare
        self._closed_before = 0.0
        self._quote_book = QuoteBook(write)
        self._book = ReadingBook(write)

    @property
    def recorder(self) -> Recorder:
        """The recorder of the session that reads."""
        return self._book.record

    def flush(self) -> None:
        """Write what is not written yet."""
        self._book.flush()
        self._quote_book.flush()

    def sample(self, due: float) -> None:
        """Take one quote for the drift check; none while the session is closed."""
        if not self._record.market.session_open:
            return
        try:
            tick = self._session.tick(self._watched.spec.symbol)
        except Finding as finding:
            self._went_wrong("quote not sampled", finding)
            return
        self._record.market.saw(tick, self._clock.monotonic())
        self._book.take_last()
        exchange = self._session.last
        assert exchange is not None
        self._quote_book.add(exchange, tick)
        if self._sampler is not None:
            self._sampler.add(exchange.sent, tick.bid, tick.ask, tick.time_msc)

    def read_columns(self, due: float) -> None:
        """Read the rows that the strategy added to its column file."""
        if self._sampler is not None:
            self._sampler.read_columns()

    def check_drift(self, due: float) -> None:
        """Hold what was sampled since the last check against the baseline."""
        record = self._record
        if self._sampler is None:
            return
        closed = record.market.closed_seconds - self._closed_before
        self._closed_before = record.market.closed_seconds
        check = self._sampler.check(self._clock.monotonic() - record.started)
        if closed:
            few = check.rows < self._limits.drift.min_rows
            problem = None if few else check.problem  # what a closed session leaves is no sample, and no problem either
            features = [] if few else check.features
            check = replace(check, closed_seconds=closed, problem=problem, features=features)
        record.drift_checks.append(check)
        record.drift_events = drift.count_events(record.drift_checks, self._limits)
        self._quote_book.flush()
        self._write("drift", check)
        self._tell.drift(check, self._limits.drift.max_psi)

    def renew_lease(self, due: float) -> None:
        """Renew the dead man's switch."""
        try:
            self._session.lease(self._watched.magic, LEASE_SECONDS)
            self._record.lease_renewals += 1
        except Finding as finding:
            self._went_wrong("lease not renewed", finding)

    def read(self, due: float) -> tuple[str, str] | None:
        """Take one reading and put it to every guard; the guard that tripped and what it said, or None."""
        record = self._record
        try:
            now = self.look()
        except Finding as finding:
            self._went_wrong("reading failed", finding)
            return None
        self._heartbeat.readings.beat()
        first = record.first = record.first or now
        record.latest = now
        record.readings += 1
        record.guards_run += len(GUARDS)
        trips = tripped(first, now, self._limits)
        record.tripped.update(trips.keys())
        breach = next(iter(trips.items()), None)
        self._book.add(self._clock.monotonic() - record.started, _figures(now), raw=breach is not None)
        self._warn(first, now)
        if breach is not None and now.position is None:
            return breach[0], f"{breach[1]}{self._how_it_was_closed()}"
        return breach

    def look(self) -> Reading:
        """Read everything once; raises Finding where the gateway does not answer."""
        session, record, watched = self._session, self._record, self._watched
        hello = session.hello()
        offset = self._note_clock(hello)
        account, booked = self._money()
        positions = session.positions()
        mine = [position for position in positions if position.ticket == watched.ticket]
        tick = session.tick(watched.spec.symbol)
        now = self._clock.monotonic()
        record.market.saw(tick, now)
        if record.market.must_ask(now):
            self._ask_session()
            now = self._clock.monotonic()
        return Reading(
            hello=hello,
            account=account,
            position=mine[0] if mine else None,
            tick=tick,
            spec=watched.spec,
            errors=len(record.errors),
            recent_errors=record.recent_errors(now),
            gap_seconds=self._heartbeat.worst_gap,
            latency=record.latencies.shares(ended_only=True),
            latency_warned=record.latencies.shares(NEAR, ended_only=True),
            drift_events=record.drift_events,
            peer=session.peer,
            frozen_seconds=record.market.frozen_seconds(now),
            session_open=record.market.session_open,
            closing_expected=is_weeks_end(self._clock.wall_ns()),
            clock_offset_ms=offset,
            slippage_points=watched.slippage_points,
            booked=booked,
            discrepancies=self._compared(positions, account, booked),
        )

    def _compared(self, positions: list[Position], account: AccountReply, booked: Decimal) -> tuple[Discrepancy, ...]:
        """What the state reconciler says of a reading's own replies; asked for are only a vanished position's deals.

        Where it cannot compare, that is an error of the watch, and the other guards have their reading all the same.
        """
        first = self._record.first
        before, since = (account, Decimal(0)) if first is None else (first.account, booked - first.booked)
        try:
            return self._compare(self._session, positions, (before.balance, account.balance), since)
        except Finding as finding:
            self._went_wrong("books not compared", finding)
            return ()

    def _money(self) -> tuple[AccountReply, Decimal]:
        """The account, and what the deals since the order come to, which is asked only where the balance moved.

        Others may trade between the two questions, so figures that disagree are asked for again.
        """
        first = self._record.first
        if first is None:
            return self._first_money()
        for _ in range(MONEY_ATTEMPTS):
            account, total = self._session.account(), first.booked
            moved = cents(account.balance) - cents(first.account.balance)
            if moved:
                total = self._booked(self._session)
            if total - first.booked == moved:
                break
        return account, total

    def _first_money(self) -> tuple[AccountReply, Decimal]:
        total = self._booked(self._session)
        for _ in range(MONEY_ATTEMPTS):
            account, before, total = self._session.account(), total, self._booked(self._session)
            if before == total:
                break
        return account, total

    def _note_clock(self, hello: HelloReply) -> float:
        """By how many milliseconds the gateway's clock is off at least: the exchange's length leaves the rest open."""
        exchange = self._session.last
        assert exchange is not None
        assert exchange.received is not None
        half = (exchange.received - exchange.sent) / 2
        offset = abs(parse_time(hello.server_time) - exchange.sent_wall - half)
        record = self._record
        record.latencies.series[CLOCK].record(int(offset / 1000))
        record.latencies.series[TERMINAL].record(hello.terminal.ping_last_us)
        proven = max(0.0, (offset - half) / 1e6)
        record.largest_clock_offset_ms = max(record.largest_clock_offset_ms, proven)
        return proven

    def _ask_session(self) -> None:
        is_open = self._session.symbol(self._watched.spec.symbol).session_open
        if self._record.market.answered(is_open, self._clock.monotonic()):
            expected = "as at every week's end" if is_weeks_end(self._clock.wall_ns()) else "outside the week's end"
            self._tell("market", {"session": "open" if is_open else f"closed, {expected}"})

    def _warn(self, first: Reading, now: Reading) -> None:
        found = warnings(first, now, self._levels)
        if now.session_open and now.frozen_seconds > FROZEN_WARN_SECONDS:
            found["market"] = f"no new quote for {now.frozen_seconds:.0f} s though the session is open"
        for name, text in found.items():
            if name not in self._record.warned:
                self._record.warned[name] = text
                self._tell("warning", {"guard": name, "text": text})

    def _how_it_was_closed(self) -> str:
        """What the broker's history says of a position that is gone."""
        try:
            deals = self._session.deals(position=self._watched.ticket)
        except Finding as finding:
            return f"; its history could not be read: {finding}"
        closing = [deal for deal in deals if deal.entry in ("out", "out_by")]
        if not closing:
            return "; its history shows no closing deal"
        by = {"SO": "stop out", "SL": "stop loss", "TP": "take profit"}
        shown = [f"deal {deal.ticket}: {by.get(deal.reason, deal.reason)}" for deal in closing]
        return f"; closed by {', '.join(shown)}"

    def _went_wrong(self, what: str, finding: Finding) -> None:
        self._tell.problem(self._record, what, finding, self._clock.monotonic())


def _figures(now: Reading) -> dict[str, float | int | None]:
    position: Position | None = now.position
    return {
        "balance": now.account.balance,
        "equity": now.account.equity,
        "margin": now.account.margin,
        "profit": now.account.profit,
        "bid": now.tick.bid,
        "ask": now.tick.ask,
        "positions": int(position is not None),
    }
