"""The exchanges that a watch keeps in batches, read back from the chain (for criterion E3).

``probes`` and ``quotes`` records hold exchanges by column, ``reading`` records only count them; what each means stands
in ``mt5canary/guardian/batches.py``. An exchange that a batch names in ``raw`` has an ``exchange`` record too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from mt5canary.evidence.chain import raw
from mt5canary.measurement import Measurement, equal


class Batched(Struct):
    """What the batches of a run amount to."""

    exchanges: int = 0
    named_raw: int = 0
    agree: int = 0
    probes_in_order: bool = True

    def measurements(self) -> list[Measurement]:
        """Whether the batches run on and agree with the raw records of the same exchanges; nothing without any."""
        if not self.exchanges and not self.named_raw:
            return []
        return [
            equal("batched exchanges run on, in order", self.probes_in_order, True, samples=self.exchanges),
            equal("batched exchanges kept raw that agree", self.agree, self.named_raw, samples=max(1, self.named_raw)),
        ]


Kept = Mapping[tuple[int, int | None], str | None]
"""The reply's SHA-256, None where there was none, of each raw ``PING`` by when it was sent and answered."""


def kept_raw(exchanges: Iterable[dict[str, Any]]) -> Kept:
    """The raw ``PING`` among some ``exchange`` records."""
    pings = (record for record in exchanges if record["action"] == "PING")
    return {(record["sent"], record.get("received")): hash_of(raw(record, "reply")) for record in pings}


def hash_of(reply: bytes | None) -> str | None:
    """A reply as a batch has it."""
    return None if reply is None else hashlib.sha256(reply).hexdigest()


def read_batches(records: Iterable[dict[str, Any]], kept: Kept) -> Batched:
    """Count the exchanges that only a batch holds, and hold the others against what is kept raw of them."""
    found = Batched()
    following = {"probes": 0, "quotes": 0}
    last_sent = {"probes": 0, "quotes": 0}
    for record in records:
        kind = record["kind"]
        if kind == "reading":
            found.exchanges += record["exchanges"]
        elif kind in following:
            base = record["base"]
            sent = [base + after for after in record["sent"] if after is not None]
            runs_on = record["first"] == following[kind] and sent == sorted(sent)
            found.probes_in_order &= runs_on and (not sent or sent[0] >= last_sent[kind])
            following[kind] += len(record["sent"])
            last_sent[kind] = sent[-1] if sent else last_sent[kind]
            own = record.get("raw", [])
            found.exchanges += len(sent) - len(own)
            found.named_raw += len(own)
            found.agree += sum(_agrees(record, place, kept) for place in own)
    return found


def _agrees(batch: dict[str, Any], place: int, kept: Kept) -> bool:
    """Whether the raw record of a probe exists, and its reply is the one that the batch hashed."""
    base, received = batch["base"], batch["received"][place]
    made = (base + batch["sent"][place], None if received is None else base + received)
    return made in kept and bool(kept[made] == batch["reply_sha256"][place])
