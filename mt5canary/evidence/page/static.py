"""The static part of ``report.html``: a pure function of the records, the verdict and the language.

The same three give the same bytes again, so ``mt5canary verify`` can render it anew and compare. It is complete
without a script: a script only adds the search among the exchanges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from mt5canary.evidence.page.archive import environment_section, exchanges_section, plan_section, verify_section
from mt5canary.evidence.page.criteria import criteria
from mt5canary.evidence.page.facts import Facts, gather
from mt5canary.evidence.page.front import at_a_glance, band, headline, key_figures, not_proven, whereabouts
from mt5canary.evidence.page.kill_matrix import kill_matrix_section
from mt5canary.evidence.page.latency import work_out
from mt5canary.evidence.page.ledger import read_ledger
from mt5canary.evidence.page.markup import Markup, join, tag
from mt5canary.evidence.page.trade import account, order_story
from mt5canary.evidence.page.watching import drift_section, events_section, latency_section
from mt5canary.evidence.position import report_position
from mt5canary.evidence.story import story
from mt5canary.evidence.verdict import Verdict
from mt5canary.evidence.words import LANGUAGES, Words

HERE = Path(__file__).parent
_STATIC = re.compile(r"<!-- static part: ([a-z]+) -->\n.*?\n<!-- end of the static part -->", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/\n?", re.DOTALL)

LINKS = ("missing", "criteria", "story", "ledger", "latency", "drift", "events", "exchanges", "plan", "verify")
"""The sections that the page's own contents lead to."""


def static_part(records: Iterable[dict[str, Any] | bytes], verdict: Verdict, language: str = "en") -> str:
    """The whole static part as one piece of HTML between two comments; the records are read once.

    ``language`` is one of ``words.LANGUAGES``. Texts of the records stay as they were recorded, in English.
    """
    words = Words(language)
    facts = gather(records)
    body = (band(verdict, words), _sections(facts, verdict, words))
    whole = tag("div", body, class_="canary", lang=words.tag)
    return f"<!-- static part: {language} -->\n{_style()}{whole}\n<!-- end of the static part -->"


def find_static_part(page: str) -> tuple[str, str] | None:
    """The static part of a whole ``report.html`` and its language; None where it holds none, or more than one."""
    found = list(_STATIC.finditer(page))
    if len(found) != 1 or found[0][1] not in LANGUAGES:
        return None
    return found[0][0], found[0][1]


def _sections(facts: Facts, verdict: Verdict, words: Words) -> Markup:
    latency, ledger, steps = work_out(facts), read_ledger(facts), story(facts.kept, verdict)
    position = report_position(facts.kept, verdict, words)
    first = [headline(verdict, position, words), _contents(words)]
    if position.needs_a_person:
        first.append(whereabouts(position, words))
    return join(
        (
            first,
            at_a_glance(verdict, words),
            key_figures(verdict, facts, latency, ledger, words),
            not_proven(verdict, facts, words),
            criteria(verdict, facts, words),
            None if position.needs_a_person else whereabouts(position, words),
            order_story(steps, words),
            account(ledger, words),
            latency_section(latency, words),
            drift_section(facts, words),
            events_section(facts, words),
            exchanges_section(facts, steps, words),
            plan_section(facts, words),
            environment_section(facts, words),
            verify_section(verdict, facts, words),
            kill_matrix_section(facts, words),
        )
    )


def _contents(words: Words) -> Markup:
    links = [tag("li", tag("a", words(f"contents.{name}"), href=f"#{name}")) for name in LINKS]
    return tag("nav", tag("ul", links), aria_label=words("contents"), class_="contents")


@cache
def _style() -> str:
    style = _COMMENT.sub("", (HERE / "page.css").read_text(encoding="utf-8"))
    return f"<style>\n{style}</style>\n"
