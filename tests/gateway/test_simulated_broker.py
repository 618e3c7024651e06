"""What trades do to account, orders, deals and positions: mt5-facts section 10, points 4 and 6 to 8."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.faults import Lag
from mt5canary.gateway.simulated.scenario import Commission, Scenario
from mt5canary.gateway.simulated.symbols import Symbol
from tests.gateway.simulation import Simulation, assert_identities, cents

Make = Callable[..., Simulation]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make terminals on variants of the default scenario; their books are checked at the end."""
    made: list[Simulation] = []

    def one(**changes: Any) -> Simulation:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Simulation(folder, **changes))
        return made[-1]

    yield one
    for simulation in made:
        assert_identities(simulation)
        simulation.close()


def with_symbol(name: str = "EURUSD", **changes: Any) -> dict[str, Symbol]:
    symbols = Scenario().symbols
    return symbols | {name: replace(symbols[name], **changes)}


def test_tickets_are_of_two_sequences_with_gaps(make: Make) -> None:
    """Order and deal tickets are separate, rise with random gaps, and have 8 to 10 digits."""
    terminal = make()
    results = [terminal.trade() for _ in range(20)]
    for tickets in ([r.order for r in results], [r.deal for r in results]):
        gaps = [after - before for before, after in itertools.pairwise(tickets)]
        assert all(gap > 0 for gap in gaps)
        assert len(set(gaps)) > 5
        assert all(10**7 <= ticket < 10**10 for ticket in tickets)


def test_opening_moves_no_balance(make: Make) -> None:
    """Opening costs the spread in equity and binds order_calc_margin; the balance stands still."""
    terminal = make()
    before, tick = terminal.account_info(), terminal.symbol_info_tick("EURUSD")
    result = terminal.trade(volume=0.1)
    after = terminal.account_info()
    assert after.balance == before.balance
    assert cents(before.equity) - cents(after.equity) == round((tick.ask - tick.bid) * 0.1 * 100_000 * 100)
    margin = terminal.order_calc_margin(c.ORDER_TYPE_BUY, "EURUSD", 0.1, result.price)
    assert after.margin == margin == round(0.1 * 100_000 * tick.ask / 3000, 2)
    position = terminal.positions_get()[0]
    assert position.profit == terminal.order_calc_profit(
        c.ORDER_TYPE_BUY, "EURUSD", 0.1, position.price_open, position.price_current
    )
    assert (position.identifier, position.reason) == (result.order, 3)


@pytest.mark.parametrize(("policy", "on_in", "on_out"), [("none", 0.0, 0.0), ("in", -0.7, 0.0), ("half", -0.35, -0.35)])
def test_commission_policies(make: Make, policy: str, on_in: float, on_out: float) -> None:
    """Commission is booked on no deal, all on the opening one, or half on each, and moves the balance with it."""
    terminal = make(commission=Commission(policy, Decimal("3.5")))
    result = terminal.trade(volume=0.1)
    assert cents(terminal.account_info().balance) == 20000 + cents(on_in)
    terminal.trade(volume=0.1, type=c.ORDER_TYPE_SELL, position=result.order)
    deals = terminal.history_deals_get(position=result.order)
    assert [deal.commission for deal in deals] == [on_in, on_out]


def test_closing_needs_the_position(make: Make) -> None:
    """On a hedging account an opposite order without position= opens another position; with it, it closes."""
    terminal = make()
    first = terminal.trade()
    second = terminal.trade(type=c.ORDER_TYPE_SELL)
    assert terminal.positions_total() == 2
    closing = terminal.trade(type=c.ORDER_TYPE_SELL, position=first.order)
    assert [p.ticket for p in terminal.positions_get()] == [second.order]
    chain = terminal.history_deals_get(position=first.order)
    assert [(d.entry, d.position_id) for d in chain] == [(0, first.order), (1, first.order)]
    assert chain[1].order == closing.order != first.order
    assert {o.position_id for o in terminal.history_orders_get(position=first.order)} == {first.order}


