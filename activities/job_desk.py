"""What all steps at one provider stand on: whose deployment is asked, and what its shard is made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.attempt import attempt_name
from activities.job_news import JobNews
from activities.job_payloads import JobOrder
from activities.plans import read_plan
from activities.waiting import telling_why
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import layout
from overnight.domain.deployment import ANY_MODEL, Deployment
from overnight.domain.plan import ShardPlan
from overnight.domain.status import StopReason
from overnight.native_lane import GatherTask, Translation
from overnight.outcomes import Source
from overnight.providers import Providers, model_of_job
from overnight.providers.observed import ObservedProvider
from overnight.providers.protocol import Provider, Shape
from overnight.storage.protocol import Storage


class JobDesk:
    """One provider, as a worker knows it: with its settings' deployments and keys, its rows and its bytes."""

    def __init__(
        self, provider: str, *, settings: Settings, catalog: Catalog, storage: Storage, providers: Providers
    ) -> None:
        self.provider = provider
        self.settings = settings
        self.storage = storage
        self.news = JobNews(provider, catalog)
        self._catalog = catalog
        self._providers = providers

    def of(self, order: JobOrder) -> tuple[Provider, Deployment]:
        """Return whom an order is for. Raises UnknownDeployment once it is configured away."""
        deployment = self.settings.deployment(order.deployment)
        # Where lines name the model, they are left as they are as long as all of them do.
        needed = order.model if model_of_job(deployment) else order.default_model
        deployment = deployment.serving(needed)
        provider = self._providers.of(deployment)
        return ObservedProvider(provider, name=deployment.provider), deployment

    def shape(self, order: JobOrder) -> Shape:
        """Return how the order's requests are written at its deployment. Raises UnknownDeployment."""
        provider, deployment = self.of(order)
        return provider.shape(order.endpoint, model=provider_model(deployment))

    async def gather_task(
        self, order: JobOrder, *, job_id: str | None = None, stopped: StopReason | None = None
    ) -> GatherTask:
        """Return how the results of a job of the order's are kept; None is where there is no job.

        Raises UnknownDeployment and StorageError.
        """
        _, deployment = self.of(order)
        return GatherTask(
            batch_id=order.batch_id,
            shard=order.shard,
            input_key=input_key(order),
            plan=await self.plan(order),
            attempt=attempt_name(),
            shape=self.shape(order),
            translation=Translation(
                batch_id=order.batch_id,
                client_model=client_model(deployment),
                provider_model=provider_model(deployment),
                stopped=stopped,
            ),
            source=Source(deployment=order.deployment, job=job_id),
        )

    async def plan(self, order: JobOrder) -> ShardPlan:
        """Return which lines the order's shard is. Raises StorageError."""
        return await read_plan(self.storage, self._catalog, batch_id=order.batch_id, shard=order.shard)

    @asynccontextmanager
    async def telling_all(self, order: JobOrder, *, step: str) -> AsyncIterator[None]:
        """Have GET say what a step waits for that moves bytes: the provider, or the store."""
        store = telling_why(self._catalog, order.batch_id, step=f"{step} shard {order.shard}")
        async with store, self.news.telling(order):
            yield


def input_key(order: JobOrder) -> str:
    """Return where the lines of an order's batch are."""
    return layout.file_key(order.input_file_id)


def provider_model(deployment: Deployment) -> str | None:
    """Return the model's name at the provider; None leaves the one that a line gives."""
    return None if deployment.model == ANY_MODEL else deployment.model


def client_model(deployment: Deployment) -> str | None:
    """Return the model's name as clients write it; None where they write the provider's own."""
    return None if deployment.model_name == ANY_MODEL else deployment.model_name
