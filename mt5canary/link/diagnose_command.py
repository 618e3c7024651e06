"""``mt5canary diagnose``: why the link does not work."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""


def run(arguments: argparse.Namespace) -> int:
    """Not there yet."""
    return 1
