"""The protocol's page, sentence by sentence, as far as the other tests have not shown it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mt5canary.gateway import constants as c
from mt5canary.gateway.journal import FORGETTING_EVERY, KEPT_SECONDS, Journal, Record
from mt5canary.gateway.paging import fitted
from mt5canary.gateway.simulated.attach import start_simulated
from mt5canary.gateway.simulated.clock import utc_milliseconds
from mt5canary.wire.frames import REPLY_LIMIT
from tests.gateway.conftest import GatewayProcess
from tests.gateway.independent_client import Client

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
WHOLE_HISTORY = {"from_msc": 1, "to_msc": 4_000_000_000_000}
ACTIONS = {
    *("PING", "GET_ACCOUNT", "GET_POSITIONS", "OPEN", "CLOSE", "SYNC_ALL", "HELLO", "GET_SYMBOL", "GET_TICK"),
    *("CHECK_ORDER", "GET_DEALS", "GET_ORDERS", "FIND_REQUEST", "CLOSE_ALL", "LEASE", "HALT", "RESUME"),
}


def test_hello_says_who_is_there(client: Client) -> None:
    """HELLO has every field of the page, and its capabilities are the actions that it answers."""
    hello = client.hello()
    assert hello["protocol"] == "4.3"
    assert set(hello["gateway"]) == {"name", "version", "instance", "started_at"}
    assert str(uuid.UUID(hello["gateway"]["instance"])) == hello["gateway"]["instance"]
    assert RFC_3339.fullmatch(hello["gateway"]["started_at"])
    assert set(hello["capabilities"]) == ACTIONS
    assert set(hello["terminal"]) == {
        *("kind", "name", "company", "build", "connected", "trade_allowed", "tradeapi_disabled", "ping_last_us"),
    }
    assert set(hello["account"]) == {
        *("login", "server", "company", "trade_mode", "margin_mode", "leverage", "currency", "trade_allowed"),
        "trade_expert",
    }
    assert (hello["account"]["trade_mode"], hello["account"]["margin_mode"]) == ("demo", "hedging")
    assert (hello["halted"], hello["halt_reason"]) == (False, "")


def test_every_reply_repeats_uuid_and_nonce_and_tells_the_time(client: Client) -> None:
    """Whatever is asked, sound or not, the reply has its uuid, its nonce, and the gateway's clock."""
    for action in (*sorted(ACTIONS), "NO_SUCH"):
        message = {"uuid": str(uuid.uuid4()), "action": action, "timestamp": "", "nonce": "0f" * 16}
        reply = client.send(message)
        assert (reply["uuid"], reply["nonce"]) == (message["uuid"], message["nonce"])
        assert RFC_3339.fullmatch(reply["server_time"])
        assert reply["status"] in ("ok", "OK", "REJECTED", "error", "ERROR")
        if reply["status"] not in ("ok", "OK"):
            assert reply["error_code"]
            assert reply["error_msg"]


def test_ping_and_account_have_their_fields(client: Client) -> None:
    """PING tells its latency, GET_ACCOUNT part A's and part B's fields."""
    assert client.ask("PING")["latency_ms"] > 0
    account = client.ask("GET_ACCOUNT")
    for name in ("balance", "equity", "margin", "free_margin", "margin_level", "currency", "timestamp", "login",
                 "server", "trade_mode", "leverage", "credit", "profit"):  # fmt: skip
        assert name in account


def test_integers_are_taken_for_numbers_and_unknown_fields_ignored(client: Client) -> None:
    """0 is as good as 0.0 for a price or stop, and a field that nobody knows changes nothing."""
    assert client.open(price=0, sl=0, tp=0, surprise={"a": [1]})["status"] == "FILLED"


def test_positions_by_symbol_with_all_their_fields(client: Client) -> None:
    """GET_POSITIONS takes a symbol, and shows part A's and part B's fields of each position."""
    client.open()
    gold = client.open(symbol="XAUUSD", type="SELL", sl=9000.0, comment="gold")
    listed = client.ask("GET_POSITIONS", symbol="XAUUSD")["positions"]
    assert len(listed) == 1
    assert set(listed[0]) == {
        *("ticket", "symbol", "type", "volume", "open_price", "current_price", "profit", "identifier", "time_msc"),
        *("sl", "tp", "swap", "magic", "comment", "symbol_digits"),
    }
    shown = {name: listed[0][name] for name in ("ticket", "type", "sl", "symbol_digits", "comment")}
    assert shown == {"ticket": gold["position"], "type": "SELL", "sl": 9000.0, "symbol_digits": 2, "comment": "gold"}


