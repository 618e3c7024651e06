"""``report.html``: everything that a stranger needs to judge a run, on one page that needs nothing but itself.

``static_part`` is what it says, above the table that pytest-html draws; ``finish`` is what makes the finished file
fit for a phone, a screen reader and a reader who trusts no script.
"""

from __future__ import annotations

from mt5canary.evidence.page.rows import cells, details, headers, heading_of_the_table
from mt5canary.evidence.page.shell import UnknownPage, finish
from mt5canary.evidence.page.static import find_static_part, static_part

__all__ = [
    "UnknownPage",
    "cells",
    "details",
    "find_static_part",
    "finish",
    "headers",
    "heading_of_the_table",
    "static_part",
]
