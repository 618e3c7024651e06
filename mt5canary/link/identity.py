"""Who answers: the gateway, the terminal and the account behind it (criteria L3 and L4).

A declared value is never enough by itself: what ``HELLO`` says is held against the plan and against what
``GET_ACCOUNT`` says. A gateway of the base protocol alone shows less: what it cannot show is UNPROVEN, item by item.
"""

from __future__ import annotations

from msgspec import Struct

from mt5canary.link.connection import Ends, RoundTripEstimate
from mt5canary.link.dialect import UPGRADE
from mt5canary.link.exchange import Exchange
from mt5canary.measurement import Measurement, at_least, at_most, equal, one_of, unproven
from mt5canary.plan import Account
from mt5canary.wire import frames
from mt5canary.wire.replies import AccountReply, HelloReply, PingReply, Position

TRADE_MODES = ("demo", "contest", "real")


class ExpectedEnds(Struct, frozen=True, kw_only=True):
    """What the plan and L1 say of a connection's ends."""

    peers: tuple[str, ...]
    source: str | None
    curve: bool


def connection_completed(
    ends: Ends, now: RoundTripEstimate | None, minimum_us: int, expected: ExpectedEnds | None = None
) -> list[Measurement]:
    """The TCP connection's two ends differ, the ZMTP handshake took place, the peer is not too near.

    ``minimum_us`` is the plan's ``min_rtt_us``; 0 switches that tripwire off.
    """
    measurements = [
        at_least("ZMTP handshake completed after", ends.handshake_ms, ends.connected_ms, "ms"),
        equal(f"two ends, {ends.local} and {ends.peer}, differ", ends.local != ends.peer, True),
    ]
    if expected is not None:
        measurements.append(one_of("the far end is an address that L1 judged", host_of(ends.peer), expected.peers))
        if expected.source is not None:
            measurements.append(equal("this node speaks from", host_of(ends.local), expected.source))
        if expected.curve:
            measurements.append(equal("CURVE handshake completed with the pinned key", True, True))
    measurements += not_too_near(now or ends.kernel, minimum_us)
    return measurements


def not_too_near(kernel: RoundTripEstimate | None, minimum_us: int) -> list[Measurement]:
    """The kernel's minimum round trip is no less than the plan's; below it the connection ends on this machine."""
    if not minimum_us:
        return []
    if kernel is None:
        return [unproven("kernel's minimum round trip", f">= {minimum_us} us, where it can be read")]
    return [at_least("kernel's minimum round trip", kernel.minimum_rtt_us, minimum_us, "us")]


def host_of(end: str) -> str:
    """The address of one end, without its port."""
    return end.rpartition(":")[0].strip("[]").removeprefix("::ffff:")


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
        *([equal("account company", hello.account.company, expected.company)] if expected.company else []),
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


def still_answers(now: HelloReply, first: HelloReply) -> list[Measurement]:
    """The gateway is the instance that it was at the start, and is not halted (X5)."""
    return [
        equal("gateway halted", f"halted: {now.halt_reason}" if now.halted else "no", "no"),
        equal("same gateway instance", now.gateway.instance, first.gateway.instance),
    ]


def base_answered(ping: PingReply, pinged: Exchange) -> list[Measurement]:
    """What ``PING`` alone shows where ``HELLO`` is unknown (L3)."""
    nonce = frames.parse(pinged.request)["nonce"]
    return [
        unproven("HELLO status", f"= ok; the gateway answers UNKNOWN_ACTION: {UPGRADE}"),
        equal("PING status", ping.status, "ok"),
        equal("PING repeats the uuid", ping.uuid, pinged.uuid),
        unproven("PING repeats the nonce", f"= {nonce}; the base protocol need not")
        if ping.nonce is None
        else equal("PING repeats the nonce", ping.nonce, nonce),
    ]


def base_identity(account: AccountReply, positions: list[Position], expected: Account) -> list[Measurement]:
    """What ``GET_ACCOUNT`` and ``GET_POSITIONS`` alone show of terminal and account (L4)."""
    told = (("login", account.login), ("server", account.server), ("trade_mode", account.trade_mode))
    shown_by_hello = ("terminal kind", "terminal connected", "terminal allows trading", "account allows trading")
    return [
        equal("GET_ACCOUNT status", account.status, "ok"),
        equal("account currency", account.currency, expected.currency),
        at_least("account balance", account.balance, expected.min_balance, account.currency),
        equal("tickets of the positions listed", len({position.ticket for position in positions}), len(positions)),
        *(
            unproven(f"account {name}", f"= {getattr(expected, name)}; {UPGRADE}, by HELLO and GET_ACCOUNT")
            if value is None
            else equal(f"account {name}", value, getattr(expected, name))
            for name, value in told
        ),
        at_most("account leverage", account.leverage, expected.leverage, "1:N")
        if account.leverage is not None
        else unproven("account leverage", f"<= {expected.leverage}; {UPGRADE}, by HELLO"),
        *(unproven(item, f"{UPGRADE}, by HELLO") for item in shown_by_hello),
        unproven("distinct quote times", f">= 2; {UPGRADE}, by GET_TICK"),
    ]