def test_netting_adds_reduces_and_reverses(make: Make) -> None:
    """On a netting account one position per symbol is added to, reduced, and reversed; its identifier stays."""
    terminal = make(margin_mode=c.ACCOUNT_MARGIN_MODE_RETAIL_NETTING)
    first = terminal.trade(volume=0.1)
    terminal.advance(20)
    added = terminal.trade(volume=0.3, magic=5)
    position = terminal.positions_get()[0]
    assert (position.ticket, position.volume, position.magic) == (first.order, 0.4, 5)
    assert position.price_open == pytest.approx((first.price + 3 * added.price) / 4, abs=1e-9)
    terminal.trade(volume=0.1, type=c.ORDER_TYPE_SELL)
    assert terminal.positions_get()[0].volume == 0.3
    reversed_ = terminal.trade(volume=0.5, type=c.ORDER_TYPE_SELL)
    position = terminal.positions_get()[0]
    assert (position.identifier, position.ticket, position.type) == (first.order, reversed_.order, 1)
    assert (position.volume, position.price_open) == (0.2, reversed_.price)
    entries = [deal.entry for deal in terminal.history_deals_get(position=first.order)]
    assert entries == [c.DEAL_ENTRY_IN, c.DEAL_ENTRY_IN, c.DEAL_ENTRY_OUT, c.DEAL_ENTRY_INOUT]


def test_partial_close_and_too_much(make: Make) -> None:
    """Part of a position can be closed; more than is held is 10038, a closed one 10036, a wrong side 10013."""
    terminal = make()
    held = terminal.trade(volume=0.05).order
    terminal.trade(volume=0.02, type=c.ORDER_TYPE_SELL, position=held)
    assert terminal.positions_get()[0].volume == 0.03

    def refused(**fields: Any) -> int:
        return int(terminal.order_send(terminal.order(**fields)).retcode)

    assert refused(volume=0.04, type=c.ORDER_TYPE_SELL, position=held) == 10038
    assert refused(volume=0.01, type=c.ORDER_TYPE_BUY, position=held) == 10013
    terminal.trade(volume=0.03, type=c.ORDER_TYPE_SELL, position=held)
    assert refused(volume=0.03, type=c.ORDER_TYPE_SELL, position=held) == 10036


def test_close_by_cancels_out_two(make: Make) -> None:
    """Two opposite positions cancel out by the smaller volume, with two OUT_BY deals and the spread paid once."""
    terminal = make()
    long_, short = terminal.trade(volume=0.05), terminal.trade(volume=0.03, type=c.ORDER_TYPE_SELL)
    result = terminal.order_send(
        {"action": c.TRADE_ACTION_CLOSE_BY, "position": long_.order, "position_by": short.order}
    )
    assert result.retcode == 10009
    assert [(p.ticket, p.volume) for p in terminal.positions_get()] == [(long_.order, 0.02)]
    deals = [d for d in terminal.history_deals_get(1, 2**31 - 1) if d.order == result.order]
    assert [d.entry for d in deals] == [c.DEAL_ENTRY_OUT_BY] * 2
    assert cents(sum(d.profit for d in deals)) == round((short.price - long_.price) * 0.03 * 100_000 * 100)


