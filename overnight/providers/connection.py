"""HTTP to one deployment's batch API: calls, uploads and downloads, and how each of them can be lost.

httpx2's exceptions end here. No message quotes a header, a body or the address of a download: the first
hold the key, the second prompts and answers, and the third may be signed.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

import httpx2
import msgspec

from overnight.domain.errors import ProviderRefused, ProviderUnavailable
from overnight.providers.calls import CallMeter
from overnight.providers.multipart import Form
from overnight.providers.silence import Silence

Credentials = Callable[[], Awaitable[Mapping[str, str]]]
"""The headers that show who we are, asked for with every request. May raise ProviderError."""

MAX_ANSWER_BYTES = 32 * 2**20
"""The longest JSON answer that is read: 10,000 files listed, or 50,000 refused lines, end well below it."""

_IDLE = timedelta(seconds=4)
"""How long an unused connection is kept. A create on one that is just being closed would be unclear."""

_MOST_REDIRECTS = 3
_UNAUTHORIZED = 401

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a provider may be silent, in one object, so that a test can be impatient."""

    connect: timedelta = timedelta(seconds=30)
    answer: timedelta = timedelta(seconds=90)
    look: timedelta = timedelta(seconds=30)
    """When nothing is to be done but to tell: one that hangs is better asked again."""
    taking_in: timedelta = timedelta(minutes=10)
    """After an upload: it may be 200 MB that the provider looks at."""
    download: timedelta = timedelta(minutes=2)
    silence: timedelta = timedelta(seconds=15)
    waiting: int = 20
    """A provider that has let so many wait for so long is sent nothing more before it answers one of them."""

    def timeout(self, silence: timedelta) -> httpx2.Timeout:
        """Return it as httpx2 has it: `silence` is how long reading may wait."""
        usual, connect = self.answer.total_seconds(), self.connect.total_seconds()
        return httpx2.Timeout(usual, connect=connect, read=silence.total_seconds())


class ConnectionLost(ProviderUnavailable):
    """The connection ended before the answer did: what was asked for may have been done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: any status, its headers (names in lower case) and a body of bounded size."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the provider did it."""
        return 200 <= self.status < 300


