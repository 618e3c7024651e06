"""How the broker's records look through the call surface: floats, server time, the package's result objects."""

from __future__ import annotations

import functools
from typing import Any

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import (
    AccountInfo,
    SymbolInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    build,
)
from mt5canary.gateway.simulated.book import Deal, Order, Position
from mt5canary.gateway.simulated.broker import Broker
from mt5canary.gateway.simulated.market import Quote
from mt5canary.gateway.simulated.symbols import Symbol
from mt5canary.gateway.simulated.valuation import BUY, Figures, Snapshot

_SYMBOL_ZERO: dict[str, Any] = {
    name: {"int": 0, "bool": False, "float": 0.0, "str": ""}[kind] for name, kind in SymbolInfo.__annotations__.items()
}


def account(broker: Broker, figures: Figures) -> AccountInfo:
    """The account as account_info shows it."""
    scenario, major = broker.scenario, broker.valuation.major
    fields = dict.fromkeys(("margin_initial", "margin_maintenance", "assets", "liabilities", "commission_blocked"), 0.0)
    return build(AccountInfo, fields | {
        "login": scenario.login, "trade_mode": scenario.trade_mode,
        "leverage": broker.valuation.leverage(figures.equity), "limit_orders": scenario.limit_orders,
        "margin_so_mode": c.ACCOUNT_STOPOUT_MODE_PERCENT,
        "trade_allowed": all(map(broker.faults.is_on, ("account_trade_allowed", "connected"))),
        "trade_expert": broker.faults.is_on("trade_expert"), "margin_mode": scenario.margin_mode,
        "currency_digits": scenario.currency_digits, "fifo_close": scenario.fifo_close,
        "balance": major(figures.balance), "credit": major(figures.credit), "profit": major(figures.profit),
        "equity": major(figures.equity), "margin": major(figures.margin), "margin_free": major(figures.free),
        "margin_level": figures.level, "margin_so_call": float(scenario.margin_call),
        "margin_so_so": float(scenario.stop_out), "name": scenario.owner, "server": scenario.server,
        "currency": scenario.currency, "company": scenario.company,
    })  # fmt: skip


