"""Whether a trade request may be carried out, in the order and with the retcodes of mt5-facts section 2."""

from __future__ import annotations

from decimal import Decimal

from mt5canary.gateway import constants as c
from mt5canary.gateway.results import TradeRequest
from mt5canary.gateway.simulated.book import Book, Position
from mt5canary.gateway.simulated.clock import ServerClock
from mt5canary.gateway.simulated.execution import Intent
from mt5canary.gateway.simulated.scenario import Scenario
from mt5canary.gateway.simulated.symbols import Symbol
from mt5canary.gateway.simulated.valuation import BUY, Snapshot

COMMENTS = {
    c.TRADE_RETCODE_REQUOTE: "Requote",
    c.TRADE_RETCODE_INVALID: "Invalid request",
    c.TRADE_RETCODE_INVALID_VOLUME: "Invalid volume",
    c.TRADE_RETCODE_INVALID_PRICE: "Invalid price",
    c.TRADE_RETCODE_INVALID_STOPS: "Invalid stops",
    c.TRADE_RETCODE_TRADE_DISABLED: "Trade disabled",
    c.TRADE_RETCODE_MARKET_CLOSED: "Market closed",
    c.TRADE_RETCODE_NO_MONEY: "No money",
    c.TRADE_RETCODE_PRICE_OFF: "No prices",
    c.TRADE_RETCODE_INVALID_EXPIRATION: "Invalid expiration",
    c.TRADE_RETCODE_NO_CHANGES: "No changes",
    c.TRADE_RETCODE_SERVER_DISABLES_AT: "AutoTrading disabled by server",
    c.TRADE_RETCODE_CLIENT_DISABLES_AT: "AutoTrading disabled by client",
    c.TRADE_RETCODE_FROZEN: "Order frozen",
    c.TRADE_RETCODE_INVALID_FILL: "Unsupported filling mode",
    c.TRADE_RETCODE_CONNECTION: "No connection",
    c.TRADE_RETCODE_LIMIT_ORDERS: "Orders limit reached",
    c.TRADE_RETCODE_LIMIT_VOLUME: "Volume limit reached",
    c.TRADE_RETCODE_INVALID_ORDER: "Invalid order",
    c.TRADE_RETCODE_POSITION_CLOSED: "Position closed",
    c.TRADE_RETCODE_INVALID_CLOSE_VOLUME: "Invalid close volume",
    c.TRADE_RETCODE_LONG_ONLY: "Only long positions allowed",
    c.TRADE_RETCODE_SHORT_ONLY: "Only short positions allowed",
    c.TRADE_RETCODE_CLOSE_ONLY: "Only position closing allowed",
    c.TRADE_RETCODE_FIFO_CLOSE: "Position closing only by FIFO",
}
"""What the broker writes beside a retcode; brokers and builds differ, nobody should parse it."""

_FILLING_BIT = {c.ORDER_FILLING_FOK: 1, c.ORDER_FILLING_IOC: 2, c.ORDER_FILLING_BOC: 4}


class Refused(Exception):
    """The request is refused with a retcode."""

    def __init__(self, retcode: int) -> None:
        super().__init__(COMMENTS[retcode])
        self.retcode = retcode


