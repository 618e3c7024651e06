"""Whether a gateway's address can be another machine's (criterion L1).

Judged by the address itself and by this host's own interfaces and masks, never by its last digits: a /24's .255
is a broadcast address, a /20's may be an ordinary host. Containers' and bridges' interfaces count as this host's.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from mt5canary.errors import Finding
from mt5canary.measurement import Measurement, equal, unproven

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_NUMBERS_ONLY = re.compile(r"(0[xX][0-9a-fA-F]+|[0-9.]+)")


class Resolution(Struct, frozen=True, kw_only=True):
    """What a host's name stood for, all addresses, at one wall-clock time in nanoseconds."""

    host: str
    addresses: tuple[str, ...]
    resolved_at: int


def resolve(host: str, port: int) -> Resolution:
    """Look up every address of a host; raises Finding where there is none or the name is none."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # 127.1, 2130706433 and 0x7f000001 all reach this machine where a resolver is allowed to guess
        if not _HOST_NAME.fullmatch(host) or _NUMBERS_ONLY.fullmatch(host):
            raise Finding(f"the gateway's host {host!r} is neither an IP address nor a host name") from None
    try:
        # as bytes: a host name here is ASCII, and a text would load the tables of international names for it
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Finding(f"the gateway's host {host!r} cannot be resolved: {reason}; check the name and DNS") from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))
    return Resolution(host=host, addresses=addresses, resolved_at=time.time_ns())


def own_interfaces() -> tuple[Interface, ...]:
    """This host's addresses with their masks, as its interfaces have them now."""
    import psutil

    return tuple(_interfaces(psutil.net_if_addrs().values()))


def _interfaces(adapters: Iterable[list[Any]]) -> Iterator[Interface]:
    for entry in (entry for adapter in adapters for entry in adapter):
        address, mask = getattr(entry, "address", ""), getattr(entry, "netmask", None)
        if getattr(entry, "family", None) not in (socket.AF_INET, socket.AF_INET6):
            continue
        bare = address.split("%")[0]
        if mask and ":" in mask:
            mask = str(bin(int(ipaddress.IPv6Address(mask))).count("1"))
        yield ipaddress.ip_interface(f"{bare}/{mask}" if mask else bare)


def why_not_remote(text: str, interfaces: Iterable[Interface]) -> str | None:
    """Why an address cannot be a gateway on another machine, or None where it can."""
    address: Address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    kinds = (
        (address.is_unspecified, "unspecified: it stands for this machine"),
        (address.is_loopback, "loopback: it is this machine"),
        (address.is_multicast, "multicast: it is no one machine"),
        (address.is_link_local, "link-local: it is not routed"),
        (str(address) == "255.255.255.255", "the limited broadcast address"),
        (address.is_reserved, "reserved: it is not routed"),
    )
    for applies, reason in kinds:
        if applies:
            return reason
    for interface in interfaces:
        network = interface.network
        if address == interface.ip:
            return f"one of this machine's own, on {network}"
        if address.version == 4 and network.prefixlen < 31 and address in network:
            if address == network.broadcast_address:
                return f"the broadcast address of {network}, one of this machine's networks"
            if address == network.network_address:
                return f"the network address of {network}, one of this machine's networks"
    return None


def is_remote(resolution: Resolution, interfaces: Iterable[Interface]) -> list[Measurement]:
    """One measurement for each address: it must have nothing against it."""
    known = tuple(interfaces)
    if not resolution.addresses:
        return [unproven(f"address of {resolution.host}", "at least one address")]
    return [
        equal(f"what speaks against {address}", why_not_remote(address, known) or "nothing", "nothing")
        for address in resolution.addresses
    ]


def is_on_loopback(resolution: Resolution) -> bool:
    """Whether a host has addresses and all of them are loopback."""
    return bool(resolution.addresses) and all(ipaddress.ip_address(text).is_loopback for text in resolution.addresses)


def is_declared_simulation(resolution: Resolution) -> list[Measurement]:
    """For a declared simulation on this machine: it is where it was put, on loopback."""
    return [
        equal(
            f"{address} is declared: a simulation on loopback",
            ipaddress.ip_address(address).is_loopback,
            True,
        )
        for address in resolution.addresses
    ]


def is_declared_tunnel(resolution: Resolution, interfaces: Iterable[Interface], curve: bool) -> list[Measurement]:
    """For ``via: tunnel``: each address is the forward's end on this machine, and a pinned key says who is beyond it.

    The address of a forward proves no remoteness; the CURVE handshake (L2) and the round trip (L6) must.
    """
    known = tuple(interfaces)
    measurements = [
        equal(f"what speaks against {address} as a tunnel's end here", why_no_tunnel_end(address, known), "nothing")
        for address in resolution.addresses
    ]
    if curve:
        return [*measurements, equal("CURVE key pinned for the gateway beyond the tunnel", True, True)]
    missing = "curve.server_key and curve.client_key_file in the plan: who is beyond a tunnel, only a key can show"
    return [*measurements, unproven("CURVE key pinned for the gateway beyond the tunnel", missing)]


def why_no_tunnel_end(address: str, interfaces: Iterable[Interface]) -> str:
    """What speaks against an address as the near end of a tunnel: all but that it is this machine's own."""
    reason = why_not_remote(address, interfaces)
    own = reason is None or reason.startswith(("loopback", "one of this machine's own"))
    return "nothing" if own else str(reason)


def resolves_as_before(first: Resolution, now: Resolution) -> list[Measurement]:
    """The host's name stands for the same addresses at the end of the run as at its beginning."""
    shown = ", ".join(sorted(now.addresses)) or "nothing"
    return [equal(f"{first.host} resolves at the end to", shown, ", ".join(sorted(first.addresses)))]
