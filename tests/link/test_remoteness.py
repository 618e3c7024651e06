"""Whether an address can be another machine's, against given interfaces."""

from __future__ import annotations

import ipaddress
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.errors import Finding
from mt5canary.link import remoteness
from mt5canary.link.remoteness import Resolution, is_declared_simulation, is_remote, resolve, why_not_remote
from mt5canary.measurement import Outcome, worst

HERE = tuple(
    ipaddress.ip_interface(text)
    for text in (
        "127.0.0.1/8",
        "192.0.2.10/24",
        "172.19.128.5/20",
        "198.51.100.1/32",
        "203.0.113.4/31",
        "::1/128",
        "2001:db8::5/64",
    )
)
"""The interfaces of an imagined host."""


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("255.255.255.255", "broadcast"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.250", "multicast"),
        ("169.254.10.1", "link-local"),
        ("240.0.0.1", "reserved"),
        ("192.0.2.10", "this machine's own"),
        ("192.0.2.255", "broadcast address of 192.0.2.0/24"),
        ("192.0.2.0", "network address of 192.0.2.0/24"),
        ("172.19.143.255", "broadcast address of 172.19.128.0/20"),
        ("172.19.128.0", "network address of 172.19.128.0/20"),
        ("198.51.100.1", "this machine's own"),
        ("203.0.113.4", "this machine's own"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("ff02::1", "multicast"),
        ("fe80::1", "link-local"),
        ("2001:db8::5", "this machine's own"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:192.0.2.255", "broadcast address"),
        ("::ffff:192.0.2.10", "this machine's own"),
    ],
)
def test_addresses_that_cannot_be_another_machine(address: str, reason: str) -> None:
    """Each is refused with the reason that applies."""
    assert reason in (why_not_remote(address, HERE) or "")


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.11",
        "192.0.2.254",
        "172.19.141.255",
        "172.19.141.250",
        "172.19.129.0",
        "10.0.0.255",
        "8.8.8.8",
        "203.0.113.5",
        "203.0.113.255",
        "2001:db8::6",
        "2001:db8::ffff:ffff:ffff:ffff",
    ],
)
def test_addresses_that_can(address: str) -> None:
    """Last digits say nothing: .255 and .0 of an attached /20, or of a network elsewhere, may be hosts."""
    assert why_not_remote(address, HERE) is None


def test_the_address_of_the_first_canary_is_a_broadcast_on_its_own_network() -> None:
    """172.19.141.255 is an ordinary host of a /20 and the broadcast address of a /24: the mask decides."""
    narrow = (ipaddress.ip_interface("172.19.141.7/24"),)
    assert "broadcast" in (why_not_remote("172.19.141.255", narrow) or "")
    assert why_not_remote("172.19.141.255", HERE) is None


@given(st.ip_addresses(v=4), st.integers(8, 30))
def test_every_network_has_two_addresses_that_are_no_hosts(address: ipaddress.IPv4Address, prefix: int) -> None:
    """On any attached network first and last address are refused, whatever they look like."""
    own = (ipaddress.ip_interface(f"{address}/{prefix}"),)
    assert why_not_remote(str(own[0].network.network_address), own) is not None
    assert why_not_remote(str(own[0].network.broadcast_address), own) is not None
    assert why_not_remote(str(address), own) is not None


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f000001", "017700000001", "192.0.2.999", "", "a b", "-x", "x;y", "tcp://h", "h:5"],
)
def test_spellings_that_a_resolver_would_guess_at_are_refused(host: str) -> None:
    """What is neither an address nor a host name is no gateway; nothing is looked up."""
    with pytest.raises(Finding, match="neither an IP address nor a host name"):
        resolve(host, 5555)


