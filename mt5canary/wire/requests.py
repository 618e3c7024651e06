"""What a client may ask, parts A and B, as typed models (wire-protocol 4.3 with the evidence profile).

Strict on what we need (a missing or ill-typed field is refused by name), tolerant of unknown fields. An integer
is accepted wherever a number with a fraction is meant. Volumes are lots, prices in the symbol's quote currency,
``*_msc`` milliseconds in the trade server's time.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

Side = Literal["BUY", "SELL"]


class Request(Struct, frozen=True, kw_only=True, tag_field="action"):
    """What every request carries: a new UUID version 4, the instant it was made (RFC 3339, UTC), a nonce."""

    uuid: str
    timestamp: str
    nonce: str | UnsetType = UNSET


class Ping(Request, frozen=True, kw_only=True, tag="PING"):
    """Ask for a sign of life and the gateway's clock."""


class Hello(Request, frozen=True, kw_only=True, tag="HELLO"):
    """Ask who is there; the nonce is required."""

    nonce: str


class GetAccount(Request, frozen=True, kw_only=True, tag="GET_ACCOUNT"):
    """Ask for the account's money."""


class GetPositions(Request, frozen=True, kw_only=True, tag="GET_POSITIONS"):
    """Ask for the open positions, of one symbol or all."""

    symbol: str | UnsetType = UNSET
    after: int | UnsetType = UNSET


class GetSymbol(Request, frozen=True, kw_only=True, tag="GET_SYMBOL"):
    """Ask for a symbol's specification."""

    symbol: str


class GetTick(Request, frozen=True, kw_only=True, tag="GET_TICK"):
    """Ask for a symbol's latest quote."""

    symbol: str


class OrderRequest(Request, frozen=True, kw_only=True):
    """What ``OPEN`` and ``CHECK_ORDER`` have in common: a market order."""

    symbol: str
    type: Side
    volume: float
    price: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    deviation: int = 20
    comment: str = ""
    magic: int = 0


class CheckOrder(OrderRequest, frozen=True, kw_only=True, tag="CHECK_ORDER"):
    """Ask what the terminal would say to an order; never trades."""


class Open(OrderRequest, frozen=True, kw_only=True, tag="OPEN"):
    """Send a market order."""

    risk_signature: str = ""


class Close(Request, frozen=True, kw_only=True, tag="CLOSE"):
    """Close a position by its ticket, all of it where no volume is given."""

    ticket: int
    volume: float | UnsetType = UNSET
    risk_signature: str = ""


class CloseAll(Request, frozen=True, kw_only=True, tag="CLOSE_ALL"):
    """Close every position of a magic number, or with ``scope`` every position of the account."""

    reason: str
    magic: int | UnsetType | None = UNSET
    scope: Literal["account"] | UnsetType = UNSET
    risk_signature: str = ""


class SyncAll(Request, frozen=True, kw_only=True, tag="SYNC_ALL"):
    """Part A's account and positions in one reply."""

    magic_number: int


class GetDeals(Request, frozen=True, kw_only=True, tag="GET_DEALS"):
    """Ask the broker's history for deals: of an order, of a position, or of a window in server time."""

    order: int | UnsetType = UNSET
    position: int | UnsetType = UNSET
    from_msc: int | UnsetType = UNSET
    to_msc: int | UnsetType = UNSET
    magic: int | UnsetType = UNSET
    after: int | UnsetType = UNSET


class GetOrders(Request, frozen=True, kw_only=True, tag="GET_ORDERS"):
    """Ask for orders, active and historical: one ticket, of a position, or of a window in server time."""

    ticket: int | UnsetType = UNSET
    position: int | UnsetType = UNSET
    from_msc: int | UnsetType = UNSET
    to_msc: int | UnsetType = UNSET
    magic: int | UnsetType = UNSET
    after: int | UnsetType = UNSET


class FindRequest(Request, frozen=True, kw_only=True, tag="FIND_REQUEST"):
    """Ask what became of an earlier request."""

    request_uuid: str


class Lease(Request, frozen=True, kw_only=True, tag="LEASE"):
    """Renew the dead man's switch of a magic number; 0 seconds gives it up."""

    magic: int
    seconds: int
    risk_signature: str = ""


class Halt(Request, frozen=True, kw_only=True, tag="HALT"):
    """Refuse every ``OPEN`` from now on, latched over restarts."""

    reason: str
    risk_signature: str = ""


class Resume(Request, frozen=True, kw_only=True, tag="RESUME"):
    """Lift a halt."""

    reason: str
    risk_signature: str = ""


REQUESTS: dict[str, type[Request]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        *(Ping, Hello, GetAccount, GetPositions, GetSymbol, GetTick, CheckOrder, Open, Close, CloseAll),
        *(SyncAll, GetDeals, GetOrders, FindRequest, Lease, Halt, Resume),
    )
}
"""Every action with its model."""

SIGNED_ACTIONS = frozenset({"OPEN", "CLOSE", "CLOSE_ALL", "LEASE", "HALT", "RESUME"})
"""The actions that change something and so carry a risk signature; all others only read."""
