"""Scenario files: what they choose, and that every mistake in one is told at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mt5canary.errors import UsageProblem
from mt5canary.gateway.simulated.scenario_file import read_scenario
from tests.gateway.conftest import START_SECONDS, NotServing, eventually
from tests.gateway.independent_client import Client


def test_file_chooses_everything(tmp_path: Path) -> None:
    """Account, server, symbols, sessions, faults and outages come from the file; the rest from what it extends."""
    path = tmp_path / "netting.yaml"
    path.write_text(
        """
extends: retail
seed: "7"
account:
  login: 5
  margin_mode: netting
  balance: 1000.10
  leverage_tiers: [{equity: 1000, leverage: 2000}]
  commission: {policy: half, per_lot: 3.5}
server: {daylight: eu, comment_cut: 16, lag: {deal: [100, 200]}}
symbols:
  EURUSD: {volume_min: 0.02, filling: [ioc], sessions: forex, walk: {spread_min: 3}}
  XAUUSD: {sessions: [["Mon 01:01", "Mon 23:59"]]}
faults:
  - {kind: requote, every: 2}
outages:
  - {switch: connected, after: 1, lasts: 2.5}
"""
    )
    scenario = read_scenario(path)
    euro = scenario.symbols["EURUSD"]
    assert (scenario.name, scenario.seed, scenario.login, scenario.margin_mode) == ("netting", "7", 5, 0)
    assert (scenario.balance, scenario.leverage_tiers) == (Decimal("1000.1"), ((Decimal(1000), 2000),))
    assert (scenario.commission.policy, scenario.commission.per_lot) == ("half", Decimal("3.5"))
    assert (scenario.daylight, scenario.comment_cut, scenario.lag.deal) == ("eu", 16, (100, 200))
    assert (euro.volume_min, euro.volume_step, euro.filling_mask) == (Decimal("0.02"), Decimal("0.01"), 2)
    assert euro.walk is not None
    assert (euro.walk.spread_min, euro.walk.spread_max) == (3, 15)
    assert scenario.symbols["XAUUSD"].sessions.windows == ((61, 1439),)
    assert (scenario.faults[0].kind, scenario.faults[0].every) == ("requote", 2)
    assert (scenario.outages[0].switch, scenario.outages[0].lasts) == ("connected", 2.5)
    assert scenario.server == "JustMarkets-Demo2"


def test_sense_is_judged_with_everything_else(tmp_path: Path) -> None:
    """Values that are of the right kind and yet cannot be are told together with typos, each once."""
    path = tmp_path / "wrong.yaml"
    path.write_text(
        """
