"""What the evidence stage measures: a whole run passes, and each thing that is wrong is found under its own name."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mt5canary.catalogue import load
from mt5canary.evidence import chain
from mt5canary.evidence.inspection import EvidenceInspection
from mt5canary.evidence.run import CHAIN_NAME, Run
from mt5canary.link.exchange import Exchange
from mt5canary.measurement import Measurement, Outcome, at_most

CATALOGUE = load(Path(__file__).parents[2] / "verification" / "catalogue.yaml")
WALL = 1_768_587_433_285_050_000
TICKET, DEAL = 7_001, 8_001
MILLISECOND = 1_000_000
Lines = list[dict[str, Any]]


class RunInFolder(Run):
    """A run of its own folder; ``before_seal`` and ``after_seal`` are what happens to it while it is sealed."""

    before_seal: Callable[[Run], object] = staticmethod(lambda run: None)
    after_seal: Callable[[Run], object] = staticmethod(lambda run: None)

    def record(self, kind: str, body: Any, *, durable: bool = False) -> int:
        """Append a record; the seal with what happens around it."""
        if kind == "seal":
            self.before_seal(self)
        number = super().record(kind, body, durable=durable)
        if kind == "seal":
            self.after_seal(self)
        return number


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunInFolder]:
    """A run in which an order was filled on evidence of level E2 and seen in replies of three kinds."""
    made = RunInFolder(tmp_path, "live", CATALOGUE, task="119.6", target="simulator", rehearsal=True)
    for number, (action, reply) in enumerate(REPLIES):
        made.record("exchange", exchange(number, action, reply))
    fill = {"uuid": "u1", "ticket": TICKET, "deal": DEAL, "position": TICKET, "symbol": "EURUSD", "side": "BUY"}
    made.fill("E2", **fill, volume=0.001, price=1.08)
    made.log("canary", "filled")
    for name in ("canary.yaml", "decision.md"):
        made.document(name, f"content of {name}")
    yield made
    made.close()


REPLIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("HELLO", {"gateway": {"instance": "one"}}),
    ("OPEN", {"ticket": TICKET, "deal": DEAL}),
    ("GET_DEALS", {"deals": [{"ticket": DEAL, "order": TICKET}]}),
)


def exchange(number: int, action: str, told: dict[str, Any], /, **changes: Any) -> Exchange:
    """An exchange 10 ms after the one before it, answered within 1 ms."""
    sent = 1 + number * 10 * MILLISECOND
    fields: dict[str, Any] = {
        "action": action, "uuid": f"u{number}", "connection": 0, "request": b"{}", "sent_wall": WALL + sent,
        "sent": sent, "received": sent + MILLISECOND,
        "reply": json.dumps({"uuid": f"u{number}", "status": "ok"} | told).encode(),
    }  # fmt: skip
    return Exchange(**(fields | changes))


def inspection(run: Run, made: int = len(REPLIES), level: str = "E2", **sources: Any) -> EvidenceInspection:
    """The inspection of a run that made so many exchanges; the deal came 0.5 ms after its request."""
    given = {"fill_times": lambda: (0.5, 1.0, 0.2)} | sources
    return EvidenceInspection(run, lambda: made, given.pop("fill_times"), level, **given)


def not_passed(measurements: list[Measurement]) -> dict[str, Outcome]:
    """The measurements that do not pass, by name."""
    return {one.name: one.outcome for one in measurements if one.outcome is not Outcome.PASS}


def rewrite(run: Run, change: Callable[[Lines], object]) -> None:
    """Change the records on the disk and link them anew, as somebody could who knows how a chain is made."""
    path = run.folder / CHAIN_NAME
    records, last = chain.read(path), chain.FIRST
    change(records)
    with path.open("wb") as file:
        for number, record in enumerate(records):
            rest = {key: value for key, value in record.items() if key not in ("prev", "seq")}
            told = record["seq"] if record["seq"] != number else None
            line = f'{{"prev":"{last}","seq":{number},{json.dumps(rest)[1:-1]}'
            line += "}\n" if told is None else f',"seq":{told}}}\n'
            file.write(line.encode())
            last = hashlib.sha256(line.encode()).hexdigest()


def answer(records: Lines, action: str, reply: dict[str, Any]) -> None:
    """Give the requests of an action another reply."""
    for record in records:
        if record.get("action") == action:
            record["reply"] = base64.b64encode(json.dumps(reply).encode()).decode()


def test_whole_run_passes(run: RunInFolder) -> None:
    """Everything is measured, and every measurement passes."""
    clock = 0.0, 1.0
    moment = datetime.fromtimestamp((WALL + 30 * MILLISECOND) / 1e9, UTC).isoformat()
    run.record("exchange", exchange(3, "PING", {"server_time": moment}))
    looked = inspection(run, made=4, gateway_clock=lambda: clock)
    every, times = looked.every_exchange_is_recorded(), looked.times_agree()
    sealed = looked.chain_is_whole()
    assert not_passed([*every, *times, *sealed]) == {}
    assert (len(every), len(times), len(sealed)) == (10, 5, 8)


def test_exchange_that_is_not_in_the_chain(run: RunInFolder) -> None:
    """One more was made than was written down."""
    said = inspection(run, made=4).every_exchange_is_recorded()
    assert not_passed(said) == {"exchanges in the evidence": Outcome.FAIL}


def test_batched_exchanges_count_and_must_run_on(run: RunInFolder) -> None:
    """Exchanges in a reading's record are counted; a batch that leaves some out is found."""
    run.record("reading", {"exchanges": 5})
    assert not_passed(inspection(run, made=8).every_exchange_is_recorded()) == {}
    run.record("probes", {"first": 3, "base": 0, "sent": [1], "received": [2], "reply_sha256": ["x"]})
    said = inspection(run, made=9).every_exchange_is_recorded()
    assert not_passed(said) == {"batched exchanges run on, in order": Outcome.FAIL}


