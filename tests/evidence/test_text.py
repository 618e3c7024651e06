"""What comes from outside is shown and never interpreted."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.evidence.text import LONGEST, hypertext, markdown, visible

HOSTILE = "<script>alert(1)</script>"


def test_control_characters_are_shown_as_escapes() -> None:
    """Escape sequences, a right-to-left override and a zero byte become visible text."""
    assert visible("a\x1b[31mb\u202ec\x00") == "a\\x1b[31mb\\u202ec\\x00"


def test_line_ends_become_blanks() -> None:
    """A text stays on its line, so it cannot begin a heading or a table's row."""
    assert visible("a\n# b\r\n| c |\td") == "a # b  | c | d"


def test_an_overlong_text_is_cut_and_says_so() -> None:
    """A megabyte of reply does not become a megabyte of report."""
    shown = visible("x" * 1_000_000)

    assert shown == "x" * LONGEST + "… (1000000 characters)"


@pytest.mark.parametrize("escape", [markdown, hypertext])
def test_html_is_shown(escape) -> None:  # type: ignore[no-untyped-def]
    """No tag survives in either format."""
    assert escape(HOSTILE) == "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](javascript:b)", "\\[a\\](javascript:b)"),
        ("![a](b)", "!\\[a\\](b)"),
        ("a | b", "a \\| b"),
        ("`a` *b* ~c~ $d$", "\\`a\\` \\*b\\* \\~c\\~ \\$d\\$"),
        ("p99_latency_ms _c_", "p99_latency_ms \\_c\\_"),
        ("a\\b", "a\\\\b"),
    ],
    ids=["link", "image", "cell", "spans", "underscores", "backslash"],
)
def test_markdown_marks_are_shown(text: str, expected: str) -> None:
    """Links, images, cells and emphasis are text; a name with underscores stays readable."""
    assert markdown(text) == expected


@given(st.text())
def test_html_says_the_same_text(text: str) -> None:
    """What a reader sees in HTML is exactly the visible form of the text."""
    shown = hypertext(text)

    assert "<" not in shown
    assert '"' not in shown
    assert html.unescape(shown) == visible(text)