acount: {}
account: {leverage: 0, stop_out: 60}
server: {lag: {deal: [-5, 10]}}
symbols: {EURUSD: {volume_max: -1, sessions: [["Mon 00:05", "noon"]]}}
faults: [{kind: delay, every: 0, probability: 1.5}, {kind: stall, milliseconds: [5, 9]}]
outages: [{switch: connected, lasts: -1}]
"""
    )
    with pytest.raises(UsageProblem) as caught:
        read_scenario(path)
    told = str(caught.value).splitlines()[1:]
    for part in ("acount", "account.leverage: must be 1 or more, was 0", "account.stop_out: must be at most",
                 "server.lag.deal: must be two times", "symbols.EURUSD.volume_max: must be above 0, was -1",
                 "symbols.EURUSD.sessions: 'noon'", "faults[0].every: must be 1 or more, was 0",
                 "faults[0].probability: must be from 0 to 1, was 1.5", "faults[0]: a delay needs milliseconds",
                 "faults[1].milliseconds: belongs to the kind delay", "outages[0].lasts: must be above 0"):  # fmt: skip
        assert sum(part in line for line in told) == 1, part


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Typos come with the nearest key, wrong values with their place, all in one message."""
    path = tmp_path / "wrong.yaml"
    path.write_text(
        """
acount: {}
account: {balanse: 5, leverage: many}
symbols: {EURUSD: {volume_min: small}, EURJPY: {}}
faults: [{kind: explosion}, {call: order_send}]
"""
    )
    with pytest.raises(UsageProblem) as caught:
        read_scenario(path)
    told = str(caught.value)
    for part in ("did you mean 'account'?", "account.balanse", "did you mean 'balance'?", "account.leverage",
                 "symbols.EURUSD.volume_min", "symbols.EURJPY: no such symbol", "faults[0].kind",
                 "faults[1]: the key 'kind' is missing"):  # fmt: skip
        assert part in told


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("account: {balance: -1}", "account.balance"),
        ("account: {leverage: 0}", "account.leverage"),
        ("server: {standard_hours: 15}", "standard_hours"),
        ("symbols: {EURUSD: {volume_min: 0.0015}}", "multiple of volume_step"),
        ("symbols: {EURUSD: {walk: {spread_min: 30}}}", "spread_min"),
        ("symbols: {EURUSD: {sessions: [[monday, friday]]}}", "Mon 00:05"),
        ("symbols: {EURUSD: {filling: []}}", "filling"),
        ("faults: [{kind: partial, call: positions_get}]", "order_send only"),
        ("faults: [{kind: delay, call: order_sent}]", "order_sent"),
        ("faults: [{kind: requote, nth: 0}]", "faults[0].nth: must be 1 or more"),
        ("faults: [{kind: requote, probability: -0.1}]", "probability"),
        ("faults: [{kind: partial, fraction: 1}]", "faults[0].fraction: must be above 0 and below 1"),
        ("faults: [{kind: retcode, retcode: 10005}]", "faults[0].retcode: is no retcode"),
        ("faults: [{kind: stall, seconds: -1}]", "faults[0].seconds"),
        ("faults: [{kind: stall, seconds: .inf}]", "must be a finite number"),
        ("faults: [{kind: delay, milliseconds: [9, 5]}]", "the smaller first"),
        ("faults: [5]", "faults[0]: expected keys with values"),
        ("outages: [{switch: connected, after: -1}]", "outages[0].after: must be 0 or more"),
        ("outages: [{switch: conected}]", "outages[0].switch: must be one of connected, terminal_trade_allowed"),
        (
            "account: {margin_mode: hedged}",
            "account.margin_mode: must be one of netting, exchange, hedging, was 'hedged'",
        ),
        ("faults: [{kind: explosion}]", "faults[0].kind: must be one of delay, stall"),
        ("outages: [{switch: login, lasts: 0}]", "outages[0].lasts: must be above 0"),
        ("server: {lag: {order: [300, 100]}}", "server.lag.order"),
        ("server: {comment_cut: -1}", "server.comment_cut"),
        ("account: {currency: JPY}", "account.currency: must be one of EUR, GBP, USD"),
        ("account: {currency_digits: -1}", "account.currency_digits"),
        ("account: {login: 0}", "account.login"),
        ("account: {balance: .nan}", "account.balance: must be a finite number"),
        ("account: {stop_out: -5}", "account.stop_out"),
        ("account: {limit_orders: -1}", "account.limit_orders"),
        ("account: {commission: {policy: half, per_lot: -3}}", "account.commission.per_lot"),
        ("account: {leverage_tiers: [{equity: 9, leverage: 5}, {equity: 5, leverage: 9}]}", "must rise"),
        ("account: {leverage_tiers: [{equity: 9, leverage: 0}]}", "leverage_tiers[0].leverage: must be 1"),
        ("symbols: {EURUSD: {stops_level: -1}}", "symbols.EURUSD.stops_level"),
        ("symbols: {EURUSD: {volume_step: 0}}", "symbols.EURUSD.volume_step: must be above 0"),
        ("symbols: {EURUSD: {margin_rate: 0}}", "symbols.EURUSD.margin_rate"),
        ("symbols: {EURUSD: {walk: {interval_ms: 1}}}", "symbols.EURUSD.walk.interval_ms: must be 25 or more"),
        ("symbols: {EURUSD: {walk: {volatility: -1}}}", "symbols.EURUSD.walk.volatility"),
        ("symbols: {EURUSD: {replay: absent.csv}}", "symbols.EURUSD.replay: no such file"),
        ("[1, 2]", "expected keys with values"),
        ("{unclosed", "cannot be read as YAML"),
    ],
)
def test_impossible_scenarios_are_refused(tmp_path: Path, text: str, part: str) -> None:
    """What is well-formed and yet cannot be is refused with its place."""
    path = tmp_path / "impossible.yaml"
    path.write_text(text)
    with pytest.raises(UsageProblem, match=re.escape(part)):
        read_scenario(path)


