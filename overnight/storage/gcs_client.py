"""Google Cloud Storage's JSON API over aiohttp, asked again when it drops the connection or is not well.

gcsfs would be the usual way, and can't be this one: it takes what it reads into memory whole, sends content
of unknown length from a thread of its own only, sends a small object between marks that the content may
contain, and waits for Google's tokens on the event loop.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from overnight.domain.errors import StorageUnavailable
from overnight.storage.blocks import BLOCK_BYTES
from overnight.storage.gcs_credentials import GcsCredentials

REQUESTS = 32
"""How many requests are under way at once in a process."""

CONNECT_SECONDS = 10
READ_SECONDS = 30
"""How long Google may be silent."""

PAUSES = (0.25, 0.5, 1.0, 2.0)
"""Seconds between tries, less up to half of them; so there are five tries."""

PIECE_BYTES = 256 * 2**10
"""How much of a body is handed to the network at a time."""

_UNWELL = frozenset({408, 429, 500, 502, 503, 504})

Body: TypeAlias = bytes | memoryview
T = TypeVar("T")


class Unwell(Exception):
    """Google did not answer, or said that it can't for now; trying again may help. Ends in the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked, and for the sake of which key."""

    method: str
    url: str
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Google says, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether it is a yes."""
        return self.status < 400

    def json(self) -> dict[str, Any]:
        """Return what it says in JSON."""
        said: dict[str, Any] = json.loads(self.body)
        return said


class GcsClient:
    """Asks about one bucket, as one account. It belongs to the event loop that it is first used on."""

    def __init__(self, bucket: str, *, endpoint_url: str, credentials: GcsCredentials) -> None:
        self._bucket = f"b/{quote(bucket, safe='')}"
        self._base = endpoint_url.rstrip("/")
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None

    def objects(self, **query: str) -> str:
        """Return the address of the bucket's objects."""
        return f"{self._base}/storage/v1/{self._bucket}/o?{_encoded(query)}"

    def object(self, name: str, **query: str) -> str:
        """Return the address of one object."""
        return f"{self._base}/storage/v1/{self._bucket}/o/{quote(name, safe='')}?{_encoded(query)}"

    def uploads(self, **query: str) -> str:
        """Return the address to which objects are sent."""
        return f"{self._base}/upload/storage/v1/{self._bucket}/o?{_encoded(query)}"

    async def ask(self, request: Request) -> Answer:
        """Return the answer, whether it is a yes or a no. Raises StorageUnavailable."""
        return await self._persistently(request, self.once)

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """Return the answer with its body unread; it has to be closed. Raises StorageUnavailable."""
        return await self._persistently(request, self._opened)

    async def once(self, request: Request) -> Answer:
        """Do as `ask`, with one try. Raises Unwell; StorageUnavailable if there are no credentials."""
        response = await self._opened(request)
        try:
            async with response:
                return Answer(response.status, response.headers, await response.read())
        except BROKE as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _opened(self, request: Request) -> aiohttp.ClientResponse:
        headers = {**await self._credentials.headers(key=request.key), **request.headers}
        headers["Content-Length"] = str(len(request.body))
        url = URL(request.url, encoded=True)
        try:
            response = await self._connected().request(
                request.method,
                url,
                headers=headers,
                data=_pieces(request.body) if request.body else None,
                # What is a redirect by its number, 308, is Google's word for a part that has arrived.
                allow_redirects=False,
            )
        except BROKE as error:
            raise _unreachable(error) from error
        if response.status in _UNWELL:
            response.close()
            raise Unwell(f"answered {response.status}")
        return response

    async def _persistently(self, request: Request, attempt: Callable[[Request], Awaitable[T]]) -> T:
        for pause in PAUSES:
            with suppress(Unwell):
                return await attempt(request)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret is made of it
        try:
            return await attempt(request)
        except Unwell as error:
            raise StorageUnavailable(f"Google Cloud Storage {error}", key=request.key) from error

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=REQUESTS),
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
                # Objects come as they are kept, and nothing else is worth being compressed.
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
                read_bufsize=BLOCK_BYTES,
            )
        return self._session


BROKE = (aiohttp.ClientError, TimeoutError, OSError)
"""What aiohttp raises when a network does not do what it should."""


def _unreachable(error: Exception) -> Unwell:
    return Unwell(f"can't be reached: {type(error).__name__}")


async def _pieces(body: Body) -> AsyncIterator[memoryview]:
    # aiohttp would hand over the whole at once, and the event loop would copy what the network does not take.
    whole = memoryview(body)
    for at in range(0, len(whole), PIECE_BYTES):
        yield whole[at : at + PIECE_BYTES]


def _encoded(query: Mapping[str, str]) -> str:
    return urlencode(query, quote_via=quote, safe="")