def test_sync_all_is_part_as(client: Client) -> None:
    """SYNC_ALL says OK with the account and the positions of one magic."""
    mine = client.open(magic=5)
    client.open(magic=6)
    synced = client.ask("SYNC_ALL", magic_number=5)
    assert synced["status"] == "OK"
    assert set(synced["account"]) == {"balance", "equity", "margin_free", "margin_used", "margin_level", "leverage"}
    assert [position["ticket"] for position in synced["positions"]] == [mine["position"]]
    assert set(synced["positions"][0]) == {
        *("symbol", "ticket", "volume", "profit", "price_current", "price_open", "type", "time_open"),
    }


def test_symbol_and_tick_have_their_fields(client: Client) -> None:
    """GET_SYMBOL and GET_TICK show the page's fields in its words."""
    spec = client.ask("GET_SYMBOL", symbol="EURUSD")["spec"]
    words = {name: spec[name] for name in ("trade_mode", "execution", "filling", "session_open", "volume_step")}
    assert words == {"trade_mode": "full", "execution": "market", "filling": ["fok", "ioc"], "session_open": True,
                     "volume_step": 0.001}  # fmt: skip
    tick = client.ask("GET_TICK", symbol="EURUSD")["tick"]
    assert set(tick) == {"bid", "ask", "last", "volume", "time_msc", "flags"}


def test_check_order_needs_no_signature_and_never_trades(client: Client) -> None:
    """CHECK_ORDER is answered unsigned, also while halted, and leaves no position."""
    client.ask("HALT", reason="drill")
    check = client.ask("CHECK_ORDER", symbol="EURUSD", type="SELL", volume=0.001)
    assert (check["status"], check["retcode"], check["margin"] > 0) == ("ok", 0, True)
    assert client.ask("GET_POSITIONS")["positions"] == []
    unknown = client.ask("CHECK_ORDER", symbol="NOSUCH", type="SELL", volume=0.001)
    assert unknown["error_code"] == "UNKNOWN_SYMBOL"


def test_deals_by_order_position_window_and_magic(client: Client) -> None:
    """GET_DEALS finds the same deals by each of its ways, and a magic narrows them."""
    first, second = client.open(magic=1), client.open(magic=2)
    client.ask("CLOSE", ticket=first["position"])
    chain = client.ask("GET_DEALS", position=first["position"])["deals"]
    assert chain[0]["order"] == first["order"]
    assert client.ask("GET_DEALS", order=first["order"])["deals"] == chain[:1]
    window = client.ask("GET_DEALS", from_msc=chain[0]["time_msc"], to_msc=chain[1]["time_msc"])["deals"]
    assert [deal["ticket"] for deal in window] == sorted((first["deal"], second["deal"], chain[1]["ticket"]))
    assert [d["ticket"] for d in client.ask("GET_DEALS", magic=2, **WHOLE_HISTORY)["deals"]] == [second["deal"]]
    just_after = chain[1]["time_msc"] + 1
    assert client.ask("GET_DEALS", from_msc=just_after, to_msc=just_after + 5)["deals"] == []
    assert set(chain[0]) == {
        *("ticket", "order", "position_id", "time_msc", "type", "entry", "symbol", "volume", "price", "commission"),
        *("swap", "fee", "profit", "magic", "comment", "reason"),
    }


def prepared(gateway: GatewayProcess, prepare: Callable[[Any], None]) -> None:
    """Do something to the gateway's account, with its own terminal, while it is stopped."""
    gateway.stop()
    terminal, broker = start_simulated("default", gateway.state)
    terminal.initialize()
    prepare(terminal)
    broker.close()
    gateway.start()


