"""What the end of a run needs, got ready while its own gateway comes up and while the market is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mt5canary.evidence.kill_matrix import KillMatrix

MODULES = (
    "mt5canary.decision",
    "mt5canary.order.proposal",
    "mt5canary.order.reconciler",
    "mt5canary.order.account_lease",
    "mt5canary.evidence.inspection",
    "mt5canary.evidence.bundle",
    "mt5canary.evidence.page.static",
    "mt5canary.evidence.page.shell",
    "mt5canary.verify.command",
    "mt5canary.verify.execution_stage",
    "mt5canary.verify.evidence_stage",
    "mt5canary.verify.late_stage",
)
"""In the order in which they are needed; each is imported again, in its own place, by what needs it."""

_TO_DO: list[Callable[[], object]] = [partial(import_module, name) for name in MODULES]


def pause(seconds: float) -> None:
    """Let so many seconds go by, and get as much ready in them as they hold."""
    until = time.monotonic() + seconds
    work_while(lambda: time.monotonic() < until)
    time.sleep(max(0.0, until - time.monotonic()))


def work_while(is_waiting: Callable[[], bool]) -> None:
    """Get one thing after another ready as long as there is nothing else to do."""
    while _TO_DO and is_waiting():
        _TO_DO.pop(0)()


def render_soon(matrix: KillMatrix, language: str) -> None:
    """Render the appendix of both reports, which is known before the run begins; they find it made."""
    _TO_DO.extend((partial(_render_document, matrix), partial(_render_page, matrix, language)))


def _render_document(matrix: KillMatrix) -> None:
    from mt5canary.evidence.documents import appendix

    appendix(matrix)


def _render_page(matrix: KillMatrix, language: str) -> None:
    from mt5canary.evidence.page.kill_matrix import appendix

    appendix(matrix, language)
