"""Quotes, server time, sessions and copies of the past: mt5-facts section 10, point 5, and section 6."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mt5canary.errors import UsageProblem
from mt5canary.gateway import constants as c
from mt5canary.gateway.simulated.clock import HOUR_MS, ServerClock
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.sessions import FOREX_SESSIONS
from tests.gateway.simulation import WEDNESDAY, Simulation


def instant(*fields: int) -> int:
    return int(datetime(*fields, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Simulation]:
    """A terminal on the default scenario."""
    simulation = Simulation(tmp_path)
    yield simulation
    simulation.close()


@pytest.mark.parametrize(
    ("rule", "utc", "hours"),
    [
        ("us", (2026, 3, 8, 6, 59), 2),
        ("us", (2026, 3, 8, 7, 0), 3),
        ("us", (2026, 11, 1, 5, 59), 3),
        ("us", (2026, 11, 1, 6, 0), 2),
        ("eu", (2026, 3, 29, 0, 59), 2),
        ("eu", (2026, 3, 29, 1, 0), 3),
        ("eu", (2026, 10, 25, 0, 59), 3),
        ("eu", (2026, 10, 25, 1, 0), 2),
        ("none", (2026, 7, 1, 0, 0), 2),
    ],
)
def test_daylight_rules(rule: Any, utc: tuple[int, ...], hours: int) -> None:
    """The server's zone moves on the dates of the rule, and back and forth is the same instant."""
    clock, now = ServerClock(rule, 2), instant(*utc)
    assert clock.offset_ms(now) == hours * HOUR_MS
    for moment in (now - 5 * HOUR_MS, now + 5 * HOUR_MS):
        assert clock.to_utc(clock.to_server(moment)) == moment


def test_a_clock_set_back_stands_still() -> None:
    """Server time never runs backwards, whatever the host's clock does."""
    times = iter([1000, 3000, 2000, 4000])
    clock = ServerClock("none", 0, lambda: next(times))
    assert [clock.now() for _ in range(4)] == [1000, 3000, 3000, 4000]


