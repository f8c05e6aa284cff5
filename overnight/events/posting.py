"""Posting to a sink: once, within a bound, and what each answer means. httpx2's exceptions end here.

No message quotes the URL, a header or a body: keys and tokens are in them.
"""

from collections.abc import Mapping
from datetime import timedelta

import httpx2

from overnight.domain.errors import SinkRefused, SinkUnavailable

ANSWER_WITHIN = timedelta(seconds=15)
"""How long a sink may be silent. It is offered the event again, so there is no point in waiting longer."""

_CONNECT_WITHIN = timedelta(seconds=5)
_TRY_AGAIN = (408, 425, 429)
"""Answers below 500 that are no refusal."""


class Poster:
    """Posts to one URL."""

    def __init__(self, url: str, *, answer_within: timedelta = ANSWER_WITHIN) -> None:
        self._url = url
        seconds = answer_within.total_seconds()
        timeout = httpx2.Timeout(seconds, connect=min(_CONNECT_WITHIN.total_seconds(), seconds))
        self._client = httpx2.AsyncClient(timeout=timeout, follow_redirects=False)

    async def post(self, content: bytes, headers: Mapping[str, str]) -> bytes:
        """Post, and return the body of a 2xx answer. Raises SinkUnavailable and SinkRefused."""
        try:
            answer = await self._client.post(self._url, content=content, headers=dict(headers))
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise SinkRefused("the sink's URL can't be used") from error
        except httpx2.HTTPError as error:
            raise SinkUnavailable(f"the sink can't be reached: {type(error).__name__}") from error
        if answer.is_success:
            return answer.content
        if answer.is_server_error or answer.status_code in _TRY_AGAIN:
            raise SinkUnavailable(f"the sink is not well: it answered {answer.status_code}")
        raise SinkRefused(f"the sink refuses the event: it answered {answer.status_code}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()
