"""One table of words: both languages say everything, with the same blanks, and nothing is left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mt5canary.catalogue import load
from mt5canary.evidence.words import ENGLISH, LANGUAGES, TABLE, TITLES, Words

ROOT = Path(__file__).parents[2]
BLANK = re.compile(r"\{(\w+)\}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAME = {
    "percentile.p90",
    "percentile.p99",
    "percentile.p99.9",
    "story.after",
    "exchanges.found",
    "position.and",
    "position.marked",
}
"""Words that need no Chinese character."""


@pytest.mark.parametrize("key", TABLE)
def test_both_languages_say_it(key: str) -> None:
    """No word is missing, none is left in English, and both have the same blanks."""
    english, chinese = TABLE[key]

    assert english.strip(" ")
    assert CHINESE.search(english) is None
    assert key in SAME or CHINESE.search(chinese)
    assert sorted(BLANK.findall(english)) == sorted(BLANK.findall(chinese))


def test_every_criterion_has_a_title_in_chinese() -> None:
    """The catalogue's criteria, no more and no less."""
    catalogue = load(ROOT / "verification" / "catalogue.yaml")

    assert list(TITLES) == [criterion.id for criterion in catalogue.criteria]
    assert all(CHINESE.search(title) for title in TITLES.values())


def _keys_in_the_code() -> tuple[set[str], set[str]]:
    """The keys that the code names whole, and the beginnings of those that it puts together."""
    whole, begun = set(), set()
    for path in (ROOT / "mt5canary" / "evidence").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "words.py":
                whole.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
            if path.name == "words.py" and isinstance(node, ast.Call):
                whole |= {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return whole, {each for each in begun if "." in each and " " not in each}


def test_no_word_is_left_over() -> None:
    """Every key of the table is named in the code, whole or by its beginning."""
    whole, begun = _keys_in_the_code()
    left = [key for key in TABLE if key not in whole and not any(key.startswith(each) for each in begun)]

    assert left == []


def test_a_value_may_hold_anything() -> None:
    """Braces, format letters and other blanks in a value are shown as they are."""
    assert ENGLISH("position.marked", symbol="{marks}", marks="{0.__class__} %s") == "{marks} with {0.__class__} %s"


def test_an_unknown_language_is_refused() -> None:
    """There is no silent fallback to another one."""
    with pytest.raises(ValueError, match=f"there are {', '.join(LANGUAGES)}"):
        Words("fr")


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (5.4, "5 s", "5 秒"),
        (60, "1 min", "1 分"),
        (75, "1 min 15 s", "1 分 15 秒"),
        (3_600, "1 h", "1 小时"),
        (5_400, "1 h 30 min", "1 小时 30 分"),
        (86_459, "24 h", "24 小时"),
    ],
)
def test_lengths_of_time(seconds: float, english: str, chinese: str) -> None:
    """Two units at most, none that is nothing."""
    assert (ENGLISH.lasted(seconds), Words("zh").lasted(seconds)) == (english, chinese)
