"""A request's body as it arrives, and the file in it, from a client that may go away or fall silent.

Large uploads come in many thousand chunks, so what is done for each of them counts: Starlette's own stream
with a timeout around every chunk took a seventh of an upload's CPU.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from api.multipart import MultipartForm
from api.room import Promise

_STALLED = "The upload was given up: nothing arrived for {seconds:.0f} seconds."


async def arriving(request: Request, *, idle_timeout: timedelta) -> AsyncGenerator[bytes, None]:
    """Yield the body as it arrives. Raises ClientDisconnect, and a 408 when a client falls silent."""
    patience = _Patience(idle_timeout)
    more = True
    try:
        while more:
            message = await patience.wait_for(request.receive)
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            more = message.get("more_body", False)
            yield message.get("body", b"")
    except TimeoutError as error:
        seconds = idle_timeout.total_seconds()
        # The rest of the body may still come, and is no request.
        raise HTTPException(408, _STALLED.format(seconds=seconds), headers={"connection": "close"}) from error
    finally:
        patience.end()


async def arriving_file(
    request: Request, form: MultipartForm, *, room: Promise, idle_timeout: timedelta
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of the file in the form that `request` is, as they arrive, and use up `room`.

    Raises InvalidRequest, StorageFull, and what `arriving` raises.
    """
    async with aclosing(arriving(request, idle_timeout=idle_timeout)) as chunks:
        async for chunk in chunks:
            await room.fill(len(chunk))
            form.feed(chunk)
            if piece := form.take():
                yield piece
    form.finish()


class _Patience:
    """What `asyncio.timeout` does for one wait, for many in a row: with one timer, that is seldom moved."""

    def __init__(self, limit: timedelta) -> None:
        self._limit = limit.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Task[object] | None = None
        self._since = 0.0
        self._exhausted = False
        self._timer = self._loop.call_later(self._limit, self._look)

    async def wait_for(self, receive: Receive) -> Message:
        """Return what `receive` does. Raises TimeoutError when that takes longer than the limit."""
        task = self._waiting = asyncio.current_task()
        self._since = self._loop.time()
        try:
            return await receive()
        except asyncio.CancelledError:
            # Somebody else may have wanted the end at the same time; theirs comes first.
            if self._exhausted and task is not None and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            self._waiting = None

    def end(self) -> None:
        """Stop looking."""
        self._timer.cancel()

    def _look(self) -> None:
        # Time that storage takes is not the client's.
        silence = self._loop.time() - self._since if self._waiting else 0.0
        if self._waiting and silence >= self._limit:
            self._exhausted = True
            self._waiting.cancel()
        else:
            self._timer = self._loop.call_later(self._limit - silence, self._look)
