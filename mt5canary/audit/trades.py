"""Objections to what is said of the order: tickets, balances, accounts, and fills when nothing could be filled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from mt5canary.audit.claims import Claim, Objection

_TICKET = re.compile(r"""\bticket(?:_?(?:id|number|no))?["'*]*\s*[:=#]?\s*["'*]*(\d{1,20})\b""", re.IGNORECASE)
_BOOKS = re.compile(
    r"\bhistory|\bdeals?\b|\bdeal_|\bposition_id\b|\bGET_DEALS\b|\bGET_ORDERS\b|\bstatement\b|成交记录|历史",
    re.IGNORECASE,
)


def ticket_without_history(claims: Iterable[Claim]) -> Iterator[Objection]:
    """A ticket is a number that anybody can type; only the broker's history makes it an order."""
    every = [line for claim in claims for line in claim.lines]
    shown = {number for line in every if _BOOKS.search(line.text) for number in re.findall(r"\d+", line.text)}
    seen: set[str] = set()
    for line in every:
        for number in _TICKET.findall(line.text):
            if number in seen:
                continue
            seen.add(number)
            if int(number) == 0 or number not in shown:
                why = "a ticket of 0 is no ticket" if int(number) == 0 else "no deal, history or statement names it"
                yield Objection(
                    "a ticket without history",
                    line,
                    f"ticket {number}: {why}",
                    "the broker's history with a deal of this order: its number, price, volume, magic and time",
                )


_BALANCE = re.compile(
    r"""(?: balance | 余额 ) (?P<name> [\w ]* ) ["'*]* \s* [:=|]? \s* ["'*$]* \s* (?P<value> \d[\d,]* (?: \.\d+ )? )
        (?: \s* (?: USD | EUR | GBP )? \s* (?: -> | → | => | to ) \s* \$? \s* (?P<then> \d[\d,]* (?: \.\d+ )? ) )?""",
    re.IGNORECASE | re.VERBOSE,
)
_OPENED = re.compile(
    r"\bfilled\b|\border[ _](?:executed|opened|filled|cost|placed)\b|\bcanary\b|开仓|成交|订单", re.IGNORECASE
)
_EXPLAINED = re.compile(
    r"\bclos(?:e|ed|ing)\b|\bcommission\b|\bswap\b|\bfee\b|\bprofit\b|\bdeposit|\bwithdraw|平仓|手续费|盈亏",
    re.IGNORECASE,
)


def balance_moves_on_opening(claims: Iterable[Claim]) -> Iterator[Objection]:
    """Opening a position moves margin and equity; the balance moves when it closes, or by a fee that is named."""
    for claim in claims:
        last: tuple[float, str] | None = None
        opened = explained = False
        for line in claim.lines:
            opened |= bool(_OPENED.search(line.text))
            explained |= bool(_EXPLAINED.search(line.text))
            for found in _BALANCE.finditer(line.text):
                figures = [_number(found["value"])] + ([_number(found["then"])] if found["then"] else [])
                before_after = "after" in found["name"].lower() and last is not None and "before" in last[1]
                for figure in figures:
                    if last is not None and figure != last[0] and not explained and (opened or before_after):
                        yield Objection(
                            "a balance that moves on opening",
                            line,
                            f"the balance goes from {last[0]:g} to {figure:g} with nothing closed and no fee named",
                            "the deals in between: profit, commission, swap and fee must add up to the difference",
                        )
                    last = figure, found["name"].lower()
                opened = explained = False


def _number(text: str) -> float:
    return float(text.replace(",", ""))


_CURRENCIES = "EUR|GBP|USD|JPY|CHF|AUD|NZD|CAD|SEK|NOK|PLN|ZAR|MXN|SGD|HKD|CNH|TRY"
_PAIR = re.compile(rf"\b(?:{_CURRENCIES}|XAU|XAG)(?:{_CURRENCIES})")
_FILL = re.compile(r"\bfilled\b|\border_filled\b|\bfill (?:at|time|price)\b|\bexecuted\b|成交", re.IGNORECASE)
_NO_FILL = re.compile(r"\bnot filled\b|\bunfilled\b|\brefus|\breject", re.IGNORECASE)
FRIDAY, SUNDAY = 4, 6
NEAR_LINES = 2
"""How far from a fill its time and its symbol may stand."""


def fill_while_closed(claims: Iterable[Claim]) -> Iterator[Objection]:
    """Spot currencies and metals rest from Friday 17:00 to Sunday 17:00 in New York, whatever the time of the year.

    That is from 21:00 or 22:00 UTC on Friday to the same on Sunday; only what is closed under both is objected to.
    """
    for claim in claims:
        told: set[datetime] = set()
        for line in claim.lines:
            near = claim.around(line, NEAR_LINES, NEAR_LINES)
            time = line.time or next((each.time for each in near if each.time is not None), None)
            if time is None or not _FILL.search(line.text) or _NO_FILL.search(line.text) or not is_closed(time):
                continue
            minute = time.replace(second=0, microsecond=0)
            if minute not in told and any(_PAIR.search(each.text) for each in near):
                told.add(minute)
                yield Objection(
                    "a fill while the market was closed",
                    line,
                    f"{time:%A %Y-%m-%d %H:%M} UTC lies in the weekend of spot currencies and metals",
                    "the deal's own time from the broker's history, in the trade server's clock",
                )


def is_closed(time: datetime) -> bool:
    """Whether spot currencies rest at a time in UTC, under New York's summer and winter time alike."""
    day, clock = time.weekday(), time.hour
    return (day == FRIDAY and clock >= 22) or day == FRIDAY + 1 or (day == SUNDAY and clock < 21)


_REAL = re.compile(r"\breal (?:account|money)\b|\btrade_mode[\"']?\s*[:=]+\s*[\"']?(?:2|real)\b|实盘", re.IGNORECASE)
_DEMO = re.compile(r"\b[\w-]*demo[\w-]*\b", re.IGNORECASE)


def demo_called_real(claims: Iterable[Claim]) -> Iterator[Objection]:
    """A demo server's fills are simulated by the broker, whatever the account is called."""
    for claim in claims:
        server = next((found.group(0) for line in claim.lines if (found := _DEMO.search(line.text))), None)
        for line in claim.lines:
            if (
                server is not None
                and _REAL.search(line.text)
                and not re.search(r"\bnot\b|\bno\b", line.text, re.IGNORECASE)
            ):
                yield Objection(
                    "a demo account called real",
                    line,
                    f"the same file names {server}",
                    "the account's trade_mode as the terminal gives it, beside the server's name",
                )
