"""Mutants that no test notices, and why that is no hole."""

from __future__ import annotations

REASONS: dict[str, str] = {}
