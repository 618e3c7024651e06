"""The simulated terminal behaves as the package does: mt5-facts section 10, points 1 to 3 and 9 to 11."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mt5canary.gateway import constants as c
from mt5canary.gateway import results
from mt5canary.gateway.simulated.faults import Outage
from mt5canary.gateway.simulated.module import FUNCTIONS, as_module
from tests.gateway.simulation import Simulation


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Simulation]:
    """A terminal on the default scenario."""
    simulation = Simulation(tmp_path)
    yield simulation
    simulation.close()


def test_nothing_works_before_initialize(terminal: Simulation) -> None:
    """Before initialize and after shutdown every call is None, or False where it says yes or no, with -10004."""
    assert terminal.shutdown() is True
    for call in (
        terminal.version, terminal.account_info, terminal.terminal_info, terminal.positions_total,
        terminal.orders_total, terminal.positions_get, terminal.symbols_total,
    ):  # fmt: skip
        assert call() is None
        assert terminal.last_error()[0] == c.RES_E_INTERNAL_FAIL_CONNECT
    assert terminal.symbol_select("EURUSD") is False
    assert terminal.order_send(terminal.order()) is None
    assert terminal.initialize() is True


def test_empty_is_a_tuple_and_error_is_none(terminal: Simulation) -> None:
    """A ticket that does not exist is success and (), an unknown symbol None; last_error is the last call's."""
    assert terminal.positions_get(ticket=12345) == ()
    assert terminal.last_error() == (1, "Success")
    assert terminal.symbol_info("NOSUCH") is None
    assert terminal.last_error()[0] == c.RES_E_FAIL
    assert terminal.positions_get(symbol="NOSUCH") == ()
    assert terminal.last_error() == (1, "Success")
    assert terminal.orders_get() == ()
    assert terminal.history_deals_get(position=5) == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("volume", 1),
        ("volume", Decimal("0.01")),
        ("sl", 0),
        ("price", None),
        ("type", 1.0),
        ("magic", -1),
        ("magic", 2**64),
        ("deviation", "20"),
        ("comment", None),
        ("comment", "c" * 30),
        ("comment", "💶" * 15),
        ("symbol", "S" * 30),
        ("expiration", 2**63),
        ("action", 2**32),
    ],
)
def test_wrong_types_never_reach_the_terminal(terminal: Simulation, field: str, value: Any) -> None:
    """What the package refuses by itself is None with -2, and no request is counted."""
    assert terminal.order_send(terminal.order(**{field: value})) is None
    assert terminal.last_error() == (c.RES_E_INVALID_PARAMS, f'Invalid "{field}" argument')
    assert terminal.positions_total() == 0


def test_right_types_at_their_limits(terminal: Simulation) -> None:
    """29 characters, a magic of 64 bits and a float's subclass pass; magic and comment are kept whole."""

    class Price(float):
        pass

    result = terminal.trade(comment="c" * 29, magic=2**64 - 1, price=Price(1.0))
    position = terminal.positions_get(ticket=result.order)[0]
    assert (position.magic, position.comment) == (2**64 - 1, "c" * 29)
    assert result.request.magic == 2**64 - 1


def test_unknown_keys_are_ignored_and_missing_ones_zero(terminal: Simulation) -> None:
    """A misspelt filling leaves FOK; the echo shows what the package understood."""
    result = terminal.trade(type_filing=c.ORDER_FILLING_RETURN)
    assert result.request.type_filling == c.ORDER_FILLING_FOK
    assert terminal.order_send(request=terminal.order()).retcode == c.TRADE_RETCODE_INVALID
    assert terminal.order_send(**terminal.order()).retcode == c.TRADE_RETCODE_DONE
    assert terminal.order_send(terminal.order(), comment="x") is None


def test_history_dates(terminal: Simulation) -> None:
    """History takes two positional dates; as keywords, or alone, they are -2."""
    assert len(terminal.history_deals_get(1, 2**31 - 1)) == 1
    assert terminal.history_deals_total(1, 2**31 - 1) == 1
    assert terminal.history_deals_get(date_from=1, date_to=2) is None
    assert terminal.last_error()[0] == c.RES_E_INVALID_PARAMS
    assert terminal.history_deals_get(1) is None
    assert terminal.history_orders_get(1, 2**31 - 1) == ()


