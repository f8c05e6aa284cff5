"""Places for provider jobs: who may submit one, where, and in what order.

One workflow stands for the deployments that serve one model. While they have room everyone who asks is
let in at once, at the deployment with the fewest jobs. One that says it has no room (of enqueued tokens,
say) is shut until one of its jobs has ended or a while has passed; then it is opened for one shard, whose
luck decides about the next. So never do all that wait try again at once, and first come is first served.
"""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.place_payloads import (
        ASK,
        GRANTED,
        PLACES,
        WHY_NOT,
        Grant,
        Leaving,
        Narrow,
        PlacesState,
        Wish,
    )
    from workflows import options

A_TRIAL_DECIDES = "a-trial-decides"
"""Since then a job from before that finds no room no longer ends the trial of another."""

ITS_OWN_TRIAL = "its-own-trial"
"""Since then a shard that asks anew in the middle of its trial, as after a Reset, goes on with that."""

IN_SHORT = "in-short"
"""Since then a run is told in few bytes by the one before it who waits and who has a place. One that began on
a worker of before has not understood, so it knows of nobody."""


@workflow.defn(name=PLACES)
class PlacesWorkflow:
    """Grants places to shards until nobody has or wants one. Its id is `places/<deployments>`."""

    @workflow.init
    def __init__(self, state: PlacesState | None = None) -> None:
        state = state or PlacesState()
        if (state.queues or state.held) and workflow.patched(IN_SHORT):
            state = state.in_full()
        self._waiting = {wish.shard: wish for wish in state.waiting}
        self._holders = dict(state.holders)
        self._narrow = dict(state.narrow)
        self._grants: dict[str, Grant] = {}
        self._news = True

    @workflow.run
    async def run(self, state: PlacesState | None = None) -> None:  # noqa: ARG002 - init has it as well
        """Grant what can be granted whenever something changes. Ends when it has been idle for a while."""
        while True:
            self._news = False
            await self._grant_what_can_be()
            # Whoever has asked again meanwhile would wait long for an answer that was lost between two runs.
            if workflow.info().is_continue_as_new_suggested() and not self._grants:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._state().in_short())
            try:
                await workflow.wait_condition(
                    lambda: self._news, timeout=self._pause(), timeout_summary="until there may be room"
                )
            except TimeoutError:
                if not self._waiting and not self._holders:
                    return

    @workflow.signal(name=ASK, description="A shard wants to submit a job.")
    def ask(self, wish: Wish) -> None:
        """Queue a wish. One that has been granted already is answered with the same grant."""
        held = self._holders.get(wish.shard)
        if held is not None and held.asking == wish.asking:
            self._grants[wish.shard] = held
        else:
            self._holders.pop(wish.shard, None)
            self._waiting[wish.shard] = wish
        self._news = True

    @workflow.signal(description="A shard's job was taken: there is room.")
    def settled(self, shard: str) -> None:
        """Let the next one try, after a trial that went well."""
        held = self._holders.get(shard)
        narrow = self._narrow.get(held.deployment) if held else None
        if held and narrow and narrow.trial == shard:
            self._open(held.deployment, narrow)
            self._news = True

    @workflow.signal(description="A shard's job has ended, or found no room.")
    def leave(self, leaving: Leaving) -> None:
        """Take a place, or a wish, back."""
        self._waiting.pop(leaving.shard, None)
        held = self._holders.pop(leaving.shard, None)
        if held is None:
            return
        self._news = True
        narrow = self._narrow.get(held.deployment)
        if leaving.no_room is not None:
            self._shut(held.deployment, leaving)
        elif narrow is not None:
            self._open(held.deployment, narrow)

    @workflow.query(name=WHY_NOT, description="Why there is no place at these deployments just now.")
    def why_not(self, deployments: list[str]) -> str:
        """Return it in words for people."""
        reasons = [self._narrow[each].reason for each in deployments if each in self._narrow]
        return reasons[0] if reasons else "its turn at the provider"

    @workflow.query(description="Who waits, who has a place where, and which deployments are narrow.")
    def state(self) -> PlacesState:
        """Return what the next run would be told."""
        return self._state()

    async def _grant_what_can_be(self) -> None:
        # Decided in one go: while a signal is on its way, shards come and leave.
        jobs = Counter(grant.deployment for grant in self._holders.values())
        for wish in sorted(self._waiting.values(), key=lambda each: each.asked_at):
            self._grant(wish, jobs)
        grants, self._grants = self._grants, {}
        # All at once: to hear that one has been told takes as long as to hear it of a hundred.
        await asyncio.gather(*(self._tell(shard, grant) for shard, grant in grants.items()))
        workflow.set_current_details(f"{len(self._holders):,} jobs run, {len(self._waiting):,} shards wait")

    def _grant(self, wish: Wish, jobs: Counter[str]) -> None:
        """Grant a wish where the fewest jobs are of those deployments that may have room, if any has."""
        open_ones = [each for each in wish.deployments if self._may_have_room(each, wish.shard)]
        deployment = min(open_ones, key=jobs.__getitem__, default=None)
        if deployment is None:
            return
        narrow = self._narrow.get(deployment)
        if narrow is not None:
            until = workflow.now() + options.TRIAL
            self._narrow[deployment] = replace(narrow, trial=wish.shard, until=until)
        jobs[deployment] += 1
        grant = Grant(deployment=deployment, asking=wish.asking, trial=narrow is not None)
        del self._waiting[wish.shard]
        self._holders[wish.shard] = self._grants[wish.shard] = grant

    def _may_have_room(self, deployment: str, shard: str) -> bool:
        narrow = self._narrow.get(deployment)
        if narrow is None or workflow.now() >= narrow.until:
            return True
        return narrow.trial == shard and workflow.patched(ITS_OWN_TRIAL)

    def _shut(self, deployment: str, leaving: Leaving) -> None:
        before = self._narrow.get(deployment)
        if before and _on_trial(before, but=leaving.shard) and workflow.patched(A_TRIAL_DECIDES):
            self._narrow[deployment] = replace(before, reason=leaving.no_room or before.reason)
            return
        pause = before.pause if before else options.FIRST_SHUT
        if before and before.trial == leaving.shard:
            pause = min(pause * 2, options.LONGEST_SHUT)
        until = workflow.now() + max(pause, leaving.retry_after or timedelta(0))
        self._narrow[deployment] = Narrow(reason=leaving.no_room or "", until=until, pause=pause)

    def _open(self, deployment: str, narrow: Narrow) -> None:
        if narrow.trial is not None and not self._waiting:
            del self._narrow[deployment]
            return
        self._narrow[deployment] = replace(narrow, until=workflow.now(), pause=options.FIRST_SHUT, trial=None)

    async def _tell(self, shard: str, grant: Grant) -> None:
        try:
            await workflow.get_external_workflow_handle(shard).signal(GRANTED, grant)
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
        oldest = sorted(self._waiting.values(), key=lambda each: each.asked_at)[: options.WISHES_CARRIED]
        latest = dict(list(self._holders.items())[-options.HOLDERS_CARRIED :])
        return PlacesState(waiting=tuple(oldest), holders=latest, narrow=self._narrow)


def _on_trial(narrow: Narrow, *, but: str) -> bool:
    """Tell whether another shard's job is just showing whether there is room again."""
    return narrow.trial not in (None, but) and workflow.now() < narrow.until
