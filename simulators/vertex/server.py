"""Vertex AI on a port of loopback, beside a Cloud Storage.

    async with VertexSimulator(gcs="http://127.0.0.1:9023", speed=3600) as vertex:
        ... vertex.api_base ...

It remembers nothing when it ends; what is in the buckets is the storage's.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulators.native.clock import Clock
from simulators.native.manner import Json
from simulators.native.simulator import Simulator
from simulators.vertex.api import TOKEN_PATH, VertexApi
from simulators.vertex.buckets import Buckets
from simulators.vertex.desk import VertexDesk
from simulators.vertex.manner import VertexManner
from simulators.vertex.rules import VertexRules


class VertexSimulator(Simulator):
    """Vertex AI in all projects and locations; `gcs` is the address of the storage.

    `faults` are as `POST /_simulator/faults` has them.
    """

    def __init__(
        self,
        *,
        gcs: str,
        port: int = 0,
        control_port: int | None = None,
        rules: VertexRules | None = None,
        speed: float = 1.0,
        faults: Sequence[Json] = (),
    ) -> None:
        super().__init__(port=port, control_port=control_port)
        self._manner = manner = VertexManner()
        self.buckets = Buckets(gcs)
        self.desk = VertexDesk(
            manner,
            self.folder,
            rules=rules or manner.rules(),
            clock=Clock(speed=speed),
            buckets=self.buckets,
        )
        self._open(self.desk, VertexApi(self.desk), faults=faults)

    @property
    def api_base(self) -> str:
        """What a deployment in a config has as its `api_base`: the host that stands for Google's."""
        return self.origin

    @property
    def deployment(self) -> str:
        """What else it has."""
        return self._manner.deployment

    @property
    def token_uri(self) -> str:
        """Where a service account's key is exchanged for a token."""
        return self.origin + TOKEN_PATH

    async def _begin(self) -> None:
        await self.buckets.__aenter__()

    async def _end(self) -> None:
        await self.desk.close()
        await self.buckets.__aexit__(None, None, None)
