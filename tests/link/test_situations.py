"""Every situation of a broken link on one machine: what its criterion comes to, and what its diagnosis says."""

from __future__ import annotations

import inspect as source
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from mt5canary.link import connection, diagnosis
from mt5canary.link import session as sessions
from mt5canary.link.diagnosis_words import ADVICE
from mt5canary.measurement import Outcome
from mt5canary.plan import load
from tests.link import servers
from tests.link.between import Answer, Between, PassOn, pong
from tests.link.servers import Keys
from tests.link.situation import diagnose, inspect, plan_of, resolved_for

CONNECT_SECONDS, READ_MILLISECONDS = 0.6, 700

Start = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short time-outs are enough on loopback; that the real ones are kept is another test's matter."""
    monkeypatch.setattr(connection, "CONNECT_SECONDS", CONNECT_SECONDS)
    monkeypatch.setattr(sessions, "READ_TIMEOUT_MS", READ_MILLISECONDS)
    monkeypatch.setattr(diagnosis, "HELLO_MILLISECONDS", READ_MILLISECONDS)
    yield


def says(**members: Any) -> Start:
    """A gateway whose answers have some members changed."""
    return servers.answering(lambda request, pass_on: pong(request, **members))


def raw(reply: bytes | list[bytes]) -> Start:
    """A gateway that always answers the same."""
    return servers.answering(lambda request, pass_on: reply)


def huge(request: dict[str, Any], pass_on: PassOn) -> Answer:
    return pong(request, padding="x" * 20_000_000)


