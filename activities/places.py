"""The steps by which a shard gets its turn: asking for a place, and saying that it waits for one."""

from dataclasses import replace
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from activities.begun import BegunJobs
from activities.job_payloads import Begun
from activities.place_payloads import ASK, PLACES, WHY_NOT, Asking, WaitingNote, Wish
from overnight.catalog import Catalog
from overnight.domain.usage import Counts

FIRST = Priority(priority_key=1)
"""Of the workflow that grants places: every shard waits for it, so it waits behind none of them."""

QUERY_TIMEOUT = timedelta(seconds=5)
"""How long the keeper of the places may take to say why there is none."""


class Places:
    """Speaks for shards: a workflow itself can signal only a workflow that runs already."""

    def __init__(self, *, catalog: Catalog, begun: BegunJobs, client: Client) -> None:
        self._catalog = catalog
        self._begun = begun
        self._client = client

    @activity.defn(name="ask_for_place")
    async def ask_for_place(self, asking: Asking) -> Begun | None:
        """Have the wish heard, by a workflow that is started for it if none runs.

        If another telling of the shard's story has begun a job at one of the deployments, which is returned
        then, that is the only one wished for.
        """
        wish = asking.wish
        begun = await self._begun.begun_before(asking.shard) if asking.shard else None
        if begun and begun.deployment in wish.deployments:
            wish = replace(wish, deployments=(begun.deployment,))
        await self._hear(wish, asking)
        return begun

    async def _hear(self, wish: Wish, asking: Asking) -> None:
        await self._client.start_workflow(
            PLACES,
            id=asking.places,
            task_queue=asking.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=ASK,
            start_signal_args=[wish],
            priority=FIRST,
            static_summary=f"places for jobs at {', '.join(asking.wish.deployments)}",
        )

    @activity.defn(name="note_waiting")
    async def note_waiting(self, note: WaitingNote) -> None:
        """Have GET say why the shard waits, or that it no longer does."""
        waiting_on = None if note.over else await self._why_not(note)
        await self._catalog.report_progress(
            note.batch_id,
            shard=note.shard,
            chunk=0,
            attempt="place",
            counts=Counts(),
            waiting_on=waiting_on,
        )

    async def _why_not(self, note: WaitingNote) -> str:
        places = self._client.get_workflow_handle(note.places)
        try:
            why: str = await places.query(
                WHY_NOT, list(note.deployments), result_type=str, rpc_timeout=QUERY_TIMEOUT
            )
        except (RPCError, WorkflowQueryFailedError):
            # It is only a word for people, and its turn will come.
            return "its turn at the provider"
        return why