@pytest.mark.parametrize(
    ("changes", "fields", "retcode"),
    [
        ({}, {"volume": 0.0005}, 10014),
        ({}, {"volume": 50.001}, 10014),
        ({}, {"volume": 0.0105}, 10014),
        ({}, {"volume": 0.0}, 10014),
        ({}, {"volume": -0.01}, 10014),
        ({}, {"volume": 40.0}, 10019),
        ({}, {"symbol": "NOSUCH"}, 10013),
        ({}, {"type": c.ORDER_TYPE_BUY_LIMIT}, 10035),
        ({}, {"action": 99}, 10013),
        ({}, {"sl": 2.0}, 10016),
        ({}, {"tp": 0.1}, 10016),
        ({}, {"type_filling": c.ORDER_FILLING_RETURN}, 10030),
        ({}, {"type_filling": c.ORDER_FILLING_BOC}, 10030),
        ({"filling_mask": 2}, {}, 10030),
        ({"filling_mask": 2}, {"type_filling": c.ORDER_FILLING_IOC}, 0),
        ({"filling_mask": 1}, {"type_filling": c.ORDER_FILLING_IOC}, 10030),
        ({"execution": c.SYMBOL_TRADE_EXECUTION_EXCHANGE}, {"type_filling": c.ORDER_FILLING_RETURN}, 0),
        ({"execution": c.SYMBOL_TRADE_EXECUTION_REQUEST}, {}, 10015),
        ({"execution": c.SYMBOL_TRADE_EXECUTION_INSTANT}, {}, 10015),
        ({"execution": c.SYMBOL_TRADE_EXECUTION_INSTANT}, {"price": 1.0}, 10004),
        ({"trade_mode": c.SYMBOL_TRADE_MODE_DISABLED}, {}, 10017),
        ({"trade_mode": c.SYMBOL_TRADE_MODE_SHORTONLY}, {}, 10043),
        ({"trade_mode": c.SYMBOL_TRADE_MODE_LONGONLY}, {"type": c.ORDER_TYPE_SELL}, 10042),
        ({"trade_mode": c.SYMBOL_TRADE_MODE_CLOSEONLY}, {}, 10044),
        ({"volume_limit": Decimal("0.005")}, {}, 10034),
    ],
)
def test_retcodes(make: Make, changes: dict[str, Any], fields: dict[str, Any], retcode: int) -> None:
    """Each refusal has its retcode, the same in check and send, and leaves nothing behind."""
    terminal = make(symbols=with_symbol(**changes))
    assert terminal.order_check(terminal.order(**fields)).retcode == retcode
    sent = terminal.order_send(terminal.order(**fields)).retcode
    assert sent == (retcode or 10009)
    assert len(terminal.history_deals_get(1, 2**31 - 1)) == (2 if sent == 10009 else 1)


def test_instant_execution_takes_the_price_within_the_deviation(make: Make) -> None:
    """Where the price counts, the current one is filled and one beyond the deviation is a requote."""
    terminal = make(symbols=with_symbol(execution=c.SYMBOL_TRADE_EXECUTION_INSTANT))
    ask = terminal.symbol_info_tick("EURUSD").ask
    assert terminal.order_send(terminal.order(price=round(ask - 0.0003, 5), deviation=20)).retcode == 10004
    assert terminal.order_send(terminal.order(price=round(ask - 0.0001, 5), deviation=20)).retcode == 10009


def test_fifo_rule(make: Make) -> None:
    """Where the broker demands it, only the oldest position of a symbol may be closed: 10045."""
    terminal = make(fifo_close=True)
    oldest, youngest = terminal.trade(), terminal.trade()
    assert terminal.order_send(terminal.order(type=1, position=youngest.order)).retcode == 10045
    assert terminal.order_send(terminal.order(type=1, position=oldest.order)).retcode == 10009


def follow(terminal: Simulation, until: Callable[[], bool], seconds: float = 60.0, limit: int = 2000) -> None:
    for _ in range(limit):
        if until():
            return
        terminal.advance(seconds)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("side", [c.ORDER_TYPE_BUY, c.ORDER_TYPE_SELL])
def test_stop_loss_and_take_profit_at_their_own_time(make: Make, side: int) -> None:
    """The first quote through a level closes, at that quote's time and price, however late anybody looks."""
    terminal = make()
    tick = terminal.symbol_info_tick("EURUSD")
    sign = 1 if side == c.ORDER_TYPE_BUY else -1
    middle = (tick.bid + tick.ask) / 2
    levels = {"sl": round(middle - sign * 0.0006, 5), "tp": round(middle + sign * 0.0006, 5)}
    opened = terminal.now_ms
    position = terminal.trade(type=side, magic=7, **levels).order
    terminal.advance(6 * 3600)
    assert terminal.positions_get() == ()
    closing = terminal.history_deals_get(position=position)[-1]
    quotes = list(terminal.broker.market["EURUSD"].between(opened, terminal.now_ms))
    close_of = (lambda q: q.bid) if side == c.ORDER_TYPE_BUY else (lambda q: q.ask)
    low, high = sorted((round(levels["sl"] * 1e5), round(levels["tp"] * 1e5)))
    first = next(q for q in quotes if not low < close_of(q) < high)
    assert closing.time_msc == terminal.broker.clock.to_server(first.utc_ms)
    assert round(closing.price * 1e5) == close_of(first)
    stopped = (close_of(first) - round(levels["sl"] * 1e5)) * sign <= 0
    assert closing.reason == (c.DEAL_REASON_SL if stopped else c.DEAL_REASON_TP)
    assert closing.comment.startswith("[sl " if stopped else "[tp ")
    assert closing.magic == 7


