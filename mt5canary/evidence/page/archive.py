"""What stands behind the page: raw exchanges to unfold and search, the plan, the environment, how to verify."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from mt5canary.evidence.exchanges import Told, told
from mt5canary.evidence.page.facts import REFUSALS, SHOWN_ENDS, SHOWN_FAILED, Facts, is_failed
from mt5canary.evidence.page.markup import Markup, tag
from mt5canary.evidence.page.parts import bullets, clock, folded, pairs, quoted, section, table
from mt5canary.evidence.story import CHANGING, Step
from mt5canary.evidence.text import hypertext, visible
from mt5canary.evidence.verdict import Verdict
from mt5canary.evidence.words import Words

MOST_FAILED = 20
MOST_SHOWN = 200
MOST_LINES = 120
"""How many lines of a frame are shown; the rest is in evidence.jsonl."""

ALWAYS = frozenset({*CHANGING, "GET_ORDERS", "GET_DEALS", "CHECK_ORDER", "FIND_REQUEST"})
"""What concerns the order is shown whole, as long as there is room."""

FILES = (
    "COMPLETION_REPORT.md",
    "EXECUTION_PLAN.md",
    "verdict.json",
    "VERIFY_LOG.log",
    "LIVE_EXECUTION_LOG.log",
    "PHYSICAL_EVIDENCE.log",
    "evidence.jsonl",
    "manifest.json",
)


def choose(facts: Facts, steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The exchanges that the page shows: first and last of each action, failed ones, those of the order's story."""
    wanted = {step.record for step in steps}
    by_action: dict[str, list[int]] = {}
    failed: list[int] = []
    for record in facts.exchanges:
        by_action.setdefault(record["action"], []).append(record["seq"])
        if is_failed(record):
            failed.append(record["seq"])
    wanted.update(failed[:SHOWN_FAILED], failed[-SHOWN_FAILED:])
    for numbers in by_action.values():
        wanted.update(numbers[:SHOWN_ENDS], numbers[-SHOWN_ENDS:])
    for action in ALWAYS.intersection(by_action):
        wanted.update(by_action[action][:MOST_FAILED])
    found = [record for record in facts.exchanges if record["seq"] in wanted]
    return found if len(found) <= MOST_SHOWN else found[: MOST_SHOWN // 2] + found[-MOST_SHOWN // 2 :]


def exchanges_section(facts: Facts, steps: Iterable[Step], words: Words) -> Markup:
    """Requests and replies as they were on the wire, folded; a search field where scripts run."""
    shown = [told(record) for record in choose(facts, steps)]
    total = facts.counts["exchange"] + facts.batched
    if not shown:
        return section("exchanges", words("exchanges.heading"), tag("p", words("exchanges.none")))
    actions = Counter(exchange.action for exchange in shown)
    options = [tag("option", words("exchanges.any"), value="")] + [
        tag("option", f"{action} ({count})", value=action) for action, count in sorted(actions.items())
    ]
    search = tag(
        "form",
        tag("label", words("exchanges.search"), " ", tag("input", type="search", id="exchange-search")),
        tag("label", words("exchanges.action"), " ", tag("select", options, id="exchange-action")),
        tag("label", tag("input", type="checkbox", id="exchange-failed"), " ", words("exchanges.failed")),
        tag("output", id="exchange-count", data_text=words("exchanges.found")),
        class_="search",
        role="search",
        hidden=True,
    )
    note = words("exchanges.note", shown=len(shown), total=f"{total:,}", batched=f"{facts.batched:,}")
    entries = [_exchange(exchange, words) for exchange in shown]
    listing = tag("div", entries, id="exchange-list")
    return section("exchanges", words("exchanges.heading"), search, listing, note=note)


def _exchange(exchange: Told, words: Words) -> Markup:
    refused = exchange.status in REFUSALS
    status = exchange.status or words("exchanges.no_reply")
    took = "" if exchange.round_trip_ms is None else f"{exchange.round_trip_ms:.3f} ms"
    summary = (
        tag("span", f"#{exchange.number}", class_="number"),
        clock(exchange.sent_at),
        tag("strong", exchange.action),
        tag("span", status, class_="refused" if refused else "failed" if exchange.reply is None else None),
        tag("span", took, class_="took"),
    )
    reply = exchange.reply if exchange.reply is not None else exchange.failure or words("exchanges.no_reply")
    inner = (
        tag("h3", words("exchanges.request")),
        _frame(exchange.request, words),
        tag("h3", words("exchanges.reply")),
        _frame(reply, words),
        tag("p", quoted(words, exchange.failure)) if exchange.failure and exchange.reply is not None else None,
    )
    kind = "exchange failed" if exchange.reply is None or refused else "exchange"
    return tag("details", tag("summary", summary), inner, class_=kind, data_action=exchange.action)


def _frame(content: object, words: Words) -> Markup:
    """A frame's JSON over several lines, each made safe to see."""
    text = content if isinstance(content, str) else msgspec.json.format(msgspec.json.encode(content), indent=1).decode()
    lines = text.splitlines()
    kept = [visible(line, 300) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        kept.append(words("exchanges.cut", count=len(lines) - MOST_LINES))
    return preformatted(kept)


def preformatted(lines: Iterable[str]) -> Markup:
    """Lines as they are, each of which passes through ``hypertext``."""
    return tag("pre", tag("code", Markup("\n".join(map(hypertext, lines)))), tabindex="0")


def plan_section(facts: Facts, words: Words) -> Markup:
    """The plan's values in effect, each with where it came from."""
    if not facts.settings:
        return section("plan", words("plan.heading"), tag("p", words("plan.none")))
    heads = [words(f"plan.{name}") for name in ("field", "value", "source")]
    rows = [(name, *_setting(entry)) for name, entry in facts.settings.items()]
    listing = folded(words("plan.all", count=len(rows)), table(words("plan.heading"), heads, rows, "inner"))
    return section("plan", words("plan.heading"), listing)


def _setting(entry: object) -> tuple[str, str]:
    if not isinstance(entry, dict):
        return str(entry), "—"
    return str(entry.get("value")), str(entry.get("source"))


def environment_section(facts: Facts, words: Words) -> Markup:
    """What the run ran on."""
    listing = pairs(facts.environment.items(), "facts") if facts.environment else tag("p", words("environment.none"))
    return section("environment-facts", words("environment.heading"), listing)


VERIFY = "mt5canary verify {folder}"
BY_HAND = """jq -r '.files[] | .sha256 + "  " + .path' manifest.json | sha256sum --check --quiet
jq -r 'select(.kind == "exchange") | .reply // empty | @base64d' evidence.jsonl"""


def verify_section(verdict: Verdict, facts: Facts, words: Words) -> Markup:
    """How anyone can check this page, with our command and without it; and where everything else is."""
    signed = words("verify.signed", key=facts.signed_by) if facts.signed_by else words("verify.unsigned")
    challenge = words("verify.challenge", text=facts.challenge) if facts.challenge else None
    names = [*FILES, *(["attestation.json"] if facts.signed_by else [])]
    files = [(tag("a", name, href=name), f": {words(f'file.{name}')}") for name in names]
    return section(
        "verify",
        words("verify.heading"),
        tag("p", words("verify.ours")),
        preformatted([VERIFY.format(folder=verdict.run)]),
        tag("p", words("verify.by_hand")),
        preformatted(BY_HAND.splitlines()),
        tag("p", signed),
        tag("p", challenge) if challenge else None,
        tag("h3", words("verify.files")),
        bullets("ul", files),
    )
