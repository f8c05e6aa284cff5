"""A route whose JSON body has a bound, so that nobody can fill the gateway's memory with one."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

MAX_JSON_BODY = 2**20
"""Bytes. The largest create that is valid, with all of its metadata, has less than a tenth of this."""


class BoundedRoute(APIRoute):
    """Answers 413 to a body of more than `max_body` bytes, in the same shape as every error.

    FastAPI's own `max_body_size` answers in plain text, which the SDKs can't read.
    """

    max_body = MAX_JSON_BODY

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind the bound."""
        handle = super().get_route_handler()

        async def handle_bounded(request: Request) -> Response:
            return await handle(Request(request.scope, _at_most(self.max_body, request.receive)))

        return handle_bounded


def _at_most(limit: int, receive: Receive) -> Receive:
    received = 0

    async def receive_counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, f"The request body has more than {limit} bytes.")
        return message

    return receive_counting
