"""Which exchanges the page shows, and how."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5canary.evidence.page.archive import MOST_SHOWN, choose
from mt5canary.evidence.page.facts import gather, spared
from mt5canary.evidence.page.static import static_part
from tests.evidence.made import Records


def _shown(records) -> list[int]:  # type: ignore[no-untyped-def]
    return [record["seq"] for record in choose(gather(records.all), [])]


def test_first_and_last_failed_and_the_orders_are_shown(records) -> None:  # type: ignore[no-untyped-def]
    """Of hundreds of alike exchanges the ends; whatever failed or was refused; whatever concerns the order."""
    for number in range(300):
        if number == 150:
            records.exchange("PING", {}, None, failure="no reply within 1 s")
        elif number == 151:
            records.exchange("GET_TICK", {}, {"status": "error", "error_code": "UNKNOWN_SYMBOL"})
        elif number == 152:
            records.exchange("OPEN", {}, {"status": "FILLED"})
        elif number == 153:
            records.exchange("PING", {}, None)
        else:
            records.exchange("PING", {}, {"status": "ok"})

    assert _shown(records) == [0, 1, 2, 150, 151, 152, 153, 297, 298, 299]


def test_there_is_an_end_to_what_is_shown(records) -> None:  # type: ignore[no-untyped-def]
    """A run in which thousands fail has a page all the same."""
    for number in range(3_000):
        records.exchange(f"ACTION{number % 90}", {}, None, failure="no reply")

    assert len(_shown(records)) == MOST_SHOWN


def test_the_page_says_how_many_there_are(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """Shown, made, and kept in batches alone: no reader takes the part for the whole."""
    records.exchange("PING", {}, {"status": "ok"})
    nothing = [None, None]
    records.add("probes", first=0, base=0, due=[0, 1], sent=[0, 1], received=nothing, ended=[5, 5], status=[], raw=[1])
    records.add("quotes", first=0, base=0, sent=[0, 1, 2])
    records.add("reading", exchanges=10)

    assert "1 of 15 exchanges are shown" in static_part(records.all, verdict())
    assert "14 of them in batches" in static_part(records.all, verdict())


def test_a_frame_of_a_megabyte_is_cut_and_says_so(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """The page stays small; the whole frame is in the evidence."""
    deals = [{"ticket": number, "comment": "x" * 3_000} for number in range(1_000)]
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": deals})

    part = static_part(records.all, verdict())

    assert len(part) < 200_000
    assert "more lines in evidence.jsonl" in part
    assert "(3016 characters)" in part


def test_only_a_signed_bundle_names_its_key_and_its_statement(records, verdict) -> None:  # type: ignore[no-untyped-def]
    """An unsigned one says what its chain shows, and what it does not."""
    records.add("run", challenge="seen before", signed_by="SHA256:abc")
    signed, unsigned = (static_part(kept, verdict()) for kept in (records.all, []))

    for expected in ("signed by the key SHA256:abc", "challenge was: seen before", 'href="attestation.json"'):
        assert expected in signed
        assert expected not in unsigned
    assert "The bundle is not signed" in unsigned
    assert "The bundle is not signed" not in signed


REPLIES = st.sampled_from(
    (
        {"status": "ok"},
        {"status": "error", "error_code": "UNKNOWN_SYMBOL"},
        {"status": "pending"},
        None,
        b'{"status" : "ok"}',
        b"\xff no frame",
    )
)


@given(replies=st.lists(st.tuples(st.sampled_from(("PING", "GET_TICK")), REPLIES, st.booleans()), max_size=120))
@settings(deadline=None)
def test_a_spared_ping_changes_nothing_on_the_page(replies: list[tuple[str, Any, bool]]) -> None:
    """The page of the lines of a chain is that of its records, whatever was answered and whatever failed."""
    records = Records()
    for action, reply, fails in replies:
        records.exchange(action, {}, reply, **({"failure": "the connection ended"} if fails else {}))
    lines = [b'{"prev":"",' + msgspec.json.encode(record)[len(b'{"prev":"",') :] for record in records.all]

    facts, spare = gather(records.all), gather(map(spared, lines))

    assert any(isinstance(each, bytes) for each in map(spared, lines)) == any(
        action == "PING" for action, *_ in replies
    )
    assert choose(spare, []) == choose(facts, [])
    assert (spare.counts, spare.answered, spare.pings) == (facts.counts, facts.answered, facts.pings)
