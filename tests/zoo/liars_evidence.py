"""Liars whose gateway reaches the evidence: its times, its connections, its files (E3 to E5)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.zoo.base import Gateway
from tests.zoo.books import Row
from tests.zoo.registry import liar

LAST_READING = 190
"""Probes after which the watch reads no more: the next HELLO is the way out's."""


@liar("E3", because="gateway instances that answered HELLO")
class AnotherAtTheEnd(Gateway):
    """The way out's own connection is answered by another instance: two gateways share the address."""

    def hello(self, request: Row) -> Row:
        if self.probes > LAST_READING:
            self.instance = str(uuid.UUID(int=0))
        return super().hello(request)


@liar("E3", "G2", because="connections that were lost")
class HangsUpOnce(Gateway):
    """Hangs up once under the watch and takes the next connection as if nothing had been."""

    hung_up = False

    def handle(self, frame: bytes) -> bytes | None:
        answer = super().handle(frame)
        if self.probes != 100 or self.hung_up:
            return answer
        self.hung_up = True
        return None


class _ShiftedDeals(Gateway):
    """Shows its deals as if they had been made at another time."""

    shift: timedelta = timedelta()

    def get_deals(self, request: Row) -> Row:
        milliseconds = self.shift // timedelta(milliseconds=1)
        rows = super().get_deals(request)["deals"]
        return {"deals": [{**row, "time_msc": row["time_msc"] + milliseconds} for row in rows]}


@liar("E4", because="deal after its request")
class DealOfAnHourAgo(_ShiftedDeals):
    """The deal is an hour older than the request that it answers."""

    shift = timedelta(hours=-1)


@liar("E4", because="deal after its request")
class DealFromTheFuture(_ShiftedDeals):
    """The deal is made ten seconds after its reply came."""

    shift = timedelta(seconds=10)


@liar("E4", because="gateway's times that lie outside their exchanges")
class ClockThatJumps(Gateway):
    """Its clock agrees while it is measured, and jumps an hour once the order is filled."""

    def reply(self, request: Row) -> Row:
        ahead = datetime.now(UTC) + timedelta(hours=1)
        return {**super().reply(request), **({"server_time": ahead.isoformat()} if self.has_filled else {})}


class _Accomplice(Gateway):
    """Has a hand in the node's own files, and uses it when the run closes its position."""

    def close_all(self, request: Row) -> Row:
        reply = super().close_all(request)
        if reply["closed"]:
            newest = max(path for path in self.reports.iterdir() if not path.is_symlink())
            self.touch(newest)
        return reply

    def touch(self, bundle: Path) -> None:
        """Change something in the run's folder."""


@liar("E5", because="EXECUTION_PLAN.md")
class RewritesThePlan(_Accomplice):
    """Rewrites the execution plan after the fact."""

    def touch(self, bundle: Path) -> None:
        file = bundle / "EXECUTION_PLAN.md"
        file.write_text(file.read_text().replace("order.side", "order.Side"))


@liar("E5", because="VERIFY_LOG.log is the view of its records")
class ImprovesTheLog(_Accomplice):
    """Adds to the verification log the line that everybody looks for."""

    def touch(self, bundle: Path) -> None:
        with (bundle / "VERIFY_LOG.log").open("a") as log:
            log.write("2026-01-16T18:17:13.285050Z INFO    [order] ORDER_FILLED Ticket: 100234567\n")


@liar("E5", because="record")
class RewritesTheChain(_Accomplice):
    """Changes one digit in a record of the evidence."""

    def touch(self, bundle: Path) -> None:
        file = bundle / "evidence.jsonl"
        with file.open("r+b") as chain:
            content = chain.read()
            place = content.index(b'"kind":"settings"') if b'"kind":"settings"' in content else len(content) // 2
            digit = next(at for at in range(place, len(content)) if content[at : at + 1].isdigit())
            chain.seek(digit)
            chain.write(b"7" if content[digit : digit + 1] != b"7" else b"8")