def test_nothing_was_answered(run: RunInFolder) -> None:
    """Requests without any reply are no evidence of anything."""
    rewrite(run, lambda records: [record.pop("reply", None) for record in records])
    assert not_passed(inspection(run).every_exchange_is_recorded())["exchanges answered"] is Outcome.FAIL


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"reply": b'{"uuid": "another"}'}, "replies that repeat their request's uuid"),
        ({"reply": b"no JSON"}, "replies that repeat their request's uuid"),
        ({"reply": b"[3]"}, "replies that repeat their request's uuid"),
        ({"uuid": "u0", "reply": b'{"uuid": "u0"}'}, "requests with a uuid of their own"),
        ({"sent": 5}, "exchanges of each connection in the order they were sent"),
    ],
)
def test_one_exchange_is_not_as_it_must_be(run: RunInFolder, changes: dict[str, Any], name: str) -> None:
    """A reply to another request, one that is none, a uuid used twice, an exchange out of its order."""
    run.record("exchange", exchange(3, "PING", {}, **changes))
    assert not_passed(inspection(run, made=4).every_exchange_is_recorded()) == {name: Outcome.FAIL}


def test_another_connection_has_an_order_of_its_own(run: RunInFolder) -> None:
    """An exchange that another connection sent earlier may stand later."""
    run.record("exchange", exchange(3, "PING", {}, connection=1, sent=5))
    assert not_passed(inspection(run, made=4).every_exchange_is_recorded()) == {}


def test_record_with_two_numbers(run: RunInFolder) -> None:
    """A line may be linked and begin with its number, and name another further on."""
    rewrite(run, lambda records: records[-1].update(seq=77))
    assert not_passed(inspection(run).every_exchange_is_recorded()) == {"record numbers run on": Outcome.FAIL}


