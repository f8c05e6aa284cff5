"""The HTTP connections of the line lane, tuned for many long requests to few hosts."""

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from overnight.domain.deployment import Deployment
from overnight.line_lane.patience import Patience

_IDLE_SECONDS = 4.0
"""How long an idle connection is kept: less than the 5 s after which uvicorn closes its own."""

_FIRST_KEEPALIVE_SECONDS = 60
"""A model may think for minutes without a byte; routers forget silent connections after as little as that."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def open_connector() -> aiohttp.TCPConnector:
    """Return the pool that all sessions share. How many connections it has is for the deployments' bounds."""
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, socket_factory=_kept_alive)


def open_session(
    connector: aiohttp.TCPConnector, deployment: Deployment, patience: Patience
) -> aiohttp.ClientSession:
    """Return a session for one deployment: with its key and its proxy, and without cookies.

    All of these are set once here, since setting them with every request costs a tenth of the request. How
    long a request may take is for `Deadlines`; only making a connection has its limit here.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=patience.connect.total_seconds())
    return aiohttp.ClientSession(
        connector=connector,
        connector_owner=False,
        headers=_headers(deployment),
        timeout=timeout,
        proxy=proxy_for(deployment.api_base),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def proxy_for(url: str) -> URL | None:
    """Return the proxy that the environment names for `url`, as HTTP_PROXY and NO_PROXY are commonly read.

    This machine itself is never asked through a proxy. aiohttp's own `trust_env` would look all of it up
    with every request, and a password in ~/.netrc too.
    """
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy is None or parts.hostname in _LOOPBACK or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return URL(proxy)


def _kept_alive(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _FIRST_KEEPALIVE_SECONDS)
    return sock


def _headers(deployment: Deployment) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "overnight",
    }
    if deployment.api_key:
        headers["Authorization"] = f"Bearer {deployment.api_key}"
    if deployment.organization:
        headers["OpenAI-Organization"] = deployment.organization
    if deployment.project:
        headers["OpenAI-Project"] = deployment.project
    return headers
