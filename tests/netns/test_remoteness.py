"""Remoteness by real addresses, masks and round trips, between two hosts that the test makes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.link.servers import Keys
from tests.netns.conftest import Look
from tests.netns.gateway import HostedGateway
from tests.netns.world import GATEWAY, NODE, PORT, World

ACCOUNT = {
    "login": "1100212251",
    "server": "JustMarkets-Demo2",
    "trade_mode": "demo",
    "currency": "USD",
    "leverage": "3000",
    "min_balance": "100",
}
ALL_PASS = dict.fromkeys(("L1", "L2", "L3", "L4", "L5", "L6"), "PASS")
Serve = Callable[..., HostedGateway]


def elsewhere(host: str, **more: str) -> dict[str, object]:
    """A target that must be another machine."""
    return {"host": host, "port": str(PORT), "protocol": "4.3", "account": ACCOUNT} | more


def test_a_remote_gateway_passes_for_the_right_reasons(distant: World, serve: Serve, look: Look) -> None:
    """By its address, by the far end of its connection and by a round trip no shorter than the way: 20 ms."""
    gateway = serve(distant.gtw, GATEWAY)
    seen = look(distant.inf, gateway.target(source=NODE))
    assert seen.outcomes == ALL_PASS, seen.reasons
    assert seen.measurements["L1"] == {f"what speaks against {GATEWAY}": "nothing"}
    assert seen.measurements["L2"]["the far end is an address that L1 judged"] == GATEWAY
    assert seen.measurements["L2"]["this node speaks from"] == NODE
    assert seen.measurements["L2"]["kernel's minimum round trip"] >= 20_000
    assert seen.measurements["L6"]["kernel's minimum round trip"] >= 20_000
    assert seen.measurements["L6"]["shape of the round trips"] == "answered at once"
    assert seen.trouble is None, seen.observed


@pytest.mark.nightly
@pytest.mark.parametrize("round_trip_ms", [40, 90])
def test_a_long_way_is_decided_in_time(
    make_world: Callable[..., World], serve: Serve, look: Look, round_trip_ms: int
) -> None:
    """One after the other 299 round trips would take 12 s and 27 s; some at a time they are made within L6's 10 s."""
    distant = make_world(delay_seconds=round_trip_ms / 2000)
    gateway = serve(distant.gtw, GATEWAY)
    seen = look(distant.inf, gateway.target(source=NODE), "L1 L2 L3 L6")
    assert seen.outcomes == {"L1": "PASS", "L2": "PASS", "L3": "PASS", "L6": "PASS"}, seen.reasons
    assert round_trip_ms <= seen.measurements["L6"]["round trip P99"] < 100
    assert seen.measurements["L6"]["shape of the round trips"] == "answered at once"


@pytest.mark.parametrize("address", ["192.0.2.255", "192.0.2.0"])
def test_broadcast_and_network_address_of_an_attached_network(ethernet: World, look: Look, address: str) -> None:
    """The address of the first canary's kind fails in L1, and nothing is sent to it."""
    seen = look(ethernet.inf, elsewhere(address))
    assert seen.outcomes == {"L1": "FAIL"}
    assert "address of 192.0.2.0/24" in seen.reasons["L1"]
    assert seen.trouble == "address-is-broadcast"
    assert seen.observed[-1].startswith("address: ")


@pytest.mark.parametrize(("mask", "outcome"), [(25, "FAIL"), (24, "PASS")])
def test_the_mask_decides_and_not_the_digits(
    make_world: Callable[..., World], look: Look, mask: int, outcome: str
) -> None:
    """192.0.2.127 is the broadcast address of a /25 and a host of a /24."""
    world = make_world(masks=(mask, mask))
    assert look(world.inf, elsewhere("192.0.2.127"), "L1").outcomes == {"L1": outcome}


def test_own_address_on_a_bridge(ethernet: World, look: Look) -> None:
    """A container's bridge is this machine's too: its address is no gateway's."""
    ethernet.inf.run("ip", "link", "add", "docker0", "type", "bridge")
    ethernet.inf.run("ip", "address", "add", "198.51.100.1/24", "dev", "docker0")
    for address in ("198.51.100.1", NODE):
        seen = look(ethernet.inf, elsewhere(address))
        assert seen.outcomes == {"L1": "FAIL"}
        assert "one of this machine's own" in seen.reasons["L1"]
        assert seen.trouble == "address-is-here"


def test_name_that_resolves_to_loopback(ethernet: World, look: Look) -> None:
    """What a name stands for here counts, not what it is called."""
    ethernet.inf.resolves({"gateway.example": "127.0.0.1"})
    seen = look(ethernet.inf, elsewhere("gateway.example"))
    assert seen.outcomes == {"L1": "FAIL"}
    assert "loopback" in seen.reasons["L1"]
    assert seen.trouble == "address-is-here"


def test_neighbour_nearer_than_the_plan_allows(ethernet: World, serve: Serve, look: Look) -> None:
    """A peer on the same machine gives itself away by its round trip, with a remote address and all."""
    gateway = serve(ethernet.gtw, ethernet.address)
    seen = look(ethernet.inf, gateway.target(), "L1 L2")
    assert seen.outcomes == {"L1": "PASS", "L2": "FAIL"}
    assert "kernel's minimum round trip" in seen.reasons["L2"]