def test_check_is_done_and_send_is_executed(terminal: Simulation) -> None:
    """order_check says 0 and Done with the account as after the trade; order_send 10009 and Request executed."""
    check = terminal.order_check(terminal.order())
    assert (check.retcode, check.comment) == (0, "Done")
    assert terminal.positions_total() == 0
    result = terminal.trade()
    assert (result.retcode, result.comment) == (10009, "Request executed")
    account = terminal.account_info()
    assert (check.balance, check.margin) == (account.balance, account.margin)
    assert (check.equity, check.margin_free, check.profit) == (account.equity, account.margin_free, account.profit)
    second = terminal.order_check(terminal.order())
    assert second.margin > check.margin


def test_request_ids_differ_and_are_zero_where_nothing_was_sent(tmp_path: Path) -> None:
    """A sent request has an id of its own; a client-side refusal has none and nothing else either."""
    simulation = Simulation(tmp_path)
    first, second = simulation.trade(), simulation.trade()
    assert 0 < first.request_id < second.request_id
    simulation.close()
    off = Simulation(tmp_path, outages=(Outage(switch="terminal_trade_allowed"),))
    refused = off.order_send(off.order())
    assert refused[:7] == (10027, 0, 0, 0.0, 0.0, 0.0, 0.0)
    assert (refused.comment, refused.request_id) == ("AutoTrading disabled by client", 0)
    off.close()


@pytest.mark.parametrize(
    ("switch", "retcode"),
    [
        ("connected", 10031),
        ("terminal_trade_allowed", 10027),
        ("tradeapi", 10027),
        ("account_trade_allowed", 10017),
        ("trade_expert", 10026),
    ],
)
def test_switches(tmp_path: Path, switch: Any, retcode: int) -> None:
    """Each way of switching trading off has its retcode, in check and send."""
    terminal = Simulation(tmp_path, outages=(Outage(switch=switch),))
    assert terminal.order_check(terminal.order()).retcode == retcode
    assert terminal.order_send(terminal.order()).retcode == retcode
    terminal.close()


def test_disconnected_terminal_shows_the_past(tmp_path: Path) -> None:
    """Without a connection the totals are None, quotes stand still and the account is what it last was."""
    terminal = Simulation(tmp_path, outages=(Outage(switch="connected"),))
    before = terminal.symbol_info_tick("EURUSD")
    terminal.advance(60)
    assert terminal.symbol_info_tick("EURUSD") == before
    assert terminal.positions_total() is None
    assert terminal.orders_total() is None
    assert terminal.terminal_info().connected is False
    assert terminal.account_info().trade_allowed is False
    terminal.close()


def test_api_switched_off_the_other_way(tmp_path: Path) -> None:
    """The wheel's own path: order_send is None with -8, order_check still answers."""
    terminal = Simulation(tmp_path, outages=(Outage(switch="tradeapi"),), tradeapi_answers_none=True)
    assert terminal.order_send(terminal.order()) is None
    assert terminal.last_error()[0] == c.RES_E_AUTO_TRADING_DISABLED
    assert terminal.terminal_info().tradeapi_disabled is True
    terminal.close()


@pytest.mark.parametrize(("switch", "code"), [("login", c.RES_E_AUTH_FAILED), ("ipc", c.RES_E_INTERNAL_FAIL_TIMEOUT)])
def test_initialize_fails(tmp_path: Path, switch: Any, code: int) -> None:
    """A refused login is -6, a terminal that does not connect -10005; both say False."""
    terminal = Simulation(tmp_path, outages=(Outage(switch=switch),))
    assert terminal.initialize() is False
    assert terminal.last_error()[0] == code
    terminal.close()


def test_login_of_another_account_is_refused(terminal: Simulation) -> None:
    """One account per terminal: its own login is True, any other -6."""
    assert terminal.login(terminal.scenario.login, password="x", server=terminal.scenario.server) is True
    assert terminal.login(7) is False
    assert terminal.last_error()[0] == c.RES_E_AUTH_FAILED


