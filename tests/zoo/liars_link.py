"""Liars about who and where they are: address, connection, handshake, identity, clock, latency."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import zmq

from tests.zoo.base import Gateway
from tests.zoo.market import Market
from tests.zoo.registry import liar
from tests.zoo.serving import Row

NODE, GATEWAY = "192.0.2.10", "198.51.100.20"


@liar("L1", because="the broadcast address of 192.0.2.0/24")
class TheFirstCanary(Gateway):
    """Its address in the plan is the broadcast address of the node's own network."""

    host = "192.0.2.255"


@liar("L1", because="one of this machine's own")
class OnTheNodeItself(Gateway):
    """Sits on the node and is named by the node's own address."""

    host = listens_at = NODE
    on_the_node = True


@liar("L1", because="loopback")
class OnLoopback(Gateway):
    """Sits on the node's loopback and is no declared simulation."""

    host = listens_at = "127.0.0.1"
    on_the_node = True


@liar("L2", because="kernel's minimum round trip")
class RedirectedHome(Gateway):
    """The address is another machine's, but a rule on the node sends what goes there back to the node."""

    listens_at = NODE
    on_the_node = True
    redirect = f"ip daddr {GATEWAY} tcp dport 5555 dnat to {NODE}"


class _Raw(Gateway):
    """Speaks TCP, but no ZeroMQ."""

    words = b""

    def serve(self, bind: str) -> None:
        host, _, port = bind.removeprefix("tcp://").rpartition(":")
        with socket.create_server((host, int(port))) as server:
            print(f"listening on {bind}", flush=True)
            kept = []
            while True:
                connection, _ = server.accept()
                kept.append(connection)
                if self.words:
                    threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(self.words)


@liar("L2", because="ZMTP handshake did not complete")
class WebServer(_Raw):
    """A web server holds the gateway's port and answers politely."""

    words = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@liar("L2", because="ZMTP handshake did not complete")
class AcceptsAndIsSilent(_Raw):
    """Accepts TCP connections, which some launchers take for a link that works, and says nothing."""


@liar("L3", because="the reply is not one of the protocol")
class Echo(Gateway):
    """Sends every request back: uuid and nonce are right, and nothing is answered."""

    def handle(self, frame: bytes) -> bytes:
        return frame


@liar("L3", because="the reply is not one of the protocol")
class UnknownCommandAnswerer(Gateway):
    """Answers everything with `Unknown Command`, which a launcher once took for a verified link."""

    def handle(self, frame: bytes) -> bytes:
        return b'{"status": "ERROR", "msg": "Unknown Command"}'


@liar("L3", because="nonce")
class HelloWithoutNonce(Gateway):
    """Says HELLO without repeating the nonce: a recording could do that."""

    def reply(self, request: Row) -> Row:
        reply = super().reply(request)
        if request.get("action") == "HELLO":
            del reply["nonce"]
        return reply


@liar("L3", because="nonce")
class NonceOfAnother(Gateway):
    """Repeats the nonce that it saw first, whoever asks."""

    first: str | None = None

    def reply(self, request: Row) -> Row:
        reply = super().reply(request)
        type(self).first = self.first or "00" * 16
        return {**reply, "nonce": self.first}


@liar("L3", because="PING repeats the nonce")
class PingWithoutNonce(Gateway):
    """Answers PING from a constant: no nonce."""

    def reply(self, request: Row) -> Row:
        reply = super().reply(request)
        return {name: value for name, value in reply.items() if name != "nonce" or request["action"] != "PING"}


@liar("L3", because="the reply answers another request")
class ReplayOfAnEarlierRun(Gateway):
    """Plays the replies that an earlier run received, word for word."""

    def handle(self, frame: bytes) -> bytes:
        request: dict[str, Any] = json.loads(frame)
        earlier = {**request, "uuid": "5c0e7f6e-3f0e-4e61-9d3c-1f3a5f2f9a11", "nonce": "a5" * 16}
        return self.encode(self.reply(earlier))


@liar("L3", because="the reply answers another request")
class OneReplyBehind(Gateway):
    """Answers each request with the reply to the one before."""

    before = b'{"uuid": "", "status": "ok"}'

    def handle(self, frame: bytes) -> bytes:
        answer, self.before = self.before, super().handle(frame)
        return answer


@liar("L3", because="several frames")
class SeveralFrames(Gateway):
    """Puts its reply into two frames, as a publisher of quotes does."""

    def serve(self, bind: str) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        replies = context.socket(zmq.REP)
        replies.bind(bind)
        print(f"listening on {bind}", flush=True)
        while True:
            replies.send_multipart([b"EURUSD", self.handle(replies.recv())])


