"""The steps by which a shard gets its turn: asking for a place, and saying that it waits for one."""

from temporalio import activity
from temporalio.client import Client
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.place_payloads import ASK, PLACES, Asking, WaitingNote
from overnight.catalog import Catalog
from overnight.domain.usage import Counts

FIRST = Priority(priority_key=1)
"""Of the workflow that grants places: every shard waits for it, so it waits behind none of them."""


class Places:
    """Speaks for shards: a workflow itself can signal only a workflow that runs already."""

    def __init__(self, *, catalog: Catalog, client: Client) -> None:
        self._catalog = catalog
        self._client = client

    @activity.defn(name="ask_for_place")
    async def ask_for_place(self, asking: Asking) -> None:
        """Have the wish heard, by a workflow that is started for it if none runs."""
        await self._client.start_workflow(
            PLACES,
            id=asking.places,
            task_queue=asking.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=ASK,
            start_signal_args=[asking.wish],
            priority=FIRST,
            static_summary=f"places for jobs at {', '.join(asking.wish.deployments)}",
        )

    @activity.defn(name="note_waiting")
    async def note_waiting(self, note: WaitingNote) -> None:
        """Have GET say why the shard waits, or that it no longer does."""
        await self._catalog.report_progress(
            note.batch_id,
            shard=note.shard,
            chunk=0,
            attempt="place",
            counts=Counts(),
            waiting_on=note.waiting_on,
        )
