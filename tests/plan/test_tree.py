"""The tree: texts with their places, and nothing that YAML makes of them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5canary.plan.problems import Problem
from mt5canary.plan.tree import Branch, Leaf, Node, Unreadable, leaves, overlaid, plain, read_file, read_value


def read(text: str) -> Node:
    """Read a text that has no problems."""
    problems: list[Problem] = []
    tree = read_file(text, "f", problems)
    assert not problems
    return tree


@pytest.mark.parametrize("text", ["NO", "010", "0x10", "1:30", "1_000", "4.3", "2026-01-16", "yes", "=", "<<"])
def test_values_stay_texts(text: str) -> None:
    """What YAML 1.1 would turn into a boolean, an octal or a date stays what was written."""
    assert plain(read(f"a: {text}")) == {"a": text}


@pytest.mark.parametrize("text", ["", "~", "null", "NULL"])
def test_nothing_is_no_value(text: str) -> None:
    """An empty value, a tilde and null are no value; in quotes they are texts."""
    assert plain(read(f"a: {text}")) == {"a": None}
    assert plain(read(f"a: '{text}'")) == {"a": text}


def test_each_value_knows_its_line() -> None:
    """A value's place is its key's line, a list item's its own."""
    tree = read("a: 1\n\nb:\n  c: {d: x,\n    e: y}\nf:\n- g\n- h\n")

    assert [(leaf.path, leaf.origin, leaf.text) for leaf in leaves(tree)] == [
        ("a", "f:1", "1"),
        ("b.c.d", "f:4", "x"),
        ("b.c.e", "f:5", "y"),
        ("f.0", "f:7", "g"),
        ("f.1", "f:8", "h"),
    ]


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "- " * 50_000, "a: {" * 1000, "? " * 1000, "a: 1\n--- \nb: 2\n", "? [a]\n: b\n", "\x00", "a: \x01"],
)
def test_what_no_plan_looks_like_is_unreadable(text: str) -> None:
    """Depth, documents, keys and characters beyond a plan's end in one problem, not in a crash."""
    with pytest.raises(Unreadable):
        read_file(text, "f", [])


keys = st.text("abcdef", min_size=1, max_size=3)
trees = st.recursive(
    st.none() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(keys, trees, max_size=4))
def test_what_yaml_writes_is_read_back(values: dict[str, object]) -> None:
    """Any mapping of texts that a YAML library writes reads back as it was."""
    assert plain(read(yaml.safe_dump(values))) == values


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_value_of_the_command_line_is_read(text: str) -> None:
    """Whatever is typed becomes a value; what is no YAML stands for itself."""
    assert not isinstance(read_value(text, "a", "command line"), Branch)


@pytest.mark.parametrize(
    ("text", "read_as"), [("*abc", "*abc"), ("[1", "[1"), ("a: b", "a: b"), ("'x'", "x"), ("", None)]
)
def test_values_of_the_command_line(text: str, read_as: str | None) -> None:
    """A text that starts like YAML and is none is taken as it is."""
    assert read_value(text, "a", "command line") == Leaf("a", "command line", read_as)


sections = st.dictionaries(
    keys, st.recursive(st.text("xyz"), lambda inner: st.dictionaries(keys, inner, max_size=3)), max_size=4
)


@settings(deadline=None)
@given(sections, sections)
def test_what_lies_over_is_seen_and_the_rest_stays(base: dict[str, object], over: dict[str, object]) -> None:
    """Overlaying keeps each value of the upper section, and those of the lower that nothing covers."""
    lower, upper = read(yaml.safe_dump(base)), read(yaml.safe_dump(over))
    assert isinstance(lower, Branch)
    assert isinstance(upper, Branch)

    def merged(below: object, above: object) -> object:
        if isinstance(below, dict) and isinstance(above, dict):
            return below | {key: merged(below.get(key), inner) for key, inner in above.items()}
        return above

    assert plain(overlaid(lower, upper)) == merged(base, over)
