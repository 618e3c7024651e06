"""Honest gateways that write, answer or wait in their own way."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import zmq

from tests.zoo.base import Gateway
from tests.zoo.registry import odd
from tests.zoo.serving import ACTIONS, Refusal, Row


@odd()
class ReplyWithoutDealAndPrice(Gateway):
    """OPEN answers before the dealer has told everything: deal 0 and price 0, as MetaTrader's own result may have."""

    def open(self, request: Row) -> Row:
        return {**super().open(request), "deal": 0, "price": 0.0}


@odd()
class WholeNumbers(Gateway):
    """Writes a number without a fraction as an integer: a balance of 200, a stop of 0."""

    def encode(self, reply: Row) -> bytes:
        return super().encode(_whole(reply))


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_whole(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@odd()
class ExtraFields(Gateway):
    """Says more than it was asked, in every object of every reply."""

    def encode(self, reply: Row) -> bytes:
        return super().encode(_more(reply))


def _more(value: Any) -> Any:
    if isinstance(value, dict):
        return {"build_5": True, **{name: _more(member) for name, member in value.items()}, "x-trace": [1, None]}
    return [_more(member) for member in value] if isinstance(value, list) else value


@odd()
class ReorderedFields(Gateway):
    """Its fields come in another order each time."""

    def encode(self, reply: Row) -> bytes:
        return super().encode(dict(random.sample(list(reply.items()), len(reply))))


@odd()
class PrettyPrinted(Gateway):
    """Indents its JSON and ends it with a line feed."""

    def encode(self, reply: Row) -> bytes:
        return json.dumps(reply, indent=4).encode() + b"\r\n"


@odd()
class OtherScripts(Gateway):
    """Its company has a name outside ASCII, in UTF-8 as it stands."""

    account = {"company": "株式会社ゼロ・Ånström <FX> | Ltd."}

    def encode(self, reply: Row) -> bytes:
        return json.dumps(reply, ensure_ascii=False).encode()


@odd()
class AnswersTwice(Gateway):
    """Sends each reply twice; the second is for nobody."""

    def serve(self, bind: str) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        router = context.socket(zmq.ROUTER)
        router.bind(bind)
        print(f"listening on {bind}", flush=True)
        while True:
            *envelope, frame = router.recv_multipart()
            answer = self.handle(frame)
            for _ in range(2):
                router.send_multipart([*envelope, answer or b""])


class _Without(Gateway):
    """Lacks some actions, says so in HELLO, and answers them with UNKNOWN_ACTION."""

    lacks: tuple[str, ...] = ()

    def capabilities(self) -> tuple[str, ...]:
        return tuple(name for name in ACTIONS if name not in self.lacks)


@odd()
class WithoutLease(_Without):
    """Offers no lease: a lease is an offer."""

    lacks = ("LEASE", "SYNC_ALL")


@odd()
class WithoutCloseAll(_Without):
    """Closes position by position alone."""

    lacks = ("CLOSE_ALL",)


@odd("UNPROVEN", ("X10",), because="ticket that the gateway remembers")
class WithoutFindRequest(_Without):
    """Cannot say what became of a request: that it would not execute one twice stays unproven."""

    lacks = ("FIND_REQUEST",)


@odd()
class ClockABitWrong(Gateway):
    """The gateway host's clock is 0.4 s ahead, inside the plan's limit."""

    def reply(self, request: Row) -> Row:
        ahead = datetime.now(UTC) + timedelta(seconds=0.4)
        return {**super().reply(request), "server_time": ahead.isoformat()}


@odd()
class SlowWithinLimits(Gateway):
    """Takes 12 ms for each answer, as a gateway behind Windows' timer does; its plan probes accordingly."""

    plan = {
        "limits": {
            "watch": {"for": "6s", "every": "25ms"},
            "drift": {"every": "5s", "sample": "50ms", "min_rows": "80"},
        }
    }
    baseline_of = "slow-within-limits"

    def handle(self, frame: bytes) -> bytes | None:
        time.sleep(0.012)
        return super().handle(frame)


PART_A = ("PING", "GET_ACCOUNT", "GET_POSITIONS", "OPEN", "CLOSE", "SYNC_ALL")


@odd("UNPROVEN", ("L3", "L4", "L5", "E1", "E2"), because="HELLO status")
class BaseProtocolAlone(Gateway):
    """A deployed gateway of the base protocol: valid, and what it cannot show stays unproven, item by item."""

    def capabilities(self) -> tuple[str, ...]:
        return PART_A

    def reply(self, request: Row) -> Row:
        reply = super().reply(request)
        told = ("uuid", "status", "error_code", "error_msg", *(("server_time",) if request["action"] == "PING" else ()))
        told += ("latency_ms", "balance", "equity", "margin", "free_margin", "margin_level", "currency", "timestamp")
        return {name: value for name, value in reply.items() if name in (*told, "positions")}


@odd("UNPROVEN", ("X3", "E1", "E2"), because="leverage")
class SaysNoLeverage(Gateway):
    """GET_ACCOUNT does not tell the leverage: what is not told is not within a limit."""

    def get_account(self, request: Row) -> Row:
        return {name: value for name, value in super().get_account(request).items() if name != "leverage"}


@odd("UNPROVEN", ("L4", "L5", "E1", "E2"), because="the session is closed")
class Weekend(Gateway):
    """The market is closed and says so: quotes that stand still prove nothing either way."""

    spec = {"session_open": False}

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.market.fresh = 0.0

    def open(self, request: Row) -> Row:
        raise Refusal("MT5_ORDER_FAILED", "market closed", "REJECTED", retcode=10018)
