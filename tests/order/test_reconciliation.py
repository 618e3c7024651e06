"""The three books compared: each discrepancy by its name, and nothing of ours ever passed over."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.order.journal import Intent, RecordedIntent
from mt5canary.order.reconciliation import Books, Kind, Reconciliation, reconcile
from mt5canary.wire.replies import Deal, Order, Position

MAGIC = 1196
NOW = 1_800_000_000_000_000_000
MINUTE = 60_000_000_000


def intent(step: str = "FILLED", *, run: str = "earlier", uuid: str = "u", age: int = MINUTE, **facts: Any) -> Any:
    said = Intent(uuid=uuid, nonce=f"NONCE-{uuid}", run=run, symbol="EURUSD", side="BUY", volume="0.001", magic=MAGIC)
    return RecordedIntent(intent=said, step=step, facts=facts, begun=NOW - age, at=NOW - age)


def position(ticket: int = 1, **changes: Any) -> Position:
    fields = {"symbol": "EURUSD", "type": "BUY", "volume": 0.001, "magic": MAGIC, "comment": "NONCE-u"}
    prices = {"open_price": 1.1, "current_price": 1.1, "profit": 0.0}
    return Position(ticket=ticket, **{**prices, **fields, **changes})


def deal(ticket: int = 10, entry: str = "in", **changes: Any) -> Deal:
    fields = {"order": ticket, "position_id": 1, "time_msc": 0, "type": "BUY", "symbol": "EURUSD", "volume": 0.001}
    money = {"price": 1.1, "commission": 0.0, "swap": 0.0, "fee": 0.0, "profit": 0.0}
    marks = {"magic": MAGIC, "comment": "NONCE-u" if entry == "in" else "", "reason": "EXPERT"}
    return Deal(ticket=ticket, entry=entry, **{**fields, **money, **marks, **changes})  # type: ignore[arg-type]


def pending(**changes: Any) -> Order:
    fields = {"position_id": 0, "state": "PLACED", "type": "BUY_LIMIT", "symbol": "EURUSD", "volume_initial": 0.001}
    rest = {"volume_current": 0.001, "price_open": 1.0, "time_setup_msc": 0, "time_done_msc": 0, "comment": ""}
    return Order(**{"ticket": 5, "magic": MAGIC, **fields, **rest, **changes})


def compare(**books: Any) -> Reconciliation:
    given: dict[str, Any] = {"phase": "start", "magic": MAGIC, "symbol": "EURUSD", "run": "this", "now": NOW}
    return reconcile(Books(**{**given, "settle_seconds": 21.0, "intents": [], "positions": [], **books}))


CLOSED = [deal(), deal(11, "out", type="SELL")]


@pytest.mark.parametrize(
    ("books", "kind", "blocks", "settles"),
    [
        pytest.param({"positions": [position(comment="")]}, "orphan", True, None, id="position-of-no-intent"),
        pytest.param(
            {"intents": [intent("SENT")], "positions": [position()]}, "orphan", True, None, id="crash-after-the-fill"
        ),
        pytest.param(
            {"intents": [intent(position=1)], "positions": [position(comment="rewritten")]},
            *("orphan", True, None),
            id="known-by-its-ticket",
        ),
        pytest.param({"intents": [intent("SENT")]}, "came to nothing", False, "NOT_EXECUTED", id="never-executed"),
        pytest.param({"intents": [intent("INTENT", age=0)]}, "in doubt", True, None, id="may-still-arrive"),
        pytest.param({"intents": [intent("SENT", age=-MINUTE)]}, "in doubt", True, None, id="clock-set-back"),
        pytest.param({"intents": [intent("SENT")], "deals": CLOSED}, "closed by a program", False, "FLAT", id="closed"),
        pytest.param(
            {"intents": [intent(position=1)], "deals": [deal(), deal(11, "out", reason="SL")]},
            *("closed by stop", False, "FLAT"),
            id="stopped-out",
        ),
        pytest.param(
            {"intents": [intent("KEPT", position=1)], "deals": [deal(), deal(11, "out", reason="MOBILE", magic=0)]},
            *("closed by hand", False, "FLAT"),
            id="kept-one-closed-by-hand",
        ),
        pytest.param({"intents": [intent(position=1)]}, "missing", True, None, id="gone-without-a-deal"),
        pytest.param(
            {"intents": [intent(position=1)], "deals": [deal(), deal(11, "out", volume=0.0005)]},
            *("missing", True, None),
            id="half-a-closing",
        ),
        pytest.param(
            {"intents": [intent("KEPT", position=1)], "positions": [position()]}, "kept by plan", False, None, id="kept"
        ),
        pytest.param(
            {"intents": [intent("KEPT", position=1)], "positions": [position()], "shared": True},
            *("kept by plan", True, None),
            id="kept-on-a-netting-account",
        ),
        pytest.param(
            {"intents": [intent("KEPT", position=1)], "positions": [position(volume=0.002)]},
            *("changed volume", True, None),
            id="kept-one-changed",
        ),
        pytest.param(
            {"intents": [intent("SENT")], "positions": [position(1), position(2)]},
            *("executed twice", True, None),
            id="two-positions-of-one-intent",
        ),
        pytest.param(
            {"intents": [intent("SENT")], "deals": [deal(), deal(12, position_id=2)]},
            *("executed twice", True, None),
            id="two-deals-of-one-intent",
        ),
        pytest.param({"orders": [pending()]}, "pending order", True, None, id="pending"),
        pytest.param({"positions": [position(magic=7)]}, "foreign", False, None, id="foreign"),
        pytest.param({"positions": [position(magic=None)]}, "foreign", False, None, id="without-a-magic"),
        pytest.param(
            {"positions": [position(magic=7)], "shared": True}, "foreign", True, None, id="foreign-on-a-netting-account"
        ),
        pytest.param({"balance": (200.0, 150.0)}, "unexplained balance", False, None, id="balance"),
    ],
)
def test_each_discrepancy_has_its_name(books: dict[str, Any], kind: str, blocks: bool, settles: str | None) -> None:
    """What was seen, whether a run starts over it, and what the journal is owed."""
    (found,) = compare(**books).discrepancies
    assert (str(found.kind), found.blocks, found.settles) == (kind, blocks, settles)
    assert found.next_step


def test_books_that_agree_say_so() -> None:
    """Nothing open, nothing meant, nothing waiting; a foreign pending order is not ours."""
    found = compare(orders=[pending(magic=7)], balance=(200.0, 199.0), booked_since=Decimal(-1))
    assert found.discrepancies == ()
    assert found.describe().endswith("they agree (start)")


def test_intent_beside_a_stranger_is_not_proven_absent() -> None:
    """A broker may write its own comment: while a position or deal of our magic is nobody's, it may be the intent's."""
    with_position = compare(intents=[intent("SENT")], positions=[position(comment="broker")])
    assert [found.kind for found in with_position.discrepancies] == [Kind.IN_DOUBT, Kind.ORPHAN]
    with_deal = compare(intents=[intent("SENT")], deals=[deal(comment="broker", position_id=77)])
    assert [found.kind for found in with_deal.discrepancies] == [Kind.IN_DOUBT]
    finished = intent("FLAT", uuid="before", position=77)
    explained = compare(intents=[finished, intent("SENT")], deals=[deal(comment="broker", position_id=77)])
    assert [found.kind for found in explained.discrepancies] == [Kind.NOTHING]


def test_own_position_in_the_watch_is_as_it_must_be() -> None:
    """The run's own order is no orphan while it lives, unless its volume changes."""
    own = intent(run="this", position=1)
    assert compare(phase="watch", intents=[own], positions=[position()]).discrepancies == ()
    (changed,) = compare(phase="watch", intents=[own], positions=[position(volume=0.0005)]).discrepancies
    assert (changed.kind, changed.blocks) == (Kind.CHANGED, True)


