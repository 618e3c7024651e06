"""Which records a call asks for: by ticket, symbol, group, position or time."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated import arguments
from mt5canary.gateway.simulated.arguments import CallFailed
from mt5canary.gateway.simulated.book import Book, Deal, Order


def in_group(name: str, group: str) -> bool:
    """Whether a symbol is in a group such as ``*USD*,!GBP*``: any pattern, and no pattern after ``!``."""
    patterns = [pattern.strip() for pattern in group.split(",")]
    wanted = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns if not pattern.startswith("!"))
    return wanted and not any(fnmatch.fnmatchcase(name, p[1:]) for p in patterns if p.startswith("!"))


Record = TypeVar("Record", bound=Any)


def chosen(records: Iterable[Record], symbol: str | None, group: str | None, ticket: int | None) -> list[Record]:
    """The records of a ticket, a symbol or a group, by ticket; of several filters the first of these counts."""
    records = sorted(records, key=lambda record: record.ticket)
    if ticket is not None:
        wanted = arguments.integer(ticket, "ticket", 64)
        return [record for record in records if record.ticket == wanted]
    if symbol is not None:
        return [record for record in records if record.symbol == arguments.text(symbol, "symbol")]
    return [record for record in records if group is None or in_group(record.symbol, group)]


class Window:
    """Which part of the history a call asks for."""

    def __init__(self, start: int, end: int, ticket: int, position: int, group: str | None) -> None:
        self._start, self._end = start, end
        self._ticket, self._position, self._group = ticket, position, group

    @classmethod
    def read(cls, dates: tuple[Any, ...], filters: dict[str, Any]) -> Window:
        """Read two dates, or ``ticket`` or ``position``; without any of these, -2.

        Other keywords are ignored: pymt5adapter 0.4.4, which was tested on a real terminal, passes some.
        """
        if len(dates) not in (0, 2):
            raise CallFailed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
        ticket, position = (arguments.integer(filters.get(k, 0), k, 64) for k in ("ticket", "position"))
        if not dates and not ticket and not position:
            raise CallFailed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
        start, end = (seconds(dates[0]), seconds(dates[1])) if dates else (0, 2**31 - 1)
        return cls(start, end, ticket, position, filters.get("group"))

    def deals(self, book: Book) -> list[Deal]:
        """The deals asked for, whatever their time."""
        if self._ticket:
            return book.by_order.get(self._ticket, [])
        if self._position:
            return book.by_position.get(self._position, [])
        return [deal for deal in book.deals.values() if self._has_symbol(deal.symbol)]

    def orders(self, book: Book) -> list[Order]:
        """The historical orders asked for, whatever their time."""
        if self._ticket:
            return [book.history[self._ticket]] if self._ticket in book.history else []
        if self._position:
            tickets = {deal.order for deal in book.by_position.get(self._position, [])}
            return [book.history[ticket] for ticket in sorted(tickets)]
        return [order for order in book.history.values() if self._has_symbol(order.symbol)]

    def _has_symbol(self, symbol: str) -> bool:
        return self._group is None or in_group(symbol, self._group)

    def has_time(self, seconds: int) -> bool:
        """Whether a server time lies in the window."""
        return self._start <= seconds <= self._end


def seconds(date: Any) -> int:
    """A date of the call surface, a number or a datetime, as whole server seconds."""
    if isinstance(date, datetime):
        return int(date.timestamp())
    if isinstance(date, (int, float)):
        return int(date)
    raise CallFailed(c.RES_E_INVALID_PARAMS, "Invalid arguments")
