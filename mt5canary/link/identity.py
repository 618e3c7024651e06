"""Who answers: the gateway, the terminal and the account behind it (criteria L3 and L4).

A declared value is never enough by itself: what ``HELLO`` says is held against the plan and against what
``GET_ACCOUNT`` says, and the market must be seen to move.
"""

from __future__ import annotations

import time
from datetime import timedelta

from msgspec import Struct

from mt5canary.link.connection import Ends, RoundTripEstimate
from mt5canary.link.session import Exchange, ReadSession
from mt5canary.measurement import Measurement, above, at_least, at_most, equal, one_of, unproven
from mt5canary.plan import Account
from mt5canary.wire import frames
from mt5canary.wire.replies import AccountReply, HelloReply, PingReply, Tick

TRADE_MODES = ("demo", "contest", "real")
TICK_DEADLINE = timedelta(seconds=5)
TICK_PAUSE_SECONDS = 0.02


class QuotesSeen(Struct, frozen=True, kw_only=True):
    """The quotes of one short look at the market, in order, with the wall-clock time of the last one's arrival."""

    ticks: tuple[Tick, ...]
    received_wall: int

    @property
    def latest(self) -> Tick:
        """The quote seen last."""
        return self.ticks[-1]


def connection_completed(ends: Ends, now: RoundTripEstimate | None, minimum_us: int) -> list[Measurement]:
    """The TCP connection's two ends differ, the ZMTP handshake took place, the peer is not too near.

    ``minimum_us`` is the plan's ``min_rtt_us``; 0 switches that tripwire off.
    """
    measurements = [
        at_least("ZMTP handshake completed after", ends.handshake_ms, ends.connected_ms, "ms"),
        equal(f"two ends, {ends.local} and {ends.peer}, differ", ends.local != ends.peer, True),
    ]
    kernel = now or ends.kernel
    if minimum_us and kernel is None:
        measurements.append(unproven("kernel's minimum round trip", f">= {minimum_us} us, where it can be read"))
    elif minimum_us and kernel is not None:
        measurements.append(at_least("kernel's minimum round trip", kernel.minimum_rtt_us, minimum_us, "us"))
    return measurements


def answered(hello: HelloReply, asked: Exchange, ping: PingReply, pinged: Exchange) -> list[Measurement]:
    """The replies to ``HELLO`` and ``PING`` are this client's own and no errors (L3)."""
    return [
        equal("HELLO status", hello.status, "ok"),
        equal("HELLO repeats the uuid", hello.uuid, asked.uuid),
        equal("HELLO repeats the nonce", hello.nonce, frames.parse(asked.request)["nonce"]),
        equal("PING status", ping.status, "ok"),
        equal("PING repeats the uuid", ping.uuid, pinged.uuid),
        equal("PING repeats the nonce", ping.nonce, frames.parse(pinged.request)["nonce"]),
        equal("protocol", hello.protocol, "4.3"),
    ]


def is_expected(hello: HelloReply, account: AccountReply, kind: str, expected: Account) -> list[Measurement]:
    """Terminal and account are the plan's, and ``HELLO`` and ``GET_ACCOUNT`` agree about them."""
    mode = hello.account.trade_mode
    return [
        equal("terminal kind", hello.terminal.kind, kind),
        equal("account login", hello.account.login, expected.login),
        equal("account server", hello.account.server, expected.server),
        equal("account trade mode", mode, expected.trade_mode)
        if mode in TRADE_MODES
        else unproven("account trade mode", f"= {expected.trade_mode}; the gateway says {mode!r}"),
        equal("account currency", hello.account.currency, expected.currency),
        at_most("account leverage", hello.account.leverage, expected.leverage, "1:N"),
        at_least("account balance", account.balance, expected.min_balance, account.currency),
        equal("login in GET_ACCOUNT", account.login, hello.account.login),
        equal("server in GET_ACCOUNT", account.server, hello.account.server),
        equal("trade mode in GET_ACCOUNT", account.trade_mode, mode),
        equal("currency in GET_ACCOUNT", account.currency, hello.account.currency),
    ]


def may_trade(hello: HelloReply) -> list[Measurement]:
    """The terminal is connected and every permission that an order needs is given."""
    return [
        equal("terminal connected", hello.terminal.connected, True),
        equal("terminal allows trading (Algo Trading button)", hello.terminal.trade_allowed, True),
        equal("terminal's Python trading switched off", hello.terminal.tradeapi_disabled, False),
        equal("account allows trading", hello.account.trade_allowed, True),
        equal("account allows automated trading", hello.account.trade_expert, True),
        one_of("margin mode", hello.account.margin_mode, ("netting", "exchange", "hedging")),
    ]


def watch_quotes(session: ReadSession, symbol: str) -> QuotesSeen:
    """Ask for quotes until two with different times were seen, or until the deadline."""
    deadline = time.monotonic() + TICK_DEADLINE.total_seconds()
    ticks: list[Tick] = []
    while True:
        tick = session.tick(symbol)
        received = time.time_ns()
        if not ticks or tick.time_msc != ticks[-1].time_msc:
            ticks.append(tick)
        if len(ticks) >= 2 or time.monotonic() >= deadline:
            return QuotesSeen(ticks=tuple(ticks), received_wall=received)
        time.sleep(TICK_PAUSE_SECONDS)


def market_moves(quotes: QuotesSeen) -> list[Measurement]:
    """The quotes are prices, and their times moved forward while we looked."""
    times = [tick.time_msc for tick in quotes.ticks]
    return [
        at_least("distinct quote times", len(set(times)), 2, samples=len(times)),
        equal("quote times run forward", times == sorted(times), True, samples=len(times)),
        above("lowest bid", min(tick.bid for tick in quotes.ticks), 0, samples=len(times)),
        at_least("narrowest spread", min(tick.ask - tick.bid for tick in quotes.ticks), 0, samples=len(times)),
    ]
