"""How a fault looks on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulators.answers import error
from simulators.faults import Fault, FaultKind

_PAGE = "<html><body><h1>Simulated page</h1></body></html>"


async def go_wrong(
    fault: Fault, request: web.Request, *, answer: Mapping[str, Any], headers: dict[str, str]
) -> web.StreamResponse:
    """Do to `answer` what the fault says, and send what comes of it."""
    await asyncio.sleep(fault.seconds)
    if fault.retry_after is not None:
        headers["Retry-After"] = fault.retry_after
    match fault.kind:
        case FaultKind.DELAY:
            return web.json_response(answer, headers=headers)
        case FaultKind.HANG:
            return await _hang()
        case FaultKind.CHUNKED | FaultKind.DROP | FaultKind.DROP_MIDWAY:
            return await _in_pieces(fault.kind, request, answer=answer, headers=headers)
        case FaultKind.STATUS:
            refused = error(f"Simulated {fault.status}.", kind="server_error")
            return web.json_response(refused, status=fault.status, headers=headers)
        case FaultKind.HTML:
            return web.Response(text=_PAGE, status=fault.status, headers=headers, content_type="text/html")
        case _:
            return _odd_success(fault, request, answer=answer, headers=headers)


async def _hang() -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def _in_pieces(
    kind: FaultKind, request: web.Request, *, answer: Mapping[str, Any], headers: dict[str, str]
) -> web.StreamResponse:
    """Send the answer without a declared length, or end the connection before or in the middle of it."""
    reply = web.StreamResponse(headers={**headers, "Content-Type": "application/json"})
    content = json.dumps(answer).encode()
    half = len(content) // 2
    if kind is not FaultKind.DROP:
        await reply.prepare(request)
        await reply.write(content[:half])
    if kind is FaultKind.CHUNKED:
        await reply.write(content[half:])
        await reply.write_eof()
    elif request.transport:
        request.transport.abort()
    return reply


def _odd_success(
    fault: Fault, request: web.Request, *, answer: Mapping[str, Any], headers: dict[str, str]
) -> web.Response:
    if fault.kind is FaultKind.REDIRECT:
        return web.Response(status=307, headers={**headers, "Location": request.path})
    text = json.dumps(answer)
    if fault.kind is FaultKind.HALF_JSON:
        text = text[: len(text) // 2]
    elif fault.kind is FaultKind.PRETTY:
        text = json.dumps(answer, indent=2).replace("\n", "\r\n")
    elif fault.kind is FaultKind.LARGE:
        text = json.dumps({**answer, "padding": "x" * fault.bytes})
    return web.Response(text=text, headers=headers, content_type="application/json")
