"""How a fault of a call looks on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

from aiohttp import web

from simulators.native.faults import CallFault, CallFaultKind
from simulators.native.refusals import Refusal, refusal_of

FILE = web.RequestKey("simulated_file", Path)
"""Where a handler leaves the path of the file it sends."""

_PAGE = "<html><body><h1>Simulated {status}</h1></body></html>"
_CHUNK = 64 * 1024


async def suffer(
    fault: CallFault, request: web.Request, work: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Do what was asked, or don't, and let the answer go wrong. Raises Refusal."""
    answer = await work() if fault.done else None
    await asyncio.sleep(fault.seconds)
    match fault.kind:
        case CallFaultKind.DELAY:
            return answer or await work()
        case CallFaultKind.HANG:
            return await _hang()
        case CallFaultKind.DROP:
            return _drop(request)
        case CallFaultKind.DROP_MIDWAY:
            return await _drop_midway(request, answer or await work(), after=fault.bytes)
        case CallFaultKind.HTML:
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            page = _PAGE.format(status=fault.status)
            return web.Response(text=page, status=fault.status, headers=headers, content_type="text/html")
        case CallFaultKind.STATUS:
            raise refusal_of(fault.status, retry_after=fault.retry_after)
        case CallFaultKind.REJECT:
            raise Refusal(fault.reason, retry_after=fault.retry_after)


async def _hang() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return web.StreamResponse()


async def _drop_midway(
    request: web.Request, answer: web.StreamResponse, *, after: int | None
) -> web.StreamResponse:
    """Declare the whole answer and send some of it."""
    path = request.get(FILE)
    body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    size = path.stat().st_size if path else len(body)
    reply = web.StreamResponse(status=answer.status, headers={"Content-Length": str(size)})
    reply.content_type = answer.content_type
    await reply.prepare(request)
    left = min(size // 2 if after is None else after, size)
    if path:
        await _send(reply, path, left)
    else:
        await reply.write(body[:left])
    if request.transport:
        # Closed, not aborted, so that what has been sent does arrive.
        request.transport.close()
    return reply


async def _send(reply: web.StreamResponse, path: Path, left: int) -> None:
    with path.open("rb") as file:
        while left and (chunk := file.read(min(left, _CHUNK))):
            await reply.write(chunk)
            left -= len(chunk)
