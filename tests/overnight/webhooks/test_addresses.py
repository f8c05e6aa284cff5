"""Which addresses are the internet's, and what an operator may allow beside."""

import pytest

from overnight.webhooks.addresses import AllowedHosts, is_public

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "99.255.255.255",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80f::200e",
    "::ffff:8.8.8.8",  # IPv4, mapped
    "2002:808:808::1",  # 6to4
    "64:ff9b::808:808",  # NAT64
)

NOT_PUBLIC = {
    "this network": ("0.0.0.0", "0.1.2.3"),  # noqa: S104 - nothing is bound to it
    "private": (
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.255.255",
    ),
    "carrier-grade NAT": ("100.64.0.0", "100.127.255.255"),
    "loopback": ("127.0.0.1", "127.255.255.255", "::1"),
    "link-local": ("169.254.0.1", "169.254.255.255", "fe80::1", "fe80::1%eth0", "febf::1"),
    "metadata": (
        "169.254.169.254",
        "169.254.170.2",  # containers of AWS
        "fd00:ec2::254",
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle
    ),
    "protocols and documentation": (
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8::1",
        "3fff::1",
        "2001:2::1",
        "2001:10::1",
    ),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"),
    "reserved and broadcast": ("240.0.0.1", "255.255.255.255"),
    "unspecified": ("::",),
    "unique local": ("fc00::1", "fdff:ffff::1"),
    "site-local": ("fec0::1",),
    "discard-only": ("100::1",),
    "segment routing": ("5f00::1",),
    "IPv4, mapped": ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0"),
    "IPv4, compatible": ("::7f00:1", "::a00:1", "::808:808"),
    "6to4": ("2002:7f00:1::1", "2002:a00:1::1", "2002:a9fe:a9fe::1"),
    "NAT64": ("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"),
    "Teredo": ("2001::1", "2001:0:808:808::1"),
    "no address": ("", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "::g"),
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, address) for kind, all_of in NOT_PUBLIC.items() for address in all_of]
)
def test_any_other_address_is_not(kind: str, address: str) -> None:
    assert not is_public(address), kind


@pytest.mark.parametrize(
    ("entry", "host", "address", "admitted"),
    [
        ("10.0.0.0/8", "hooks.example.com", "10.1.2.3", True),
        ("10.0.0.0/8", "hooks.example.com", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "hooks.example.com", "192.168.0.1", False),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", "127.0.0.2", False),
        ("fd00::/8", "hooks.example.com", "fd12::1", True),
        ("Hooks.Internal", "hooks.internal.", "192.168.0.1", True),
        ("hooks.internal", "other.internal", "192.168.0.1", False),
        ("hooks.internal", "not-hooks.internal", "192.168.0.1", False),
        ("hooks.internal", "other.example.com", "8.8.8.8", True),
    ],
)
def test_what_an_operator_allows_is_admitted_and_nothing_else(
    entry: str, host: str, address: str, *, admitted: bool
) -> None:
    assert AllowedHosts.parse([entry]).admits(address, host=host) is admitted


@pytest.mark.parametrize(
    "entry", ["", "http://hooks.internal", "a/b", "hooks.internal:80", "*", "10.0.0.0/99"]
)
def test_what_is_neither_host_nor_network_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a host"):
        AllowedHosts.parse([entry])
