"""Whether a URL can be a webhook's at all, said before anybody depends on it.

Where a name leads is looked at when it is connected to; here it is only what stands in the URL. It is read
with the parser that connects, since two that disagree on where the host ends make a hole.
"""

import socket
from ipaddress import IPv4Address

from yarl import URL

from overnight.webhooks.addresses import AllowedHosts

MAX_URL = 2_048
_LOCAL = "localhost"


def fault_in(url: str, allowed: AllowedHosts) -> str | None:
    """Say what is wrong with a URL, or None if nothing is. The URL is not quoted: it may hold a token."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"it should be at most {MAX_URL} printable ASCII characters, without spaces"
    try:
        parts = URL(url)
        return _fault_in_parts(parts, parts.host or "", allowed)
    except ValueError:
        return "it can't be read as a URL"


def _fault_in_parts(parts: URL, host: str, allowed: AllowedHosts) -> str | None:
    if parts.scheme not in {"https", "http"} or not host or not parts.port:
        return "it should be like https://host/path"
    if parts.user is not None or parts.password is not None or parts.fragment:
        return "it should hold no user, password or fragment"
    if allowed.names_host(host):
        return None
    if parts.scheme == "http":
        return "it should be https; http is for hosts in `general_settings.webhook_allowed_hosts`"
    return None if _may_be_public(host, allowed) else "it leads to an address that webhooks may not go to"


def _may_be_public(host: str, allowed: AllowedHosts) -> bool:
    plain = host.lower().rstrip(".")
    if plain == _LOCAL or plain.endswith(f".{_LOCAL}"):
        return False
    literal = host if ":" in host else _as_address(plain)
    return literal is None or allowed.admits(literal, host=host)


def _as_address(host: str) -> str | None:
    """Return the address that a host is a spelling of, as `127.1` is and `0x7f000001`."""
    try:
        return str(IPv4Address(socket.inet_aton(host)))
    except OSError:
        return None