@pytest.mark.parametrize(("reason", "kind"), [("SO", Kind.BY_STOP), ("CLIENT", Kind.BY_HAND)])
def test_own_position_that_is_closed_in_the_watch_is_a_breach(reason: str, kind: Kind) -> None:
    """The watch learns from the history how its position went."""
    deals = [deal(), deal(11, "out", reason=reason)]
    (found,) = compare(phase="watch", intents=[intent(run="this", position=1)], deals=deals).discrepancies
    assert (found.kind, found.blocks, found.settles) == (kind, True, "FLAT")


def test_end_of_a_run() -> None:
    """Closed by the run's own way out is nothing to report; still open, or closed by somebody else, is."""
    own = intent("FLAT", run="this", position=1)
    assert compare(phase="end", intents=[own], deals=CLOSED).discrepancies == ()
    (open_still,) = compare(phase="end", intents=[own], positions=[position()]).discrepancies
    assert open_still.kind is Kind.ORPHAN
    (stopped,) = compare(phase="end", intents=[own], deals=[deal(), deal(11, "out", reason="SL")]).discrepancies
    assert (stopped.kind, stopped.blocks) == (Kind.BY_STOP, False)
    (gone,) = compare(phase="end", intents=[own]).discrepancies
    assert gone.kind is Kind.MISSING
    assert compare(phase="end", intents=[intent("REFUSED", run="this")]).discrepancies == ()


steps = st.sampled_from(["INTENT", "SENT", "FILLED", "ADOPTED", "UNKNOWN", "FLAT", "KEPT", "NOT_EXECUTED"])
intents = st.builds(
    lambda step, run, uuid, ticket: intent(step, run=run, uuid=uuid, **({"position": ticket} if ticket else {})),
    steps,
    st.sampled_from(["this", "earlier"]),
    st.sampled_from("uvw"),
    st.sampled_from([None, 1, 2, 3]),
)
positions = st.lists(
    st.builds(
        position,
        st.sampled_from([1, 2, 3, 4]),
        comment=st.sampled_from(["NONCE-u", "NONCE-v", "", "other"]),
        volume=st.sampled_from([0.001, 0.002]),
        magic=st.sampled_from([MAGIC, 7]),
    ),
    unique_by=lambda made: made.ticket,
    max_size=4,
)


@given(
    st.lists(intents, max_size=3, unique_by=lambda made: made.intent.uuid),
    positions,
    st.sampled_from(["start", "watch", "end"]),
    st.booleans(),
)
def test_no_position_is_ever_unreported(made: list[Any], open_now: list[Position], phase: str, shared: bool) -> None:
    """Whatever the books hold: each position is named, or is the very one that this run opened and still watches."""
    found = compare(phase=phase, intents=made, positions=open_now, shared=shared)
    text = " ".join(str(discrepancy) for discrepancy in found.discrepancies)
    for one in open_now:
        named = re.search(rf"\b{one.ticket}\b", text) is not None
        watched = phase != "end" and any(
            entry.intent.run == "this"
            and entry.is_open
            and one.volume == 0.001
            and (entry.position == one.ticket or (one.comment == entry.intent.nonce and one.magic == MAGIC))
            for entry in made
        )
        assert named or watched
    ours = [one for one in open_now if one.magic == MAGIC]
    if ours and phase == "start" and not any(entry.is_kept or entry.intent.run == "this" for entry in made):
        assert found.blocking
