"""A provider that says exactly what a test has it say, over real HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Scripted:
    """`replies` are by method and path, as in `GET /v1/batches`; `asked` are the requests that came."""

    url: str
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    def says(
        self, call: str, *pages: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer a call with JSON: the pages in turn, the last one again and again."""
        left = list(pages)

        async def reply(_request: web.Request) -> web.Response:
            page = left.pop(0) if len(left) > 1 else left[0]
            return web.json_response(page, status=status, headers=headers)

        self.replies[call] = reply

    def answers(self, call: str, reply: Reply) -> None:
        """Answer a call with code; it has to read the request's body by itself."""
        self.replies[call] = reply

    @property
    def queries(self) -> list[dict[str, str]]:
        """What was asked for, in order."""
        return [dict(request.query) for request in self.asked]


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """Serve one on a free port of loopback."""
    script = Scripted(url="")

    async def serve(request: web.Request) -> web.StreamResponse:
        script.asked.append(request)
        return await script.replies[f"{request.method} {request.path}"](request)

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield script
    finally:
        await runner.cleanup()