def test_serve_tells_a_wrong_scenario(start_gateway: Callable[..., Any], tmp_path: Path) -> None:
    """``serve`` with a scenario that is neither a name nor a file says so and ends with status 4."""
    with pytest.raises(NotServing) as caught:
        start_gateway("--scenario", str(tmp_path / "absent.yaml"))
    assert caught.value.status == 4
    assert "absent.yaml" in caught.value.said


def resolved(client: Client, uuid: str) -> dict[str, Any]:
    """What FIND_REQUEST says once the gateway has attached to its terminal again and looked."""

    def found() -> dict[str, Any] | None:
        reply = client.ask("FIND_REQUEST", request_uuid=uuid)
        assert reply["known"] is True
        return reply if reply["state"] == "done" else None

    return eventually(found)


@pytest.fixture
def client_of(start_gateway: Callable[..., Any], connect: Any, tmp_path: Path) -> Callable[[str], Client]:
    """Start a gateway on a scenario text and connect to it."""

    def make(text: str) -> Client:
        path = tmp_path / "scenario.yaml"
        path.write_text(text)
        client: Client = connect(start_gateway("--scenario", str(path)))
        return client

    return make


def test_deal_and_price_zero_are_looked_up(client_of: Callable[[str], Client]) -> None:
    """A result without deal and price is FILLED with the history's deal and price, even where the history lags."""
    client = client_of(
        "faults: [{kind: deal_zero}, {kind: price_zero}]\nserver: {lag: {deal: [200, 300], order: [50, 100]}}"
    )
    fill = client.open()
    deal = client.ask("GET_DEALS", order=fill["order"])["deals"][0]
    assert (fill["status"], fill["deal"], fill["price"]) == ("FILLED", deal["ticket"], deal["price"])
    assert fill["price"] == fill["ask"]


def test_requote_is_a_rejection(client_of: Callable[[str], Client]) -> None:
    """A requote is REJECTED with 10004 and trades nothing; the next order goes through."""
    client = client_of("faults: [{kind: requote, nth: 1}]")
    refused = client.open()
    assert (refused["status"], refused["retcode"]) == ("REJECTED", 10004)
    assert client.open()["status"] == "FILLED"
    assert len(client.ask("GET_POSITIONS")["positions"]) == 1


def test_partial_fill_tells_what_was_filled(client_of: Callable[[str], Client]) -> None:
    """10010 is FILLED with the volume that was filled, and order and position agree."""
    client = client_of("symbols: {EURUSD: {filling: [ioc]}}\nfaults: [{kind: partial, fraction: 0.3}]")
    fill = client.open(volume=0.01)
    assert (fill["status"], fill["retcode"], fill["volume"]) == ("FILLED", 10010, 0.003)
    order = client.ask("GET_ORDERS", ticket=fill["order"])["orders"][0]
    assert (order["state"], order["volume_initial"], order["volume_current"]) == ("PARTIAL", 0.01, 0.007)
    assert client.ask("GET_POSITIONS")["positions"][0]["volume"] == 0.003


@pytest.mark.parametrize(
    "fault", ["{kind: lost_reply, nth: 1}", "{kind: retcode, nth: 1, retcode: 10012, executed: true}"]
)
def test_executed_order_with_a_lost_reply_is_found(client_of: Callable[[str], Client], fault: str) -> None:
    """Executed but not told: error MT5_TIMEOUT first, then the true fill by FIND_REQUEST and by the same uuid."""
    client = client_of(f"faults: [{fault}]")
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="lost")
    first = client.send(message)
    assert (first["status"], first["error_code"]) == ("error", "MT5_TIMEOUT")
    found = resolved(client, message["uuid"])
    assert found["reply"]["status"] == "FILLED"
    positions = client.ask("GET_POSITIONS")["positions"]
    assert [position["ticket"] for position in positions] == [found["reply"]["position"]]
    assert client.send(client.signed(message))["order"] == found["reply"]["order"]


def test_order_that_was_not_executed_is_known_as_such(client_of: Callable[[str], Client]) -> None:
    """A terminal's time-out without an execution ends as REJECTED, and nothing was traded."""
    client = client_of("faults: [{kind: retcode, nth: 1, retcode: 10012}]")
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="lost")
    assert client.send(message)["error_code"] == "MT5_TIMEOUT"
    found = client.ask("FIND_REQUEST", request_uuid=message["uuid"])
    assert (found["state"], found["reply"]["status"]) == ("done", "REJECTED")
    assert client.ask("GET_POSITIONS")["positions"] == []


