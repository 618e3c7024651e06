"""The order's story as a timeline with prices, and the account's ledger before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from mt5canary.evidence.page import charts
from mt5canary.evidence.page.ledger import LINES, PARTS, Ledger
from mt5canary.evidence.page.markup import Markup, tag
from mt5canary.evidence.page.parts import clock, legend, outcome, quoted, section, table
from mt5canary.evidence.story import Step
from mt5canary.evidence.words import Words
from mt5canary.measurement import Outcome

HEIGHT = 230
ASKED = ("OPEN", "CLOSE", "CLOSE_ALL")


class Moment(Struct, frozen=True):
    """One moment of the story: ``price`` is a price at which something was done, ``bid`` and ``ask`` a quote."""

    at: int
    kind: str
    detail: str
    record: int
    prices: dict[str, float]


def moments(steps: Sequence[Step]) -> list[Moment]:
    """The steps, with a request and its answer as two moments."""
    return sorted((each for step in steps for each in _moments(step)), key=lambda each: each.at)


def _moments(step: Step) -> Iterator[Moment]:
    if step.kind not in ASKED or step.answered_at is None:
        yield Moment(step.at, step.what, step.detail, step.record, dict(step.prices))
        return
    yield Moment(step.at, f"{step.what} sent", step.asked, step.record, {})
    yield Moment(step.answered_at, f"{step.what} answered", step.answered, step.record, dict(step.prices))


def order_story(steps: Sequence[Step], words: Words) -> Markup:
    """Numbered moments, and a chart in which the same numbers stand at their prices."""
    if not steps:
        return section("story", words("story.heading"), tag("p", words("story.none")))
    told = moments(steps)
    entries = [_entry(number, moment, told[0].at, words) for number, moment in enumerate(told, 1)]
    return section(
        "story",
        words("story.heading"),
        _chart(told, words),
        tag("ol", entries, class_="timeline"),
        note=words("story.note"),
    )


def _entry(number: int, moment: Moment, began: int, words: Words) -> Markup:
    elapsed = words("story.after", seconds=f"{(moment.at - began) / 1e9:.3f}")
    return tag(
        "li",
        tag("span", number, class_="number", aria_hidden="true"),
        tag("strong", words.moment(moment.kind)),
        tag("span", clock(moment.at), " ", tag("small", elapsed), class_="when"),
        tag("span", quoted(words, moment.detail), class_="detail"),
        tag("small", words("story.record", number=moment.record), class_="record"),
        class_="priced" if moment.prices else None,
    )


def _chart(told: Sequence[Moment], words: Words) -> Markup | None:
    """Prices from moment to moment; the moments stand at equal distances, for they lie from 1 ms to a day apart."""
    priced = [(number, moment) for number, moment in enumerate(told, 1) if moment.prices]
    prices = [price for _, moment in priced for price in moment.prices.values()]
    if not prices:
        return None
    low, high = min(prices), max(prices)
    room = (high - low) * 0.15 or high * 1e-5
    plot = charts.linear_plot(HEIGHT, low - room, high + room)
    digits = max(len(f"{price:.10f}".rstrip("0").partition(".")[2]) for price in prices)
    parts: list[object] = [
        charts.horizontal(plot, value, f"{value:.{digits}f}") for value in charts.round_ticks(low - room, high + room)
    ]
    places = [(index + 0.5) / len(priced) for index in range(len(priced))]
    dots: list[tuple[float, float]] = []
    for place, (number, moment) in zip(places, priced, strict=True):
        quote, price = moment.prices, moment.prices.get("price")
        if "bid" in quote and "ask" in quote:
            parts.append(charts.bar(plot, place - 0.012, place + 0.012, quote["bid"], quote["ask"], "quote"))
        if price is not None:
            dots.append((place, price))
        parts.append(charts.ticks(plot, [(place, str(number))]))
    parts.append(charts.lines(plot, "path", [place for place, _ in dots], [price for _, price in dots]))
    parts += [charts.dot(plot, place, price, "price", 5) for place, price in dots]
    description = words("story.chart.text", count=len(priced), low=f"{low:.{digits}f}", high=f"{high:.{digits}f}")
    drawn = charts.drawing("story-chart", words("story.chart"), description, HEIGHT, parts)
    key = legend([("quote", words("legend.quote")), ("price", words("legend.price"))])
    return tag("figure", drawn, tag("figcaption", key))


def account(ledger: Ledger | None, words: Words) -> Markup:
    """Each line of the account before and after, and the deals that explain the balance to the cent."""
    if ledger is None:
        return section("ledger", words("ledger.heading"), tag("p", words("ledger.none")))
    heads = [words(f"ledger.{name}") for name in ("line", "before", "after", "change")]
    rows = [(words(f"account.{name}"), *_line(ledger, name)) for name in LINES]
    read = words(
        "ledger.read",
        before=ledger.before.number,
        after=ledger.after.number,
        currency=ledger.currency,
    )
    return section(
        "ledger",
        words("ledger.heading"),
        table(words("ledger.heading"), heads, rows, "figures"),
        _deals(ledger, words),
        _balance(ledger, words),
        note=read,
    )


def _line(ledger: Ledger, name: str) -> tuple[str, str, str]:
    before, after = ledger.line(name)
    change = None if before is None or after is None else after - before
    return _amount(before), _amount(after), _signed(change)


def _deals(ledger: Ledger, words: Words) -> Markup:
    if not ledger.deals:
        return tag("p", words("ledger.no_deals"))
    names = ("deal", "what", "price", *PARTS, "sum")
    rows = [
        (
            str(deal.ticket),
            f"{deal.kind} {deal.entry} {deal.volume} {deal.symbol}",
            str(deal.price),
            *(_signed(deal.money[part]) for part in PARTS),
            _signed(deal.total),
        )
        for deal in ledger.deals
    ]
    heads = [words(f"ledger.{name}") for name in names]
    return table(words("ledger.deals"), heads, rows, "figures")


def _balance(ledger: Ledger, words: Words) -> Markup:
    """The equation, with its difference; not a criterion's outcome, but what the figures above come to."""
    if ledger.moved is None or ledger.difference is None:
        return tag("p", words("ledger.incomplete"))
    even = ledger.difference == 0
    text = words(
        "ledger.equation",
        moved=_signed(ledger.moved),
        explained=_signed(ledger.explained),
        difference=_signed(ledger.difference),
        currency=ledger.currency,
    )
    mark = outcome(Outcome.PASS if even else Outcome.FAIL)
    return tag("p", mark if not even else None, " ", text, class_="equation")


def _amount(value: Decimal | None) -> str:
    return "—" if value is None else f"{value:,.2f}"


def _signed(value: Decimal | None) -> str:
    if value is None:
        return "—"
    rounded = round(value, 2)
    return f"{rounded:+,.2f}" if rounded else "0.00"
