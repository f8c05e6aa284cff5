"""A provider on a port of loopback, its control door, and a folder that is gone when it ends."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from simulators.native.door import Door, set_fault
from simulators.native.gate import Gate
from simulators.native.jobdesk import JobDesk, Part
from simulators.native.listener import Listener
from simulators.native.manner import Json

_BODY_BYTES = 16 * 2**20


class Simulator:
    """What all providers have in common. Each makes a desk and a gate, and calls `_open` with them.

    Port 0 chooses a free one. The control door is on the provider's port, and with a `control_port` (0: a
    free one) on that one too, where it stays open while the provider is down.
    """

    def __init__(self, *, port: int, control_port: int | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="overnight-simulator-")
        self.listener = Listener(port, self._app)
        self._control = None if control_port is None else Listener(control_port, self._control_app)

    def _open(
        self,
        desk: JobDesk[Any, Any],
        gate: Gate,
        *,
        faults: Sequence[Json],
        parts: Mapping[str, Part] | None = None,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        """Put the desk behind the gate; `faults` are as `POST /_simulator/faults` has them."""
        self._api = gate
        self._door = Door(
            desk,
            gate,
            self.listener,
            stays_open=self._control is not None,
            parts=parts or {},
            forget=forget,
        )
        for fault in faults:
            set_fault(desk, fault)

    @property
    def folder(self) -> Path:
        """Where it keeps what it does not keep in memory."""
        return Path(self._folder.name)

    @property
    def origin(self) -> str:
        """The address without a path, as Azure's SDKs want it."""
        return self.listener.url

    @property
    def control_url(self) -> str:
        """Where the control door is."""
        return f"{(self._control or self.listener).url}/_simulator"

    async def __aenter__(self) -> Self:
        await self._begin()
        await self.listener.come_up()
        if self._control:
            await self._control.come_up()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.listener.stay()
        for listener in (self.listener, self._control):
            if listener:
                await listener.go_down()
        await self._end()
        await asyncio.to_thread(self._folder.cleanup)

    async def _begin(self) -> None:
        """Do what is to be done before the ports are opened."""

    async def _end(self) -> None:
        """Undo it, once they are closed."""

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_BYTES)
        self._door.add_to(app)
        self._api.add_to(app)
        return app

    def _control_app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_BYTES)
        self._door.add_to(app)
        return app