def test_redirected_address_gives_itself_away(distant: World, serve: Serve, look: Look) -> None:
    """The far end shows the right address; the round trip shows that it ends on this machine."""
    serve(distant.inf, NODE)
    distant.inf.redirect(f"ip daddr {GATEWAY} tcp dport {PORT} dnat to {NODE}")
    seen = look(distant.inf, elsewhere(GATEWAY, min_rtt_us="200"), "L1 L2")
    assert seen.outcomes == {"L1": "PASS", "L2": "FAIL"}
    assert f"{GATEWAY}:{PORT}" in seen.observed[4]
    assert "kernel's minimum round trip" in seen.reasons["L2"]


def test_tripwire_switched_off_is_a_remark(ethernet: World, serve: Serve, look: Look) -> None:
    """With ``min_rtt_us: 0`` nearness is not judged, and L2 and L6 say so."""
    gateway = serve(ethernet.gtw, ethernet.address)
    seen = look(ethernet.inf, gateway.target(min_rtt_us="0"))
    assert seen.outcomes == ALL_PASS, seen.reasons
    for criterion in ("L2", "L6"):
        assert any(remark.startswith(f"{criterion}: ") and "tripwire is off" in remark for remark in seen.remarks)


@pytest.fixture
def forward(distant: World) -> str:
    """A forward on the node's loopback to the gateway, as ``ssh -L`` makes it."""
    code = (
        "import asyncio\n"
        "async def pipe(source, sink):\n"
        "    while data := await source.read(65536):\n"
        "        sink.write(data)\n"
        "    sink.close()\n"
        "async def client(reader, writer):\n"
        f"    far = await asyncio.open_connection('{GATEWAY}', {PORT})\n"
        "    await asyncio.gather(pipe(reader, far[1]), pipe(far[0], writer), return_exceptions=True)\n"
        "async def main():\n"
        "    async with await asyncio.start_server(client, '127.0.0.1', 7100) as server:\n"
        "        print('ready', flush=True)\n"
        "        await server.serve_forever()\n"
        "asyncio.run(main())\n"
    )
    import subprocess
    import sys

    process = distant.inf.start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield "127.0.0.1"  # type: ignore[misc]
    process.kill()
    process.wait()
    process.stdout.close()


def test_declared_tunnel_with_keys(distant: World, serve: Serve, look: Look, forward: str, tmp_path: object) -> None:
    """A declared forward passes by the gateway's key and by the round trip beyond it, not by its address."""
    keys = Keys(tmp_path / "keys")  # type: ignore[operator]
    folder = keys.folder
    options = ("--curve-key", str(folder / "gateway.key_secret"), "--curve-allow", str(folder / "admitted"))
    gateway = serve(distant.gtw, GATEWAY, *options)
    target = gateway.target(host=forward, port="7100", via="tunnel", curve=keys.plan(), terminal="metatrader5")
    seen = look(distant.inf, target | {"account": ACCOUNT}, "L1 L2 L3 L6")
    assert seen.outcomes == {"L1": "PASS", "L2": "PASS", "L3": "PASS", "L6": "PASS"}, seen.reasons
    assert seen.measurements["L2"]["CURVE handshake completed with the pinned key"] is True
    assert seen.measurements["L6"]["fastest round trip through the tunnel"] >= 20
    assert seen.trouble == "wrong-identity"
    assert "terminal kind" in seen.observed[-1]


def test_tunnel_without_keys_or_undeclared(distant: World, serve: Serve, look: Look, forward: str) -> None:
    """Without keys a tunnel's end proves nothing; undeclared it fails, for it is this machine."""
    serve(distant.gtw, GATEWAY)
    declared = elsewhere(forward, port="7100", via="tunnel")
    assert look(distant.inf, declared, "L1").outcomes == {"L1": "UNPROVEN"}
    undeclared = elsewhere(forward, port="7100")
    assert look(distant.inf, undeclared, "L1").outcomes == {"L1": "FAIL"}


def test_undeclared_forwarder_behind_a_remote_address(distant: World, serve: Serve, look: Look, forward: str) -> None:
    """TCP that ends here while answers come from far away is named as a forwarder that must be declared."""
    gateway = serve(distant.gtw, GATEWAY)
    distant.inf.run("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1")
    distant.inf.redirect("ip daddr 198.51.100.99 tcp dport 5555 dnat to 127.0.0.1:7100")
    seen = look(distant.inf, gateway.target(host="198.51.100.99"), "L1 L6")
    assert seen.outcomes == {"L1": "PASS", "L6": "FAIL"}
    assert any("a local forwarder in the path" in remark and "via: tunnel" in remark for remark in seen.remarks)


def test_no_thread_of_a_relay_outlives_its_world(make_world: Callable[..., World]) -> None:
    """A world takes its relay with it."""
    world = make_world(delay_seconds=0.001)
    relay = world.relay
    assert relay in threading.enumerate()
    relay.stop()  # type: ignore[union-attr]
    world.relay = None
    assert relay not in threading.enumerate()
