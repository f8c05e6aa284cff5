"""Places for provider jobs: who may submit one, where, and in what order.

One workflow stands for the deployments that serve one model. While they have room everyone who asks is
let in at once, at the deployment with the fewest jobs. One that says it has no room (of enqueued tokens,
say) is shut until one of its jobs has ended or a while has passed; then it is opened for one shard, whose
luck decides about the next. So never do all that wait try again at once, and first come is first served.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.place_payloads import (
        ASK,
        GRANTED,
        NO_PLACE,
        PLACES,
        Grant,
        Leaving,
        Narrow,
        PlacesState,
        Wish,
    )
    from workflows import options


@workflow.defn(name=PLACES)
class PlacesWorkflow:
    """Grants places to shards until nobody has or wants one. Its id is `places/<deployments>`."""

    @workflow.init
    def __init__(self, state: PlacesState | None = None) -> None:
        state = state or PlacesState()
        self._waiting = list(state.waiting)
        self._holders = dict(state.holders)
        self._narrow = dict(state.narrow)
        self._told: dict[str, str] = {}
        self._news = True

    @workflow.run
    async def run(self, state: PlacesState | None = None) -> None:  # noqa: ARG002 - init has it as well
        """Grant what can be granted whenever something changes. Ends when it has been idle for a while."""
        while True:
            self._news = False
            await self._grant_what_can_be()
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._state())
            try:
                await workflow.wait_condition(
                    lambda: self._news, timeout=self._pause(), timeout_summary="until there may be room"
                )
            except TimeoutError:
                if not self._waiting and not self._holders:
                    return

    @workflow.signal(name=ASK, description="A shard wants to submit a job.")
    def ask(self, wish: Wish) -> None:
        """Queue a wish, by when it was first made. Asking again replaces the wish."""
        self._waiting = [other for other in self._waiting if other.shard != wish.shard]
        self._waiting.append(wish)
        self._waiting.sort(key=lambda each: each.asked_at)
        self._told.pop(wish.shard, None)
        self._news = True

    @workflow.signal(description="A shard's job was taken: there is room.")
    def settled(self, shard: str) -> None:
        """Let the next one try, after a trial that went well."""
        deployment = self._holders.get(shard)
        narrow = self._narrow.get(deployment) if deployment else None
        if deployment and narrow and narrow.trial == shard:
            self._open(deployment, narrow)
            self._news = True

    @workflow.signal(description="A shard's job has ended, or found no room.")
    def leave(self, leaving: Leaving) -> None:
        """Take a place, or a wish, back."""
        self._waiting = [wish for wish in self._waiting if wish.shard != leaving.shard]
        self._told.pop(leaving.shard, None)
        deployment = self._holders.pop(leaving.shard, None)
        if deployment is None:
            return
        self._news = True
        narrow = self._narrow.get(deployment)
        if leaving.no_room is not None:
            self._shut(deployment, leaving.no_room, leaving.retry_after)
        elif narrow is not None:
            self._open(deployment, narrow)

    @workflow.query(description="Who waits, who has a place where, and which deployments are narrow.")
    def state(self) -> PlacesState:
        """Return everything there is to know."""
        return self._state()

    async def _grant_what_can_be(self) -> None:
        # Decided in one go: while a signal is on its way, shards come and leave.
        words = [self._word_for(wish) for wish in list(self._waiting)]
        # All at once: to hear that one has been told takes as long as to hear it of a hundred.
        await asyncio.gather(*(self._tell(*word) for word in words if word))
        workflow.set_current_details(f"{len(self._holders):,} jobs run, {len(self._waiting):,} shards wait")

    def _word_for(self, wish: Wish) -> tuple[str, str, Grant | str] | None:
        """Decide about a wish, and return what its shard is to be told, if it does not know that already."""
        deployment = self._choose(wish)
        if deployment is None:
            why = self._why_not(wish)
            if self._told.get(wish.shard) == why:
                return None
            self._told[wish.shard] = why
            return wish.shard, NO_PLACE, why
        self._waiting.remove(wish)
        self._holders[wish.shard] = deployment
        narrow = self._narrow.get(deployment)
        if narrow is not None:
            until = workflow.now() + options.TRIAL
            self._narrow[deployment] = replace(narrow, trial=wish.shard, until=until)
        return wish.shard, GRANTED, Grant(deployment=deployment, trial=narrow is not None)

    def _choose(self, wish: Wish) -> str | None:
        """Return the deployment with the fewest jobs of those that may have room; None if there is none."""
        open_ones = [each for each in wish.deployments if self._may_have_room(each)]
        held = list(self._holders.values())
        return min(open_ones, key=held.count, default=None)

    def _may_have_room(self, deployment: str) -> bool:
        narrow = self._narrow.get(deployment)
        return narrow is None or workflow.now() >= narrow.until

    def _shut(self, deployment: str, reason: str, retry_after: timedelta | None) -> None:
        before = self._narrow.get(deployment)
        pause = min(before.pause * 2, options.LONGEST_SHUT) if before else options.FIRST_SHUT
        until = workflow.now() + max(pause, retry_after or timedelta(0))
        self._narrow[deployment] = Narrow(reason=reason, until=until, pause=pause)

    def _open(self, deployment: str, narrow: Narrow) -> None:
        if narrow.trial is not None and not self._waiting:
            del self._narrow[deployment]
            return
        self._narrow[deployment] = replace(narrow, until=workflow.now(), pause=options.FIRST_SHUT, trial=None)

    def _why_not(self, wish: Wish) -> str:
        reasons = [self._narrow[each].reason for each in wish.deployments if each in self._narrow]
        return reasons[0] if reasons else "waiting for its turn"

    async def _tell(self, shard: str, signal: str, word: Grant | str) -> None:
        try:
            await workflow.get_external_workflow_handle(shard).signal(signal, word)
        except FailureError:
            # It was terminated, or has ended; whoever is gone wants nothing.
            self.leave(Leaving(shard=shard))

    def _pause(self) -> timedelta:
        """Return how long nothing will change by itself."""
        now: datetime = workflow.now()
        openings = [narrow.until - now for narrow in self._narrow.values() if narrow.until > now]
        if self._waiting and openings:
            return min(openings)
        return options.PLACES_IDLE

    def _state(self) -> PlacesState:
        return PlacesState(
            waiting=tuple(self._waiting), holders=dict(self._holders), narrow=dict(self._narrow)
        )
