"""Objections to figures: a percentile or a drift guard without the samples that it would stand on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mt5canary.audit.claims import Claim, Objection
from mt5canary.statistics import samples_for_p99

_PERCENTILE = re.compile(
    r"""(?<![A-Za-z0-9]) p (?: 99\.9 | 999 | 99 | 95 | 90 ) (?![0-9])
        (?P<between> (?: th | [_ ]?latency | _?ms | _us )* [^\d<>≤≥\n]{0,16} )
        (?P<value> \d+ (?: \.\d+ )? )""",
    re.IGNORECASE | re.VERBOSE,
)
_LIMIT_WORD = re.compile(r"limit|threshold|below|under|max|target|阈值|上限|要求", re.IGNORECASE)
_SAMPLES = re.compile(
    r"""\b (?: n | samples? | sample_count | latency_samples | count | probes ) ["']? \s* [=:]? \s* ["']? (\d+) \b
        | \b (\d+) \s+ (?: samples | probes | round[ ]trips | measurements | requests ) \b""",
    re.IGNORECASE | re.VERBOSE,
)
_DISOWNED = re.compile(r"unproven|claims nothing|not measured|no (?:number of )?samples", re.IGNORECASE)

LIMIT_WORD_BEFORE = 16
"""How far before a percentile the word may stand that makes it a limit."""

SAMPLE_LINES = 2
"""How far from a percentile its number of samples may stand."""

CONFIDENCE = 0.95


def percentile_without_samples(claims: Iterable[Claim]) -> Iterator[Objection]:
    """A percentile is worth its samples: none is nothing, and a 99th percentile needs hundreds.

    How many is the exact binomial bound's: see ``mt5canary.statistics``.
    """
    needed = samples_for_p99(CONFIDENCE)
    for claim in claims:
        for line in claim.lines:
            found = _PERCENTILE.search(line.text)
            if found is None or _is_no_claim(line.text, found):
                continue
            value = float(found["value"])
            samples = [
                count
                for near in claim.around(line, SAMPLE_LINES, SAMPLE_LINES)
                for count in _sample_counts(near.text, own=near is line)
            ]
            why = ""
            if value == 0:
                why = "it is 0, and no round trip takes no time: nothing was measured"
            elif not samples:
                why = "no number of samples stands beside it"
            elif max(samples) < needed and "99" in found.group(0):
                why = f"{max(samples)} samples show no 99th percentile: at 95 % confidence it takes {needed} at least"
            if why:
                yield Objection(
                    "a percentile without samples",
                    line,
                    why,
                    f"the number of samples ({needed} or more for P99), and the raw times",
                )


def _is_no_claim(text: str, found: re.Match[str]) -> bool:
    """Whether a figure is a limit, or is itself called unproven."""
    before = text[max(0, found.start() - LIMIT_WORD_BEFORE) : found.start()]
    return bool(_LIMIT_WORD.search(found["between"]) or _LIMIT_WORD.search(before) or _DISOWNED.search(text))


def _sample_counts(text: str, *, own: bool) -> Iterator[int]:
    for each in _SAMPLES.finditer(text):
        yield int(each.group(1) or each.group(2))
    if own:  # a table has the number of samples in a cell of its own
        yield from (int(cell) for cell in map(str.strip, text.split("|")[1:]) if cell.isdecimal())


_PSI_NAN = re.compile(r"\bpsi\b[^\n]{0,24}\bnan\b", re.IGNORECASE)
_DRIFT_NONE = re.compile(r"\bdrift_events(?:_24h)?[\"']?\s*[:=]\s*0\b", re.IGNORECASE)
_CHECKS = re.compile(r"\bdrift_(?:samples|checks)|\bchecks?\b|\brows\b", re.IGNORECASE)


def drift_without_rows(claims: Iterable[Claim]) -> Iterator[Objection]:
    """No drift events among no checks is no evidence, and NaN is not a small number."""
    for claim in claims:
        for line in claim.lines:
            why = ""
            if _PSI_NAN.search(line.text):
                why = "the index is NaN: it could not be worked out"
            elif _DRIFT_NONE.search(line.text):
                near = claim.around(line, SAMPLE_LINES, SAMPLE_LINES)
                if not any(_CHECKS.search(_DRIFT_NONE.sub("", each.text)) for each in near):
                    why = "no events, and no number of checks or rows beside it"
            if why:
                yield Objection(
                    "a drift guard without rows", line, why, "the index of each check with its rows, and its limit"
                )
