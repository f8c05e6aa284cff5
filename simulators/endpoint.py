"""A self-hosted, OpenAI-compatible endpoint without a batch API, as vLLM or llama.cpp would serve it.

`python -m simulators.endpoint --port 8000` serves it; a test starts it in its own process:

    async with EndpointSimulator() as endpoint:
        ... endpoint.base_url ...

`POST /_faults` sets a fault for everybody (`{}` ends it), `{"down_seconds": 5}` closes the port for a
while, `{"key": "sk-…"}` makes it ask for a key. `GET /_seen` tells what has arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from simulators.answers import ANSWERS, error, identity_of
from simulators.faults import Fault, FaultPlan
from simulators.misbehaviour import go_wrong

_HOST = "127.0.0.1"
_BODY_BYTES = 128 * 2**20


class EndpointSimulator:
    """One endpoint on a port of loopback, 0 choosing a free one that it keeps while it is down and up again.

    `key` is the bearer it asks for, None taking any or none; `delay` is how many seconds each answer takes.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        fault: Fault | None = None,
        key: str | None = None,
        delay: float = 0.0,
        models: tuple[str, ...] = ("simulated",),
    ) -> None:
        self.port = port
        self.key = key
        self.faults = FaultPlan(fault)
        self.arrivals: Counter[str] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0
        self._delay = delay
        self._models = models
        self._runner: web.AppRunner | None = None
        self._returning: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL; it ends in `/v1`."""
        return f"http://{_HOST}:{self.port}/v1"

    def arrivals_of(self, body: bytes) -> int:
        """Return how often a request with exactly this body has arrived."""
        return self.arrivals[identity_of(body)]

    async def __aenter__(self) -> Self:
        await self.come_up()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._returning:
            self._returning.cancel()
        await self.go_down()

    async def come_up(self) -> None:
        """Listen, on the port it had before if it had one."""
        # A handler that hangs ends with its connection; otherwise it would keep the simulator from ending.
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, _HOST, self.port, reuse_address=True, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        self._runner = runner

    async def go_down(self) -> None:
        """Refuse connections, and drop those that are open."""
        runner, self._runner = self._runner, None
        if runner:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_BYTES)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/_seen", self._tell_seen)
        app.router.add_post("/_faults", self._set_faults)
        for path in ANSWERS:
            app.router.add_post(path, self._serve)
        return app

    async def _list_models(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        listed = [{"id": model, "object": "model", "owned_by": "simulator"} for model in self._models]
        return web.json_response({"object": "list", "data": listed})

    async def _tell_seen(self, _request: web.Request) -> web.Response:
        seen = {
            "total": self.arrivals.total(),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "requests": dict(self.arrivals),
        }
        return web.json_response(seen)

    async def _set_faults(self, request: web.Request) -> web.Response:
        said = await request.json()
        if "down_seconds" in said:
            self._returning = asyncio.create_task(self._be_down(said["down_seconds"]))
        elif "key" in said:
            self.key = said["key"]
        else:
            return self._set_fault(said)
        return web.json_response({"ok": True})

    def _set_fault(self, said: dict[str, Any]) -> web.Response:
        try:
            self.faults.set(Fault.from_json(said) if said else None)
        except (TypeError, ValueError) as problem:
            return web.json_response(error(str(problem)), status=400)
        return web.json_response({"ok": True})

    async def _be_down(self, seconds: float) -> None:
        await self.go_down()
        await asyncio.sleep(seconds)
        await self.come_up()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        identity = identity_of(body)
        self.arrivals[identity] += 1
        if refusal := self._refusal(request):
            return refusal
        try:
            asked = json.loads(body)
            fault = self.faults.next(asked, identity=identity)
        except ValueError as problem:
            return web.json_response(error(str(problem)), status=400)
        answer = ANSWERS[request.path](asked, identity)
        if self._delay:
            await asyncio.sleep(self._delay)
        headers = {"x-request-id": f"req_{identity[:24]}"}
        if fault is None:
            return web.json_response(answer, headers=headers)
        return await go_wrong(fault, request, answer=answer, headers=headers)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.key is None or request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        return web.json_response(error("Incorrect API key provided.", code="invalid_api_key"), status=401)


async def _serve_for_ever(port: int, key: str | None, delay: float) -> None:
    async with EndpointSimulator(port=port, key=key, delay=delay) as endpoint:
        print(f"Serving {endpoint.base_url}", flush=True)  # noqa: T201 - the one thing a caller waits for
        await asyncio.Event().wait()


def main() -> None:
    """Serve one endpoint until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--key", help="ask for this bearer")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds each answer takes")
    arguments = parser.parse_args()
    try:
        asyncio.run(_serve_for_ever(arguments.port, arguments.key, arguments.delay))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
