"""Where workers work, and the batches they are given."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from temporalio.testing import WorkflowEnvironment

from overnight.config import Settings
from overnight.domain.batch import BatchOrder
from overnight.domain.ids import new_batch_id
from tests.activities.house import INPUT, House, order
from workers.run import working
from workers.terms import USUAL, Terms
from workflows.batch import BatchOutcome
from workflows.runs import BatchRuns


class Site:
    """Where workers work, and the batches they are given."""

    def __init__(self, temporal: WorkflowEnvironment, house: House, here: Settings) -> None:
        self._client = temporal.client
        self._house = house
        self._here = here

    def working(self, *only: str, terms: Terms = USUAL) -> AbstractAsyncContextManager[None]:
        return working(
            self._client,
            settings=self._here,
            catalog=self._house.catalog,
            storage=self._house.storage,
            only=only or None,
            terms=terms,
        )

    async def begin(self, *content: bytes, file_id: str = INPUT) -> BatchOrder:
        """Upload the input of a batch, and start it."""
        await self._house.upload(b"".join(content), file_id=file_id)
        asked = order(new_batch_id(), created_at=datetime.now(UTC), input_file_id=file_id)
        await BatchRuns(self._client).start(asked)
        return asked

    async def outcome(self, asked: BatchOrder) -> BatchOutcome:
        handle = self._client.get_workflow_handle(asked.batch_id, result_type=BatchOutcome)
        outcome: BatchOutcome = await handle.result()
        assert (await self._house.catalog.batch(asked.batch_id)).status is outcome.status
        return outcome
