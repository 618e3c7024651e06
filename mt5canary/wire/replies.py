"""What a gateway answers, parts A and B, as typed models (wire-protocol 4.3 with the evidence profile).

Strict on what we need, tolerant of unknown fields; an integer is accepted wherever a number with a fraction is
meant. Money is in the account's currency, prices in the symbol's quote currency, volumes in lots, ``*_msc``
milliseconds in the trade server's time, ``*_us`` microseconds.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from mt5canary.wire import requests
from mt5canary.wire.requests import Side


class Reply(Struct, frozen=True, kw_only=True):
    """What every reply carries. Alone, it is also the model of a refusal."""

    uuid: str
    status: Literal["ok", "FILLED", "REJECTED", "error", "OK", "ERROR"]
    nonce: str | None = None
    server_time: str | None = None
    error_code: str | None = None
    error_msg: str | None = None
    retcode: int | None = None

    @property
    def is_success(self) -> bool:
        """Whether the gateway says that it did what was asked."""
        return self.status in ("ok", "FILLED", "OK")


class PingReply(Reply, frozen=True, kw_only=True):
    """A sign of life with the gateway host's clock."""

    server_time: str
    latency_ms: float | None = None


class GatewayIdentity(Struct, frozen=True, kw_only=True):
    """The gateway program; ``instance`` is a UUID that is new at each start."""

    name: str
    version: str
    instance: str
    started_at: str


class TerminalIdentity(Struct, frozen=True, kw_only=True):
    """The terminal behind the gateway."""

    kind: str
    name: str
    company: str
    build: int
    connected: bool
    trade_allowed: bool
    tradeapi_disabled: bool
    ping_last_us: int


class AccountIdentity(Struct, frozen=True, kw_only=True):
    """The account that the terminal is logged in to; leverage is N of 1:N."""

    login: int
    server: str
    company: str
    trade_mode: str
    margin_mode: str
    leverage: int
    currency: str
    trade_allowed: bool
    trade_expert: bool


class HelloReply(Reply, frozen=True, kw_only=True):
    """Who is there and what it can show."""

    nonce: str
    server_time: str
    protocol: str
    gateway: GatewayIdentity
    capabilities: list[str]
    terminal: TerminalIdentity
    account: AccountIdentity
    halted: bool
    halt_reason: str = ""


class AccountReply(Reply, frozen=True, kw_only=True):
    """The account's money; the fields with a default are part B's."""

    balance: float
    equity: float
    margin: float
    free_margin: float
    margin_level: float
    currency: str
    timestamp: str | None = None
    login: int | None = None
    server: str | None = None
    trade_mode: str | None = None
    leverage: int | None = None
    credit: float | None = None
    profit: float | None = None


class Position(Struct, frozen=True, kw_only=True):
    """An open position; the fields with a default are part B's."""

    ticket: int
    symbol: str
    type: Side
    volume: float
    open_price: float
    current_price: float
    profit: float
    identifier: int | None = None
    time_msc: int | None = None
    sl: float | None = None
    tp: float | None = None
    swap: float | None = None
    magic: int | None = None
    comment: str | None = None
    symbol_digits: int | None = None


class PositionsReply(Reply, frozen=True, kw_only=True):
    """Open positions, as many as fit."""

    positions: list[Position]
    timestamp: str | None = None
    more: bool = False
    after: int | None = None


class SymbolSpecification(Struct, frozen=True, kw_only=True):
    """What the broker allows for a symbol; volumes in lots, levels in points."""

    symbol: str
    digits: int
    point: float
    contract_size: float
    tick_size: float
    tick_value: float
    volume_min: float
    volume_max: float
    volume_step: float
    volume_limit: float
    trade_mode: Literal["disabled", "long_only", "short_only", "close_only", "full"]
    execution: Literal["request", "instant", "market", "exchange"]
    filling: list[str]
    stops_level: int
    freeze_level: int
    currency_base: str
    currency_profit: str
    currency_margin: str
    session_open: bool


class SymbolReply(Reply, frozen=True, kw_only=True):
    """A symbol's specification."""

    spec: SymbolSpecification


class Tick(Struct, frozen=True, kw_only=True):
    """A quote; ``time_msc`` in the trade server's time."""

    bid: float
    ask: float
    time_msc: int
    last: float = 0.0
    volume: float = 0.0
    flags: int = 0


class TickReply(Reply, frozen=True, kw_only=True):
    """A symbol's latest quote."""

    tick: Tick


