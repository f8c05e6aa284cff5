"""What all steps at one provider stand on: whose deployment is asked, and what its shard is made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.job_news import JobNews
from activities.job_payloads import JobOrder
from activities.plans import read_plan
from activities.waiting import telling_why
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import layout
from overnight.domain.deployment import ANY_MODEL, Deployment
from overnight.domain.plan import ShardPlan
from overnight.providers import Providers
from overnight.providers.protocol import Provider
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
        deployment = self.settings.deployment(order.deployment).serving(order.default_model)
        return self._providers.of(deployment), deployment

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
