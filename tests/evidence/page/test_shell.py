"""What is mended in pytest-html's own page."""

from __future__ import annotations

import pytest

from mt5canary.evidence.page.shell import UnknownPage, finish
from mt5canary.evidence.words import ENGLISH, Words

PAGE = """<!DOCTYPE html>
<html>
  <head><meta charset="utf-8"/></head>
  <body>
    <div onclick="location.reload()">again</div>
    <input type="checkbox" data-test-result="passed" disabled>
    <div class="logwrapper"></div>
    <script>theirs()</script>
  </body>
</html>"""


def test_the_page_gets_language_width_labels_and_a_landmark() -> None:
    """What a phone and a screen reader need, in the page's language."""
    mended = finish(PAGE, Words("zh"))

    for expected in ('<html lang="zh-Hans">', 'name="viewport"', "<body><main>", "</main></body>", "显示 passed"):
        assert expected in mended
    assert "onclick" not in mended


def test_the_policy_admits_two_scripts_and_no_network() -> None:
    """By digest; the digest changes with the script."""
    policy = finish(PAGE, ENGLISH).split('content="')[1].split('"')[0]
    other = finish(PAGE.replace("theirs()", "others()"), ENGLISH).split('content="')[1].split('"')[0]

    assert policy.startswith("default-src 'none'")
    assert policy.count("'sha256-") == 2
    assert "unsafe-inline" not in policy.split("script-src")[1]
    assert policy != other


@pytest.mark.parametrize("part", ["<html>", '<meta charset="utf-8"/>', "<body>", "<script>", 'class="logwrapper"'])
def test_a_page_of_another_shape_is_said(part: str) -> None:
    """Another version of pytest-html is noticed, and not half mended."""
    with pytest.raises(UnknownPage):
        finish(PAGE.replace(part, part.replace("<", "<x").replace("class", "x")), ENGLISH)