def tick(broker: Broker, symbol: Symbol, quote: Quote) -> Tick:
    """A quote as symbol_info_tick shows it: forex has no last price and no volume."""
    server_ms = broker.clock.to_server(quote.utc_ms)
    bid, ask = symbol.price(quote.bid), symbol.price(quote.ask)
    return Tick((server_ms // 1000, bid, ask, 0.0, 0, server_ms, quote.flags, 0.0))


def symbol_info(broker: Broker, symbol: Symbol, selected: bool, snapshot: Snapshot) -> SymbolInfo:
    """A symbol as symbol_info shows it."""
    fields = {**_contract(symbol), "select": selected, "visible": selected}
    if quote := snapshot[symbol.name]:
        fields |= {
            "time": broker.clock.to_server(quote.utc_ms) // 1000, "spread": quote.ask - quote.bid,
            **_prices(symbol, quote), **_tick_values(broker, symbol, snapshot),
        }  # fmt: skip
    return build(SymbolInfo, fields)


@functools.lru_cache(maxsize=64)
def _contract(symbol: Symbol) -> dict[str, Any]:
    """What stays of a symbol whatever its quote."""
    return _SYMBOL_ZERO | {
        "spread_float": True, "digits": symbol.digits,
        "trade_calc_mode": symbol.calculation, "trade_mode": symbol.trade_mode,
        "trade_stops_level": symbol.stops_level, "trade_freeze_level": symbol.freeze_level,
        "trade_exemode": symbol.execution, "swap_mode": c.SYMBOL_SWAP_MODE_POINTS,
        "swap_rollover3days": c.DAY_OF_WEEK_WEDNESDAY, "expiration_mode": 15,
        "filling_mode": symbol.filling_mask, "order_mode": 127, "point": float(symbol.point),
        "trade_tick_size": float(symbol.point), "trade_contract_size": float(symbol.contract_size),
        "volume_min": float(symbol.volume_min), "volume_max": float(symbol.volume_max),
        "volume_step": float(symbol.volume_step), "volume_limit": float(symbol.volume_limit),
        "swap_long": float(symbol.swap_long), "swap_short": float(symbol.swap_short),
        "margin_hedged": float(symbol.margin_hedged), "currency_base": symbol.currency_base,
        "currency_profit": symbol.currency_profit, "currency_margin": symbol.currency_margin,
        "description": symbol.description, "name": symbol.name, "path": symbol.path,
    }  # fmt: skip


def _prices(symbol: Symbol, quote: Quote) -> dict[str, float]:
    """This terminal keeps no day's extremes: the present quote stands for them."""
    bid, ask = symbol.price(quote.bid), symbol.price(quote.ask)
    return {"bid": bid, "bidhigh": bid, "bidlow": bid, "ask": ask, "askhigh": ask, "asklow": ask}


def _tick_values(broker: Broker, symbol: Symbol, snapshot: Snapshot) -> dict[str, float]:
    """What a point is worth on one lot, when it is a profit (at the bid) and when it is a loss (at the ask)."""
    per_lot = symbol.point * symbol.contract_size
    if symbol.currency_profit == broker.scenario.currency:
        return dict.fromkeys(("trade_tick_value", "trade_tick_value_profit", "trade_tick_value_loss"), float(per_lot))
    profit = float(per_lot * broker.valuation.rate(symbol.currency_profit, snapshot, at_ask=False))
    loss = float(per_lot * broker.valuation.rate(symbol.currency_profit, snapshot, at_ask=True))
    return {"trade_tick_value": profit, "trade_tick_value_profit": profit, "trade_tick_value_loss": loss}


def position(broker: Broker, held: Position, snapshot: Snapshot) -> TradePosition:
    """An open position as positions_get shows it."""
    symbol, quote = broker.scenario.symbols[held.symbol], snapshot.quote(held.symbol)
    opened, updated = broker.clock.to_server(held.time_ms), broker.clock.to_server(held.update_ms)
    return TradePosition((
        held.ticket, opened // 1000, opened, updated // 1000, updated, held.side, held.magic, held.identifier,
        held.reason, symbol.lots(held.steps), symbol.price(held.open_points), symbol.price(held.sl),
        symbol.price(held.tp), symbol.price(quote.bid if held.side == BUY else quote.ask),
        broker.valuation.major(held.swap), broker.valuation.major(broker.valuation.floating(held, snapshot)),
        held.symbol, held.comment, "",
    ))  # fmt: skip


def order(broker: Broker, record: Order) -> TradeOrder:
    """An order as orders_get and history_orders_get show it; a market order's open price is 0 as a rule."""
    symbol = broker.scenario.symbols[record.symbol]
    setup = broker.clock.to_server(record.setup_ms)
    done = broker.clock.to_server(record.done_ms) if record.done_ms else 0
    return TradeOrder((
        record.ticket, setup // 1000, setup, done // 1000, done, record.expiration, record.type,
        record.type_time, record.type_filling, record.state, record.magic, record.position_id,
        record.position_by_id, record.reason, symbol.lots(record.steps_initial),
        symbol.lots(record.steps_current), symbol.price(record.price), symbol.price(record.sl),
        symbol.price(record.tp), symbol.price(record.current), symbol.price(record.stoplimit), record.symbol,
        record.comment, "",
    ))  # fmt: skip


def deal(broker: Broker, record: Deal) -> TradeDeal:
    """A deal as history_deals_get shows it; a movement of the balance has no symbol and no volume."""
    symbol = broker.scenario.symbols.get(record.symbol)
    server_ms, major = broker.clock.to_server(record.time_ms), broker.valuation.major
    return TradeDeal((
        record.ticket, record.order, server_ms // 1000, server_ms, record.type, record.entry, record.magic,
        record.position_id, record.reason, symbol.lots(record.steps) if symbol else 0.0,
        symbol.price(record.price) if symbol else 0.0, major(record.commission), major(record.swap),
        major(record.profit), major(record.fee), record.symbol, record.comment, "",
    ))  # fmt: skip