def test_another_gateway_and_another_address(run: RunInFolder) -> None:
    """What is said of the gateway's continuity and of its name's addresses is part of E3."""
    run.record("exchange", exchange(3, "HELLO", {"gateway": {"instance": "two"}}))
    moved = at_most("addresses that changed", 1, 0)
    said = inspection(run, made=4, resolves_as_before=lambda: [moved]).every_exchange_is_recorded()
    assert not_passed(said) == {
        "gateway instances that answered HELLO": Outcome.FAIL,
        "addresses that changed": Outcome.FAIL,
    }


def test_ticket_and_deal_that_one_kind_of_reply_alone_holds(run: RunInFolder) -> None:
    """The reply to the order is no proof of itself."""
    rewrite(run, lambda records: [records.remove(one) for one in list(records) if one.get("action") == "GET_DEALS"])
    assert not_passed(inspection(run, made=2).every_exchange_is_recorded()) == {
        "record numbers run on": Outcome.FAIL,
        f"kinds of replies that hold the ticket {TICKET}": Outcome.FAIL,
        f"kinds of replies that hold the deal {DEAL}": Outcome.FAIL,
    }


@pytest.mark.parametrize("reply", [{"ticket": TICKET, "deal": 0}, {"ticket": TICKET}], ids=["zero", "absent"])
def test_deal_whose_number_came_later(run: RunInFolder, reply: dict[str, Any]) -> None:
    """Where the order's reply has no deal, the history alone can hold it."""
    rewrite(run, lambda records: answer(records, "OPEN", reply | {"uuid": "u1"}))
    assert not_passed(inspection(run).every_exchange_is_recorded()) == {}


@pytest.mark.parametrize("shown", [str(DEAL), float(DEAL), True], ids=["text", "float", "truth"])
def test_what_only_looks_like_the_number(run: RunInFolder, shown: object) -> None:
    """A deal is a whole number in the reply, not its digits in a comment nor a price of the same value."""
    rewrite(run, lambda records: answer(records, "GET_DEALS", {"uuid": "u2", "order": TICKET, "shown": shown}))
    said = not_passed(inspection(run).every_exchange_is_recorded())
    assert said == {f"kinds of replies that hold the deal {DEAL}": Outcome.FAIL}


@pytest.mark.parametrize(("required", "proven"), [("E1", True), ("E2", True), ("E3", False)])
def test_level_of_the_evidence(run: RunInFolder, required: str, proven: bool) -> None:
    """A level that the plan asks for and the fill did not come to is unproven, not wrong."""
    expected = {} if proven else {"evidence level of the fill": Outcome.UNPROVEN}
    assert not_passed(inspection(run, level=required).every_exchange_is_recorded()) == expected


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda records: records[-1].update(at=records[-1]["at"] + 1_001 * MILLISECOND),
         "wall clock against monotonic clock"),
        (lambda records: records[-1].update(at=records[-1]["at"] - 1_001 * MILLISECOND),
         "wall clock against monotonic clock"),
        (lambda records: records[1].update(monotonic=records[0]["monotonic"] - 1, at=records[0]["at"] - 1),
         "records in monotonic order"),
        (lambda records: records[1].update(received=records[1]["sent"]),
         "replies received after their requests were sent"),
    ],
    ids=["stepped-on", "stepped-back", "record-before-its-predecessor", "reply-before-its-request"],
)  # fmt: skip
def test_clocks_that_disagree(run: RunInFolder, change: Callable[[Lines], object], name: str) -> None:
    """A stepped wall clock, records that go back in time, a reply that was there before its request had left."""
    rewrite(run, change)
    assert not_passed(inspection(run).times_agree()) == {name: Outcome.FAIL}