def test_same_seed_same_quotes(tmp_path: Path) -> None:
    """A market is a function of seed and instant: after a restart, and asked for the past, it is the same."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    first, second = Simulation(folders[0]), Simulation(folders[1])
    quotes = list(first.broker.market["EURUSD"].between(WEDNESDAY - 60_000, WEDNESDAY))
    assert quotes == list(second.broker.market["EURUSD"].between(WEDNESDAY - 60_000, WEDNESDAY))
    assert first.broker.market["EURUSD"].latest(WEDNESDAY) == quotes[-1]
    other = Simulation(folders[2], seed="2")
    assert other.broker.market["EURUSD"].latest(WEDNESDAY) != quotes[-1]
    for simulation in (first, second, other):
        simulation.close()


def test_quotes_come_irregularly_with_a_floating_spread(terminal: Simulation) -> None:
    """Quotes come every 50 to 300 ms in the mean, in order, with spreads of 6 to 15 points and no jumps."""
    quotes = list(terminal.broker.market["EURUSD"].between(WEDNESDAY - 600_000, WEDNESDAY))
    gaps = [after.utc_ms - before.utc_ms for before, after in itertools.pairwise(quotes)]
    assert 50 < sum(gaps) / len(gaps) < 300
    assert min(gaps) > 0
    assert {quote.ask - quote.bid for quote in quotes} >= {6, 7, 8, 9, 10}
    assert all(6 <= quote.ask - quote.bid <= 15 for quote in quotes)
    moves = [abs(after.bid - before.bid) for before, after in itertools.pairwise(quotes)]
    assert 0 < sum(moves) / len(moves) < 5
    assert max(moves) < 30
    assert {quote.flags for quote in quotes} == {2, 4, 6}


def test_triangle_is_consistent(terminal: Simulation) -> None:
    """EURGBP is EURUSD over GBPUSD, within the spreads."""
    for step in range(50):
        terminal.now_ms = WEDNESDAY + step * 7_000
        euro, pound, cross = (terminal.symbol_info_tick(name) for name in ("EURUSD", "GBPUSD", "EURGBP"))
        middle = (euro.bid + euro.ask) / (pound.bid + pound.ask)
        assert cross.bid - 0.0001 < middle < cross.ask + 0.0001


def test_tick_and_symbol_are_one_clock(terminal: Simulation) -> None:
    """tick.time is symbol.time, whole seconds of time_msc, two hours ahead in winter; spread is what it says."""
    tick, info = terminal.symbol_info_tick("EURUSD"), terminal.symbol_info("EURUSD")
    assert tick.time == info.time == tick.time_msc // 1000
    assert 0 <= WEDNESDAY + 2 * HOUR_MS - tick.time_msc < 2000
    assert info.spread == round((tick.ask - tick.bid) * 1e5)
    assert (tick.last, tick.volume, tick.volume_real) == (0.0, 0, 0.0)


@pytest.fixture
def weekly(tmp_path: Path) -> Iterator[Simulation]:
    """A terminal with forex sessions, on a Friday evening shortly before the close."""
    symbols = {name: replace(symbol, sessions=FOREX_SESSIONS) for name, symbol in Scenario().symbols.items()}
    simulation = Simulation(tmp_path, symbols=symbols, now_ms=instant(2026, 1, 16, 21, 54, 30))
    yield simulation
    simulation.close()


def test_weekend_stands_at_fridays_last_tick(weekly: Simulation) -> None:
    """Out of session the last tick stays, trading is 10018, and Monday opens with a gap."""
    friday = weekly.trade().order
    weekly.advance(60)
    last = weekly.symbol_info_tick("EURUSD")
    weekly.advance(20 * 3600)
    assert weekly.symbol_info_tick("EURUSD") == last
    assert datetime.fromtimestamp(last.time, UTC).strftime("%a %H:%M") == "Fri 23:54"
    closing = weekly.order(type=1, position=friday)
    assert weekly.order_send(closing).retcode == c.TRADE_RETCODE_MARKET_CLOSED
    weekly.now_ms = instant(2026, 1, 18, 22, 4, 59)
    assert weekly.order_send(closing).retcode == c.TRADE_RETCODE_MARKET_CLOSED
    weekly.advance(3)
    assert weekly.order_send(closing).retcode == 10009
    monday = weekly.symbol_info_tick("EURUSD")
    assert monday.bid != last.bid


def test_stop_over_the_weekend_fills_at_the_gap(weekly: Simulation) -> None:
    """A stop that the gap jumps over is executed at Monday's first quote, not at its level."""
    bid = weekly.symbol_info_tick("EURUSD").bid
    tickets = [weekly.trade(sl=round(bid - 0.0005, 5)).order, weekly.trade(type=1, sl=round(bid + 0.0006, 5)).order]
    weekly.now_ms = instant(2026, 1, 18, 22, 6)
    closed = [t for t in tickets if weekly.positions_get(ticket=t) == ()]
    assert len(closed) == 1, "with this seed the gap is wider than 60 points on one side"
    deal = weekly.history_deals_get(position=closed[0])[-1]
    opened = FOREX_SESSIONS.is_open(deal.time_msc)
    assert opened
    first = next(weekly.broker.market["EURUSD"].between(instant(2026, 1, 17), weekly.now_ms))
    assert deal.time_msc == weekly.broker.clock.to_server(first.utc_ms)


