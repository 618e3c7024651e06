"""The reference page and the examples: what they say is what holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mt5canary.plan.fields import CRITERIA
from mt5canary.plan.reference import page
from mt5canary.plan.schema import Plan
from mt5canary.plan.sections import fields_of
from mt5canary.plan.sources import SET_BY, SIGNING_KEY

ROOT = Path(__file__).parents[2]


def test_the_committed_page_is_the_models() -> None:
    """docs/plan.md is what the schema gives; ``python -m mt5canary.plan > docs/plan.md`` renews it."""
    assert (ROOT / "docs/plan.md").read_text(encoding="utf-8") == page()


def test_the_module_prints_the_page() -> None:
    """``python -m mt5canary.plan`` prints the page."""
    printed = subprocess.run([sys.executable, "-m", "mt5canary.plan"], capture_output=True, check=True, cwd=ROOT)

    assert printed.stdout.decode() == page()


def test_every_field_says_what_it_means() -> None:
    """No key of the plan is without a meaning on the page."""
    sections = [Plan]
    while sections:
        section = sections.pop()
        for key, field in fields_of(section).items():
            assert field.meaning, f"{section.__name__}.{key}"
    for line in page().splitlines():
        if line.startswith("| `"):
            cells = line.replace("\\|", "").strip("| ").split(" | ")
            assert len(cells) == 4, line
            assert cells[1].strip(), line


def test_the_example_names_each_variable_and_sets_none() -> None:
    """.env.example explains every variable, and a copy of it changes nothing."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line and not line.startswith("#")] == [
        f"{name}=" for name in (*SET_BY, SIGNING_KEY)
    ]


def test_there_are_33_criteria() -> None:
    """The identifiers that may be waived are the design's."""
    assert len(CRITERIA) == 33
    assert {"L1", "D5", "X11", "G6", "E5"} <= set(CRITERIA)
    assert "X12" not in CRITERIA


def test_no_address_of_a_real_network_is_committed() -> None:
    """The committed plan and its page name documentation addresses at most."""
    import ipaddress
    import re

    for name in ("canary.yaml", ".env.example", "docs/plan.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text):
            assert ipaddress.ip_address(address) in ipaddress.ip_network("192.0.2.0/24"), name
