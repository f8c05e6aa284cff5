"""A provider with an API like OpenAI's, on a port of loopback.

    async with NativeSimulator(OpenAIShapes(), speed=3600) as openai:
        ... openai.base_url ...

It remembers nothing when it ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulators.native.api import Api
from simulators.native.clock import Clock
from simulators.native.desk import Desk
from simulators.native.manner import Json
from simulators.native.rules import Rules
from simulators.native.shapes import Shapes
from simulators.native.simulator import Simulator
from simulators.native.webhooks import Webhooks


class NativeSimulator(Simulator):
    """One provider; `faults` are as `POST /_simulator/faults` has them."""

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
        super().__init__(port=port, control_port=control_port)
        self.desk = Desk(shapes, self.folder, rules=rules or shapes.rules(), clock=Clock(speed=speed))
        self._webhooks = Webhooks(self.desk)
        self._open(
            self.desk,
            Api(self.desk),
            faults=faults,
            parts={"webhooks": self._webhooks.sent},
            forget=self._webhooks.forget,
        )

    @property
    def base_url(self) -> str:
        """What a client of the provider takes as its base URL."""
        return self.listener.url + self.desk.shapes.facts.bases[0]

    @property
    def api_base(self) -> str:
        """What a deployment in a config has as its `api_base`."""
        return self.origin + self.desk.shapes.facts.api_base

    async def _begin(self) -> None:
        self._webhooks.start()

    async def _end(self) -> None:
        await self._webhooks.stop()
