"""The address guard: which addresses belong to the public internet, and sockets for no others."""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

_HOSTS_KEPT = 10_000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(net)
    for net in (
        # What `is_global` of Python 3.11 lets through, or did in some release: multicast, relays, documentation, site-local.
        "192.0.0.0/24", "192.52.193.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3",
        "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "64:ff9b:1::/48",
    )
)  # fmt: skip
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_ISATAP = (0x00005EFE, 0x02005EFE)


@functools.lru_cache(_HOSTS_KEPT)
def host_of(url: str) -> str:
    """Host and port, which stand for the machine that answers; empty for an address that the door will refuse."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def unwrap(address: Address) -> tuple[Address, ...]:
    """The addresses that a packet to `address` may end at: those embedded in a transition address, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (low,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return (address, *address.teredo)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return (address, low)
    return (address,)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet's, and all that are embedded in it too."""
    return all(_is_public(end) for end in unwrap(address))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address.version == net.version and address in net for net in _REFUSED)


class AddressRefused(OSError):
    """The guard's answer to the connector; an OSError, so that a name's other addresses are tried."""


class AddressGuard:
    """Makes the sockets of a connector: it sees literals, redirects and every resolved address alike.

    `allow` names networks that may be reached although they are not public."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allow: tuple[Network, ...] = tuple(ipaddress.ip_network(net) for net in allow)

    def permits(self, host: str) -> bool:
        """Whether a numeric address may be connected to; False for what is no address."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return is_public(address) or all(self._allowed(end) for end in unwrap(address))

    def _allowed(self, address: Address) -> bool:
        return any(address.version == net.version and address in net for net in self._allow)

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for one entry of `getaddrinfo`, or `AddressRefused`."""
        family, kind, protocol, _, where = info
        if family not in (socket.AF_INET, socket.AF_INET6) or not self.permits(str(where[0])):
            raise AddressRefused("the address is not a public one")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made