def test_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the host and DNS."""

    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(Finding, match=r"'gateway\.invalid' cannot be resolved: Name or service not known"):
        resolve("gateway.invalid", 5555)


def test_every_address_of_a_name_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad address among good ones is enough to fail."""

    def several(*_: object, **__: object) -> list[object]:
        return [(0, 0, 0, "", (address, 5555)) for address in ("8.8.8.8", "127.0.0.1", "8.8.8.8")]

    monkeypatch.setattr(socket, "getaddrinfo", several)
    found = resolve("gateway.example", 5555)
    assert found.addresses == ("8.8.8.8", "127.0.0.1")
    measured = is_remote(found, HERE)
    assert [one.outcome for one in measured] == [Outcome.PASS, Outcome.FAIL]


def test_no_address_is_no_proof() -> None:
    """A host without any address is UNPROVEN, not passed."""
    nothing = Resolution(host="h", addresses=(), resolved_at=0)
    assert worst([one.outcome for one in is_remote(nothing, HERE)]) is Outcome.UNPROVEN
    assert worst([one.outcome for one in is_declared_simulation(nothing)]) is Outcome.UNPROVEN


def test_declared_simulation_is_on_loopback() -> None:
    """The run's own simulation must be where the run put it."""
    for address, expected in (("127.0.0.1", Outcome.PASS), ("192.0.2.11", Outcome.FAIL)):
        found = Resolution(host="h", addresses=(address,), resolved_at=0)
        assert worst([one.outcome for one in is_declared_simulation(found)]) is expected


def test_interfaces_are_read_with_their_masks() -> None:
    """Both families, masks in both spellings, scopes left off, other families ignored."""
    adapters = [
        [
            SimpleNamespace(family=socket.AF_INET, address="172.19.128.5", netmask="255.255.240.0"),
            SimpleNamespace(family=socket.AF_INET6, address="fe80::1%eth0", netmask="ffff:ffff:ffff:ffff::"),
            SimpleNamespace(family=-1, address="00:11:22:33:44:55", netmask=None),
            SimpleNamespace(family=socket.AF_INET, address="10.8.0.2", netmask=None),
        ]
    ]
    assert [str(one) for one in remoteness._interfaces(adapters)] == ["172.19.128.5/20", "fe80::1/64", "10.8.0.2/32"]


def test_this_host_knows_its_own_addresses() -> None:
    """Whatever this host is, its own addresses are found and none of them passes as remote."""
    here = remoteness.own_interfaces()
    assert any(interface.ip.is_loopback for interface in here)
    assert all(why_not_remote(str(interface.ip), here) for interface in here)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (("198.51.100.20", "198.51.100.21"), Outcome.PASS),
        (("198.51.100.21", "198.51.100.20"), Outcome.PASS),
        (("198.51.100.20",), Outcome.FAIL),
        (("198.51.100.20", "198.51.100.22"), Outcome.FAIL),
        ((), Outcome.FAIL),
    ],
)
def test_name_that_stands_for_something_else(later: tuple[str, ...], expected: Outcome) -> None:
    """The set of addresses counts, not their order."""
    first = Resolution(host="gateway.example", addresses=("198.51.100.20", "198.51.100.21"), resolved_at=1)
    now = Resolution(host="gateway.example", addresses=later, resolved_at=2)
    assert worst([one.outcome for one in remoteness.resolves_as_before(first, now)]) is expected


@pytest.mark.parametrize(
    ("addresses", "curve", "expected"),
    [
        (("127.0.0.1",), True, Outcome.PASS),
        (("192.0.2.10", "::1"), True, Outcome.PASS),
        (("203.0.113.77",), True, Outcome.PASS),
        (("127.0.0.1", "224.0.0.1"), True, Outcome.FAIL),
        (("192.0.2.255",), True, Outcome.FAIL),
        (("127.0.0.1",), False, Outcome.UNPROVEN),
    ],
)
def test_near_end_of_a_tunnel(addresses: tuple[str, ...], curve: bool, expected: Outcome) -> None:
    """It may be this machine's own address, not one that nobody has; who is beyond it, a pinned key alone shows."""
    resolution = Resolution(host="gateway.example", addresses=addresses, resolved_at=1)
    measured = remoteness.is_declared_tunnel(resolution, HERE, curve)
    assert worst([one.outcome for one in measured]) is expected
    assert len(measured) == len(addresses) + 1
