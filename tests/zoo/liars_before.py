"""Liars about what they would do with an order, before one is sent (X1 to X6)."""

from __future__ import annotations

import uuid
from typing import Any

from tests.zoo.base import Gateway
from tests.zoo.registry import liar
from tests.zoo.serving import Row, rejected


class _Eager(Gateway):
    """Takes every order, whatever its own specification says."""

    def retcode(self, request: Row) -> int:
        return 0


@liar("X1", because="session of EURUSD open")
class FillsOnSunday(_Eager):
    """The symbol's session is closed, and it fills all the same."""

    spec = {"session_open": False}


@liar("X1", because="trade mode of EURUSD")
class FillsWhatIsCloseOnly(_Eager):
    """The symbol may only be closed, and it opens all the same."""

    spec = {"trade_mode": "close_only"}


@liar("X2", because="volume against the minimum")
class RoundsUp(Gateway):
    """Silently fills the symbol's minimum of 0.01 lot where 0.001 was meant."""

    spec = {"volume_min": 0.01, "volume_step": 0.01}

    def retcode(self, request: Row) -> int:
        return super().retcode({**request, "volume": max(request["volume"], 0.01)})

    def open(self, request: Row) -> Row:
        return {**super().open({**request, "volume": 0.01}), "volume": request["volume"]}


@liar("X2", because="volume on the grid")
class AnotherGrid(_Eager):
    """Fills 0.001 lot of a symbol that is traded in steps of 0.005."""

    spec = {"volume_step": 0.005}


@liar("X3", because="worst loss to the stop")
class TickValueOfAnotherCurrency(Gateway):
    """The tick's value is told in another currency: a stop of 200 points would cost a hundred times as much."""

    spec = {"tick_value": 100.0}


@liar("X3", because="account leverage")
class HiddenLeverage(Gateway):
    """HELLO says 1:3000, and the account has 1:5000."""

    def get_account(self, request: Row) -> Row:
        return {**super().get_account(request), "leverage": 5000}


@liar("X3", because="margin the order takes")
class MarginBeyondTheAccount(Gateway):
    """Accepts in check an order whose margin is more than the account has."""

    def check_order(self, request: Row) -> Row:
        return {**super().check_order(request), "margin": 5_000.0}


@liar("X4", because="refusal of volume zero")
class YesToAll(Gateway):
    """CHECK_ORDER accepts whatever it is asked."""

    def check_order(self, request: Row) -> Row:
        return super().check_order({**request, "symbol": "EURUSD", "volume": 0.001, "sl": 0.0})


@liar("X4", because="refusal of volume zero")
class OneRefusalForAll(Gateway):
    """Refuses what is impossible, but with one and the same retcode: it does not know why."""

    def retcode(self, request: Row) -> int:
        return 10006 if super().retcode(request) else 0


@liar("X4", because="refusal of unknown symbol")
class KnowsEverySymbol(Gateway):
    """Any name is a symbol."""

    def require_symbol(self, request: Row) -> None:
        pass


@liar("X4", because="margin projected")
class CheckWithoutMargin(Gateway):
    """Accepts the order in check and projects no margin for it."""

    def check_order(self, request: Row) -> Row:
        return {**super().check_order(request), "margin": 0.0}


@liar("X5", because="left of earlier runs")
class OrphanLeft(Gateway):
    """A position with the plan's magic number is open already, from nobody knows when."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.books.open({"symbol": "EURUSD", "type": "BUY", "volume": 0.001, "magic": 1196, "comment": "earlier"})


@liar("X5", because="gateway halted")
class HaltedAllAlong(Gateway):
    """Somebody halted it, and it does not say so until an order comes."""

    def hello(self, request: Row) -> Row:
        return {**super().hello(request), "halted": True, "halt_reason": "maintenance"}


@liar("X5", because="same gateway instance")
class RestartsBeforeTheOrder(Gateway):
    """Each HELLO is answered by another instance: a supervisor restarts it all the time."""

    def hello(self, request: Row) -> Row:
        self.instance = str(uuid.uuid4())
        return super().hello(request)


@liar("X6", because="OPEN while halted")
class HaltThatDoesNotHalt(Gateway):
    """Says that it is halted, and hands the next order to the terminal."""

    def halt(self, request: Row) -> Row:
        return {"halted": True}


@liar("X6", because="OPEN while halted")
class PerfectStub(_Eager):
    """Fills everything, at once, always."""

    def check_order(self, request: Row) -> Row:
        code = Gateway.retcode(self, request)
        if code:
            raise rejected("MT5_ORDER_FAILED", f"retcode {code}", code)
        return super().check_order(request)

    def is_halted(self) -> bool:
        return False


@liar("X6", because="OPEN below the minimum")
class RefusesByItself(Gateway):
    """Refuses a volume below the minimum before any terminal has seen it."""

    def open(self, request: Row) -> Row:
        if request["volume"] < self.specification()["volume_min"]:
            raise rejected("INVALID_VOLUME", "volume too small")
        return super().open(request)


@liar("X6", because="of the two refused orders")
class RefusedButBooked(Gateway):
    """Refuses the small order with the right retcode, and its broker books it all the same."""

    def open(self, request: Row) -> Row:
        if self.retcode(request):
            self.books.open(request)
        return super().open(request)


@liar("X6", because="RESUME is answered by halted")
class ResumeThatDoesNotResume(Gateway):
    """Once halted it stays halted."""

    def resume(self, request: Row) -> Row:
        return {"halted": self.is_halted()}
