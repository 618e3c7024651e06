"""CURVE and ZAP: without the right keys on both ends no request reaches the gateway."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.auth import load_certificate

from mt5canary.commands import keygen
from mt5canary.errors import UsageProblem
from tests.gateway.conftest import GatewayProcess, NotServing, eventually
from tests.gateway.independent_client import Client

REFUSED_MILLISECONDS = 1500


class Keys:
    """The key files that ``keygen`` wrote."""

    def __init__(self, folder: Path) -> None:
        import argparse

        parser = argparse.ArgumentParser()
        keygen.configure(parser)
        assert keygen.run(parser.parse_args([str(folder)])) == 0
        self.folder = folder
        self.server = load_certificate(folder / "gateway.key_secret")
        self.client = load_certificate(folder / "client.key_secret")


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Keys:
    """A fresh set of keys."""
    return Keys(tmp_path / "keys")


@pytest.fixture
def guarded(start_gateway: Callable[..., GatewayProcess], keys: Keys) -> GatewayProcess:
    """A gateway with CURVE on that admits one client."""
    folder = keys.folder
    return start_gateway("--curve-key", str(folder / "gateway.key_secret"), "--curve-allow", str(folder / "clients"))


def client_with(
    context: zmq.Context[Any], gateway: GatewayProcess, pair: tuple[bytes, bytes | None] | None, server_key: bytes
) -> Client:
    client = Client(context, gateway.endpoint, gateway.secret)
    client.socket.close()
    client.socket = context.socket(zmq.REQ)
    client.socket.setsockopt(zmq.LINGER, 0)
    if pair is not None:
        client.socket.setsockopt(zmq.CURVE_SERVERKEY, server_key)
        client.socket.setsockopt(zmq.CURVE_PUBLICKEY, pair[0])
        client.socket.setsockopt(zmq.CURVE_SECRETKEY, pair[1])
    client.socket.connect(gateway.endpoint)
    return client


def test_listed_client_is_served(guarded: GatewayProcess, keys: Keys, zmq_context: zmq.Context[Any]) -> None:
    """A client with the server's key and a listed key of its own trades as ever."""
    client = client_with(zmq_context, guarded, keys.client, keys.server[0])
    client.hello()
    assert client.open()["status"] == "FILLED"
    client.close()


@pytest.mark.parametrize("variant", ["no key", "wrong server key", "key not listed"])
def test_others_reach_nothing(guarded: GatewayProcess, keys: Keys, zmq_context: zmq.Context[Any], variant: str) -> None:
    """Without a key, with a wrong server key, or with a key not on the list, no request reaches the gateway."""
    stranger = zmq.curve_keypair()
    pair, server_key = {
        "no key": (None, b""),
        "wrong server key": (keys.client, stranger[0]),
        "key not listed": (stranger, keys.server[0]),
    }[variant]
    client = client_with(zmq_context, guarded, pair, server_key)
    client.socket.send_json(client.message("PING"))
    assert not client.socket.poll(REFUSED_MILLISECONDS)
    client.close()
    assert [line for line in guarded.log() if "action" in line] == []
    if variant == "key not listed":
        refused = eventually(lambda: [line for line in guarded.log() if line.get("event") == "not admitted"])
        assert refused[0]["client_key"] == stranger[0].decode()


def test_keys_are_their_owners_alone(keys: Keys) -> None:
    """Every key file is readable by its owner only, and is never overwritten."""
    for path in keys.folder.rglob("*.*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with pytest.raises(UsageProblem, match="not overwritten"):
        Keys(keys.folder)


def test_wrong_key_files_are_told(start_gateway: Callable[..., GatewayProcess], tmp_path: Path, keys: Keys) -> None:
    """Half the options, a public key for the secret one, an empty list: each is status 4 with a clear message."""
    secret, clients = str(keys.folder / "gateway.key_secret"), str(keys.folder / "clients")
    (tmp_path / "nobody").mkdir()
    for options, part in (
        (("--curve-key", secret), "go together"),
        (("--curve-key", str(keys.folder / "gateway.key"), "--curve-allow", clients), "no secret key"),
        (("--curve-key", secret, "--curve-allow", str(tmp_path / "nobody")), "nobody could connect"),
        (("--curve-key", str(tmp_path / "absent"), "--curve-allow", clients), "absent"),
    ):
        with pytest.raises(NotServing) as caught:
            start_gateway(*options)
        assert caught.value.status == 4
        assert part in caught.value.said
