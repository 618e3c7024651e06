"""Inside a namespace: a session that pings each time it is told to on its standard input.

``python -m tests.netns.exchange PLAN``; each line of input is a time-out in milliseconds, each of output an answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.link.dialect import Dialect
from mt5canary.link.session import ReadSession
from mt5canary.plan import load
from mt5canary.target import route_of


def main(plan: str) -> None:
    """Say HELLO, then ping on demand."""
    resolved = load(Path(plan), environment={})
    events: list[Any] = []

    def record(kind: str, body: Struct) -> None:
        if kind == "event":
            events.append(getattr(body, "lost", ""))

    with ReadSession(route_of(resolved), record, dialect=Dialect(resolved.target.protocol)) as session:
        session.hello()
        print(json.dumps({"said": "ready"}), flush=True)
        for line in sys.stdin:
            try:
                said = session.ping(int(line)).status
            except Finding as finding:
                said = str(finding)
            print(json.dumps({"said": said, "lost": events}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
