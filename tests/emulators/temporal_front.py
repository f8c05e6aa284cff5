"""Temporal behind a front door of its own, as a cluster's or the Cloud's: TLS, client certificates, API keys.

Every call is passed on to a real server, or refused as those do it.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from tests.emulators.certificates import Certificates

_OURS = ("grpc-", ":", "user-agent", "te", "content-type", "authorization")


@dataclass(slots=True)
class Front:
    """What the door asks for. `refused` are methods, by the ends of their names, and how they are refused."""

    port: int = 0
    api_key: str | None = None
    refused: dict[str, grpc.StatusCode] = field(default_factory=dict)
    keys_seen: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"


@asynccontextmanager
async def front(
    target: str, *, certificates: Certificates | None = None, client_certificates: bool = False
) -> AsyncIterator[Front]:
    """Stand in front of the server at `target`; with `certificates` by TLS alone."""
    door = Front()
    server = grpc.aio.server()
    async with grpc.aio.insecure_channel(target) as channel:
        server.add_generic_rpc_handlers((_PassingOn(door, channel),))
        if certificates is None:
            door.port = server.add_insecure_port("localhost:0")
        else:
            credentials = certificates.grpc_server(client_certificates=client_certificates)
            door.port = server.add_secure_port("localhost:0", credentials)
        await server.start()
        try:
            yield door
        finally:
            await server.stop(None)


class _PassingOn(grpc.GenericRpcHandler):
    def __init__(self, door: Front, channel: grpc.aio.Channel) -> None:
        self._door = door
        self._channel = channel

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def call(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            await self._admit(details, context)
            # What it passes on it takes and gives as bytes.
            pass_on = self._channel.unary_unary(details.method)
            try:
                answer: bytes = await pass_on(
                    request, metadata=_theirs(details), timeout=context.time_remaining()
                )
            except grpc.aio.AioRpcError as error:
                await context.abort(
                    error.code(), error.details() or "", tuple(error.trailing_metadata() or ())
                )
            return answer

        return grpc.unary_unary_rpc_method_handler(call)

    async def _admit(self, details: grpc.HandlerCallDetails, context: grpc.aio.ServicerContext) -> None:
        shown = dict(details.invocation_metadata).get("authorization", "")
        self._door.keys_seen.add(shown)
        if self._door.api_key is not None and shown != f"Bearer {self._door.api_key}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"no such key: {shown}")
        for name, status in self._door.refused.items():
            if details.method.endswith(name):
                await context.abort(status, "not for you")


def _theirs(details: grpc.HandlerCallDetails) -> Collection[tuple[str, str | bytes]]:
    return [(key, value) for key, value in details.invocation_metadata if not key.startswith(_OURS)]