def test_result_objects_are_struct_sequences(terminal: Simulation) -> None:
    """Tuples with read-only names, _asdict and n_fields, in the package's order, and no named-tuple extras."""
    sizes = {"AccountInfo": 28, "TerminalInfo": 22, "SymbolInfo": 96, "Tick": 8, "TradeRequest": 17,
             "OrderCheckResult": 9, "OrderSendResult": 11, "TradePosition": 19, "TradeOrder": 24, "TradeDeal": 18,
             "BookInfo": 4}  # fmt: skip
    for name, size in sizes.items():
        assert getattr(results, name).n_sequence_fields == size
    terminal.trade()
    shown = [
        terminal.account_info(), terminal.terminal_info(), terminal.symbol_info("EURUSD"),
        terminal.symbol_info_tick("EURUSD"), terminal.positions_get()[0], terminal.history_orders_get(1, 2**31 - 1)[0],
        terminal.history_deals_get(1, 2**31 - 1)[0], terminal.order_check(terminal.order()),
    ]  # fmt: skip
    kinds = {"int": int, "bool": bool, "float": float, "str": str}
    for result in shown:
        assert isinstance(result, tuple)
        assert list(result._asdict().values()) == list(result)
        assert not hasattr(result, "_fields")
        with pytest.raises(AttributeError):
            setattr(result, next(iter(result._asdict())), 0)
        for name, annotation in type(result).__annotations__.items():
            if annotation in kinds:
                assert type(getattr(result, name)) is kinds[annotation], name


def test_it_says_that_it_is_simulated_outside_the_call_surface(terminal: Simulation) -> None:
    """As a module it has every function and constant of the package, and one attribute that the package lacks."""
    module = as_module(terminal)
    assert all(callable(getattr(module, name)) for name in FUNCTIONS)
    assert module.TRADE_RETCODE_DONE == 10009
    assert module.is_simulated is True
    shown = " ".join(map(str, (*terminal.account_info(), *terminal.terminal_info()))).lower()
    assert "simul" not in shown


def test_market_book_is_empty(terminal: Simulation) -> None:
    """Forex has no depth of market here: subscribing fails, getting is None."""
    assert terminal.market_book_add("EURUSD") is False
    assert terminal.market_book_get("EURUSD") is None
    assert terminal.market_book_release("EURUSD") is True


def test_groups_and_selection(terminal: Simulation) -> None:
    """Groups choose and exclude; a symbol outside the Market Watch has no tick."""
    assert [s.name for s in terminal.symbols_get("*USD*,!XAU*")] == ["EURUSD", "GBPUSD"]
    assert terminal.symbols_total() == 4
    assert terminal.symbol_select("EURGBP", False) is True
    assert terminal.symbol_info_tick("EURGBP") is None
    assert terminal.symbol_info("EURGBP").select is False
    assert terminal.symbol_select("EURGBP") is True
    assert terminal.symbol_info_tick("EURGBP") is not None


def test_version_and_terminal_agree(terminal: Simulation) -> None:
    """Builds agree, ping is in microseconds and changes, paths look as on Windows."""
    info = terminal.terminal_info()
    assert terminal.version()[1] == info.build
    assert 1_000 < info.ping_last < 300_000
    assert len({terminal.terminal_info().ping_last for _ in range(5)}) > 1
    assert len(info.data_path.rsplit("\\", 1)[1]) == 32


def test_wrong_arguments_are_minus_two(terminal: Simulation) -> None:
    """Too few arguments, too many, or keywords where only positions are taken: None with -2, no exception."""
    asks: tuple[Callable[[], Any], ...] = (
        lambda: terminal.order_calc_margin(0, "EURUSD", 0.1),
        lambda: terminal.order_calc_margin(action=0, symbol="EURUSD", volume=0.1, price=1.0),
        lambda: terminal.order_calc_profit(0, "EURUSD", 0.1, 1.0, 1.1, 1.2),
        lambda: terminal.order_calc_margin(0, "EURUSD", 1, 1.0),
        terminal.symbol_info,
        lambda: terminal.positions_get("EURUSD"),
        lambda: terminal.history_deals_total(1),
    )
    for ask in asks:
        assert ask() is None
        assert terminal.last_error()[0] == c.RES_E_INVALID_PARAMS
    assert terminal.symbol_info("EURUSD") is not None
    assert terminal.last_error() == (1, "Success")
