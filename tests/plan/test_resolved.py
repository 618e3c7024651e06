"""The masked plan: the bundle's plan.yaml."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from .conftest import Workshop


def test_masked_values_are_plain(workshop: Workshop) -> None:
    """The masked plan is what JSON and YAML have, and both say the same."""
    resolved = workshop.load()

    assert json.loads(json.dumps(resolved.masked())) == resolved.masked()
    assert yaml.safe_load(resolved.masked_yaml()) == resolved.masked()


def test_masked_yaml_is_a_plan(workshop: Workshop, tmp_path: Path) -> None:
    """Loading the masked plan gives the same plan, with the same digest."""
    workshop.environment["GTW_HOST"] = "192.0.2.1"
    for target in ("simulator", "demo"):
        for overrides in ({}, {"order.volume": "0.01"}, {"decision.max_age": "24h"}):
            resolved = workshop.load(overrides, target=target)
            again = Workshop(tmp_path / ".")
            again.file = tmp_path / "again.yaml"
            again.file.write_text(resolved.masked_yaml())

            assert again.load().masked_yaml() == resolved.masked_yaml()
            assert again.load().digest == resolved.digest


def test_digest_is_of_the_masked_bytes(workshop: Workshop) -> None:
    """Anyone with the bundle's plan.yaml can compute the digest."""
    resolved = workshop.load()

    assert resolved.digest == hashlib.sha256(resolved.masked_yaml().encode()).hexdigest()


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("limits.loss.max_money", "5", "5.00"),
        ("limits.watch.for", "60s", "1m"),
        ("order.max_lot", "0.01", "1e-2"),
        ("limits.drift.baseline", "a/b.json", "a//b.json"),
    ],
)
def test_one_plan_has_one_digest(workshop: Workshop, path: str, one: str, other: str) -> None:
    """How a value is spelled makes no other plan."""
    assert workshop.load({path: one}).digest == workshop.load({path: other}).digest


def test_another_value_is_another_digest(workshop: Workshop) -> None:
    """Any value in effect is bound by the digest."""
    assert workshop.load().digest != workshop.load({"order.magic": "1197"}).digest


def test_where_it_lies_and_where_values_come_from_do_not_matter(workshop: Workshop) -> None:
    """A comment, another target's change or a value said on the command line make no other plan."""
    before = workshop.load({"order.magic": "1196"}).digest

    assert workshop.replace("server: Demo", "server: Other").add("# a comment\n").load().digest == before


def test_none_is_written_for_max_age_alone(workshop: Workshop) -> None:
    """What is optional and absent is left out; max_age says none."""
    text = workshop.load().masked_yaml()

    assert "max_age: none" in text
    assert "null" not in text