def test_replay_gives_the_files_quotes(tmp_path: Path) -> None:
    """Quotes of a CSV are replayed at their own pace from the account's creation, and again from their end."""
    path = tmp_path / "quotes.csv"
    path.write_text("time_msc,bid,ask\n1000,1.10000,1.10010\n1250,1.10001,1.10012\n3000,1.09990,1.10000\n")
    symbols = Scenario().symbols
    terminal = Simulation(tmp_path, symbols=symbols | {"EURUSD": replace(symbols["EURUSD"], replay=path)})
    seen = []
    for _ in range(9):
        seen.append(terminal.symbol_info_tick("EURUSD").bid)
        terminal.advance(0.25)
    assert seen == [1.1, 1.10001, 1.10001, 1.10001, 1.10001, 1.10001, 1.10001, 1.10001, 1.0999]
    assert terminal.symbol_info_tick("EURUSD").bid == 1.1
    assert terminal.trade().price == terminal.symbol_info_tick("EURUSD").ask
    terminal.close()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("time,bid,ask\n1,1.1,1.2\n", "time_msc"),
        ("time_msc,bid,ask\n", "needs quotes"),
        ("time_msc,bid,ask\n2,1.1,1.2\n1,1.1,1.2\n", "order of time"),
        ("time_msc,bid,ask\n1,1.2,1.1\n", "bid <= ask"),
        ("time_msc,bid,ask\n1,1.1000001,1.2\n", "multiple"),
    ],
)
def test_wrong_quote_files_are_told(tmp_path: Path, text: str, part: str) -> None:
    """A file of quotes that cannot be replayed says why."""
    path = tmp_path / "quotes.csv"
    path.write_text(text)
    symbols = Scenario().symbols
    with pytest.raises(UsageProblem, match=part):
        Simulation(tmp_path, symbols=symbols | {"EURUSD": replace(symbols["EURUSD"], replay=path)})


def test_copied_ticks_are_the_quotes(terminal: Simulation) -> None:
    """copy_ticks_range and copy_ticks_from give the market's quotes in server time."""
    pytest.importorskip("numpy")
    now = terminal.symbol_info_tick("EURUSD").time
    ticks = terminal.copy_ticks_range("EURUSD", now - 60, now, c.COPY_TICKS_ALL)
    assert ticks.dtype.names == ("time", "bid", "ask", "last", "volume", "time_msc", "flags", "volume_real")
    assert 200 < len(ticks) < 1200
    assert all(ticks["time"] == ticks["time_msc"] // 1000)
    assert (now - 60) * 1000 <= ticks["time_msc"][0] <= ticks["time_msc"][-1] <= now * 1000
    first = terminal.copy_ticks_from("EURUSD", now - 60, 10, c.COPY_TICKS_INFO)
    assert list(first) == list(ticks[:10])
    assert len(terminal.copy_ticks_range("EURUSD", now - 60, now, c.COPY_TICKS_TRADE)) == 0
    assert terminal.copy_ticks_from("EURUSD", now, 10, 77) is None


def test_copied_bars_are_made_of_the_quotes(weekly: Simulation) -> None:
    """Bars hold their quotes' extremes, follow each other, leave the weekend out, and end with the present one."""
    pytest.importorskip("numpy")
    weekly.now_ms = instant(2026, 1, 18, 23, 40)
    bars = weekly.copy_rates_from_pos("EURUSD", c.TIMEFRAME_M10, 0, 20)
    assert bars.dtype.names == ("time", "open", "high", "low", "close", "tick_volume", "spread", "real_volume")
    assert len(bars) == 20
    assert all(bars["low"] <= bars["open"])
    assert all(bars["high"] >= bars["close"])
    assert bars["close"][-1] == weekly.symbol_info_tick("EURUSD").bid
    steps = set((bars["time"][1:] - bars["time"][:-1]).tolist())
    assert steps == {600, 48 * 3600 + 20 * 60 - 600}
    shifted = weekly.copy_rates_from_pos("EURUSD", c.TIMEFRAME_M10, 5, 15)
    assert list(shifted["time"]) == list(bars["time"][:15])
    same = weekly.copy_rates_range("EURUSD", c.TIMEFRAME_M10, int(bars["time"][3]), int(bars["time"][8]))
    assert list(same) == list(bars[3:9])
    until = weekly.copy_rates_from("EURUSD", c.TIMEFRAME_M10, int(bars["time"][8]), 4)
    assert list(until) == list(bars[5:9])
    assert weekly.copy_rates_from_pos("EURUSD", 7, 0, 1) is None