@liar("L4", because="account login")
class AnotherLogin(Gateway):
    """The terminal is logged in to another account."""

    account = {"login": 1100212252}


@liar("L4", because="account trade mode")
class RealAccount(Gateway):
    """Behind a plan for a demo account sits a real one."""

    account = {"trade_mode": "real"}


@liar("L4", because="trade mode in GET_ACCOUNT")
class RealPosingAsDemo(Gateway):
    """HELLO says demo, and GET_ACCOUNT shows that the money is real."""

    def get_account(self, request: Row) -> Row:
        return {**super().get_account(request), "trade_mode": "real"}


@liar("L4", because="trade mode in GET_ACCOUNT")
class DemoPosingAsReal(Gateway):
    """The plan expects a real account and HELLO says real, but the account is a demo."""

    account = {"trade_mode": "real"}
    plan = {"targets": {"zoo": {"account": {"trade_mode": "real"}}}}
    options = ("--i-understand-real-money",)

    def get_account(self, request: Row) -> Row:
        return {**super().get_account(request), "trade_mode": "demo"}


@liar("L4", because="login in GET_ACCOUNT")
class MoneyOfAnother(Gateway):
    """HELLO names the plan's account, and GET_ACCOUNT tells another's money."""

    def get_account(self, request: Row) -> Row:
        return {**super().get_account(request), "login": 5012345}


@liar("L4", because="account server")
class AnotherServer(Gateway):
    """The right login at another trade server: a number that exists twice."""

    account = {"server": "JustMarkets-Live"}


@liar("L4", because="terminal connected")
class FillsWithoutABroker(Gateway):
    """The terminal has no connection to its broker, and fills all the same."""

    terminal = {"connected": False}


@liar("L4", because="Algo Trading")
class ButtonOff(Gateway):
    """Algo Trading is switched off in the terminal, and it fills all the same."""

    terminal = {"trade_allowed": False}


@liar("L4", because="terminal kind")
class SimulationInEarnest(Gateway):
    """A simulated terminal serves under the address of the real one."""

    terminal = {"kind": "simulated"}


class _Frozen(Market):
    fresh = 0.0


@liar("L4", because="distinct quote times")
class FrozenTicks(Gateway):
    """The session is open and the quote never changes: a stub's constant price."""

    market_kind = _Frozen


class _Inverted(Market):
    spreads = (-4,)


@liar("L4", because="narrowest spread")
class AskBelowBid(Gateway):
    """Its quotes have the ask below the bid."""

    market_kind = _Inverted


@liar("L5", because="gateway clock offset")
class ClockAnHourWrong(Gateway):
    """The gateway host's clock is an hour ahead."""

    def ping(self, request: Row) -> Row:
        ahead = datetime.now(UTC) + timedelta(hours=1)
        return {**super().ping(request), "server_time": ahead.isoformat()}


@liar("L5", because="gateway clock offset")
class ClockThatStandsStill(Gateway):
    """PING always tells the time at which its author tried it."""

    def ping(self, request: Row) -> Row:
        return {**super().ping(request), "server_time": "2026-01-16T18:17:13.285050Z"}


@liar("L5", because="trade server zone")
class QuotesOfLastWeek(Gateway):
    """Plays last week's quotes, as if they were now."""

    zone_hours = 2.0 - 7 * 24


@liar("L5", because="quote time after the zone")
class QuotesOfFiveMinutesAgo(Gateway):
    """Its quotes move, five minutes late: a delayed feed."""

    zone_hours = 2.0 - 5 / 60


@liar("L6", because="round trip P99")
class OneSecondPoller(Gateway):
    """An expert advisor that looks at its socket once a second."""

    def ping(self, request: Row) -> Row:
        time.sleep(1.0 - time.time() % 1.0)
        return super().ping(request)


@liar("L6", because="round trip P99")
class ZeroLatency(Gateway):
    """Claims a latency of 0.0 ms in each reply and takes half a second to say so."""

    def ping(self, request: Row) -> Row:
        time.sleep(0.5)
        return {**super().ping(request), "latency_ms": 0.0}


@liar("L6", because="round trip P99")
class PercentileOfItsOwn(Gateway):
    """One reply in twenty takes half a second, and a field of its own says that the 99th percentile is 0.8 ms."""

    count = 0

    def ping(self, request: Row) -> Row:
        self.count += 1
        if self.count % 20 == 0:
            time.sleep(0.5)
        return {**super().ping(request), "p99_ms": 0.8, "samples": 100_000}
