"""Objections to what is said of the link: replies that say no, and addresses that are nobody's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from mt5canary.audit.claims import Claim, Objection

_ERROR_REPLY = re.compile(
    r"""["']? \b status ["']? \s* [:=] \s* ["']? error \b
        | \b unknown [ _] (?: command | action ) \b
        | ["'] error_ (?: code | msg ) ["'] \s* : \s* "[^"]+""",
    re.IGNORECASE | re.VERBOSE,
)
_SUCCESS = re.compile(
    r"\bsuccess(?:ful|fully)?\b|\bverified\b|\bestablished\b|\bconnected\b|\bpass(?:ed)?\b|\bok\b|✅|成功|通过",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\bnot\b|\bun(?:proven|verified)\b|\bfail|\bno-?go\b|\bexpected refusal\b|\brefus|\bdisconnected\b|❌|失败",
    re.IGNORECASE,
)
REPLY_LINES = 3
"""How far after an error reply a line may stand that calls it a success."""


def error_taken_for_an_answer(claims: Iterable[Claim]) -> Iterator[Objection]:
    """A peer that answered with an error understood nothing of what the report says it confirmed."""
    for claim in claims:
        for line in claim.lines:
            if not _ERROR_REPLY.search(line.text) or _DENIED.search(_ERROR_REPLY.sub("", line.text)):
                continue
            near = claim.around(line, 1, REPLY_LINES)
            praised = next(
                (each for each in near if _SUCCESS.search(each.text) and not _DENIED.search(each.text)), None
            )
            if praised is not None:
                yield Objection(
                    "an error taken for an answer",
                    line,
                    f"it is an error, and line {praised.number} calls that a success: {praised.text.strip()[:120]}",
                    "a reply of status ok that repeats the request's own uuid and nonce",
                )


_IPV4 = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?:/(\d{1,2}))?(?![\d.]|\.\d)")


def addresses(claims: Iterable[Claim]) -> Iterator[Objection]:
    """A loopback, unspecified, multicast, link-local or broadcast address is no other machine's."""
    claims = list(claims)
    networks = {network for claim in claims for line in claim.lines for network in _networks(line.text)}
    seen: set[str] = set()
    for claim in claims:
        for line in claim.lines:
            for text, prefix in _IPV4.findall(line.text):
                why = None if text in seen or prefix else _why_not(text, networks)
                if why is not None:
                    seen.add(text)
                    yield Objection(
                        "an address that is no remote gateway",
                        line,
                        f"{text} {why}",
                        "the peer's address as the connected socket gives it, and both ends' netmasks",
                    )


def _networks(text: str) -> Iterator[ipaddress.IPv4Network]:
    for address, prefix in _IPV4.findall(text):
        if prefix:
            try:
                yield ipaddress.IPv4Network(f"{address}/{prefix}", strict=False)
            except ValueError:
                continue


def _why_not(text: str, networks: set[ipaddress.IPv4Network]) -> str | None:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return "is no address"
    if address.is_loopback:
        return "is this machine itself (loopback)"
    if address.is_unspecified:
        return "is no machine: it stands for every address of this one"
    if address.is_multicast:
        return "is a multicast group"
    if address.is_link_local:
        return "is link-local: nobody gave the machine an address"
    around = sorted((net for net in networks if address in net), key=lambda net: net.prefixlen)
    if text == "255.255.255.255" or any(address == net.broadcast_address and net.prefixlen < 31 for net in around):
        return "is the broadcast address of " + (f"{around[-1]}" if around else "its network")
    if any(address == net.network_address and net.prefixlen < 31 for net in around):
        return f"is the address of the network {around[-1]} itself"
    if not around and text.endswith(".255"):
        return "is the broadcast address if its netmask is 255.255.255.0, and no netmask is named"
    return None