class Connection:
    """The HTTP client of one deployment of `provider`. `name` is how messages call the deployment.

    Requests go below `base` and nowhere else, with `query` added to each. `on_refusal` is called when the
    credentials of a call are not accepted; after that others are shown, once. Every method raises
    ProviderUnavailable when no connection can be made, and ConnectionLost when one ends too soon.
    """

    def __init__(
        self,
        *,
        name: str,
        provider: str,
        base: str,
        credentials: Credentials,
        query: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        on_refusal: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._on_refusal = on_refusal
        self._base = base
        self._calls = CallMeter(provider=provider, base=base)
        self._credentials = credentials
        self._query = dict(query or {})
        self._patience = patience or Patience()
        self._silence = Silence(name, most=self._patience.waiting, patience=self._patience.silence)
        self._client = httpx2.AsyncClient(
            headers={"User-Agent": "overnight", "Accept-Encoding": "identity"},
            limits=httpx2.Limits(keepalive_expiry=_IDLE.total_seconds()),
            # This machine itself is never asked through a proxy.
            trust_env=not _is_loopback(urlsplit(base).hostname or ""),
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call, and read its whole answer. Redirects are answers too: none is followed."""
        body = b"" if json is None else msgspec.json.encode(json)
        silence = self._patience.look if method == "GET" else self._patience.answer

        async def ask() -> Answer:
            kind = {} if json is None else {"Content-Type": "application/json"}
            headers = {**await self._shown(), **kind}
            request = self._request(method, path, headers=headers, silence=silence, content=body, query=query)
            return await self._answer(request)

        answer = await ask()
        if answer.status != _UNAUTHORIZED or self._on_refusal is None:
            return answer
        # Nothing was done. A token can end before its time.
        self._on_refusal()
        return await ask()

    async def upload(self, path: str, form: Form) -> Answer:
        """Send a form, in constant memory. Raises what the form's content raises, too."""
        headers = {**await self._shown(), **form.headers}
        async with aclosing(self._taken_in(form)) as blocks:
            request = self._request(
                "POST", path, headers=headers, content=blocks, silence=self._patience.taking_in
            )
            return await self._answer(request)

    async def download(self, path: str) -> AsyncGenerator[bytes | Answer, None]:
        """Yield a file's bytes in blocks, or else the one Answer that refuses them.

        A file may lie elsewhere: what a redirect points at is asked without credentials.
        """
        request = self._request("GET", path, headers=await self._shown(), silence=self._patience.download)
        for _ in range(1 + _MOST_REDIRECTS):
            async with self._opened(request) as response:
                target = _redirect(response)
                if target is None:
                    async for piece in self._pieces(response):
                        yield piece
                    return
            timeout = self._patience.timeout(self._patience.download)
            request = self._client.build_request("GET", target, timeout=timeout)
        raise ProviderUnavailable(f"{self._name} redirects a download too often")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _shown(self) -> dict[str, str]:
        headers = dict(await self._credentials())
        if not all(map(_can_be_sent, headers.values())):
            message = f"the key of {self._name} holds what no HTTP header can: a line break or space, perhaps"
            raise ProviderRefused(message, code="invalid_api_key")
        return headers

    def _request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        silence: timedelta,
        content: bytes | AsyncIterator[bytes] = b"",
        query: Mapping[str, str] | None = None,
    ) -> httpx2.Request:
        return self._client.build_request(
            method,
            self._base + path,
            params={**self._query, **(query or {})},
            headers=dict(headers),
            content=content,
            timeout=self._patience.timeout(silence),
        )

    async def _answer(self, request: httpx2.Request) -> Answer:
        async with self._opened(request) as response:
            return await self._read(response)

    async def _taken_in(self, form: Form) -> AsyncGenerator[bytes, None]:
        async with aclosing(form.blocks()) as blocks:
            async for block in blocks:
                yield block
                self._silence.heard()

    async def _pieces(self, response: httpx2.Response) -> AsyncGenerator[bytes | Answer, None]:
        if response.status_code == 200:
            async for block in response.aiter_bytes():
                self._silence.heard()
                yield block
        else:
            yield await self._read(response)

    async def _read(self, response: httpx2.Response) -> Answer:
        body = bytearray()
        async for block in response.aiter_bytes():
            body += block
            if len(body) > MAX_ANSWER_BYTES:
                raise ConnectionLost(f"{self._name} sends an answer that is too long to be one")
        return Answer(response.status_code, response.headers, bytes(body))

    @asynccontextmanager
    async def _opened(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Response, None]:
        try:
            with self._calls.call(request) as call, self._silence.waiting():
                response = await self._client.send(request, stream=True)
                self._silence.heard()
                call.answered(response.status_code)
                try:
                    yield response
                finally:
                    await response.aclose()
        except httpx2.HTTPError as error:
            # Not `from error`: what httpx2 says of a header that can't be sent is the header.
            raise self._lost(error) from None

    def _lost(self, error: httpx2.HTTPError) -> ProviderUnavailable:
        if isinstance(error, _NEVER_SENT):
            return ProviderUnavailable(f"{self._name} can't be reached: {_why(error)}")
        if isinstance(error, httpx2.TimeoutException):
            return ConnectionLost(f"{self._name} does not answer in time")
        return ConnectionLost(f"{self._name} closed the connection before the answer was whole")


def _can_be_sent(value: str) -> bool:
    return value.isascii() and value.isprintable() and value == value.strip()


def _redirect(response: httpx2.Response) -> str | None:
    """Return where a response points, unless it leads from https to something less."""
    location = response.headers.get("location")
    if not response.is_redirect or not location:
        return None
    here, target = str(response.request.url), urljoin(str(response.request.url), location)
    safe = ("https",) if here.startswith("https:") else ("http", "https")
    try:
        return target if httpx2.URL(target).scheme in safe else None
    except httpx2.InvalidURL:
        return None


def _why(error: httpx2.HTTPError) -> str:
    match error:
        case httpx2.ConnectTimeout():
            return "it does not accept connections in time"
        case httpx2.ConnectError():
            return str(error) or "no connection"
        case httpx2.ProxyError():
            return "the proxy did not connect"
        case _:
            return "the request could not be sent"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
