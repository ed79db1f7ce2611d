"""The address guard: what the public internet is, and that no spelling of an address gets past it."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.address import AddressGuard, AddressRefused, is_public, unwrap
from monitor.errors import FetchError
from monitor.net import Door

REFUSED = [
    "0.0.0.0",  # noqa: S104 - an address to be refused, not one to listen at
    "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254",
    "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.52.193.1",
    "192.88.99.1", "192.168.0.1", "192.168.255.254", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2001:10::1",
    "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:1::1", "2002:a9fe:a9fe::", "3fff::1", "5f00::1",
    "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
    "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "151.101.0.81", "172.15.255.255", "172.32.0.1", "223.255.255.254",
    "2606:4700::1111", "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
]  # fmt: skip
SPELLINGS = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0177.0.0.1/",
    "http://017700000001/", "http://0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:0:0:1]/", "http://localhost/", "http://LOCALHOST./", "http://127.0.0.1:22/", "http://user:pw@127.0.0.1/",
    "http://169.254.169.254/latest/meta-data/", "http://①②⑦.0.0.1/", "http://127。0。0。1/",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_permitted(address: str) -> None:
    assert AddressGuard().permits(address)


def test_at_least_forty_are_listed() -> None:
    assert len(REFUSED) >= 40


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_what_the_operator_allows_is_permitted_however_it_is_wrapped(address: str) -> None:
    assert AddressGuard(["127.0.0.0/8"]).permits(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "::ffff:10.0.0.1", "2001:0:7f00:1::"])
def test_what_is_allowed_opens_nothing_else(address: str) -> None:
    assert not AddressGuard(["127.0.0.0/8"]).permits(address)


@pytest.mark.parametrize("host", ["", "example.org", "127.0.0.1.example.org", "/run/socket"])
def test_what_is_no_address_is_refused(host: str) -> None:
    assert not AddressGuard(["0.0.0.0/0", "::/0"]).permits(host)


def test_sockets_are_made_for_permitted_addresses_only() -> None:
    guard = AddressGuard()
    with pytest.raises(AddressRefused):
        guard.socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80)))
    with pytest.raises(AddressRefused):
        guard.socket((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/run/socket"))
    with guard.socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))) as made:
        assert made.getblocking() is False


@given(st.integers(0, 2**32 - 1))
def test_every_wrapping_of_an_address_is_judged_like_it(value: int) -> None:
    inner = ipaddress.IPv4Address(value)
    wrapped = [
        ipaddress.IPv6Address((0xFFFF << 32) | value),
        ipaddress.IPv6Address((0x64FF9B << 96) | value),
        ipaddress.IPv6Address((0x2002 << 112) | (value << 80)),
    ]
    assert all(unwrap(outer) == (inner,) and is_public(outer) == is_public(inner) for outer in wrapped)


@given(st.ip_addresses())
def test_the_guard_is_never_laxer_than_the_standard_library(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(address):
        assert all(end.is_global and not end.is_multicast for end in unwrap(address))


@pytest.mark.parametrize("url", SPELLINGS)
async def test_no_spelling_of_a_private_address_is_reached(url: str) -> None:
    async with Door() as door:
        with pytest.raises(FetchError) as caught:
            await door.get(url)
    # Some spellings are no addresses to the client, and to a resolver no names.
    assert caught.value.kind in {"refused_address", "bad_url", "dns"}
    assert "pw" not in str(caught.value)