def test_orders_active_and_historical(gateway: GatewayProcess, connect: Any) -> None:
    """GET_ORDERS covers a pending order and a filled one, each by ticket and in a window."""

    def place(terminal: Any) -> None:
        low = round(terminal.symbol_info_tick("EURUSD").bid / 2, 5)
        request = {"action": c.TRADE_ACTION_PENDING, "symbol": "EURUSD", "type": c.ORDER_TYPE_BUY_LIMIT,
                   "volume": 0.01, "price": low, "type_filling": c.ORDER_FILLING_RETURN, "magic": 3}  # fmt: skip
        assert terminal.order_send(request).retcode == 10009

    prepared(gateway, place)
    client = connect(gateway)
    filled = client.open()
    orders = client.ask("GET_ORDERS", **WHOLE_HISTORY)["orders"]
    assert [(order["state"], order["type"]) for order in orders] == [("PLACED", "BUY_LIMIT"), ("FILLED", "BUY")]
    waiting = client.ask("GET_ORDERS", ticket=orders[0]["ticket"])["orders"]
    assert [(o["ticket"], o["time_done_msc"]) for o in waiting] == [(orders[0]["ticket"], 0)]
    assert [o["ticket"] for o in client.ask("GET_ORDERS", position=filled["position"])["orders"]] == [filled["order"]]
    assert [o["ticket"] for o in client.ask("GET_ORDERS", magic=3, **WHOLE_HISTORY)["orders"]] == [waiting[0]["ticket"]]


def test_long_lists_come_in_pages(gateway: GatewayProcess, connect: Any) -> None:
    """A list beyond a reply's size comes with more and after; the pages together are the whole, in order."""
    trades = 2_000

    def trade(terminal: Any) -> None:
        base = {"action": c.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.001}
        for _ in range(trades):
            opened = terminal.order_send(base | {"type": 0, "comment": "x" * 29}).order
            assert terminal.order_send(base | {"type": 1, "position": opened}).retcode == 10009

    prepared(gateway, trade)
    client = connect(gateway)
    pages, after = [], {}
    while True:
        frame = client.raw(json.dumps(client.message("GET_DEALS", **WHOLE_HISTORY, **after)).encode())
        assert len(frame) <= REPLY_LIMIT
        reply = json.loads(frame)
        pages.append([deal["ticket"] for deal in reply["deals"]])
        if not reply.get("more"):
            break
        after = {"after": reply["after"]}
    tickets = [ticket for page in pages for ticket in page]
    assert len(pages) > 1
    assert len(tickets) == len(set(tickets)) == 2 * trades + 1
    assert tickets == sorted(tickets)


def test_close_all_tells_what_it_could_not_close(start_gateway: Any, connect: Any, tmp_path: Path) -> None:
    """One refused close is CLOSE_INCOMPLETE with status error; the other position is closed all the same."""
    path = tmp_path / "refusing.yaml"
    path.write_text("faults: [{kind: retcode, nth: 3, retcode: 10006}]")
    client = connect(start_gateway("--scenario", str(path)))
    stays, goes = client.open(), client.open()
    reply = client.ask("CLOSE_ALL", magic=1196, reason="drill")
    assert (reply["status"], reply["error_code"]) == ("error", "CLOSE_INCOMPLETE")
    assert [(entry["position"], entry["retcode"]) for entry in reply["failed"]] == [(stays["position"], 10006)]
    assert [entry["position"] for entry in reply["closed"]] == [goes["position"]]


def test_order_of_judgement(start_gateway: Any, connect: Any, tmp_path: Path) -> None:
    """Recorded reply before halt, halt before signature, signature before caps, caps before the terminal."""
    caps = tmp_path / "caps.yaml"
    caps.write_text("max_order_volume: 0.005\n")
    client = connect(start_gateway("--caps", str(caps)))
    recorded = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001)
    assert client.send(recorded)["status"] == "FILLED"
    unsigned = {"uuid": str(uuid.uuid4()), "action": "OPEN", "timestamp": "", "symbol": "EURUSD", "type": "BUY",
                "volume": 0.006}  # fmt: skip
    assert client.send(unsigned)["error_code"] == "RISK_SIGNATURE_INVALID"
    assert client.open(volume=0.0055)["error_code"] == "CAP_EXCEEDED"
    client.ask("HALT", reason="drill")
    assert client.send(unsigned)["error_code"] == "HALTED"
    assert client.send(recorded)["status"] == "FILLED"


def test_age_is_judged_at_the_last_moment(start_gateway: Any, connect: Any, tmp_path: Path) -> None:
    """A signature that was fresh on arrival and is stale when the terminal is asked trades nothing."""
    path = tmp_path / "slow.yaml"
    path.write_text("faults: [{kind: delay, call: symbol_info, nth: 1, milliseconds: [5300, 5300]}]")
    client = connect(start_gateway("--scenario", str(path)))
    reply = client.open()
    assert (reply["status"], reply["error_code"], reply["retcode"]) == ("REJECTED", "RISK_SIGNATURE_INVALID", 0)
    assert client.ask("GET_POSITIONS")["positions"] == []


