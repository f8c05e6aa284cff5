"""A workflow task that is held open while it starts children, so that something can happen just then."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.plugin import SimplePlugin

from activities.payloads import ShardOrder
from workflows.plugin import OvernightPlugin

_ITS_FIELDS = [f'"{name}":'.encode() for name in ShardOrder.__slots__]


class Gate(PayloadCodec):
    """Leaves payloads as they are, but lets no order for a shard pass before it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if any(all(field in payload.data for field in _ITS_FIELDS) for payload in payloads):
            self.reached.set()
            await self.opened.wait()
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def client(self, to: Client) -> Client:
        """Connect where `to` is connected; workers of that client stop at the gate."""

        def gated(converter: DataConverter | None) -> DataConverter:
            assert converter is not None
            return replace(converter, payload_codec=self)

        plugins = [OvernightPlugin(), SimplePlugin("gate", data_converter=gated)]
        return await Client.connect(
            to.service_client.config.target_host, namespace=to.namespace, plugins=plugins
        )
