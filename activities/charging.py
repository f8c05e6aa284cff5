"""The step after sealing: what a shard's answers cost, line by line. Prices are quoted first, and stay."""

from dataclasses import replace

from temporalio import activity

from activities.attempt import attempt_name
from activities.heartbeat import heartbeating
from activities.payloads import ChargedShard, ChargeOrder, QuoteOrder
from activities.waiting import telling_why
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain.errors import UnknownDeployment
from overnight.domain.price import Quote
from overnight.outcomes.seal import Served
from overnight.pricing import quote
from overnight.receipts import ChargeTask, charge_shard
from overnight.storage.protocol import Storage


class Charging:
    """Quotes by this worker's own settings and price list; charges by what was quoted, and nothing else."""

    def __init__(self, *, settings: Settings, catalog: Catalog, storage: Storage) -> None:
        self._settings = settings
        self._catalog = catalog
        self._storage = storage

    @activity.defn(name="quote")
    async def quote(self, order: QuoteOrder) -> tuple[Quote, ...]:
        """Return what everyone who has answered charges. What it returns is what the shard will cost."""
        return tuple(self._quote(served, order) for served in order.served if served.deployment is not None)

    @activity.defn(name="charge_shard")
    async def charge_shard(self, order: ChargeOrder) -> ChargedShard:
        """Write the shard's receipt. Repeated, it comes to the same."""
        task = ChargeTask(
            batch_id=order.batch_id, shard=order.shard, sealed_by=order.sealed_by, attempt=attempt_name()
        )
        told = telling_why(self._catalog, order.batch_id, step=f"charge shard {order.shard}")
        async with heartbeating(), told:
            account = await charge_shard(self._storage, task=task, quotes=order.quotes)
        return ChargedShard(attempt=task.attempt, account=account)

    def _quote(self, served: Served, order: QuoteOrder) -> Quote:
        deployment_id = served.deployment or ""
        try:
            deployment = self._settings.deployment(deployment_id)
        except UnknownDeployment:
            reason = "its deployment is no longer configured"
            return Quote(
                deployment=deployment_id, model=served.model, reason=reason, service_tier=served.service_tier
            )
        quoted = quote(deployment, served.model, at=order.at, service_tier=served.service_tier)
        # Answers are matched by the id that they were recorded under.
        return replace(quoted, deployment=deployment_id)
