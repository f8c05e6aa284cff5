"""One POST to somebody's URL: checked where it connects, redirected nowhere, with nothing kept of the answer.

Each delivery makes a connection of its own, and the check stands where its sockets are made: what is checked
is the very address that is connected to, whether it came from a name server or stands in the URL. There is
no second lookup that could answer otherwise. TLS is verified against the host's name all the same. aiohttp's
exceptions end here, and nothing that leaves this file quotes a URL or an answer.
"""

import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from socket import socket

import aiohttp
from yarl import URL

from overnight.domain.retry_after import read_retry_after
from overnight.domain.webhook import Attempt
from overnight.webhooks.addresses import AllowedHosts
from overnight.webhooks.resolver import Resolver
from overnight.webhooks.urls import fault_in

PATIENCE = timedelta(seconds=15)
"""For all of it: the lookup, the connection, and the first line and the headers of an answer."""

TIMEOUT = "timeout"
ADDRESS_REFUSED = "address_refused"
_LONGEST = timedelta(days=1)
"""What a receiver may ask for."""

_HEADERS = {"content-type": "application/json", "user-agent": "overnight-webhooks"}


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    # The first that fits counts, so a kind stands before what it is a kind of.
    (aiohttp.ClientConnectorDNSError, "dns_failed"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (TimeoutError, TIMEOUT),
    (aiohttp.ClientConnectorError, "connection_failed"),
    (aiohttp.ServerDisconnectedError, "connection_lost"),
    (OSError, "connection_lost"),
)


class _AddressRefused(OSError):
    """It is an address that webhooks may not go to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one POST, and when to come again if the receiver has said so."""

    attempt: Attempt
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        """Whether the receiver has taken it."""
        status = self.attempt.status_code
        return status is not None and 200 <= status < 300

    @property
    def in_vain(self) -> bool:
        """Whether it was waited for an answer that did not come."""
        return self.attempt.error == TIMEOUT

    @property
    def gone(self) -> bool:
        """Whether the receiver wants to hear no more."""
        return self.attempt.status_code == 410


class WebhookSender:
    """Sends to public addresses and to what is allowed; `tls` says whose certificates are believed."""

    def __init__(
        self, allowed: AllowedHosts, *, patience: timedelta = PATIENCE, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed = allowed
        self._patience = aiohttp.ClientTimeout(total=patience.total_seconds())
        self._given_tls = tls

    async def send(self, url: str, body: str, headers: dict[str, str], *, now: datetime) -> Reply:
        """POST `body`; whatever comes of it is an answer, and never an exception."""
        began = time.monotonic()
        status, error, pause = None, None, None
        if fault_in(url, self._allowed):
            # What is allowed may have been changed since the URL was taken.
            error = ADDRESS_REFUSED
        else:
            try:
                status, pause = await self._post(URL(url), body, {**_HEADERS, **headers})
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as failure:
                error = _in_a_word(failure)
        took = timedelta(seconds=time.monotonic() - began)
        attempt = Attempt(at=now, duration=took, status_code=status, error=error)
        return Reply(attempt=attempt, retry_after=pause)

    async def _post(self, url: URL, body: str, headers: dict[str, str]) -> tuple[int, timedelta | None]:
        async with (
            self._session(url.host or "") as session,
            session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response,
        ):
            # Nothing depends on what else is said, so it is not even read.
            response.close()
            pause = read_retry_after(response.headers, now=datetime.now(UTC))
            return response.status, min(pause, _LONGEST) if pause else None

    def _session(self, host: str) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls,
            socket_factory=lambda address: self._checked_socket(address, host=host),
        )
        # Without the environment's proxies: what is behind one can't be checked.
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._patience,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    def _checked_socket(self, address: aiohttp.AddrInfoType, *, host: str) -> socket:
        family, kind, protocol, _, (where, *_) = address
        if not self._allowed.admits(str(where), host=host):
            raise _AddressRefused("not an address that webhooks may go to")
        return socket(family, kind, protocol)

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


def _in_a_word(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _AddressRefused):
        return ADDRESS_REFUSED
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "bad_answer")
