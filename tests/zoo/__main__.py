"""Let one member of the zoo listen: ``python -m tests.zoo NAME --bind URL --state DIR --secret FILE --reports DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.zoo.registry import members


def main() -> None:
    """Listen until somebody ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("name", choices=sorted(members()), metavar="NAME")
    parser.add_argument("--bind", required=True, metavar="URL")
    parser.add_argument("--state", required=True, type=Path, metavar="DIR", help="what outlives the process")
    parser.add_argument("--secret", required=True, type=Path, metavar="FILE", help="the shared secret")
    parser.add_argument("--reports", required=True, type=Path, metavar="DIR", help="where the run writes its bundle")
    given = parser.parse_args()
    given.state.mkdir(parents=True, exist_ok=True)
    kind = members()[given.name].gateway
    kind(given.state, given.secret.read_bytes().rstrip(b"\r\n"), given.reports).serve(given.bind)


if __name__ == "__main__":
    main()