@pytest.mark.parametrize(
    ("after_ms", "outcome"),
    [(-0.2, Outcome.PASS), (-0.21, Outcome.FAIL), (1.2, Outcome.PASS), (1.21, Outcome.FAIL)],
)
def test_deal_lies_in_its_exchange(run: RunInFolder, after_ms: float, outcome: Outcome) -> None:
    """The exchange took 1 ms and the clocks are known to 0.2 ms; both ends are included."""
    said = inspection(run, fill_times=lambda: (after_ms, 1.0, 0.2)).times_agree()
    assert said[-1].outcome is outcome


def test_deal_without_a_time_is_unproven(run: RunInFolder) -> None:
    """An order of which the history told no time shows nothing; a run without an order needs none."""
    said = inspection(run, fill_times=lambda: None).times_agree()
    assert not_passed(said) == {"deal after its request": Outcome.UNPROVEN}
    run.order = None
    assert not_passed(inspection(run, fill_times=lambda: None).times_agree()) == {}


@pytest.mark.parametrize(
    ("told_ms", "inside"), [(29.01, True), (28.9, False), (31.99, True), (32.1, False), (30.5, True)]
)
def test_time_that_the_gateway_tells_lies_in_its_exchange(run: RunInFolder, told_ms: float, inside: bool) -> None:
    """A request at 30 ms, its reply at 31 ms, clocks an hour apart and that known to 1 ms."""
    hour = 3_600_000
    wall = datetime.fromtimestamp(WALL // MILLISECOND / 1e3, UTC).timestamp() + (told_ms + hour) / 1e3
    told = {"server_time": datetime.fromtimestamp(wall, UTC).isoformat()}
    sent_wall = WALL // MILLISECOND * MILLISECOND + 30 * MILLISECOND
    run.record("exchange", exchange(3, "PING", told, sent_wall=sent_wall))
    said = inspection(run, gateway_clock=lambda: (float(hour), 1.0)).times_agree()
    expected = {} if inside else {"gateway's times that lie outside their exchanges": Outcome.FAIL}
    assert not_passed(said) == expected


def test_gateway_that_tells_no_time_is_unproven(run: RunInFolder) -> None:
    """No sample of a time is no agreement of times."""
    said = inspection(run, gateway_clock=lambda: (0.0, 1.0)).times_agree()
    assert not_passed(said) == {"gateway's times that lie outside their exchanges": Outcome.UNPROVEN}


def test_document_that_was_changed(run: RunInFolder) -> None:
    """A byte more than was bound is found by the document's name."""
    with (run.folder / "decision.md").open("a") as file:
        file.write("x")
    assert not_passed(inspection(run).chain_is_whole()) == {"decision.md": Outcome.FAIL}


def test_log_that_was_changed(run: RunInFolder) -> None:
    """A log is the view of its records and nothing else."""
    with (run.folder / "VERIFY_LOG.log").open("a") as file:
        file.write("all is well\n")
    expected = {"VERIFY_LOG.log is the view of its records": Outcome.FAIL}
    assert not_passed(inspection(run).chain_is_whole()) == expected


def test_run_without_its_documents(tmp_path: Path) -> None:
    """A run that bound none has nothing to hold its plan against."""
    bare = RunInFolder(tmp_path, "live", CATALOGUE, task="119.6", target="simulator", rehearsal=True)
    bare.document("canary.yaml", "content")
    assert not_passed(inspection(bare, made=0).chain_is_whole()) == {"documents bound into the chain": Outcome.FAIL}
    bare.close()


def test_record_that_slips_in_before_the_seal(run: RunInFolder) -> None:
    """What the seal counts is what stood before it."""
    run.before_seal = lambda made: made.finding("E5", "late")
    assert not_passed(inspection(run).chain_is_whole()) == {"records up to the seal": Outcome.FAIL}


def test_chain_that_was_rewritten_under_its_seal(run: RunInFolder) -> None:
    """Another record, and every link made anew: the head in the seal is not the one on the disk."""
    run.after_seal = lambda made: rewrite(made, lambda records: records[2].update(uuid="another"))
    assert not_passed(inspection(run).chain_is_whole()) == {"head at the seal": Outcome.FAIL}
