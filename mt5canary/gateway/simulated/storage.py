"""The simulated broker's disk: one SQLite file, one transaction for each change of the account."""

from __future__ import annotations

import secrets
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from mt5canary.errors import UsageProblem
from mt5canary.gateway import constants as c
from mt5canary.gateway.database import opened
from mt5canary.gateway.simulated.book import Book, Deal, Order, Position, Sequence
from mt5canary.gateway.simulated.scenario import Scenario

_SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS account (only INTEGER PRIMARY KEY CHECK (only = 1), body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    ticket INTEGER, kind TEXT, body BLOB NOT NULL, PRIMARY KEY (ticket, kind)
) WITHOUT ROWID;
COMMIT;
"""

_RECORDS: dict[str, Any] = {"positions": Position, "active": Order, "history": Order, "deals": Deal}


class Account(msgspec.Struct):
    """What the file holds besides positions, orders and deals."""

    login: int
    server: str
    seed: str
    created_ms: int
    balance: int
    credit: int
    order_tickets: Sequence
    deal_tickets: Sequence
    processed_ms: int


class Storage:
    """Opens an account's file, or creates the account with its opening deposit."""

    def __init__(self, path: Path, scenario: Scenario, now_ms: int) -> None:
        self._connection = opened(path, _SCHEMA)
        self._scenario = scenario
        self._encode = msgspec.json.Encoder().encode
        row = self._connection.execute("SELECT body FROM account").fetchone()
        if row is None:
            self.seed = scenario.seed if scenario.seed is not None else secrets.token_hex(8)
            self.created_ms = now_ms
            self.book = _open_account(scenario, Random(f"{self.seed}:tickets"), now_ms)
            self.save()
        else:
            account = msgspec.json.decode(row[0], type=Account)
            self.seed, self.created_ms = account.seed, account.created_ms
            self.book = self._load(account, path)

    def _load(self, account: Account, path: Path) -> Book:
        if (account.login, account.server) != (self._scenario.login, self._scenario.server):
            raise UsageProblem(
                f"{path} holds account {account.login} at {account.server}, the scenario is for "
                f"{self._scenario.login} at {self._scenario.server}: give another --state"
            )
        book = Book(account.order_tickets, account.deal_tickets, account.processed_ms)
        book.balance, book.credit = account.balance, account.credit
        for kind, ticket, body in self._connection.execute("SELECT kind, ticket, body FROM records ORDER BY ticket"):
            record = msgspec.json.decode(body, type=_RECORDS[kind])
            if isinstance(record, Deal):
                book.remember_deal(record)
            else:
                getattr(book, kind)[ticket] = record
        return book

    def save(self) -> None:
        """Write what changed, all of it or nothing."""
        book = self.book
        account = Account(
            self._scenario.login, self._scenario.server, self.seed, self.created_ms, book.balance, book.credit,
            book.order_tickets, book.deal_tickets, book.processed_ms,
        )  # fmt: skip
        kept, gone = [], []
        for kind, ticket in book.unsaved:
            record = getattr(book, kind).get(ticket)
            if record is None:
                gone.append((ticket, kind))
            else:
                kept.append((ticket, kind, self._encode(record)))
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("REPLACE INTO account VALUES (1, ?)", (self._encode(account),))
            self._connection.executemany("REPLACE INTO records (ticket, kind, body) VALUES (?, ?, ?)", kept)
            if gone:
                self._connection.executemany("DELETE FROM records WHERE ticket = ? AND kind = ?", gone)
        book.unsaved.clear()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _open_account(scenario: Scenario, random: Random, now_ms: int) -> Book:
    """A new account, made some days ago, whose history begins with its deposit (mt5-facts 5.2)."""
    opened_ms = now_ms - random.randrange(3 * 86_400_000, 9 * 86_400_000)
    orders = Sequence(random.randrange(300_000_000, 900_000_000))
    deals = Sequence(random.randrange(200_000_000, 290_000_000))
    book = Book(orders, deals, now_ms)
    amount = int((scenario.balance.scaleb(scenario.currency_digits)).quantize(Decimal(1), ROUND_HALF_UP))
    ticket = deals.next(random)
    deals.latest += random.randrange(100_000, 900_000)
    book.add_deal(Deal(ticket=ticket, order=0, time_ms=opened_ms, type=c.DEAL_TYPE_BALANCE, entry=0, profit=amount))
    return book