@pytest.mark.parametrize(
    ("switch", "status", "code", "retcode"),
    [
        ("connected", "error", "MT5_TIMEOUT", 10031),
        ("terminal_trade_allowed", "REJECTED", "MT5_ORDER_FAILED", 10027),
        ("tradeapi", "REJECTED", "MT5_ORDER_FAILED", 10027),
        ("trade_expert", "REJECTED", "MT5_ORDER_FAILED", 10026),
        ("account_trade_allowed", "REJECTED", "MT5_ORDER_FAILED", 10017),
    ],
)
def test_every_way_of_trading_disabled(
    client_of: Callable[[str], Client], switch: str, status: str, code: str, retcode: int
) -> None:
    """Each switch shows in HELLO and refuses the order with its retcode."""
    client = client_of(f"outages: [{{switch: {switch}}}]")
    hello = client.hello()
    shown = {
        "connected": not hello["terminal"]["connected"],
        "terminal_trade_allowed": not hello["terminal"]["trade_allowed"],
        "tradeapi": hello["terminal"]["tradeapi_disabled"],
        "trade_expert": not hello["account"]["trade_expert"],
        "account_trade_allowed": not hello["account"]["trade_allowed"],
    }
    assert shown[switch]
    reply = client.open()
    assert (reply["status"], reply["error_code"], reply["retcode"]) == (status, code, retcode)
    assert client.ask("GET_POSITIONS")["positions"] == []


def test_comment_is_cut_and_the_request_still_found(client_of: Callable[[str], Client]) -> None:
    """A broker that keeps 16 characters stores that much, and the lost order is still recognised."""
    client = client_of("server: {comment_cut: 16}\nfaults: [{kind: lost_reply, nth: 1}]")
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, comment="0123456789abcdef-tail")
    client.send(message)
    found = resolved(client, message["uuid"])
    assert found["reply"]["status"] == "FILLED"
    assert client.ask("GET_POSITIONS")["positions"][0]["comment"] == "0123456789abcdef"


def test_closed_market_is_10018_and_its_quote_old(client_of: Callable[[str], Client]) -> None:
    """With no session at all GET_SYMBOL says closed and the terminal refuses with 10018."""
    client = client_of("symbols: {EURUSD: {sessions: never}}")
    assert client.ask("GET_SYMBOL", symbol="EURUSD")["spec"]["session_open"] is False
    assert client.open()["retcode"] == 10018


def test_process_that_ends_after_execution_resolves_at_the_next_start(
    client_of: Callable[[str], Client], zmq_context: Any, tmp_path: Path, start_gateway: Any, connect: Any
) -> None:
    """A process gone between execution and reply: after a restart the same uuid gets the true fill, once."""
    path = tmp_path / "exit.yaml"
    path.write_text("faults: [{kind: exit_after, nth: 1}]")
    gateway = start_gateway("--scenario", str(path))
    client = connect(gateway)
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="gone")
    with pytest.raises(TimeoutError):
        client.send(message, seconds=1.0)
    assert gateway.process.wait(START_SECONDS) == 99
    gateway.kill()
    path.write_text("{}")
    gateway.start()
    again = connect(gateway)
    reply = again.send(message)
    assert (reply["status"], reply["resolved"]) == ("FILLED", True)
    assert [p["ticket"] for p in again.ask("GET_POSITIONS")["positions"]] == [reply["position"]]


