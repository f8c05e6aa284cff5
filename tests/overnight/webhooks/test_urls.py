"""A URL that no webhook can go to is refused before anybody depends on it."""

import pytest

from overnight.webhooks.addresses import AllowedHosts
from overnight.webhooks.urls import fault_in

NOTHING = AllowedHosts()
SOME = AllowedHosts.parse(["hooks.internal", "127.0.0.0/8", "fd00::/8"])

GOOD = (
    "https://example.com/hooks",
    "https://example.com:8443/hooks?token=t&a=%2F",
    "https://8.8.8.8/hooks",
    "https://[2606:4700:4700::1111]/hooks",
    "HTTPS://EXAMPLE.COM",
    "https://localhost.example.com/",
)

BAD = (
    "",
    "hooks",
    "example.com/hooks",
    "//example.com/hooks",
    "http://example.com/hooks",
    "ftp://example.com/hooks",
    "file:///etc/passwd",
    "https://",
    "https:///hooks",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://:password@example.com/",
    "https://example.com/#fragment",
    "https://exa mple.com/",
    "https://example.com/\r\nx-header: 1",
    "https://ex\u00e4mple.com/",
    "https://example.com/" + "x" * 2_048,
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://2130706433/",
    "https://0/",
    "https://10.0.0.1:8443/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
)

ALLOWED = (
    "http://hooks.internal/",
    "http://127.0.0.1:9000/hooks",
    "https://127.1/",
    "http://[fd00::1]:80/",
)


@pytest.mark.parametrize("url", GOOD)
def test_a_url_of_the_internet_is_taken(url: str) -> None:
    assert fault_in(url, NOTHING) is None


@pytest.mark.parametrize("url", BAD)
def test_any_other_is_refused_and_not_quoted(url: str) -> None:
    fault = fault_in(url, NOTHING)
    assert fault is not None
    assert len(url) < 9 or url not in fault


@pytest.mark.parametrize("url", ALLOWED)
def test_what_an_operator_allows_is_taken(url: str) -> None:
    assert fault_in(url, SOME) is None
    assert fault_in(url, NOTHING) is not None
