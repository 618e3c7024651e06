"""What pytest-html's own page needs around ours: a language, a phone's width, labels, and no way out.

pytest-html writes a page for wide screens, without a language or a landmark. The finished file is mended here, and
gets a content security policy: the page reaches no network, and no script runs but the two that it was made with.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from mt5canary.evidence.page.markup import tag
from mt5canary.evidence.words import Words

HERE = Path(__file__).parent


class UnknownPage(ValueError):
    """The page is not as pytest-html writes it."""


def finish(page: str, words: Words) -> str:
    """A page of pytest-html, mended; raises UnknownPage where its shape is another one."""
    own = _script()
    theirs = _between(page, "<script>", "</script>", last=True)
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {_hash(theirs)} {_hash(own)}"
    head = [
        tag("meta", http_equiv="Content-Security-Policy", content="POLICY").replace("POLICY", policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
    ]
    mended = _replace(page, "<html>", f'<html lang="{words.tag}">')
    mended = _replace(mended, '<meta charset="utf-8"/>', '<meta charset="utf-8"/>' + "".join(head))
    mended = _replace(mended, "<body>", "<body><main>")
    mended = _replace(mended, ' onclick="location.reload()"', "")
    mended = _replace(mended, '<div class="logwrapper">', '<div class="logwrapper" tabindex="0">')
    mended = _label_filters(mended, words)
    return _replace_last(mended, "</body>", f"<script>{own}</script></main></body>")


@cache
def _script() -> str:
    return (HERE / "page.js").read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _between(page: str, start: str, end: str, *, last: bool) -> str:
    begin = page.rfind(start) if last else page.find(start)
    stop = page.find(end, begin)
    if begin < 0 or stop < 0:
        raise UnknownPage(f"the page has no {start}")
    return page[begin + len(start) : stop]


def _replace(page: str, old: str, new: str) -> str:
    if old not in page:
        raise UnknownPage(f"the page has no {old}")
    return page.replace(old, new, 1)


def _replace_last(page: str, old: str, new: str) -> str:
    before, found, after = page.rpartition(old)
    if not found:
        raise UnknownPage(f"the page has no {old}")
    return before + new + after


def _label_filters(page: str, words: Words) -> str:
    """Each filter's box says what it filters."""
    mark = 'type="checkbox" data-test-result="'
    before, *rest = page.split(mark)
    labelled = [before]
    for part in rest:
        result = part.partition('"')[0]
        labelled.append(f'aria-label="{words("tests.filter", result=result)}" {mark}{part}')
    return "".join(labelled)