def test_looking_often_or_late_is_the_same(make: Make) -> None:
    """Whether the account is looked at every second or once, the same stops are hit at the same prices."""
    often, late = make(), make()
    outcomes = []
    for terminal, step in ((often, 1.0), (late, 1200.0)):
        bid = terminal.symbol_info_tick("EURUSD").bid
        tickets = [terminal.trade(sl=round(bid - points / 1e5, 5)).order for points in (20, 40, 60, 5000)]
        for _ in range(int(1200 / step)):
            terminal.advance(step)
            terminal.account_info()
        deals = [terminal.history_deals_get(position=ticket)[1:] for ticket in tickets]
        outcomes.append([[(d.time_msc, d.price, d.profit) for d in closing] for closing in deals])
    assert outcomes[0] == outcomes[1]
    assert any(outcomes[0])


def test_stop_out_closes_the_worst_first(make: Make) -> None:
    """Below the stop-out level the position with the largest loss is closed, with reason SO, until margin suffices."""
    terminal = make(balance=Decimal(24), stop_out=Decimal(98), leverage=500)
    terminal.trade(volume=0.1)
    assert terminal.account_info().margin_level > 98
    follow(terminal, lambda: terminal.positions_total() == 0)
    closing = terminal.history_deals_get(1, 2**31 - 1)[-1]
    assert closing.reason == c.DEAL_REASON_SO
    assert closing.comment.startswith("so: ")


def test_leverage_falls_with_equity(make: Make) -> None:
    """With tiers, leverage and so the margin of the same order depend on equity."""
    small = make(leverage_tiers=((Decimal(1000), 2000), (Decimal(5000), 1000)))
    large = make(balance=Decimal(6000), leverage_tiers=((Decimal(1000), 2000), (Decimal(5000), 1000)))
    assert (small.account_info().leverage, large.account_info().leverage) == (3000, 1000)
    price = small.symbol_info_tick("EURUSD").ask
    margins = [t.order_calc_margin(0, "EURUSD", 1.0, price) for t in (small, large)]
    assert margins[1] == pytest.approx(3 * margins[0], abs=0.02)


def test_hedged_margin_is_charged_once(make: Make) -> None:
    """Opposite volumes bind the hedged contract size, half of one leg here, and not both legs."""
    terminal = make(balance=Decimal(100_000))
    terminal.trade(volume=1.0)
    one_leg = terminal.account_info().margin
    terminal.trade(volume=1.0, type=c.ORDER_TYPE_SELL)
    assert terminal.account_info().margin == pytest.approx(one_leg / 2, rel=1e-3)


def test_cross_is_valued_through_the_dollar(make: Make) -> None:
    """EURGBP's profit is in pounds and becomes dollars at the pound's rate; its tick values differ and move."""
    terminal = make(balance=Decimal(100_000))
    info = terminal.symbol_info("EURGBP")
    assert info.trade_tick_value_profit < info.trade_tick_value_loss
    result = terminal.trade(symbol="EURGBP", volume=1.0)
    pound, position = terminal.symbol_info_tick("GBPUSD"), terminal.positions_get()[0]
    in_pounds = (position.price_current - position.price_open) * 100_000
    assert position.profit == pytest.approx(in_pounds * pound.ask, abs=0.01)
    euro = terminal.symbol_info_tick("EURUSD")
    assert terminal.account_info().margin == pytest.approx(100_000 / 3000 * euro.ask, abs=0.01)
    assert result.price == terminal.symbol_info_tick("EURGBP").ask


