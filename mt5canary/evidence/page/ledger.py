"""The account before and after the run, line by line, and the deals in between that must explain it.

All of it is read from the raw replies; money is Decimal, as written on the wire.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Struct

from mt5canary.evidence.exchanges import Told, told
from mt5canary.evidence.page.facts import Facts

LINES = ("balance", "credit", "profit", "equity", "margin", "free_margin")
PARTS = ("profit", "commission", "swap", "fee")


class Deal(Struct, frozen=True):
    """One deal that moved the balance, and the record that shows it."""

    number: int
    ticket: object
    entry: str
    kind: str
    volume: object
    symbol: str
    price: object
    time_msc: object
    money: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """What it did to the balance."""
        return sum(self.money.values(), Decimal(0))


class Ledger(Struct, frozen=True):
    """The account's replies before and after, and the deals that appeared between them."""

    currency: str
    before: Told
    after: Told
    deals: list[Deal]

    def line(self, name: str) -> tuple[Decimal | None, Decimal | None]:
        """A line of the account before and after; None where the reply has no such number."""
        return _money((self.before.reply or {}).get(name)), _money((self.after.reply or {}).get(name))

    @property
    def moved(self) -> Decimal | None:
        """By how much the balance moved."""
        before, after = self.line("balance")
        return None if before is None or after is None else after - before

    @property
    def explained(self) -> Decimal:
        """The sum of the deals."""
        return sum((deal.total for deal in self.deals), Decimal(0))

    @property
    def difference(self) -> Decimal | None:
        """What the deals do not explain."""
        return None if self.moved is None else self.moved - self.explained


def read_ledger(facts: Facts) -> Ledger | None:
    """The run's ledger; None where the account was not read before and after.

    Before is right before the order left, as criterion E2 has it; without an order, the first reading of the run.
    """
    left = next((record["seq"] for record in reversed(facts.exchanges) if record["action"] == "OPEN"), None)
    accounts = [
        record
        for record in facts.exchanges
        if record["action"] == "GET_ACCOUNT" and record.get("reply") is not None and record.get("failure") is None
    ]
    if len(accounts) < 2:
        return None
    ahead = [record for record in accounts if left is not None and record["seq"] < left]
    before, after = told(ahead[-1] if ahead else accounts[0]), told(accounts[-1])
    currency = str((after.reply or {}).get("currency", ""))
    return Ledger(currency, before, after, [] if left is None else _deals(facts, left))


def _deals(facts: Facts, left: int) -> list[Deal]:
    """Each deal that the history first showed after the order had left; what it held before is no part of the run."""
    old: set[object] = set()
    found: dict[object, Deal] = {}
    for record in facts.exchanges:
        if record["action"] != "GET_DEALS":
            continue
        for row in _rows(told(record)):
            ticket = row.get("ticket")
            if record["seq"] < left:
                old.add(ticket)
            elif ticket not in old and ticket not in found:
                found[ticket] = _deal(record["seq"], row)
    return list(found.values())


def _deal(number: int, row: dict[str, Any]) -> Deal:
    return Deal(
        number=number,
        ticket=row.get("ticket"),
        entry=str(row.get("entry", "")),
        kind=str(row.get("type", "")),
        volume=row.get("volume"),
        symbol=str(row.get("symbol", "")),
        price=row.get("price"),
        time_msc=row.get("time_msc"),
        money={name: _money(row.get(name)) or Decimal(0) for name in PARTS},
    )


def _rows(exchange: Told) -> list[dict[str, Any]]:
    rows = (exchange.reply or {}).get("deals")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _money(value: object) -> Decimal | None:
    """A number as written: the float 0.1 is one tenth."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value))
