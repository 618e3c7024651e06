"""The page's appendix: what the criteria have been seen to catch, as the run recorded it."""

from __future__ import annotations

from functools import lru_cache

from mt5canary.evidence import kill_matrix
from mt5canary.evidence.kill_matrix import KillMatrix
from mt5canary.evidence.page.facts import Facts
from mt5canary.evidence.page.markup import Markup, tag
from mt5canary.evidence.page.parts import folded, quoted, section, table
from mt5canary.evidence.words import Words

NAME = "kill-matrix"


def kill_matrix_section(facts: Facts, words: Words) -> Markup:
    """Each criterion with the lying gateways that it caught, and each gateway with every criterion."""
    matrix = kill_matrix.recorded(facts.kept)
    if matrix is None:
        return section(NAME, words("kill.heading"), tag("p", words("kill.none")))
    return appendix(matrix, words.language)


@lru_cache(maxsize=1)  # it is the same for every run, so that a run can have it rendered before it is needed
def appendix(matrix: KillMatrix, language: str) -> Markup:
    """The section of one matrix."""
    words = Words(language)
    criteria = [(name, quoted(words, caught)) for name, caught in kill_matrix.by_criterion(matrix)]
    members = [
        (tag("code", name), quoted(words, what), verdict, expected, tag("code", outcomes))
        for name, what, verdict, expected, outcomes in kill_matrix.by_member(matrix.members, matrix.criteria)
    ]
    heads = [words(f"kill.{name}") for name in ("gateway", "what", "verdict", "expected", "outcomes")]
    return section(
        NAME,
        words("kill.heading"),
        tag("p", words("kill.summary", **kill_matrix.counts(matrix))),
        table(words("kill.by_criterion"), (words("kill.criterion"), words("kill.caught")), criteria),
        folded(words("kill.all", count=len(members)), table(words("kill.all", count=len(members)), heads, members)),
        note=words("kill.legend"),
    )