def test_replayed_control_changes_nothing(client: Client) -> None:
    """A RESUME sent again, byte for byte, after a new HALT gets its recorded reply and lifts nothing."""
    client.ask("HALT", reason="first")
    resume = client.message("RESUME", reason="over")
    assert client.send(resume)["halted"] is False
    client.ask("HALT", reason="second")
    assert client.send(resume)["halted"] is False
    assert client.hello()["halt_reason"] == "second"


def test_requests_stay_known_for_72_hours(tmp_path: Path) -> None:
    """What is older than the protocol demands may be forgotten, what is younger is not, nor what is in flight."""
    assert KEPT_SECONDS >= 72 * 3600
    now = utc_milliseconds() / 1000
    journal = Journal(tmp_path / "journal.sqlite")
    for name, age, reply in (("young", 71 * 3600, b"{}"), ("old", KEPT_SECONDS + 60, b"{}"), ("open", 1e9, None)):
        journal.begin(Record(name, "OPEN", "", b"", now - age, 0, reply, False))
    journal.close()
    again = Journal(tmp_path / "journal.sqlite")
    assert [again.find(name) is not None for name in ("young", "old", "open")] == [True, False, True]
    again.close()


def test_longest_request_is_taken(client: Client) -> None:
    """A request of exactly 65,536 bytes is answered as itself; one byte more is too large."""
    message = client.message("PING") | {"filler": ""}
    filler = 65_536 - len(json.dumps(message))
    longest = json.dumps(message | {"filler": "x" * filler}).encode()
    assert len(longest) == 65_536
    assert json.loads(client.raw(longest))["status"] == "ok"
    longer = json.dumps(message | {"filler": "x" * (filler + 1)}).encode()
    assert json.loads(client.raw(longer))["error_code"] == "FRAME_TOO_LARGE"


@pytest.mark.parametrize(
    "shape",
    [str.upper, lambda text: text.replace("-", ""), lambda text: "{" + text + "}"],
    ids=["upper case", "without dashes", "in braces"],
)
def test_signed_requests_need_a_canonical_uuid(client: Client, shape: Callable[[str], str]) -> None:
    """What changes anything must have a uuid in its canonical lower-case form, so that one request has one name."""
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001)
    reply = client.send(client.signed(message | {"uuid": shape(message["uuid"])}))
    assert (reply["status"], reply["error_code"]) == ("REJECTED", "INVALID_FIELD")


@pytest.mark.parametrize("name", ["positions", "deals", "orders"])
def test_every_list_is_cut_to_a_replys_size(name: str) -> None:
    """Each of the three lists pages alike: as much as fits, more, and the ticket to go on after."""
    entries = [{"ticket": number, "comment": "x" * 300} for number in range(5_000)]
    reply = json.loads(fitted({"status": "ok", name: entries}, msgspec.json.encode))
    assert reply["more"] is True
    assert reply[name] == entries[: len(reply[name])]
    assert reply["after"] == reply[name][-1]["ticket"]
    assert REPLY_LIMIT * 0.9 < len(json.dumps(reply, separators=(",", ":"))) <= REPLY_LIMIT
    whole = json.loads(fitted({"status": "ok", name: entries[:10]}, msgspec.json.encode))
    assert whole == {"status": "ok", name: entries[:10]}


def test_a_journal_forgets_while_it_runs(tmp_path: Path) -> None:
    """A gateway that is never restarted does not keep requests for ever either."""
    journal = Journal(tmp_path / "journal.sqlite")
    now = utc_milliseconds() / 1000
    count = 3 * FORGETTING_EVERY
    for number in range(count):
        journal.begin(Record(f"old {number}", "OPEN", "", b"", now - KEPT_SECONDS - 60, 0, None, False))
        journal.finish(f"old {number}", b"{}", (number,), now - KEPT_SECONDS - 60)
    for number in range(count):
        journal.begin(Record(f"new {number}", "OPEN", "", b"", now, 0, None, False))
        journal.finish(f"new {number}", b"{}", (count + number,), now)
    for number in range(count):
        assert (journal.find(f"old {number}"), journal.owner(number)) == (None, None)
        assert journal.find(f"new {number}") is not None
        assert journal.owner(count + number) == f"new {number}"
    journal.close()
