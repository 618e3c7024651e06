"""``mt5canary explain RETCODE``: what a retcode means and what to do next."""

from __future__ import annotations

import argparse
import json

import msgspec

from mt5canary.errors import UsageProblem
from mt5canary.order.retcodes import RETCODES, explain


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("retcode", metavar="RETCODE", nargs="?", help="a number or a name; all of them where not said")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    """Print one retcode or the whole table; exit status 1 where it is none."""
    if arguments.retcode is None:
        return _show(list(RETCODES), arguments.json)
    word = str(arguments.retcode).upper().removeprefix("TRADE_RETCODE_")
    named = [number for number, retcode in RETCODES.items() if retcode.name == word]
    if not named and not word.removeprefix("-").isdigit():
        raise UsageProblem(f"{arguments.retcode!r} is neither a retcode's number, such as 10018, nor its name")
    return _show(named or [int(word)], arguments.json)


def _show(numbers: list[int], as_json: bool) -> int:
    known = [RETCODES[number] for number in numbers if number in RETCODES]
    if as_json:
        print(json.dumps([msgspec.structs.asdict(retcode) for retcode in known], indent=2))
    else:
        print("\n".join(explain(number) for number in numbers))
    return 0 if len(known) == len(numbers) else 1
