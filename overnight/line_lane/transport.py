"""One HTTP request to an endpoint, and every way it can end, as a value.

aiohttp's exceptions end here. Nothing that leaves this file quotes a URL, a key or a body.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol

import aiohttp
import msgspec
from aiohttp import hdrs
from multidict import istr
from yarl import URL

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.retry_after import read_retry_after
from overnight.line_lane.budget import Hold
from overnight.line_lane.deadlines import Deadlines
from overnight.outcomes.answer import Reading, read_answer

MAX_ANSWER_BYTES = 128 * 2**20
"""An answer longer than this is refused. The longest that are usual, 2,048 embeddings, end well below it."""

_LARGE_ANSWER_BYTES = 2**20
"""An answer longer than this is read only when there is room for it among the other large ones."""

_REQUEST_ID = istr("x-request-id")
_LONGEST_REQUEST_ID = 256


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The endpoint did what it was asked to: a 2xx with a whole JSON object."""

    status: int
    reading: Reading
    request_id: str | None = None


class BadReply(msgspec.Struct, frozen=True, gc=False):
    """The endpoint replied otherwise; `reading` is None if the body is no JSON object."""

    status: int
    reading: Reading | None
    request_id: str | None = None
    retry_after: timedelta | None = None


class Unreachable(msgspec.Struct, frozen=True, gc=False):
    """No connection could be made. `reason` is for people."""

    reason: str


class Lost(msgspec.Struct, frozen=True, gc=False):
    """The connection ended before the answer did. `answering`: after the answer had begun."""

    answering: bool


class TimedOut(msgspec.Struct, frozen=True, gc=False):
    """The whole answer was not there in time."""


class TooLarge(msgspec.Struct, frozen=True, gc=False):
    """The answer is longer than MAX_ANSWER_BYTES."""


Failure = BadReply | Unreachable | Lost | TimedOut | TooLarge
Outcome = Answer | Failure


class Posting(Protocol):
    """What posts bodies to one endpoint."""

    async def post(self, body: bytes, *, hold: Hold) -> Outcome:
        """Send one request and read its whole answer. Nothing that can happen makes it raise."""
        ...


class Transport:
    """Posts bodies to one endpoint of one deployment, through a session made for that deployment."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        deployment: Deployment,
        *,
        endpoint: Endpoint,
        deadlines: Deadlines,
    ) -> None:
        self._post = session.post
        self._deadlines = deadlines
        url = URL(deployment.api_base.rstrip("/") + endpoint.below_base)
        # A key wins over a name and password in the URL: a request can carry only one of them.
        self._url = url.with_user(None) if deployment.api_key else url

    async def post(self, body: bytes, *, hold: Hold) -> Outcome:
        """Send one request and read its whole answer, whose bytes are put on `hold` if they are many.

        Redirects are answers too: none is followed.
        """
        answering = False
        with self._deadlines:
            try:
                async with self._post(self._url, data=body, allow_redirects=False) as response:
                    answering = True
                    content = await _read(response, hold)
                    return TooLarge() if content is None else _reply(response, content)
            except aiohttp.ClientError as error:
                return _lost(error, answering=answering)
            except OSError:
                return Lost(answering)
        return TimedOut()


async def _read(response: aiohttp.ClientResponse, hold: Hold) -> bytes | None:
    """Return the body, or None if it is too large."""
    length = response.content_length
    if length is None or hdrs.CONTENT_ENCODING in response.headers:
        return await _read_unmeasured(response, hold)
    if length > MAX_ANSWER_BYTES:
        return None
    if length > _LARGE_ANSWER_BYTES:
        await hold.resize(length)
    return await response.read()


async def _read_unmeasured(response: aiohttp.ClientResponse, hold: Hold) -> bytes | None:
    content = bytearray()
    held = False
    async for block in response.content.iter_any():
        content += block
        if len(content) > MAX_ANSWER_BYTES:
            return None
        if not held and len(content) > _LARGE_ANSWER_BYTES:
            await hold.resize(MAX_ANSWER_BYTES)
            held = True
    return bytes(content)


def _reply(response: aiohttp.ClientResponse, content: bytes) -> Answer | BadReply:
    status, headers = response.status, response.headers
    request_id = headers.get(_REQUEST_ID)
    if request_id:
        request_id = request_id[:_LONGEST_REQUEST_ID]
    reading = read_answer(content)
    if reading is not None and 200 <= status < 300:
        return Answer(status, reading, request_id)
    pause = read_retry_after(headers, now=datetime.now(UTC))
    return BadReply(status, reading, request_id, pause)


def _lost(error: aiohttp.ClientError, *, answering: bool) -> Failure:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return Unreachable("endpoint does not accept connections in time")
        case aiohttp.ClientConnectorError() | aiohttp.ClientConnectorCertificateError():
            return Unreachable(_why_unreachable(error))
        case aiohttp.ClientHttpProxyError(status=status):
            return Unreachable(f"proxy answers {status}")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Unreachable("endpoint's address is not valid")
        case _:
            return Lost(answering)


def _why_unreachable(error: aiohttp.ClientError) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "endpoint's name does not resolve"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "endpoint's TLS certificate is not accepted"
        case aiohttp.ClientProxyConnectionError():
            return "proxy does not accept connections"
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return "endpoint refuses connections"
        case _:
            return "endpoint can't be reached"
