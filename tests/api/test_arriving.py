"""A body from clients that are slow, silent or gone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.arriving import arriving

SHORT = timedelta(seconds=0.1)


class Client:
    """What a server would receive of a client: what it has sent, in order, and then silence."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)

    async def __call__(self) -> dict[str, Any]:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)


def sent(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def body(*messages: dict[str, Any], idle_timeout: timedelta = SHORT) -> AsyncIterator[bytes]:
    return arriving(Request({"type": "http"}, Client(*messages)), idle_timeout=idle_timeout)


async def test_a_body_is_what_came_up_to_its_end() -> None:
    assert [piece async for piece in body(sent(b"a"), sent(b"b", more=False), sent(b"next"))] == [b"a", b"b"]


async def test_a_client_that_has_gone_is_an_error() -> None:
    with pytest.raises(ClientDisconnect):
        _ = [piece async for piece in body(sent(b"a"), {"type": "http.disconnect"})]


async def test_a_client_that_falls_silent_is_given_up() -> None:
    with pytest.raises(HTTPException) as refusal:
        _ = [piece async for piece in body(sent(b"a"))]
    assert refusal.value.status_code == 408
    # Whoever goes on from here is not cancelled.
    await asyncio.sleep(0)


async def test_time_that_is_spent_on_what_came_is_not_the_clients() -> None:
    pieces = []
    async for piece in body(sent(b"a"), sent(b"b", more=False)):
        await asyncio.sleep(3 * SHORT.total_seconds())
        pieces.append(piece)
    assert pieces == [b"a", b"b"]


async def test_a_cancel_from_outside_is_no_silence() -> None:
    async def read() -> None:
        _ = [piece async for piece in body(idle_timeout=timedelta(hours=1))]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