def test_session_open_follows_the_quotes(client_of: Callable[[str], Client]) -> None:
    """A market whose last quote is old is closed, whatever quarter of an hour that quote happens to fall on."""
    now = datetime.now(UTC) + timedelta(hours=2)
    ended = [now - timedelta(minutes=minutes) for minutes in (46, 31, 16)]
    clock = "{daylight: none, standard_hours: 2}"

    def window(end: datetime) -> str:
        start = end - timedelta(minutes=5)
        if (start.weekday(), start.date()) != (end.weekday(), end.date()):
            pytest.skip("the window would straddle midnight")
        return f'[["{start:%a %H:%M}", "{end:%a %H:%M}"]]'

    names = ("EURUSD", "GBPUSD", "XAUUSD")
    sections = ", ".join(f"{name}: {{sessions: {window(end)}}}" for name, end in zip(names, ended, strict=True))
    client = client_of(f"server: {clock}\nsymbols: {{{sections}}}")
    for name in names:
        assert client.ask("GET_SYMBOL", symbol=name)["spec"]["session_open"] is False
    assert client.ask("GET_SYMBOL", symbol="EURGBP")["spec"]["session_open"] is True
    assert client.ask("GET_SYMBOL", symbol="EURUSD")["spec"]["session_open"] is False


def test_close_all_in_flight_claims_no_others_deals(start_gateway: Any, connect: Any, tmp_path: Path) -> None:
    """A CLOSE_ALL lost with its process is told what it closed itself, not what a lease closed before it."""
    path = tmp_path / "exit.yaml"
    path.write_text("faults: [{kind: exit_after, nth: 6}]")  # three opens, the lease's close, the first close, this one
    gateway = start_gateway("--scenario", str(path))
    client = connect(gateway)
    leased = client.open()
    client.ask("LEASE", magic=1196, seconds=1)
    eventually(lambda: client.ask("GET_POSITIONS")["positions"] == [])
    mine = [client.open()["position"], client.open()["position"]]
    message = client.message("CLOSE_ALL", magic=1196, reason="drill")
    with pytest.raises(TimeoutError):
        client.send(message, seconds=1.0)
    gateway.kill()
    path.write_text("{}")
    gateway.start()
    reply = connect(gateway).send(message)
    closed = [entry["position"] for entry in reply["closed"]]
    assert leased["position"] not in closed
    assert sorted(closed) == sorted(mine)


def test_an_order_is_one_requests_only(start_gateway: Any, connect: Any, tmp_path: Path) -> None:
    """Of two requests alike within one quote, the one that never reached the terminal is not given the other's fill."""
    path = tmp_path / "quiet.yaml"
    quiet = "symbols: {EURUSD: {walk: {interval_ms: 20000}}}"
    path.write_text(f"{quiet}\nfaults: [{{kind: exit_before, nth: 2}}]")
    gateway = start_gateway("--scenario", str(path))
    client = connect(gateway)
    first = client.open()
    lost = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="canary")
    with pytest.raises(TimeoutError):
        client.send(lost, seconds=1.0)
    gateway.kill()
    path.write_text(quiet)
    gateway.start()
    client = connect(gateway)
    assert client.ask("FIND_REQUEST", request_uuid=lost["uuid"])["known"] is False
    reply = client.send(client.signed(lost))
    assert (reply["status"], reply["order"] != first["order"]) == ("FILLED", True)
    assert len(client.ask("GET_POSITIONS")["positions"]) == 2


@pytest.mark.parametrize("retcode", [10008, 10011, 10012, 10031])
def test_unclear_retcodes_are_never_rejections(client_of: Callable[[str], Client], retcode: int) -> None:
    """Placed, error, time-out and no connection leave the outcome open: error with MT5_TIMEOUT and the retcode."""
    client = client_of(f"faults: [{{kind: retcode, nth: 1, retcode: {retcode}, executed: true}}]")
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="unclear")
    reply = client.send(message)
    assert (reply["status"], reply["error_code"], reply["retcode"]) == ("error", "MT5_TIMEOUT", retcode)
    assert client.ask("FIND_REQUEST", request_uuid=message["uuid"])["reply"]["status"] == "FILLED"


def test_pipe_lost_before_the_terminal_was_reached(client_of: Callable[[str], Client]) -> None:
    """A broken pipe leaves the outcome open, too; with the terminal back, its history shows that nothing was done."""
    client = client_of("faults: [{kind: ipc_loss, nth: 1}]")
    message = client.message("OPEN", symbol="EURUSD", type="BUY", volume=0.001, magic=1196, comment="pipe")
    assert client.send(message)["error_code"] == "MT5_TIMEOUT"
    found = resolved(client, message["uuid"])
    assert (found["reply"]["status"], found["reply"]["error_code"]) == ("REJECTED", "MT5_ORDER_FAILED")
    assert client.ask("GET_POSITIONS")["positions"] == []
