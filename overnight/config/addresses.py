"""Base URLs of model servers: whether one can be used, and whether it is this very gateway."""

from ipaddress import ip_address
from urllib.parse import urlsplit

_OPENAI = "api.openai.com"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def fault_in(base: str) -> str | None:
    """Say what is wrong with a base URL, or None if nothing is."""
    try:
        url = urlsplit(base)
        usable = url.scheme in _DEFAULT_PORTS and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        return "should be a URL, as in http://host:port/v1"
    if url.username or url.password:
        return "should hold no user or password; put the key into api_key"
    if url.query or url.fragment:
        return "should end with its path, without `?` or `#`"
    return None


def is_openais(base: str) -> bool:
    """Whether a base URL is OpenAI's own, in any of its regions."""
    if fault_in(base):
        return False
    url = urlsplit(base)
    host = url.hostname or ""
    return url.scheme == "https" and (host == _OPENAI or host.endswith(f".{_OPENAI}"))


def points_at(base: str, port: int) -> bool:
    """Whether a base URL is that port of this machine."""
    url = urlsplit(base)
    here = (url.port or _DEFAULT_PORTS.get(url.scheme)) == port
    return here and is_this_machine(url.hostname or "")


def is_this_machine(host: str) -> bool:
    """Whether a host is loopback, or an address that stands for any of this machine's."""
    return _address_is(host, "is_loopback") or _address_is(host, "is_unspecified")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    return _address_is(host, "is_loopback")


def _address_is(host: str, quality: str) -> bool:
    if host == "localhost":
        return quality == "is_loopback"
    try:
        return bool(getattr(ip_address(host), quality))
    except ValueError:
        return False