class CheckReply(Reply, frozen=True, kw_only=True):
    """What the terminal would say: account-wide margin figures, as after the order."""

    retcode: int
    margin: float
    margin_free: float
    margin_level: float
    comment: str = ""


class OpenReply(Reply, frozen=True, kw_only=True):
    """A fill, as the gateway tells it; the fields with a default are part B's."""

    ticket: int
    symbol: str
    volume: float
    price: float
    execution_time: str
    latency_ms: float
    order: int | None = None
    deal: int | None = None
    position: int | None = None
    bid: float | None = None
    ask: float | None = None


class CloseReply(Reply, frozen=True, kw_only=True):
    """A close, as the gateway tells it; the fields with a default are part B's."""

    ticket: int
    close_price: float
    execution_time: str
    latency_ms: float
    order: int | None = None
    deal: int | None = None
    position: int | None = None
    bid: float | None = None
    ask: float | None = None


class ClosedPosition(Struct, frozen=True, kw_only=True):
    """One position that ``CLOSE_ALL`` closed."""

    position: int
    order: int
    deal: int
    volume: float
    price: float
    profit: float


class FailedClose(Struct, frozen=True, kw_only=True):
    """One position that ``CLOSE_ALL`` could not close."""

    position: int
    retcode: int
    error_msg: str


class CloseAllReply(Reply, frozen=True, kw_only=True):
    """What was closed and what was not; ``error`` carries both lists as well."""

    closed: list[ClosedPosition]
    failed: list[FailedClose]


class SyncAccount(Struct, frozen=True, kw_only=True):
    """Part A's account of ``SYNC_ALL``."""

    balance: float
    equity: float
    margin_free: float
    margin_used: float
    margin_level: float
    leverage: int


class SyncPosition(Struct, frozen=True, kw_only=True):
    """Part A's position of ``SYNC_ALL``; ``time_open`` in seconds of server time."""

    symbol: str
    ticket: int
    volume: float
    profit: float
    price_current: float
    price_open: float
    type: Side
    time_open: int


class SyncReply(Reply, frozen=True, kw_only=True):
    """Part A's account and positions in one reply."""

    account: SyncAccount
    positions: list[SyncPosition]
    message: str = ""


class Deal(Struct, frozen=True, kw_only=True):
    """An execution in the broker's history, or a movement of the balance."""

    ticket: int
    order: int
    position_id: int
    time_msc: int
    type: str
    entry: Literal["in", "out", "inout", "out_by"]
    symbol: str
    volume: float
    price: float
    commission: float
    swap: float
    fee: float
    profit: float
    magic: int
    comment: str
    reason: str


class DealsReply(Reply, frozen=True, kw_only=True):
    """Deals, as many as fit."""

    deals: list[Deal]
    more: bool = False
    after: int | None = None


class Order(Struct, frozen=True, kw_only=True):
    """An order, active or historical."""

    ticket: int
    position_id: int
    state: str
    type: str
    symbol: str
    volume_initial: float
    volume_current: float
    price_open: float
    time_setup_msc: int
    time_done_msc: int
    magic: int
    comment: str


class OrdersReply(Reply, frozen=True, kw_only=True):
    """Orders, as many as fit."""

    orders: list[Order]
    more: bool = False
    after: int | None = None


class FindReply(Reply, frozen=True, kw_only=True):
    """What became of a request; ``reply`` is the reply that was, or would have been, sent."""

    known: bool
    state: Literal["in_flight", "done"] | None = None
    reply: dict[str, Any] | None = None


class LeaseReply(Reply, frozen=True, kw_only=True):
    """When the lease ends (RFC 3339, UTC)."""

    expires_at: str


class HaltReply(Reply, frozen=True, kw_only=True):
    """Whether the gateway refuses orders now."""

    halted: bool


REPLIES: dict[type[requests.Request], type[Reply]] = {
    requests.Ping: PingReply,
    requests.Hello: HelloReply,
    requests.GetAccount: AccountReply,
    requests.GetPositions: PositionsReply,
    requests.GetSymbol: SymbolReply,
    requests.GetTick: TickReply,
    requests.CheckOrder: CheckReply,
    requests.Open: OpenReply,
    requests.Close: CloseReply,
    requests.CloseAll: CloseAllReply,
    requests.SyncAll: SyncReply,
    requests.GetDeals: DealsReply,
    requests.GetOrders: OrdersReply,
    requests.FindRequest: FindReply,
    requests.Lease: LeaseReply,
    requests.Halt: HaltReply,
    requests.Resume: HaltReply,
}
"""The model of each request's success."""
