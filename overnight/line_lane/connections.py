"""The HTTP connections of the line lane, tuned for many long requests to few hosts."""

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

_IDLE_SECONDS = 4.0
"""How long an idle connection is kept: less than the 5 s after which uvicorn closes its own."""

_FIRST_KEEPALIVE_SECONDS = 60
"""A model may think for minutes without a byte; routers forget silent connections after as little as that."""


def open_session() -> aiohttp.ClientSession:
    """Return a session without cookies. How many connections there are is for the deployments' bounds."""
    connector = aiohttp.TCPConnector(
        limit=0, keepalive_timeout=_IDLE_SECONDS, socket_factory=_socket_kept_alive
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def proxy_for(url: str) -> URL | None:
    """Return the proxy that the environment names for `url`, as HTTP_PROXY and NO_PROXY are commonly read.

    Asked once a chunk: aiohttp's own `trust_env` would look for it, and for a password in ~/.netrc, with
    every request.
    """
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy is None or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return URL(proxy)


def _socket_kept_alive(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _FIRST_KEEPALIVE_SECONDS)
    return sock
