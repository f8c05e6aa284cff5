"""A provider's batch API on a port of loopback.

    async with NativeSimulator(OpenAIShapes(), speed=3600) as openai:
        ... openai.base_url ...

It remembers nothing when it ends.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from simulators.native.api import Api
from simulators.native.clock import Clock
from simulators.native.desk import Desk
from simulators.native.door import Door, set_fault
from simulators.native.listener import Listener
from simulators.native.rules import Rules
from simulators.native.shapes import Json, Shapes
from simulators.native.webhooks import Webhooks

_BODY_BYTES = 16 * 2**20


class NativeSimulator:
    """One provider. Port 0 chooses a free one; `faults` are as `POST /_simulator/faults` has them.

    The control door is on the provider's port, and with a `control_port` (0: a free one) on that one too,
    where it stays open while the provider is down.
    """

    def __init__(
        self,
        shapes: Shapes,
        *,
        port: int = 0,
        control_port: int | None = None,
        rules: Rules | None = None,
        speed: float = 1.0,
        faults: Sequence[Json] = (),
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="overnight-simulator-")
        self.desk = Desk(
            shapes, Path(self._folder.name), rules=rules or shapes.rules(), clock=Clock(speed=speed)
        )
        self.listener = Listener(port, self._app)
        self._api = Api(self.desk)
        self._webhooks = Webhooks(self.desk)
        self._door = Door(
            self.desk, self._api, self._webhooks, self.listener, stays_open=control_port is not None
        )
        self._control = None if control_port is None else Listener(control_port, self._control_app)
        for fault in faults:
            set_fault(self.desk, fault)

    @property
    def base_url(self) -> str:
        """What a client of the provider takes as its base URL."""
        return self.listener.url + self.desk.shapes.facts.bases[0]

    @property
    def origin(self) -> str:
        """The address without a path, as Azure's SDKs want it."""
        return self.listener.url

    @property
    def api_base(self) -> str:
        """What a deployment in a config has as its `api_base`."""
        return self.origin + self.desk.shapes.facts.api_base

    @property
    def control_url(self) -> str:
        """Where the control door is."""
        return f"{(self._control or self.listener).url}/_simulator"

    async def __aenter__(self) -> Self:
        await self.listener.come_up()
        if self._control:
            await self._control.come_up()
        self._webhooks.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.listener.stay()
        await self._webhooks.stop()
        for listener in (self.listener, self._control):
            if listener:
                await listener.go_down()
        await asyncio.to_thread(self._folder.cleanup)

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_BYTES)
        self._door.add_to(app)
        self._api.add_to(app)
        return app

    def _control_app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_BYTES)
        self._door.add_to(app)
        return app