SITUATIONS: dict[str, tuple[Start, str, str, str, str]] = {
    # name: what listens, the criterion that fails, a word of its reason, the trouble, a word of what was observed
    "closed-port": (servers.closed_port, "L2", "no TCP connection", "port-closed", "ECONNREFUSED"),
    "tcp-echo": (servers.tcp_echo, "L2", "handshake did not complete", "not-zeromq", "echo"),
    "http": (servers.http_server, "L2", "handshake did not complete", "mute", "it sent nothing"),
    "mute": (servers.mute, "L2", "handshake did not complete", "mute", "it sent nothing"),
    "hangs-up": (servers.hangs_up, "L2", "handshake did not complete", "hangs-up", "closed"),
    "ssh": (servers.ssh_banner, "L2", "handshake did not complete", "not-zeromq", "SSH-2.0-OpenSSH"),
    "pub": (servers.pub_socket, "L2", "handshake did not complete", "wrong-socket-type", "ZeroMQ PUB socket"),
    "silent-rep": (servers.silent_rep, "L3", "the gateway is silent, not the network", "silent", "no reply within"),
    "frozen": (servers.frozen, "L2", "handshake did not complete", "mute", "it sent nothing"),
    "garbage": (raw(b"\x00garbage"), "L3", "not one of the protocol", "unreadable", "not JSON"),
    "empty": (raw(b""), "L3", "not one of the protocol", "unreadable", "0 bytes"),
    "not-utf-8": (raw(b'{"status": "\xff"}'), "L3", "not UTF-8 at byte 12", "unreadable", "not UTF-8"),
    "huge": (servers.answering(huge), "L3", "longer than 1,048,576 bytes", "connection-lost", "longer than 1,048,576"),
    "multipart": (raw([b"{}", b"{}"]), "L3", "several frames", "unreadable", "several frames"),
    "late": (servers.answering(servers.late), "L3", "no reply within", "silent", "no reply within"),
    "wrong-uuid": (says(uuid="00000000-0000-4000-8000-000000000000"), "L3", "another request", "unreadable", "uuid"),
    "wrong-nonce": (says(nonce="00" * 16), "L3", "another nonce", "unreadable", "nonce"),
    "unknown-command": (servers.answering(servers.unknown_command), "L3", "not one of the protocol", "unreadable", ""),
    "no-terminal": (
        servers.answering(servers.not_connected),
        "L3",
        "MT5_NOT_CONNECTED",
        "terminal-not-there",
        "MT5_NOT_CONNECTED",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_situation(tmp_path: Path, name: str) -> None:
    """The criterion fails with the reason, the diagnosis names the trouble, and neither outlasts its time-outs."""
    start, criterion, reason, trouble, observed = SITUATIONS[name]
    with start(tmp_path) as url:
        resolved = resolved_for(tmp_path, url)
        seen = inspect(resolved)
        found = diagnose(resolved)
    assert seen.outcomes[criterion] is Outcome.FAIL
    assert list(seen.outcomes)[-1] == criterion
    assert all(outcome is Outcome.PASS for name, outcome in seen.outcomes.items() if name != criterion)
    assert reason in seen.reasons[criterion]
    assert not found.healthy
    assert found.trouble == trouble, found.steps[-1].observed
    assert observed in found.steps[-1].observed
    assert found.meaning
    assert found.next_steps
    allowed = CONNECT_SECONDS + READ_MILLISECONDS / 1000 + 1.0
    assert seen.seconds < allowed
    assert found.seconds < allowed


def test_every_reply_twice(tmp_path: Path) -> None:
    """A duplicate is never taken for the next reply: each answer is this request's, and all is well."""
    with servers.doubling(tmp_path) as url:
        resolved = resolved_for(tmp_path, url)
        seen = inspect(resolved)
        found = diagnose(resolved)
    assert seen.outcomes == dict.fromkeys(("L1", "L2", "L3", "L4", "L5", "L6"), Outcome.PASS), seen.reasons
    assert found.healthy, found.steps[-1]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Keys of a gateway and of several clients."""
    return Keys(tmp_path / "keys")


@pytest.mark.parametrize(
    ("client", "server", "reason", "trouble"),
    [
        pytest.param("client", "other", "not the pinned one", "curve-wrong-key", id="wrong-pinned-key"),
        pytest.param("stranger", "gateway", "does not admit", "curve-refused", id="client-not-admitted"),
        pytest.param(None, None, "handshake did not complete", "curve-required", id="no-key"),
    ],
)
def test_curve(tmp_path: Path, keys: Keys, client: str | None, server: str, reason: str, trouble: str) -> None:
    """A wrong pinned key, a client that is not admitted and a missing key are told apart."""
    curve = {} if client is None else {"curve": keys.plan(client, server)}
    with servers.guarded(keys) as url:
        resolved = resolved_for(tmp_path, url, **curve)
        seen = inspect(resolved)
        found = diagnose(resolved)
    assert seen.outcomes == {"L1": Outcome.PASS, "L2": Outcome.FAIL}
    assert reason in seen.reasons["L2"]
    assert found.trouble == trouble, found.steps


def test_admitted_client_with_the_right_key_passes_the_handshake(tmp_path: Path, keys: Keys) -> None:
    """The same gateway, the right keys: L2 passes, and says that the pinned key was shown."""
    with servers.guarded(keys) as url:
        resolved = resolved_for(tmp_path, url, curve=keys.plan())
        seen = inspect(resolved, "L1 L2")
        found = diagnose(resolved)
    assert seen.outcomes == {"L1": Outcome.PASS, "L2": Outcome.PASS}
    assert "CURVE handshake completed with the pinned key" in {one.name for one in seen.measurements["L2"]}
    assert found.trouble == "silent"


def test_keys_for_a_gateway_without_curve(tmp_path: Path, keys: Keys) -> None:
    """A pinned key where nobody uses CURVE fails, and is not called a wrong key."""
    with servers.silent_rep(tmp_path) as url:
        resolved = resolved_for(tmp_path, url, curve=keys.plan())
        seen = inspect(resolved)
        found = diagnose(resolved)
    assert seen.outcomes["L2"] is Outcome.FAIL
    assert "CURVE" in seen.reasons["L2"]
    assert found.trouble == "curve-unused"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0"])
def test_name_or_address_that_is_this_machine(tmp_path: Path, host: str) -> None:
    """Undeclared, it fails in L1 whatever answers there, and the diagnosis sends nothing."""
    with Between() as gateway:
        port = gateway.url.rpartition(":")[2]
        resolved = resolved_for(tmp_path, f"tcp://{host}:{port}", terminal="metatrader5", account=ACCOUNT)
        seen = inspect(resolved)
        found = diagnose(resolved)
    assert seen.outcomes == {"L1": Outcome.FAIL}
    assert found.trouble == "address-is-here"
    assert "first canary" in found.meaning
    assert found.steps[-1].name == "address"
    assert gateway.received == []


ACCOUNT = {
    "login": "1100212251",
    "server": "JustMarkets-Demo2",
    "trade_mode": "demo",
    "currency": "USD",
    "leverage": "3000",
    "min_balance": "100",
}


def test_name_that_does_not_resolve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step is the last; nothing is asked of a name server here."""

    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    resolved = resolved_for(tmp_path, "tcp://gateway.invalid:5555", terminal="metatrader5", account=ACCOUNT)
    assert inspect(resolved).outcomes == {"L1": Outcome.FAIL}
    found = diagnose(resolved)
    assert found.trouble == "name-unresolvable"
    assert [step.name for step in found.steps] == ["name"]


def test_undeclared_protocol_costs_not_one_byte(tmp_path: Path) -> None:
    """Without ``protocol`` the gateway gets no payload at all, from the run or the diagnosis, and both say why."""
    with Between() as gateway:
        host, _, port = gateway.url.removeprefix("tcp://").rpartition(":")
        plan = plan_of(tmp_path, {"terminal": "simulated", "host": host, "port": port})
        resolved = load(plan, environment={})
        seen = inspect(resolved, "L2 L3 L4 L5 L6")
        found = diagnose(resolved)
    assert seen.outcomes.pop("L2") is Outcome.PASS
    assert set(seen.outcomes.values()) == {Outcome.UNPROVEN}
    assert "not one byte was sent" in seen.reasons["L3"]
    assert gateway.received == []
    assert found.trouble == "no-protocol"


def test_every_trouble_has_words() -> None:
    """Each trouble that a diagnosis can end with says what it means and at least one step with its machine."""
    text = source.getsource(diagnosis)
    named = set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+|mute|silent|unreadable|refused|clock|latency|halted)"', text))
    assert set(ADVICE) <= named | {"mute"}
    for name, advice in ADVICE.items():
        assert advice.meaning, name
        assert advice.steps, name