class Judgement:
    """Judges market orders against the book and the market; the money is judged after, on the outcome."""

    def __init__(self, scenario: Scenario, clock: ServerClock) -> None:
        self._scenario = scenario
        self._clock = clock

    def market_order(self, request: TradeRequest, book: Book, snapshot: Snapshot) -> Intent:
        """Judge a request with TRADE_ACTION_DEAL. Raises Refused."""
        symbol = self.symbol(request.symbol)
        if request.type not in (c.ORDER_TYPE_BUY, c.ORDER_TYPE_SELL):
            raise Refused(c.TRADE_RETCODE_INVALID_ORDER)
        steps = self.steps(symbol, request.volume)
        self._filling(symbol, request.type_filling)
        closes = self._closed_position(request, book, steps)
        self.rights(symbol, request.type, closes)
        if not closes:
            self.volume_limit(symbol, request.type, steps, book)
        self.session(symbol, snapshot)
        if request.position:
            self.frozen(symbol, book.positions[request.position], snapshot)
        self._price(symbol, request, snapshot)
        sl, tp = symbol.points(request.sl), symbol.points(request.tp)
        self.stops(symbol, request.type, sl, tp, snapshot)
        return Intent(
            symbol=symbol.name, side=request.type, steps=steps, position=request.position, magic=request.magic,
            comment=request.comment, filling=request.type_filling, sl=sl, tp=tp,
        )  # fmt: skip

    def symbol(self, name: str) -> Symbol:
        """The symbol of a request. Raises Refused with 10013 where the broker does not know it."""
        symbol = self._scenario.symbols.get(name)
        if symbol is None:
            raise Refused(c.TRADE_RETCODE_INVALID)
        return symbol

    def steps(self, symbol: Symbol, lots: float) -> int:
        """A request's volume in whole steps. Raises Refused with 10014 where it is illegal, never rounds."""
        steps = symbol.steps(lots)
        if steps is None or not symbol.volume_min <= steps * symbol.volume_step <= symbol.volume_max:
            raise Refused(c.TRADE_RETCODE_INVALID_VOLUME)
        return steps

    def session(self, symbol: Symbol, snapshot: Snapshot) -> None:
        """Raise Refused with 10018 outside the session, with 10021 where there is no quote."""
        if not symbol.sessions.is_open(self._clock.to_server(snapshot.utc_ms)):
            raise Refused(c.TRADE_RETCODE_MARKET_CLOSED)
        if snapshot[symbol.name] is None:
            raise Refused(c.TRADE_RETCODE_PRICE_OFF)

    def stops(self, symbol: Symbol, side: int, sl: Decimal, tp: Decimal, snapshot: Snapshot) -> None:
        """Raise Refused with 10016: a buy's stops are measured from the bid, a sell's from the ask."""
        quote = snapshot.quote(symbol.name)
        self.stops_from(symbol, side, sl, tp, Decimal(quote.bid if side == BUY else quote.ask))

    def stops_from(self, symbol: Symbol, side: int, sl: Decimal, tp: Decimal, reference: Decimal) -> None:
        """Raise Refused with 10016 where a stop is on the wrong side of a price, too near, or off the grid."""
        sign = 1 if side == BUY else -1
        for stop, direction in ((sl, -sign), (tp, sign)):
            if stop and (stop < 0 or stop % 1 or (stop - reference) * direction < max(1, symbol.stops_level)):
                raise Refused(c.TRADE_RETCODE_INVALID_STOPS)

    def frozen(self, symbol: Symbol, held: Position, snapshot: Snapshot) -> None:
        """Raise Refused with 10029: so near to its stops a position is neither changed nor closed by request."""
        quote = snapshot.quote(symbol.name)
        close = quote.bid if held.side == BUY else quote.ask
        if any(stop and abs(stop - close) <= symbol.freeze_level for stop in (held.sl, held.tp)):
            raise Refused(c.TRADE_RETCODE_FROZEN)

    def pending_filling(self, symbol: Symbol, order_type: int, filling: int) -> None:
        """Raise Refused with 10030: RETURN always goes, BOC with limits only (mt5-facts 5.5)."""
        if filling == c.ORDER_FILLING_RETURN:
            return
        waits_in_book = order_type not in (c.ORDER_TYPE_BUY_STOP, c.ORDER_TYPE_SELL_STOP)
        bit = _FILLING_BIT.get(filling, 0)
        if not symbol.filling_mask & bit or (filling == c.ORDER_FILLING_BOC and not waits_in_book):
            raise Refused(c.TRADE_RETCODE_INVALID_FILL)

    def _filling(self, symbol: Symbol, filling: int) -> None:
        by_quote = symbol.execution in (c.SYMBOL_TRADE_EXECUTION_REQUEST, c.SYMBOL_TRADE_EXECUTION_INSTANT)
        if filling == c.ORDER_FILLING_RETURN:
            allowed = symbol.execution != c.SYMBOL_TRADE_EXECUTION_MARKET
        elif filling in (c.ORDER_FILLING_FOK, c.ORDER_FILLING_IOC):
            allowed = by_quote or bool(symbol.filling_mask & _FILLING_BIT[filling])
        else:
            allowed = False  # BOC is for limit orders only
        if not allowed:
            raise Refused(c.TRADE_RETCODE_INVALID_FILL)

    def _closed_position(self, request: TradeRequest, book: Book, steps: int) -> bool:
        if not request.position:
            return not self._scenario.hedging and self._reduces(request, book, steps)
        position = book.positions.get(request.position)
        if position is None:
            raise Refused(c.TRADE_RETCODE_POSITION_CLOSED)
        if position.symbol != request.symbol or position.side == request.type:
            raise Refused(c.TRADE_RETCODE_INVALID)
        if steps > position.steps:
            raise Refused(c.TRADE_RETCODE_INVALID_CLOSE_VOLUME)
        oldest = min((held for held in book.positions.values() if held.symbol == request.symbol),
                     key=lambda held: held.ticket)  # fmt: skip
        if self._scenario.fifo_close and oldest.ticket != position.ticket:
            raise Refused(c.TRADE_RETCODE_FIFO_CLOSE)
        return True

    def _reduces(self, request: TradeRequest, book: Book, steps: int) -> bool:
        held = next((held for held in book.positions.values() if held.symbol == request.symbol), None)
        return held is not None and held.side != request.type and steps <= held.steps

    def rights(self, symbol: Symbol, side: int, closes: bool) -> None:
        """Raise Refused where the symbol's trade mode forbids it."""
        if symbol.trade_mode == c.SYMBOL_TRADE_MODE_DISABLED:
            raise Refused(c.TRADE_RETCODE_TRADE_DISABLED)
        if closes:
            return
        if symbol.trade_mode == c.SYMBOL_TRADE_MODE_CLOSEONLY:
            raise Refused(c.TRADE_RETCODE_CLOSE_ONLY)
        if symbol.trade_mode == c.SYMBOL_TRADE_MODE_LONGONLY and side != BUY:
            raise Refused(c.TRADE_RETCODE_LONG_ONLY)
        if symbol.trade_mode == c.SYMBOL_TRADE_MODE_SHORTONLY and side == BUY:
            raise Refused(c.TRADE_RETCODE_SHORT_ONLY)

    def volume_limit(self, symbol: Symbol, side: int, steps: int, book: Book) -> None:
        """Raise Refused with 10034 where open and waiting volume in one direction would pass the limit."""
        if not symbol.volume_limit:
            return
        held = sum(p.steps for p in book.positions.values() if p.symbol == symbol.name and p.side == side)
        waiting = sum(o.steps_current for o in book.active.values() if o.symbol == symbol.name and o.type % 2 == side)
        if (held + waiting + steps) * symbol.volume_step > symbol.volume_limit:
            raise Refused(c.TRADE_RETCODE_LIMIT_VOLUME)

    def _price(self, symbol: Symbol, request: TradeRequest, snapshot: Snapshot) -> None:
        """In request and instant execution the asked price counts; in market execution it is ignored."""
        if symbol.execution not in (c.SYMBOL_TRADE_EXECUTION_REQUEST, c.SYMBOL_TRADE_EXECUTION_INSTANT):
            return
        if request.price <= 0:
            raise Refused(c.TRADE_RETCODE_INVALID_PRICE)
        quote = snapshot.quote(symbol.name)
        distance = symbol.points(request.price) - (quote.ask if request.type == BUY else quote.bid)
        if abs(distance) > request.deviation:
            raise Refused(c.TRADE_RETCODE_REQUOTE)