def test_gold_has_its_own_contract(make: Make) -> None:
    """XAUUSD: two digits, 100 ounces; a cent's move on 0.01 lot is a cent."""
    terminal = make()
    result = terminal.trade(symbol="XAUUSD", volume=0.01)
    profit = terminal.order_calc_profit(0, "XAUUSD", 0.01, result.price, round(result.price + 0.37, 2))
    assert profit == 0.37
    assert terminal.account_info().margin == pytest.approx(result.price / 3000, abs=0.006)


def pending(terminal: Simulation, order_type: int, points: int, **fields: Any) -> Any:
    tick = terminal.symbol_info_tick("EURUSD")
    price = round((tick.ask if order_type % 2 == 0 else tick.bid) + points / 1e5, 5)
    request = {"action": c.TRADE_ACTION_PENDING, "symbol": "EURUSD", "volume": 0.01, "type": order_type,
               "price": price, "type_filling": c.ORDER_FILLING_RETURN}  # fmt: skip
    return terminal.order_send(request | fields)


@pytest.mark.parametrize(
    ("order_type", "points"),
    [
        (c.ORDER_TYPE_BUY_LIMIT, -30),
        (c.ORDER_TYPE_SELL_LIMIT, 30),
        (c.ORDER_TYPE_BUY_STOP, 30),
        (c.ORDER_TYPE_SELL_STOP, -30),
    ],
)
def test_pending_order_waits_and_fills(make: Make, order_type: int, points: int) -> None:
    """A pending order is 10009 with deal 0; the wrong side is 10015; the first quote that reaches it fills it."""
    terminal = make()
    assert pending(terminal, order_type, -points).retcode == 10015
    result = pending(terminal, order_type, points, magic=9, comment="waits")
    assert (result.retcode, result.deal, result.price) == (10009, 0, 0.0)
    waiting = terminal.orders_get(ticket=result.order)[0]
    assert (waiting.state, waiting.volume_current, terminal.orders_total()) == (1, 0.01, 1)
    follow(terminal, lambda: terminal.orders_total() == 0)
    done = terminal.history_orders_get(ticket=result.order)[0]
    deal = terminal.history_deals_get(position=done.position_id)[0]
    assert (done.state, done.volume_current, deal.magic, deal.comment) == (4, 0.0, 9, "waits")
    better = deal.price <= waiting.price_open if order_type in (2, 5) else deal.price >= waiting.price_open
    assert better


def test_stop_limit_becomes_a_limit(make: Make) -> None:
    """A stop-limit order becomes its limit when its stop is reached, and fills at the limit or better."""
    terminal = make()
    tick = terminal.symbol_info_tick("EURUSD")
    stop, limit = round(tick.ask + 0.0002, 5), round(tick.ask + 0.0001, 5)
    result = pending(terminal, c.ORDER_TYPE_BUY_STOP_LIMIT, 20, price=stop, stoplimit=limit)
    follow(terminal, lambda: terminal.orders_total() == 0, seconds=5.0, limit=20_000)
    deal = terminal.history_deals_get(position=result.order)[0]
    assert deal.price <= limit


