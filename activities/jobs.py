"""The native lane's steps: one verb of a provider each, on the queue of that provider.

A deployment that says no is a value, because there may be another; one that can't be reached is an error,
which Temporal retries for as long as the batch's window is open.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import activity

from activities.begun import BegunJobs
from activities.job_desk import JobDesk
from activities.job_following import Following
from activities.job_leavings import Leavings
from activities.job_results import Results
from activities.job_submitting import Submitting
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.providers import Providers
from overnight.storage.protocol import Storage

Order = TypeVar("Order")
Outcome = TypeVar("Outcome")
Step = Callable[[Order], Awaitable[Outcome]]


class ProviderJobs:
    """The life of jobs at one provider. Which deployment, and with what key, its own settings say."""

    def __init__(
        self, provider: str, *, settings: Settings, catalog: Catalog, storage: Storage, providers: Providers
    ) -> None:
        desk = JobDesk(provider, settings=settings, catalog=catalog, storage=storage, providers=providers)
        self._provider = provider
        self._submitting, self._following = Submitting(desk, BegunJobs(catalog)), Following(desk)
        self._results, self._leavings = Results(desk), Leavings(desk)
        self.upload, self.submit = self._submitting.upload, self._submitting.submit
        self.poll, self.cancel = self._following.poll, self._following.cancel
        self.download = self._results.download
        self.recall, self.clean_up = self._leavings.recall, self._leavings.clean_up

    @property
    def activities(self) -> list[Callable[..., Any]]:
        """The steps, under the names that Temporal's UI shows: `openai.submit`, `azure.poll`."""
        steps = (self.upload, self.submit, self.poll, self.cancel, self.download, self.recall, self.clean_up)
        return [self._named(step) for step in steps]

    def _named(self, step: Step[Order, Outcome]) -> Callable[..., Any]:
        @functools.wraps(step)
        async def run(order: Order) -> Outcome:
            return await step(order)

        return activity.defn(name=f"{self._provider}.{step.__name__}")(run)
