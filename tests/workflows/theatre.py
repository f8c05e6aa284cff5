"""A stage with a provider on it, where time skips: a day passes in a second."""

from dataclasses import replace

from activities.payloads import Manifest, Route
from overnight.domain.deployment import BatchLane
from overnight.domain.status import BatchStatus
from tests.workflows.scripted import Script
from tests.workflows.scripted_provider import ScriptedProvider
from tests.workflows.stage import Stage

NATIVE = Route(deployment="dep_openai", provider="openai", lane=BatchLane.NATIVE)
OTHER = replace(NATIVE, deployment="dep_other")
LINES = Route(deployment="dep_lines", provider="hosted_vllm", lane=BatchLane.LINES)
ONE_SHARD = Manifest(lines=20, shards=(2,), model="m", provider="openai", routes=(NATIVE,))
ALL_WELL = [BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.COMPLETED]


class Theatre:
    """A stage with a provider on it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.provider = ScriptedProvider()

    def script(self, manifest: Manifest = ONE_SHARD) -> Script:
        return Script(manifest, provider=self.provider)

    async def play(self, manifest: Manifest = ONE_SHARD) -> Script:
        """Play it to its end."""
        script = self.script(manifest)
        async with self.stage.playing(script):
            await (await self.stage.begin(await self.stage.order())).result()
        return script
