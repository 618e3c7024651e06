"""Asking the person at the terminal."""

from __future__ import annotations

from mt5canary.errors import UsageProblem


def answered(question: str) -> str:
    """What the person types; raises UsageProblem where there is nobody to ask, or who breaks it off."""
    try:
        return input(question).strip()
    except (EOFError, KeyboardInterrupt):
        raise UsageProblem("there was no answer, so nothing was done; --yes does not ask") from None
