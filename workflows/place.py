"""A shard's place at a deployment: asked for, waited for, given back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.job_payloads import Begun, NoPlaceNow
    from activities.payloads import ShardOrder
    from activities.place_payloads import Asking, Grant, Leaving, ShardRef, WaitingNote, Wish
    from activities.places import Places
    from workflows import options, queues
    from workflows.places import PlacesWorkflow

Word = TypeVar("Word")


class Place:
    """What the running shard's workflow knows of its place. `places` names the workflow that grants it."""

    def __init__(self, order: ShardOrder, places: str) -> None:
        self._order = order
        self._places = f"places/{places}"
        self._asked_at: datetime | None = None
        self._asking = 0
        self._grant: Grant | None = None
        # A story told again may have a place from before.
        self._to_leave = order.recall
        self.begun: Begun | None = None

    def granted(self, grant: Grant) -> None:
        """Hear that there is one. What was granted to an earlier wish, or twice, is none."""
        if grant.asking == self._asking and self._grant is None:
            self._grant = grant

    async def had(self, deployments: Sequence[str], *, stopped: Callable[[], bool]) -> str:
        """Return at which of `deployments` there is a place, once there is one; "" if stopped before.

        If the shard had begun a job when its story was told before, `begun` is that from now on, and the
        place is had where it was begun.
        """
        self._next()
        # Whoever comes back without having found room keeps its turn.
        self._asked_at = self._asked_at or workflow.now()
        wish = Wish(
            shard=_shard(), deployments=tuple(deployments), asked_at=self._asked_at, asking=self._asking
        )
        self.begun = await self._ask(wish)
        if not await self._heard(options.NOTED_AFTER, stopped=stopped):
            await self._note(wish)
            while not await self._heard(options.ASK_AGAIN, stopped=stopped):
                # Whoever keeps the places may have been terminated, and its successor knows of nobody.
                await self._ask(wish)
                await self._note(wish)
            await self._note(wish, over=True)
        return self._grant.deployment if self._grant else ""

    def _next(self) -> None:
        self._asking += 1
        self._grant = None
        self._to_leave = True

    async def _heard(self, patience: timedelta, *, stopped: Callable[[], bool]) -> bool:
        try:
            await workflow.wait_condition(
                lambda: self._grant is not None or stopped(),
                timeout=patience,
                timeout_summary="until the place is asked for again",
            )
        except TimeoutError:
            return False
        return True

    async def settle(self) -> None:
        """Say that the job was taken, if others wait to hear it."""
        if self._grant is not None and self._grant.trial:
            self._grant = replace(self._grant, trial=False)
            await self._tell(PlacesWorkflow.settled, _shard())

    async def leave(self, no_place: NoPlaceNow | None = None) -> None:
        """Give the place, or the wish for one, back; with `no_place` since there was no room after all."""
        if not self._to_leave:
            return
        self._to_leave = False
        leaving = Leaving(
            shard=_shard(),
            no_room=no_place.reason if no_place else None,
            retry_after=no_place.retry_after if no_place else None,
        )
        await self._tell(PlacesWorkflow.leave, leaving)

    async def _ask(self, wish: Wish) -> Begun | None:
        asking = Asking(
            places=self._places,
            task_queue=queues.BATCHES,
            wish=wish,
            shard=ShardRef(batch_id=self._order.batch_id, shard=self._order.shard),
        )
        return await workflow.execute_activity_method(
            Places.ask_for_place, asking, **options.row("ask for a place")
        )

    async def _tell(self, signal: Callable[[PlacesWorkflow, Word], None], word: Word) -> None:
        places = workflow.get_external_workflow_handle_for(PlacesWorkflow.run, self._places)
        try:
            await places.signal(signal, word)
        except FailureError:
            # Somebody has terminated it. The next one starts with nobody in it.
            workflow.logger.debug("nobody keeps the places")

    async def _note(self, wish: Wish, *, over: bool = False) -> None:
        note = WaitingNote(
            batch_id=self._order.batch_id,
            shard=self._order.shard,
            places=self._places,
            deployments=wish.deployments,
            over=over,
        )
        await workflow.execute_activity_method(
            Places.note_waiting, note, **options.row("say what the shard waits for")
        )


def _shard() -> str:
    return workflow.info().workflow_id