def test_pending_orders_change_go_and_expire(make: Make) -> None:
    """A pending order is modified, not modified twice alike (10025), removed, expired, and limited in number."""
    terminal = make(limit_orders=2)
    first = pending(terminal, c.ORDER_TYPE_BUY_LIMIT, -5000)
    price = terminal.orders_get(ticket=first.order)[0].price_open
    change = {"action": c.TRADE_ACTION_MODIFY, "order": first.order, "price": round(price - 0.001, 5)}
    assert terminal.order_send(change).retcode == 10009
    assert terminal.order_send(change).retcode == 10025
    server_now = terminal.symbol_info_tick("EURUSD").time
    past = {"type_time": c.ORDER_TIME_SPECIFIED, "expiration": server_now - 60}
    assert pending(terminal, c.ORDER_TYPE_BUY_LIMIT, -5000, **past).retcode == 10022
    later = {"type_time": c.ORDER_TIME_SPECIFIED, "expiration": server_now + 600}
    second = pending(terminal, c.ORDER_TYPE_BUY_LIMIT, -5000, **later)
    assert pending(terminal, c.ORDER_TYPE_BUY_LIMIT, -5000).retcode == 10033
    assert terminal.order_send({"action": c.TRADE_ACTION_REMOVE, "order": first.order}).retcode == 10009
    assert terminal.order_send({"action": c.TRADE_ACTION_REMOVE, "order": first.order}).retcode == 10013
    terminal.advance(700)
    assert terminal.orders_get() == ()
    states = {o.ticket: o.state for o in terminal.history_orders_get(1, 2**31 - 1)}
    assert states == {first.order: c.ORDER_STATE_CANCELED, second.order: c.ORDER_STATE_EXPIRED}


def test_stops_are_changed_by_sltp(make: Make) -> None:
    """SLTP is 10009 and nothing else; unchanged is 10025, too near 10016; frozen is 10029, and so is a close."""
    terminal = make(symbols=with_symbol(freeze_level=50))
    held = terminal.trade().order
    bid = terminal.symbol_info_tick("EURUSD").bid
    request = {"action": c.TRADE_ACTION_SLTP, "position": held, "symbol": "EURUSD", "sl": round(bid - 0.0003, 5)}
    assert terminal.order_send(request | {"sl": round(bid - 0.00005, 5)}).retcode == 10016
    done = terminal.order_send(request)
    assert (done.retcode, done.deal, done.order, done.volume, done.price) == (10009, 0, 0, 0.0, 0.0)
    assert terminal.positions_get()[0].sl == request["sl"]
    assert terminal.order_send(request).retcode == 10025
    assert terminal.order_send(request | {"sl": 0.0}).retcode == 10029
    assert terminal.order_send(terminal.order(type=c.ORDER_TYPE_SELL, position=held)).retcode == 10029
    assert terminal.order_send(request | {"position": 5}).retcode == 10036


def test_history_lags_by_what_the_scenario_says(make: Make) -> None:
    """Position, order and deal show each after its own time, whatever the result said."""
    terminal = make(lag=Lag(position=(100, 100), order=(200, 200), deal=(300, 300)))
    order = terminal.trade().order

    def shown() -> tuple[int, int, int]:
        return (
            len(terminal.positions_get()),
            len(terminal.history_orders_get(position=order)),
            len(terminal.history_deals_get(position=order)),
        )

    assert shown() == (0, 0, 0)
    for expected in ((1, 0, 0), (1, 1, 0), (1, 1, 1)):
        terminal.advance(0.1)
        assert shown() == expected


def test_swap_is_booked_at_server_midnight(make: Make) -> None:
    """A position over midnight is charged a day's swap, three after Wednesday; it is realised with the close."""
    terminal = make(symbols=with_symbol(swap_long=Decimal(-7)))
    held = terminal.trade(volume=1.0).order
    terminal.advance(12 * 3600)
    assert terminal.positions_get()[0].swap == -21.0
    terminal.advance(24 * 3600)
    assert terminal.positions_get()[0].swap == -28.0
    terminal.trade(volume=0.25, type=1, position=held)
    assert terminal.history_deals_get(position=held)[-1].swap == -7.0
    assert terminal.positions_get()[0].swap == -21.0


def test_broker_cuts_or_rewrites_comments(make: Make) -> None:
    """What the broker keeps of a comment stands in position, order and deal alike; the echo shows what was sent."""
    for changes, stored in (({"comment_cut": 16}, "a comment of twe"), ({"comment_rewrite": "house"}, "house")):
        terminal = make(**changes)
        result = terminal.trade(comment="a comment of twenty")
        shown = {
            terminal.positions_get()[0].comment,
            terminal.history_orders_get(ticket=result.order)[0].comment,
            terminal.history_deals_get(position=result.order)[0].comment,
        }
        assert shown == {stored}
        assert result.request.comment == "a comment of twenty"
